"""The containers of a store, awaitable."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, overload

from .. import container as one
from .. import containers as blocking
from .._native import CancelToken
from ..types import (
    CommandLine,
    ContainerOptions,
    ContainerPruneReport,
    Demuxed,
    Filters,
    OnEvent,
    RunOptions,
    Stdin,
)
from ._run import call, long
from .container import Container
from .images import Image
from .streams import Stream, wrapped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Containers"]


class Containers:
    """The containers of a store; see `layerkit.Containers`."""

    def __init__(self, containers: blocking.Containers) -> None:
        self._containers = containers

    async def create(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """See `layerkit.Containers.create`."""
        run = functools.partial(self._containers.create, _name(image), command, **options)
        return Container(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    @overload
    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[False] = False,
        stream: Literal[False] = False,
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> bytes: ...
    @overload
    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[False] = False,
        stream: Literal[False] = False,
        demux: Literal[True],
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> Demuxed: ...
    @overload
    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[False] = False,
        stream: Literal[True],
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> Stream[bytes]: ...
    @overload
    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[False] = False,
        stream: Literal[True],
        demux: Literal[True],
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> Stream[Demuxed]: ...
    @overload
    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[True],
        stream: Literal[False] = False,
        demux: Literal[False] = False,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> Container: ...

    async def run(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: bool = False,
        stream: bool = False,
        demux: bool = False,
        stdin: Stdin | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[RunOptions],
    ) -> Any:
        """See `layerkit.Containers.run`."""
        run: Any = self._containers.run
        run = functools.partial(
            run,
            _name(image),
            command,
            stdout,
            stderr,
            remove,
            detach=detach,
            stream=stream,
            demux=demux,
            stdin=stdin,
            **options,
        )
        result = await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return Container(result) if isinstance(result, one.Container) else wrapped(result)

    async def list(
        self,
        all: bool = False,
        limit: int | None = None,
        filters: Filters | None = None,
        *,
        size: bool = False,
    ) -> list[Container]:
        """See `layerkit.Containers.list`."""
        return [Container(container) for container in await call(self._containers.list, all, limit, filters, size=size)]

    async def get(self, container: str) -> Container:
        """See `layerkit.Containers.get`."""
        return Container(await call(self._containers.get, container))

    async def prune(
        self,
        filters: Filters | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ContainerPruneReport:
        """See `layerkit.Containers.prune`."""
        run = functools.partial(self._containers.prune, filters)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)


def _name(image: str | Image) -> str:
    return image.id if isinstance(image, Image) else image
