"""One container, awaitable."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, overload

from .._native import CancelToken
from ..types import (
    Compression,
    ContainerSummary,
    FileChange,
    OnEvent,
    PathStat,
    Source,
    Target,
    TopReport,
    WaitCondition,
    WaitReport,
)
from ._attachable import Attachable
from ._run import call, long
from .images import Image
from .streams import Stream, wrapped

__all__ = ["Container"]


class Container(Attachable):
    """One container; see `layerkit.Container`. What is known is an attribute, what must be asked for is awaited."""

    @property
    def id(self) -> str:
        """Its ID, 64 hex digits."""
        return self._container.id

    @property
    def short_id(self) -> str:
        """The first 12 of them."""
        return self._container.short_id

    @property
    def name(self) -> str:
        """Its name."""
        return self._container.name

    @property
    def status(self) -> str:
        """`created`, `running`, `paused` or `exited`."""
        return self._container.status

    @property
    def image(self) -> str:
        """The image as it was asked for; its ID once that name leads elsewhere."""
        return self._container.image

    @property
    def image_id(self) -> str:
        """ID of the image."""
        return self._container.image_id

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, the image's among them."""
        return self._container.labels

    @property
    def exit_code(self) -> int | None:
        """The exit code of one that has ended, if it is known."""
        return self._container.exit_code

    @property
    def created(self) -> str:
        """When it was created, RFC 3339 in UTC."""
        return self._container.created

    @property
    def summary(self) -> ContainerSummary:
        """All that a list tells of a container."""
        return self._container.summary

    @property
    def warnings(self) -> list[str]:
        """What there was to know when `create` made it; nothing for one that was looked up."""
        return self._container.warnings

    async def inspect(self) -> dict[str, Any]:
        """See `layerkit.Container.inspect`."""
        return await call(self._container.inspect)

    async def reload(self) -> None:
        """See `layerkit.Container.reload`."""
        await call(self._container.reload)

    async def wait(
        self,
        timeout: float | None = None,
        condition: WaitCondition | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> WaitReport:
        """See `layerkit.Container.wait`."""
        run = functools.partial(self._container.wait, timeout, condition)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def stop(
        self,
        *,
        timeout: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Container.stop`."""
        run = functools.partial(self._container.stop, timeout=timeout)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def restart(
        self,
        *,
        timeout: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Container.restart`."""
        run = functools.partial(self._container.restart, timeout=timeout)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def kill(self, signal: str | int | None = None) -> None:
        """See `layerkit.Container.kill`."""
        await call(self._container.kill, signal)

    async def pause(self) -> None:
        """See `layerkit.Container.pause`."""
        await call(self._container.pause)

    async def unpause(self) -> None:
        """See `layerkit.Container.unpause`."""
        await call(self._container.unpause)

    async def resize(self, height: int, width: int) -> None:
        """See `layerkit.Container.resize`."""
        await call(self._container.resize, height, width)

    async def top(self) -> TopReport:
        """See `layerkit.Container.top`."""
        return await call(self._container.top)

    async def rename(self, name: str) -> None:
        """See `layerkit.Container.rename`."""
        await call(self._container.rename, name)

    async def remove(self, v: bool = False, force: bool = False) -> None:
        """See `layerkit.Container.remove`."""
        await call(self._container.remove, v, force)

    async def commit(
        self,
        repository: str | None = None,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | Sequence[str] | None = None,
        *,
        compression: Compression | None = None,
        source_date_epoch: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image:
        """See `layerkit.Container.commit`."""
        run = functools.partial(
            self._container.commit,
            repository,
            tag,
            message,
            author,
            pause,
            changes,
            compression=compression,
            source_date_epoch=source_date_epoch,
        )
        return Image(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    async def diff(self, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None) -> list[FileChange]:
        """See `layerkit.Container.diff`."""
        return await long(lambda sink, token: self._container.diff(on_event=sink, cancel=token), on_event, cancel)

    @overload
    async def export(
        self, target: None = None, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> Stream[bytes]: ...
    @overload
    async def export(
        self, target: Target, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> None: ...

    async def export(
        self, target: Target | None = None, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> Stream[bytes] | None:
        """See `layerkit.Container.export`."""
        export: Any = self._container.export
        run = functools.partial(export, target)
        exported: Stream[bytes] | None = wrapped(
            await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        )
        return exported

    async def stat(self, path: str) -> PathStat:
        """See `layerkit.Container.stat`."""
        return await call(self._container.stat, path)

    @overload
    async def get_archive(
        self,
        path: str,
        target: None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Stream[bytes], PathStat]: ...
    @overload
    async def get_archive(
        self,
        path: str,
        target: Target,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PathStat: ...

    async def get_archive(
        self,
        path: str,
        target: Target | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Stream[bytes], PathStat] | PathStat:
        """See `layerkit.Container.get_archive`."""
        get_archive: Any = self._container.get_archive
        run = functools.partial(get_archive, path, target)
        got = await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return got if target is not None else (wrapped(got[0]), got[1])

    async def put_archive(
        self,
        path: str,
        data: Source,
        *,
        no_overwrite_dir_non_dir: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> bool:
        """See `layerkit.Container.put_archive`."""
        run = functools.partial(
            self._container.put_archive, path, data, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir
        )
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self.id == other.id

    def __hash__(self) -> int:
        return hash((Container, self.id))

    def __repr__(self) -> str:
        return repr(self._container)
