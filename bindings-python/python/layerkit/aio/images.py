"""The images of a store, and one image, awaitable."""

from __future__ import annotations

import builtins
import functools
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from .. import images as blocking
from .._native import CancelToken
from ..types import (
    AuthConfig,
    BuildOptions,
    BuildResult,
    Compression,
    FileChange,
    Filters,
    HistoryEntry,
    ImageFile,
    ImageSummary,
    OnEvent,
    PruneReport,
    PushedImage,
    RemoveReport,
    SaveFormat,
    SearchResult,
    Source,
    StrPath,
    Target,
)
from ._run import call, long

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Image", "Images"]


class Image:
    """One image of a store; see `layerkit.Image`. What is known is an attribute, what must be asked for is awaited."""

    def __init__(self, image: blocking.Image) -> None:
        self._image = image

    @property
    def id(self) -> str:
        """Its ID, `sha256:<hex>`."""
        return self._image.id

    @property
    def short_id(self) -> str:
        """Its ID cut to 12 digits."""
        return self._image.short_id

    @property
    def tags(self) -> list[str]:
        """Its names."""
        return self._image.tags

    @property
    def digests(self) -> list[str]:
        """Its names by digest, `repository@sha256:<hex>`."""
        return self._image.digests

    @property
    def manifest_digest(self) -> str:
        """Digest of its manifest."""
        return self._image.manifest_digest

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self._image.labels

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._image.size

    @property
    def created(self) -> str:
        """When it was created, RFC 3339 in UTC."""
        return self._image.created

    @property
    def parent(self) -> str:
        """ID of the image it was built on, or empty."""
        return self._image.parent

    @property
    def platform(self) -> str:
        """`os/architecture[/variant]`."""
        return self._image.platform

    @property
    def summary(self) -> ImageSummary:
        """All that a list tells of an image."""
        return self._image.summary

    @property
    def built(self) -> BuildResult | None:
        """See `layerkit.Image.built`."""
        return self._image.built

    async def inspect(self) -> dict[str, Any]:
        """See `layerkit.Image.inspect`."""
        return await call(self._image.inspect)

    async def history(self) -> list[HistoryEntry]:
        """See `layerkit.Image.history`."""
        return await call(self._image.history)

    async def tag(self, repository: str, tag: str | None = None) -> bool:
        """See `layerkit.Image.tag`."""
        return await call(self._image.tag, repository, tag)

    async def save(
        self,
        target: Target,
        *,
        format: SaveFormat = "docker",
        named: bool | str = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Image.save`."""
        save = functools.partial(self._image.save, target, format=format, named=named)
        await long(lambda sink, token: save(on_event=sink, cancel=token), on_event, cancel)

    async def unpack(
        self,
        directory: StrPath,
        *,
        replace: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Image.unpack`."""
        unpack = functools.partial(self._image.unpack, directory, replace=replace)
        await long(lambda sink, token: unpack(on_event=sink, cancel=token), on_event, cancel)

    async def files(
        self,
        path: StrPath = "/",
        *,
        recursive: bool = True,
        follow: bool = True,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[ImageFile]:
        """See `layerkit.Image.files`."""
        files = functools.partial(self._image.files, path, recursive=recursive, follow=follow)
        return await long(lambda sink, token: files(on_event=sink, cancel=token), on_event, cancel)

    async def read(self, path: StrPath, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None) -> bytes:
        """See `layerkit.Image.read`."""
        read = functools.partial(self._image.read, path)
        return await long(lambda sink, token: read(on_event=sink, cancel=token), on_event, cancel)

    async def open(
        self, path: StrPath, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> io.BufferedReader:
        """See `layerkit.Image.open`. Opening is awaited; the file is a plain one, whose reads are short."""
        open_file = functools.partial(self._image.open, path)
        return await long(lambda sink, token: open_file(on_event=sink, cancel=token), on_event, cancel)

    async def diff(
        self,
        other: str | Image,
        *,
        mtime: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[FileChange]:
        """See `layerkit.Image.diff`."""
        name = other.id if isinstance(other, Image) else other
        diff = functools.partial(self._image.diff, name, mtime=mtime)
        return await long(lambda sink, token: diff(on_event=sink, cancel=token), on_event, cancel)

    async def push(
        self,
        *,
        platform: str | None = None,
        concurrency: int | None = None,
        chunk_size: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[PushedImage]:
        """See `layerkit.Image.push`."""
        run = functools.partial(
            self._image.push,
            platform=platform,
            concurrency=concurrency,
            chunk_size=chunk_size,
            auth_config=auth_config,
        )
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def remove(self, force: bool = False, noprune: bool = False) -> RemoveReport:
        """See `layerkit.Image.remove`."""
        return await call(self._image.remove, force, noprune)

    async def reload(self) -> None:
        """See `layerkit.Image.reload`."""
        await call(self._image.reload)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.id == other.id

    def __hash__(self) -> int:
        return hash((Image, self.id))

    def __repr__(self) -> str:
        return repr(self._image)


class Images:
    """The images of a store; see `layerkit.Images`."""

    def __init__(self, images: blocking.Images) -> None:
        self._images = images

    async def list(self, name: str | None = None, all: bool = False, filters: Filters | None = None) -> list[Image]:
        """See `layerkit.Images.list`."""
        return [Image(image) for image in await call(self._images.list, name, all, filters)]

    async def get(self, name: str) -> Image:
        """See `layerkit.Images.get`."""
        return Image(await call(self._images.get, name))

    async def import_image(
        self,
        source: Source,
        *,
        name: str | None = None,
        changes: Sequence[str] | None = None,
        message: str | None = None,
        platform: str | None = None,
        compression: Compression | None = None,
        source_date_epoch: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image:
        """See `layerkit.Images.import_image`."""
        run = functools.partial(
            self._images.import_image,
            source,
            name=name,
            changes=changes,
            message=message,
            platform=platform,
            compression=compression,
            source_date_epoch=source_date_epoch,
        )
        return Image(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    async def load(
        self, source: Source, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> builtins.list[Image]:
        """See `layerkit.Images.load`."""
        run = functools.partial(self._images.load, source)
        loaded = await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return [Image(image) for image in loaded]

    async def save(
        self,
        images: str | Image | Iterable[str | Image],
        target: Target,
        format: SaveFormat = "docker",
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Images.save`."""
        several = [images] if isinstance(images, str | Image) else images
        names = [image.id if isinstance(image, Image) else image for image in several]
        run = functools.partial(self._images.save, names, target, format)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def remove(self, image: str | Image, force: bool = False, noprune: bool = False) -> RemoveReport:
        """See `layerkit.Images.remove`."""
        name = image.id if isinstance(image, Image) else image
        return await call(self._images.remove, name, force, noprune)

    async def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """See `layerkit.Images.prune`."""
        run = functools.partial(self._images.prune, filters, all=all, dry_run=dry_run)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def build(
        self,
        path: StrPath | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[BuildOptions],
    ) -> Image:
        """See `layerkit.Images.build`."""
        run = functools.partial(self._images.build, path, **options)
        return Image(await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    @overload
    async def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: Literal[False] = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image: ...
    @overload
    async def pull(
        self,
        repository: str,
        tag: str | None = None,
        *,
        all_tags: Literal[True],
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[Image]: ...
    @overload
    async def pull(
        self,
        repository: str,
        tag: str | None,
        all_tags: Literal[True],
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[Image]: ...
    @overload
    async def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: bool = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image | builtins.list[Image]: ...
    async def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: bool = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image | builtins.list[Image]:
        """See `layerkit.Images.pull`."""
        run = functools.partial(
            self._images.pull,
            repository,
            tag,
            all_tags,
            platform=platform,
            all_platforms=all_platforms,
            expect=expect,
            concurrency=concurrency,
            auth_config=auth_config,
        )
        pulled = await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return [Image(image) for image in pulled] if isinstance(pulled, list) else Image(pulled)

    async def push(
        self,
        repository: str,
        tag: str | None = None,
        *,
        all_tags: bool = False,
        platform: str | None = None,
        concurrency: int | None = None,
        chunk_size: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[PushedImage]:
        """See `layerkit.Images.push`."""
        run = functools.partial(
            self._images.push,
            repository,
            tag,
            all_tags=all_tags,
            platform=platform,
            concurrency=concurrency,
            chunk_size=chunk_size,
            auth_config=auth_config,
        )
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def search(
        self,
        term: str,
        limit: int | None = None,
        *,
        filters: Filters | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[SearchResult]:
        """See `layerkit.Images.search`."""
        run = functools.partial(self._images.search, term, limit, filters=filters, auth_config=auth_config)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
