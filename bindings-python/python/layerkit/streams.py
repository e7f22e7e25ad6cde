"""What commands write while they run, and archives while they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .types import ExitReport

if TYPE_CHECKING:
    from . import _native

__all__ = ["ExecResult", "Stream"]

_T = TypeVar("_T")


class Stream(Generic[_T]):
    """The output of an operation as it comes: an iterator. Use it up, use it in a `with`, or close it.

    Closing it before its end, or letting go of it, ends the operation: what `run` started is killed, and so is what
    `exec_run` executes; a container that is attached to or followed goes on. Ctrl-C while it waits does the same. The
    command waits when a megabyte is not read yet.
    """

    def __init__(self, native: _native.Stream, check: Callable[[ExitReport, bytes], None] | None = None) -> None:
        self._native = native
        self._check = check
        self._report: ExitReport | None = None

    @property
    def report(self) -> ExitReport | None:
        """How the command ended; None before the end, after a failure or a close, and where there is no command."""
        return self._report

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, once the stream has come to its end."""
        return None if self._report is None else self._report["exit_code"]

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        item = next(self._native, None)
        if item is not None:
            return cast("_T", item)
        finished = self._native.finish()
        if finished is not None and self._report is None:
            self._report, _, _, tail = finished
            if self._check is not None and self._report is not None:
                self._check(self._report, tail)
        raise StopIteration

    def close(self) -> None:
        """Ends the operation. Closing twice is fine. While another thread waits for output, that sees to the end."""
        self._native.close()

    def detach(self) -> None:
        """Ends the stream and leaves the command running, as a detached one."""
        self._check = None
        self._native.detach()

    def resize(self, height: int, width: int) -> None:
        """Tells the command's terminal its size."""
        self._native.resize(height, width)

    def kill(self, signal: str | int = "SIGKILL") -> None:
        """Sends the command a signal, by name or number."""
        self._native.kill(str(signal))

    def __enter__(self) -> Stream[_T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ExecResult(tuple[int | None, _T], Generic[_T]):
    """The exit code of a command that was executed, and its output, as docker-py's named tuple.

    `exit_code` is None while the command runs: with `stream` (the stream has it at its end) and with `detach`.
    """

    __slots__ = ()

    def __new__(cls, exit_code: int | None, output: _T) -> ExecResult[_T]:
        # A tuple of these two: the class is generic, which a NamedTuple cannot be before Python 3.11.
        return super().__new__(cls, (exit_code, output))

    def __getnewargs__(self) -> tuple[int | None, _T]:
        return self.exit_code, self.output

    @property
    def exit_code(self) -> int | None:
        """The exit code; 128 and the signal's number when a signal ended it."""
        return self[0]

    @property
    def output(self) -> _T:
        """What it wrote: bytes, a pair of them with `demux`, a stream of either with `stream`."""
        return self[1]

    def __repr__(self) -> str:
        return f"ExecResult(exit_code={self.exit_code!r}, output={self.output!r})"


def finish(native: _native.Stream) -> tuple[ExitReport, bytes, bytes, bytes]:
    """Waits for the end of a stream that nobody else has: the report, what was collected, the end of standard error."""
    finished = native.finish()
    if finished is None:
        raise RuntimeError("the stream has ended before")
    return finished


def output(stdout: bytes, stderr: bytes, demux: bool) -> Any:
    """What was collected, as docker-py gives it: apart, a stream to which nothing was written is None."""
    return (stdout or None, stderr or None) if demux else stdout
