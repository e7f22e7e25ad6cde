"""What builds keep for the next ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _arguments, _native
from .types import CacheRecord, Filters, OnEvent, PruneReport, Source, Target

if TYPE_CHECKING:
    from ._native import CancelToken
    from .engine import Engine

__all__ = ["BuildCache"]


class BuildCache:
    """What builds keep for the next ones: steps, and the directories of `RUN --mount=type=cache`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self) -> list[CacheRecord]:
        """What there is, what was used last first."""
        return _native.build_cache_list(self._engine._native)

    def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        keep_storage: int | None = None,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """Removes what is not in use; with `all` also the steps of images with a name, which stay.

        `filters` are `until`, `id` and `type`; `keep_storage` is how many bytes may stay.
        """
        options = {
            "all": all,
            "dry_run": dry_run,
            "filters": _arguments.filters(filters),
            "keep_storage": keep_storage,
        }
        return _native.build_cache_prune(self._engine._native, options, on_event, cancel)

    def export(
        self, id: str, target: Target, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> None:
        """Writes the cache mount of this ID as a tar to a path or a binary file object."""
        _native.build_cache_export(self._engine._native, id, target, on_event, cancel)

    def import_archive(
        self, id: str, source: Source, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> None:
        """Makes what is in a tar, plain or compressed, the cache mount of this ID, in place of what there was."""
        _native.build_cache_import(self._engine._native, id, _arguments.source(source), on_event, cancel)
