"""The same engine for asyncio: methods that are long in `layerkit` are awaited here.

>>> async with layerkit.aio.Engine("/tmp/store") as engine:  # doctest: +SKIP
...     image = await engine.images.build("context", tag="web:1")

Each call runs the blocking one on a thread of its own. Cancelling the task that awaits it cancels the operation, and
waits until it has ended. `on_event` is called on the event loop, may be a coroutine function, and holds the operation
up until it is done; what it raises ends the operation and comes out of the call.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import functools
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from . import engine as blocking
from . import images as blocking_images
from ._native import CancelToken
from .errors import Cancelled
from .types import (
    Compression,
    DiskUsage,
    Event,
    Filters,
    HistoryEntry,
    ImageSummary,
    Info,
    Limits,
    Network,
    OnEvent,
    PruneReport,
    RemoveReport,
    SaveFormat,
    Source,
    StrPath,
    Target,
    VerifyReport,
)

__all__ = ["Engine", "Image", "Images", "System"]

_T = TypeVar("_T")
_E = TypeVar("_E", bound="Engine")
_P = ParamSpec("_P")


async def _call(call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Runs a call that cannot be cancelled on a thread of its own."""
    return await _ended(_spawn(functools.partial(call, *args, **kwargs)), lambda: None)


async def _long(
    call: Callable[[OnEvent | None, CancelToken], _T], on_event: OnEvent | None, cancel: CancelToken | None
) -> _T:
    """Runs an operation on a thread of its own; cancelling the awaiting task cancels it."""
    token = CancelToken() if cancel is None else cancel
    sink = None if on_event is None else _sink(on_event, token)
    return await _ended(_spawn(functools.partial(call, sink, token)), token.cancel)


def _spawn(call: Callable[[], _T]) -> asyncio.Future[_T]:
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    future = asyncio.wrap_future(result)
    threading.Thread(target=run, name="layerkit.aio").start()
    return future


async def _ended(future: asyncio.Future[_T], cancel: Callable[[], None]) -> _T:
    """The future's result. A cancelled wait still lasts until the operation has ended."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        future.exception()
        raise


def _sink(on_event: OnEvent, token: CancelToken) -> OnEvent:
    """Calls `on_event` on the loop, and waits for it on the operation's thread."""
    loop = asyncio.get_running_loop()

    async def deliver(event: Event) -> None:
        answer = on_event(event)
        if inspect.isawaitable(answer):
            await answer

    def send(event: Event) -> None:
        delivered = asyncio.run_coroutine_threadsafe(deliver(event), loop)
        while True:
            try:
                return delivered.result(0.1)
            except concurrent.futures.TimeoutError:
                if delivered.done():
                    return delivered.result()
                if token.cancelled or loop.is_closed():
                    delivered.cancel()
                    raise Cancelled("the operation was cancelled") from None

    return send


class Image:
    """One image of a store; see `layerkit.Image`. What is known is an attribute, what must be asked for is awaited."""

    def __init__(self, engine: Engine, image: blocking_images.Image) -> None:
        self._engine = engine
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

    async def inspect(self) -> dict[str, Any]:
        """See `layerkit.Image.inspect`."""
        return await _call(self._image.inspect)

    async def history(self) -> list[HistoryEntry]:
        """See `layerkit.Image.history`."""
        return await _call(self._image.history)

    async def tag(self, repository: str, tag: str | None = None) -> bool:
        """See `layerkit.Image.tag`."""
        return await _call(self._image.tag, repository, tag)

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
        await _long(lambda sink, token: save(on_event=sink, cancel=token), on_event, cancel)

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
        await _long(lambda sink, token: unpack(on_event=sink, cancel=token), on_event, cancel)

    async def remove(self, force: bool = False, noprune: bool = False) -> RemoveReport:
        """See `layerkit.Image.remove`."""
        return await _call(self._image.remove, force, noprune)

    async def reload(self) -> None:
        """See `layerkit.Image.reload`."""
        await _call(self._image.reload)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.id == other.id

    def __hash__(self) -> int:
        return hash((Image, self.id))

    def __repr__(self) -> str:
        return repr(self._image)


class Images:
    """The images of a store; see `layerkit.Images`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._images = engine._blocking.images

    def _wrap(self, image: blocking_images.Image) -> Image:
        return Image(self._engine, image)

    async def list(self, name: str | None = None, all: bool = False, filters: Filters | None = None) -> list[Image]:
        """See `layerkit.Images.list`."""
        return [self._wrap(image) for image in await _call(self._images.list, name, all, filters)]

    async def get(self, name: str) -> Image:
        """See `layerkit.Images.get`."""
        return self._wrap(await _call(self._images.get, name))

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
        return self._wrap(await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))

    async def load(
        self, source: Source, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> builtins.list[Image]:
        """See `layerkit.Images.load`."""
        run = functools.partial(self._images.load, source)
        loaded = await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
        return [self._wrap(image) for image in loaded]

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
        await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def remove(self, image: str | Image, force: bool = False, noprune: bool = False) -> RemoveReport:
        """See `layerkit.Images.remove`."""
        name = image.id if isinstance(image, Image) else image
        return await _call(self._images.remove, name, force, noprune)

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
        return await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def build(
        self,
        path: StrPath,
        *,
        dockerfile: StrPath | None = None,
        tag: str | Sequence[str] | None = None,
        buildargs: Mapping[str, str] | None = None,
        target: str | None = None,
        labels: Mapping[str, str] | None = None,
        nocache: bool = False,
        network_mode: Network | None = None,
        platform: str | None = None,
        compression: Compression | None = None,
        source_date_epoch: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image:
        """See `layerkit.Images.build`."""
        run = functools.partial(
            self._images.build,
            path,
            dockerfile=dockerfile,
            tag=tag,
            buildargs=buildargs,
            target=target,
            labels=labels,
            nocache=nocache,
            network_mode=network_mode,
            platform=platform,
            compression=compression,
            source_date_epoch=source_date_epoch,
        )
        return self._wrap(await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel))


class System:
    """The store as a whole; see `layerkit.System`."""

    def __init__(self, engine: Engine) -> None:
        self._system = engine._blocking.system

    async def info(self) -> Info:
        """See `layerkit.System.info`."""
        return await _call(self._system.info)

    async def df(self) -> DiskUsage:
        """See `layerkit.System.df`."""
        return await _call(self._system.df)

    async def verify(
        self, repair: bool = False, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> VerifyReport:
        """See `layerkit.System.verify`."""
        run = functools.partial(self._system.verify, repair)
        return await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """See `layerkit.System.prune`."""
        run = functools.partial(self._system.prune, filters, all=all, dry_run=dry_run)
        return await _long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)


class Engine:
    """An open store; see `layerkit.Engine`. Opening and closing are short and block."""

    def __init__(self, root: StrPath | None = None, limits: Limits | None = None) -> None:
        self._blocking = blocking.Engine(root, limits)

    @property
    def root(self) -> Path:
        """The folder of the store."""
        return self._blocking.root

    @property
    def images(self) -> Images:
        """The images."""
        return Images(self)

    @property
    def system(self) -> System:
        """The store as a whole."""
        return System(self)

    def close(self) -> None:
        """Closes the store. Closing twice is fine."""
        self._blocking.close()

    async def __aenter__(self: _E) -> _E:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {str(self.root)!r}>"
