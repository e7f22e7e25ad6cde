"""The native half. Use the classes of `layerkit` instead; `stubtest` holds this file to the built module."""

from os import PathLike
from pathlib import Path
from typing import Any, Final, TypedDict, final

from .types import (
    DiskUsage,
    HistoryEntry,
    ImageSummary,
    Info,
    OnEvent,
    PruneReport,
    RemoveReport,
    VerifyReport,
)

__all__ = [
    "ERROR_CODES",
    "VERSION",
    "CancelToken",
    "Engine",
    "image_history",
    "image_inspect",
    "image_tag",
    "image_unpack",
    "images_build",
    "images_get",
    "images_import",
    "images_list",
    "images_load",
    "images_prune",
    "images_remove",
    "images_save",
    "system_df",
    "system_info",
    "system_prune",
    "system_verify",
]

ERROR_CODES: Final[tuple[str, ...]]
VERSION: Final[str]

class _Built(TypedDict):
    id: str
    tags: list[str]

@final
class CancelToken:
    """Cancels the operations it is given to, from any thread. Once cancelled it stays so."""

    def __new__(cls) -> CancelToken: ...
    def cancel(self) -> None: ...
    @property
    def cancelled(self) -> bool: ...

@final
class Engine:
    def __new__(cls, root: str | PathLike[str] | None, options: dict[str, Any]) -> Engine: ...
    def close(self) -> None: ...
    @property
    def root(self) -> Path: ...

def images_list(engine: Engine, options: dict[str, Any]) -> list[ImageSummary]: ...
def images_get(engine: Engine, image: str) -> ImageSummary: ...
def images_import(
    engine: Engine,
    source: Any,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> str: ...
def images_load(
    engine: Engine,
    source: Any,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[_Built]: ...
def images_save(
    engine: Engine,
    images: list[str],
    target: Any,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def images_remove(engine: Engine, image: str, options: dict[str, Any]) -> RemoveReport: ...
def images_prune(
    engine: Engine,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> PruneReport: ...
def images_build(
    engine: Engine,
    path: str | PathLike[str],
    dockerfile: str | PathLike[str] | None,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> _Built: ...
def image_tag(engine: Engine, image: str, name: str) -> None: ...
def image_history(engine: Engine, image: str) -> list[HistoryEntry]: ...
def image_inspect(engine: Engine, image: str) -> dict[str, Any]: ...
def image_unpack(
    engine: Engine,
    image: str,
    directory: str | PathLike[str],
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def system_info(engine: Engine) -> Info: ...
def system_df(engine: Engine) -> DiskUsage: ...
def system_verify(
    engine: Engine,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> VerifyReport: ...
def system_prune(
    engine: Engine,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> PruneReport: ...
