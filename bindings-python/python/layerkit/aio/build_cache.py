"""What builds keep for the next ones, awaitable."""

from __future__ import annotations

import functools

from .. import build_cache as blocking
from .._native import CancelToken
from ..types import CacheRecord, Filters, OnEvent, PruneReport, Source, Target
from ._run import call, long

__all__ = ["BuildCache"]


class BuildCache:
    """What builds keep for the next ones; see `layerkit.BuildCache`."""

    def __init__(self, cache: blocking.BuildCache) -> None:
        self._cache = cache

    async def list(self) -> list[CacheRecord]:
        """See `layerkit.BuildCache.list`."""
        return await call(self._cache.list)

    async def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        keep_storage: int | None = None,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """See `layerkit.BuildCache.prune`."""
        run = functools.partial(self._cache.prune, filters, all=all, keep_storage=keep_storage, dry_run=dry_run)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def export(
        self, id: str, target: Target, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> None:
        """See `layerkit.BuildCache.export`."""
        run = functools.partial(self._cache.export, id, target)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def import_archive(
        self, id: str, source: Source, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> None:
        """See `layerkit.BuildCache.import_archive`."""
        run = functools.partial(self._cache.import_archive, id, source)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
