"""The half of a container that has streams, awaitable."""

from __future__ import annotations

import datetime
import functools
from typing import Any, Literal, overload

from .. import container as blocking
from .._native import CancelToken
from ..streams import ExecResult
from ..types import CommandLine, Demuxed, Environment, OnEvent, Stdin, TerminalSize
from ._run import long
from .streams import Stream, wrapped

__all__ = ["Attachable"]


class Attachable:
    """What has streams: the base of `Container`."""

    def __init__(self, container: blocking.Container) -> None:
        self._container = container

    @overload
    async def start(
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
    async def start(
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
    async def start(
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
    async def start(
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
    async def start(
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

    async def start(
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
        """See `layerkit.Container.start`."""
        start: Any = self._container.start
        run = functools.partial(
            start,
            attach=attach,
            stdout=stdout,
            stderr=stderr,
            stream=stream,
            demux=demux,
            stdin=stdin,
            tty_size=tty_size,
        )
        return wrapped(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    @overload
    async def attach(
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
    async def attach(
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
    async def attach(
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
    async def attach(
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

    async def attach(
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
        """See `layerkit.Container.attach`."""
        attach: Any = self._container.attach
        run = functools.partial(attach, stdout, stderr, stream, logs, demux, stdin=stdin)
        return wrapped(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    @overload
    async def logs(
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
    async def logs(
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
    async def logs(
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
    async def logs(
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

    async def logs(
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
        """See `layerkit.Container.logs`."""
        logs: Any = self._container.logs
        run = functools.partial(logs, stdout, stderr, stream, timestamps, tail, since, follow, until, demux=demux)
        return wrapped(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    @overload
    async def exec_run(
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
    async def exec_run(
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
    async def exec_run(
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
    async def exec_run(
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

    async def exec_run(
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
        """See `layerkit.Container.exec_run`."""
        exec_run: Any = self._container.exec_run
        run = functools.partial(
            exec_run,
            cmd,
            stdout,
            stderr,
            stdin,
            tty,
            privileged,
            user,
            detach,
            stream,
            environment=environment,
            workdir=workdir,
            demux=demux,
            tty_size=tty_size,
        )
        result = await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return ExecResult(result.exit_code, wrapped(result.output))
