"""What commands write while they run, and archives while they are made, awaitable."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any, Generic, TypeVar

from .. import streams as blocking
from ..types import ExitReport
from ._run import call, interruptible

__all__ = ["Stream"]

_T = TypeVar("_T")


class Stream(Generic[_T]):
    """The output of an operation as it comes, for `async for`; see `layerkit.Stream`.

    Use it up, use it in an `async with`, or close it. Cancelling a task that waits for output closes it.
    """

    def __init__(self, stream: blocking.Stream[_T]) -> None:
        self._stream = stream

    @property
    def report(self) -> ExitReport | None:
        """See `layerkit.Stream.report`."""
        return self._stream.report

    @property
    def exit_code(self) -> int | None:
        """See `layerkit.Stream.exit_code`."""
        return self._stream.exit_code

    def __aiter__(self) -> Stream[_T]:
        return self

    async def __anext__(self) -> _T:
        item: _T | None = await interruptible(functools.partial(next, self._stream, None), self._stream.close)
        if item is None:
            raise StopAsyncIteration
        return item

    async def close(self) -> None:
        """See `layerkit.Stream.close`."""
        await call(self._stream.close)

    def detach(self) -> None:
        """See `layerkit.Stream.detach`."""
        self._stream.detach()

    def resize(self, height: int, width: int) -> None:
        """See `layerkit.Stream.resize`."""
        self._stream.resize(height, width)

    def kill(self, signal: str | int = "SIGKILL") -> None:
        """See `layerkit.Stream.kill`."""
        self._stream.kill(signal)

    async def __aenter__(self) -> Stream[_T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._stream)


def wrapped(output: Any) -> Any:
    """A stream as one that is awaited; anything else as it is."""
    return Stream(output) if isinstance(output, blocking.Stream) else output
