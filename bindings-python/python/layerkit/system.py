"""The store as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _arguments, _native
from .types import DiskUsage, Filters, Info, OnEvent, PruneReport, VerifyReport

if TYPE_CHECKING:
    from ._native import CancelToken
    from .engine import Engine

__all__ = ["System"]


class System:
    """The store as a whole."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def info(self) -> Info:
        """What the engine is and where it works, and whether builds can run steps here."""
        return _native.system_info(self._engine._native)

    def df(self) -> DiskUsage:
        """Disk use of the store."""
        return _native.system_df(self._engine._native)

    def verify(
        self, repair: bool = False, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> VerifyReport:
        """Reads the whole store and checks it; with `repair` takes away what is broken."""
        return _native.system_verify(self._engine._native, {"repair": repair}, on_event, cancel)

    def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """Removes stopped containers, unused images, build cache, snapshots and garbage. See `Images.prune`."""
        options = {"all": all, "dry_run": dry_run, "filters": _arguments.filters(filters)}
        return _native.system_prune(self._engine._native, options, on_event, cancel)
