"""The half of a container that has streams: starting it, attaching to it, its log, and executing commands in it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _containers, _native
from .streams import ExecResult, Stream, finish, output
from .types import CommandLine, Demuxed, Environment, OnEvent, Stdin, TerminalSize

if TYPE_CHECKING:
    from ._native import CancelToken
    from .engine import Engine

__all__ = ["Attachable"]


class Attachable:
    """What has streams: the base of `Container`."""

    _engine: Engine
    _id: str

    @overload
    def start(
        self,
        *,
        attach: Literal[False] = False,
        stdout: bool = True,
        stderr: bool = True,
        stream: bool = False,
        demux: bool = False,
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None: ...
    @overload
    def start(
        self,
        *,
        attach: Literal[True],
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> bytes: ...
    @overload
    def start(
        self,
        *,
        attach: Literal[True],
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        demux: Literal[True],
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Demuxed: ...
    @overload
    def start(
        self,
        *,
        attach: Literal[True],
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[True],
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[bytes]: ...
    @overload
    def start(
        self,
        *,
        attach: Literal[True],
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[True],
        demux: Literal[True],
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[Demuxed]: ...
    def start(
        self,
        *,
        attach: bool = False,
        stdout: bool = True,
        stderr: bool = True,
        stream: bool = False,
        demux: bool = False,
        stdin: Stdin | None = None,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Any:
        """Starts it; one that runs is left as it is.

        With `attach` returns what it writes, from its first byte to its end, as `attach()` does. Unlike with `run` it
        goes on when the call is cancelled.
        """
        options = {"attach": attach, "tty_size": _size(tty_size)}
        streams = _containers.streams(stdin, stdout=stdout, stderr=stderr, demux=demux, stream=stream and attach)
        running = _native.container_start(self._engine._native, self._id, options, streams, on_event, cancel)
        result = _output(running, stream and attach, demux)
        return result if attach else None

    @overload
    def attach(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        logs: bool = False,
        demux: Literal[False] = False,
        *,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> bytes: ...
    @overload
    def attach(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        logs: bool = False,
        *,
        demux: Literal[True],
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Demuxed: ...
    @overload
    def attach(
        self,
        stdout: bool = True,
        stderr: bool = True,
        *,
        stream: Literal[True],
        logs: bool = False,
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[bytes]: ...
    @overload
    def attach(
        self,
        stdout: bool = True,
        stderr: bool = True,
        *,
        stream: Literal[True],
        logs: bool = False,
        demux: Literal[True],
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[Demuxed]: ...
    def attach(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: bool = False,
        logs: bool = False,
        demux: bool = False,
        *,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Any:
        """Attaches to it while it runs, and returns what it writes until its end; with `logs` also what it has written.

        With `stream` an iterator of bytes, with `demux` pairs of standard output and standard error, of which one is
        None. `stdin` is what the command reads, if the container was created with `stdin_open`. A cancel, or closing
        the stream, only detaches. `Conflict` when it does not run.
        """
        options = {"stdout": stdout, "stderr": stderr, "logs": logs}
        streams = _containers.streams(stdin, stdout=stdout, stderr=stderr, demux=demux, stream=stream)
        running = _native.container_attach(self._engine._native, self._id, options, streams, on_event, cancel)
        return _output(running, stream, demux)

    @overload
    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        timestamps: bool = False,
        tail: int | Literal["all"] = "all",
        since: datetime.datetime | float | str | None = None,
        follow: bool | None = None,
        until: datetime.datetime | float | str | None = None,
        *,
        demux: Literal[False] = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> bytes: ...
    @overload
    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: Literal[False] = False,
        timestamps: bool = False,
        tail: int | Literal["all"] = "all",
        since: datetime.datetime | float | str | None = None,
        follow: bool | None = None,
        until: datetime.datetime | float | str | None = None,
        *,
        demux: Literal[True],
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Demuxed: ...
    @overload
    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        *,
        stream: Literal[True],
        timestamps: bool = False,
        tail: int | Literal["all"] = "all",
        since: datetime.datetime | float | str | None = None,
        follow: bool | None = None,
        until: datetime.datetime | float | str | None = None,
        demux: Literal[False] = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[bytes]: ...
    @overload
    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        *,
        stream: Literal[True],
        timestamps: bool = False,
        tail: int | Literal["all"] = "all",
        since: datetime.datetime | float | str | None = None,
        follow: bool | None = None,
        until: datetime.datetime | float | str | None = None,
        demux: Literal[True],
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Stream[Demuxed]: ...
    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: bool = False,
        timestamps: bool = False,
        tail: int | Literal["all"] = "all",
        since: datetime.datetime | float | str | None = None,
        follow: bool | None = None,
        until: datetime.datetime | float | str | None = None,
        *,
        demux: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Any:
        """What it wrote, in the order in which it was written; with `stream` an iterator of bytes.

        With `demux` standard output and standard error apart, as `attach()` gives them.

        `follow` goes on until it has ended, and is what `stream` does unless it is False. `tail` is how many lines from
        the end; `since` and `until` are times: a datetime (UTC where it has no zone), seconds since 1970, RFC 3339, or
        an age such as `10m`. With `timestamps` each line begins with the time when it was written.
        """
        options = {
            "stdout": stdout,
            "stderr": stderr,
            "follow": stream if follow is None else follow,
            "tail": _containers.tail(tail),
            "since": _containers.time(since),
            "until": _containers.time(until),
            "timestamps": timestamps,
        }
        running = _native.container_logs(self._engine._native, self._id, options, (stream, demux), on_event, cancel)
        return _output(running, stream, demux)

    @overload
    def exec_run(
        self,
        cmd: CommandLine,
        stdout: bool = True,
        stderr: bool = True,
        stdin: Stdin | None = None,
        tty: bool = False,
        privileged: bool = False,
        user: str | int = "",
        detach: bool = False,
        stream: Literal[False] = False,
        *,
        environment: Environment | None = None,
        workdir: str | None = None,
        demux: Literal[False] = False,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ExecResult[bytes]: ...
    @overload
    def exec_run(
        self,
        cmd: CommandLine,
        stdout: bool = True,
        stderr: bool = True,
        stdin: Stdin | None = None,
        tty: bool = False,
        privileged: bool = False,
        user: str | int = "",
        detach: bool = False,
        stream: Literal[False] = False,
        *,
        environment: Environment | None = None,
        workdir: str | None = None,
        demux: Literal[True],
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ExecResult[Demuxed]: ...
    @overload
    def exec_run(
        self,
        cmd: CommandLine,
        stdout: bool = True,
        stderr: bool = True,
        stdin: Stdin | None = None,
        tty: bool = False,
        privileged: bool = False,
        user: str | int = "",
        detach: Literal[False] = False,
        *,
        stream: Literal[True],
        environment: Environment | None = None,
        workdir: str | None = None,
        demux: Literal[False] = False,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ExecResult[Stream[bytes]]: ...
    @overload
    def exec_run(
        self,
        cmd: CommandLine,
        stdout: bool = True,
        stderr: bool = True,
        stdin: Stdin | None = None,
        tty: bool = False,
        privileged: bool = False,
        user: str | int = "",
        detach: Literal[False] = False,
        *,
        stream: Literal[True],
        environment: Environment | None = None,
        workdir: str | None = None,
        demux: Literal[True],
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ExecResult[Stream[Demuxed]]: ...
    def exec_run(
        self,
        cmd: CommandLine,
        stdout: bool = True,
        stderr: bool = True,
        stdin: Stdin | None = None,
        tty: bool = False,
        privileged: bool = False,
        user: str | int = "",
        detach: bool = False,
        stream: bool = False,
        *,
        environment: Environment | None = None,
        workdir: str | None = None,
        demux: bool = False,
        tty_size: TerminalSize | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ExecResult[Any]:
        """Executes a command in it while it runs, and returns its exit code and output.

        An exit code other than 0 is no error. With `stream` the output is an iterator, which has the exit code at its
        end; with `demux` it is standard output and standard error apart; with `detach` nothing is waited for, and what
        the command writes is lost. A cancel, or closing the stream, kills the command.
        """
        if detach and stream:
            raise TypeError("exec_run() cannot detach and hand over the output")
        options = {
            "command": _containers.words(cmd),
            "environment": _containers.environment(environment),
            "working_dir": workdir,
            "user": str(user) or None,
            "privileged": privileged,
            "tty": tty,
            "tty_size": _size(tty_size),
            "detach": detach,
        }
        streams = _containers.streams(stdin, stdout=stdout, stderr=stderr, demux=demux, stream=stream)
        running = _native.container_exec(self._engine._native, self._id, options, streams, on_event, cancel)
        if stream:
            return ExecResult(None, Stream(running))
        report, out, error, _ = finish(running)
        return ExecResult(report["exit_code"], output(out, error, demux))


def _output(running: _native.Stream, stream: bool, demux: bool) -> Any:
    if stream:
        return Stream(running)
    _, out, error, _ = finish(running)
    return output(out, error, demux)


def _size(size: TerminalSize | None) -> dict[str, int] | None:
    return None if size is None else {"rows": size["rows"], "cols": size["cols"]}
