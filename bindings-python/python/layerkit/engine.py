"""The engine: one store, and the collections of things in it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar

from . import _arguments, _native
from .build_cache import BuildCache
from .builder import Builder
from .containers import Containers
from .images import Images
from .registry import Registry
from .system import System
from .types import Limits, RegistryConfig, StrPath

__all__ = ["Engine"]

_E = TypeVar("_E", bound="Engine")


class Engine:
    """An open store. Use it in a `with`, or close it.

    It may be used from several threads at once, and several processes may have one root open. It does not survive a
    fork: open one in the child.
    """

    def __init__(
        self,
        root: StrPath | None = None,
        limits: Limits | None = None,
        registry: RegistryConfig | None = None,
        isolation: Literal["overlay", "chroot"] | None = None,
    ) -> None:
        """Opens the store at `root`, making it where there is none. `registry` says how registries are reached.

        `isolation` says how the commands of builds and containers are run: `"chroot"` runs them on a copy of the
        image's root, not apart from this process. Without it: `LAYERKIT_ISOLATION`, else what works here.

        Without a root: `LAYERKIT_ROOT`, else `/var/lib/layerkit` for root, else `$XDG_DATA_HOME/layerkit`.
        """
        options = {
            "limits": None if limits is None else dict(limits),
            "registry": _arguments.registry(registry),
            "isolation": isolation,
        }
        self._native = _native.Engine(root, options)

    @property
    def root(self) -> Path:
        """The folder of the store."""
        return self._native.root

    @property
    def images(self) -> Images:
        """The images."""
        return Images(self)

    @property
    def containers(self) -> Containers:
        """The containers."""
        return Containers(self)

    @property
    def build_cache(self) -> BuildCache:
        """What builds keep for the next ones."""
        return BuildCache(self)

    @property
    def registry(self) -> Registry:
        """Registries."""
        return Registry(self)

    @property
    def system(self) -> System:
        """The store as a whole."""
        return System(self)

    def build(self, base: str, *, name: str | None = None, platform: str | None = None) -> Builder:
        """Begins a Dockerfile in code: `FROM base [AS name]`. Its `commit` builds it."""
        return Builder(self.images).step("FROM", f"{base} AS {name}" if name else base, platform=platform)

    def close(self) -> None:
        """Closes the store; later calls fail with `InvalidArgument`. Closing twice is fine."""
        self._native.close()

    def __enter__(self: _E) -> _E:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self.root)!r}>"
