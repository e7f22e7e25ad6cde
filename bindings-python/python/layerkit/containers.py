"""The containers of a store. Names and keywords follow docker-py."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _arguments, _containers, _native
from .container import Container
from .errors import ContainerError, NotFound
from .images import Image
from .streams import Stream, finish, output
from .types import (
    CommandLine,
    ContainerOptions,
    ContainerPruneReport,
    ContainerSummary,
    Demuxed,
    ExitReport,
    Filters,
    OnEvent,
    RunOptions,
    Stdin,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._native import CancelToken
    from .engine import Engine

__all__ = ["Containers"]


class Containers:
    """The containers of a store.

    A container is given as a name, an ID or an unambiguous prefix of one. Each runs on its own: a small process looks
    after it, writes its log and its exit code, and any process with the same store can list it, follow it and stop it.
    Long operations take `on_event` and `cancel` as those of images do.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        image: str | Image,
        command: CommandLine | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[ContainerOptions],
    ) -> Container:
        """Creates a container of an image, which is pulled when it is missing. Does not start it."""
        converted = _containers.create(command, options)
        report = _native.containers_create(self._engine._native, _name(image), converted, on_event, cancel)
        return self._container(report["id"], report["warnings"])

    @overload
    def run(
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
    def run(
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
    def run(
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
    def run(
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
    def run(
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
    def run(
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
        """Creates a container and runs a command in it; pulls the image when it is missing.

        Returns what the command wrote: bytes, with `demux` standard output and standard error apart, with `stream` an
        iterator of them, which comes at once. An exit code other than 0 is `ContainerError`, with `stream` at its end.
        The container ends with the call, however that ends; with `detach` it is returned, and runs on.

        `remove` removes the container when it has ended. `stdin` is what the command reads.
        """
        if detach and (stream or demux):
            raise TypeError("run() cannot detach and hand over the output: read container.logs() or attach()")
        converted = _containers.run(command, options, remove=remove, detach=detach, stdin=stdin)
        streams = _containers.streams(stdin, stdout=stdout, stderr=stderr, demux=demux, stream=stream)
        running = _native.containers_run(self._engine._native, _name(image), converted, streams, on_event, cancel)
        check = functools.partial(self._check, _name(image), command)
        if stream:
            return Stream(running, check)
        report, out, error, tail = finish(running)
        if detach:
            return self._container(report["id"])
        check(report, tail)
        return output(out, error, demux)

    def list(
        self,
        all: bool = False,
        limit: int | None = None,
        filters: Filters | None = None,
        *,
        size: bool = False,
    ) -> list[Container]:
        """The containers, newest first: those that run, with `all` the others too.

        `filters` are Docker's: `id`, `name`, `label`, `status`, `ancestor`, `exited`, `before`, `since`. `size` walks
        through the files of each for `size_rw` and `size_root_fs` of its `summary`.
        """
        options = {"all": all, "limit": limit, "size": size, "filters": _arguments.filters(filters)}
        found = _native.containers_list(self._engine._native, options)
        return [Container(self._engine, summary["id"], summary) for summary in found]

    def get(self, container: str) -> Container:
        """One container. `NotFound` when it is not there."""
        summary = _native.containers_get(self._engine._native, container)
        return Container(self._engine, summary["id"], summary)

    def prune(
        self,
        filters: Filters | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ContainerPruneReport:
        """Removes the containers that do not run. `filters` are `label`, `label!` and `until`."""
        options = {"filters": _arguments.filters(filters)}
        return _native.containers_prune(self._engine._native, options, on_event, cancel)

    def _container(self, id: str, warnings: Sequence[str] = ()) -> Container:
        summary: ContainerSummary | None = None
        # It may have ended already, and removed itself.
        with contextlib.suppress(NotFound):
            summary = _native.containers_get(self._engine._native, id)
        return Container(self._engine, id, summary, warnings)

    def _check(self, image: str, command: CommandLine | None, report: ExitReport, stderr: bytes) -> None:
        if report["exit_code"] != 0:
            container = Container(self._engine, report["id"])
            raise ContainerError(container, report["exit_code"], command, image, stderr)


def _name(image: str | Image) -> str:
    return image.id if isinstance(image, Image) else image
