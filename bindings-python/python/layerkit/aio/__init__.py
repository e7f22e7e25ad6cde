"""The same engine for asyncio: methods that are long in `layerkit` are awaited here.

>>> async with layerkit.aio.Engine("/tmp/store") as engine:  # doctest: +SKIP
...     image = await engine.images.build("context", tag="web:1")

Each call runs the blocking one on a thread of its own. Cancelling the task that awaits it cancels the operation, and
waits until it has ended. `on_event` is called on the event loop, may be a coroutine function, and holds the operation
up until it is done; what it raises ends the operation and comes out of the call. What is an iterator in `layerkit` is
one for `async for` here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar

from .. import engine as blocking
from .._native import CancelToken
from ..types import DiskUsage, Filters, Info, Limits, OnEvent, PruneReport, RegistryConfig, StrPath, VerifyReport
from ._run import call, long
from .build_cache import BuildCache
from .builder import Builder
from .container import Container
from .containers import Containers
from .images import Image, Images
from .registry import Registry
from .streams import Stream

__all__ = [
    "BuildCache",
    "Builder",
    "Container",
    "Containers",
    "Engine",
    "Image",
    "Images",
    "Registry",
    "Stream",
    "System",
]

_E = TypeVar("_E", bound="Engine")


class System:
    """The store as a whole; see `layerkit.System`."""

    def __init__(self, engine: Engine) -> None:
        self._system = engine._blocking.system

    async def info(self) -> Info:
        """See `layerkit.System.info`."""
        return await call(self._system.info)

    async def df(self) -> DiskUsage:
        """See `layerkit.System.df`."""
        return await call(self._system.df)

    async def verify(
        self, repair: bool = False, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> VerifyReport:
        """See `layerkit.System.verify`."""
        run = functools.partial(self._system.verify, repair)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

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
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)


class Engine:
    """An open store; see `layerkit.Engine`. Opening and closing are short and block."""

    def __init__(
        self,
        root: StrPath | None = None,
        limits: Limits | None = None,
        registry: RegistryConfig | None = None,
        isolation: Literal["overlay", "chroot"] | None = None,
    ) -> None:
        self._blocking = blocking.Engine(root, limits, registry, isolation)

    @property
    def root(self) -> Path:
        """The folder of the store."""
        return self._blocking.root

    @property
    def images(self) -> Images:
        """The images."""
        return Images(self._blocking.images)

    @property
    def containers(self) -> Containers:
        """The containers."""
        return Containers(self._blocking.containers)

    @property
    def build_cache(self) -> BuildCache:
        """What builds keep for the next ones."""
        return BuildCache(self._blocking.build_cache)

    @property
    def registry(self) -> Registry:
        """Registries."""
        return Registry(self._blocking.registry)

    @property
    def system(self) -> System:
        """The store as a whole."""
        return System(self)

    def build(self, base: str, *, name: str | None = None, platform: str | None = None) -> Builder:
        """See `layerkit.Engine.build`."""
        return Builder(self.images).step("FROM", f"{base} AS {name}" if name else base, platform=platform)

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
