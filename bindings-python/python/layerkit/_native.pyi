"""The native half. Use the classes of `layerkit` instead; `stubtest` holds this file to the built module."""

from os import PathLike
from pathlib import Path
from typing import Any, Final, TypedDict, final

from .testing import ClientIdentity, Request
from .types import (
    BuildResult,
    CacheRecord,
    ContainerPruneReport,
    ContainerSummary,
    CopyReport,
    Descriptor,
    DiskUsage,
    Dockerfile,
    ExitReport,
    FileChange,
    HistoryEntry,
    ImageFile,
    ImageSummary,
    Info,
    LoginReport,
    LogoutReport,
    ManifestReport,
    OnEvent,
    PathStat,
    PingReport,
    PruneReport,
    PushedImage,
    RemoveReport,
    SearchResult,
    TopReport,
    VerifyReport,
)

__all__ = [
    "ERROR_CODES",
    "VERSION",
    "CancelToken",
    "Engine",
    "FileReader",
    "Stream",
    "TestRegistry",
    "build_cache_export",
    "build_cache_import",
    "build_cache_list",
    "build_cache_prune",
    "container_attach",
    "container_commit",
    "container_diff",
    "container_exec",
    "container_export",
    "container_export_stream",
    "container_get_archive",
    "container_get_archive_stream",
    "container_inspect",
    "container_kill",
    "container_logs",
    "container_pause",
    "container_put_archive",
    "container_remove",
    "container_rename",
    "container_resize",
    "container_restart",
    "container_start",
    "container_stat",
    "container_stop",
    "container_top",
    "container_unpause",
    "container_wait",
    "containers_create",
    "containers_get",
    "containers_list",
    "containers_prune",
    "containers_run",
    "dockerfile_parse",
    "image_diff",
    "image_files",
    "image_history",
    "image_inspect",
    "image_open",
    "image_push",
    "image_read",
    "image_tag",
    "image_unpack",
    "images_build",
    "images_get",
    "images_import",
    "images_list",
    "images_load",
    "images_prune",
    "images_pull",
    "images_push",
    "images_remove",
    "images_save",
    "images_search",
    "registry_copy",
    "registry_delete",
    "registry_login",
    "registry_logout",
    "registry_manifest",
    "registry_ping",
    "registry_referrers",
    "registry_tags",
    "system_df",
    "system_info",
    "system_prune",
    "system_verify",
]

ERROR_CODES: Final[tuple[str, ...]]
VERSION: Final[str]

class _Loaded(TypedDict):
    id: str
    tags: list[str]

class _Pulled(TypedDict):
    id: str
    name: str
    digest: str
    new: bool

class _Created(TypedDict):
    id: str
    name: str
    warnings: list[str]

class _Streams(TypedDict):
    stdin: Any
    stdout: bool
    stderr: bool
    demux: bool
    stream: bool

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

@final
class FileReader:
    def read(self, size: int) -> bytes: ...
    def close(self) -> None: ...
    @property
    def size(self) -> int: ...

@final
class Stream:
    def __iter__(self) -> Stream: ...
    def __next__(self) -> Any: ...
    def finish(self) -> tuple[ExitReport, bytes, bytes, bytes] | None: ...
    def close(self) -> None: ...
    def detach(self) -> None: ...
    def resize(self, rows: int, cols: int) -> None: ...
    def kill(self, signal: str) -> None: ...

@final
class TestRegistry:
    def __new__(cls, options: dict[str, Any]) -> TestRegistry: ...
    def stop(self) -> None: ...
    @property
    def host(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def proxy_url(self) -> str | None: ...
    @property
    def ca_pem(self) -> str | None: ...
    @property
    def client_identity(self) -> ClientIdentity | None: ...
    @property
    def peak_in_flight(self) -> int: ...
    def fault(self, rule: dict[str, Any]) -> None: ...
    def clear_faults(self) -> None: ...
    def requests(self) -> list[Request]: ...
    def clear_requests(self) -> None: ...
    def put_blob(self, repository: str, data: bytes) -> str: ...
    def blob(self, repository: str, digest: str) -> bytes | None: ...
    def has_blob(self, repository: str, digest: str) -> bool: ...
    def remove_blob(self, repository: str, digest: str) -> bool: ...
    def put_manifest(self, repository: str, reference: str, media_type: str, data: bytes) -> str: ...
    def manifest(self, repository: str, reference: str) -> tuple[str, bytes] | None: ...
    def tags(self, repository: str) -> list[str]: ...

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
) -> list[_Loaded]: ...
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
    paths: tuple[str | PathLike[str] | None, str | PathLike[str] | None],
    streams: tuple[Any, Any, Any],
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> BuildResult: ...
def images_pull(
    engine: Engine,
    name: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[_Pulled]: ...
def images_push(
    engine: Engine,
    name: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[PushedImage]: ...
def images_search(
    engine: Engine,
    term: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[SearchResult]: ...
def image_tag(engine: Engine, image: str, name: str) -> None: ...
def image_history(engine: Engine, image: str) -> list[HistoryEntry]: ...
def image_inspect(engine: Engine, image: str) -> dict[str, Any]: ...
def image_files(
    engine: Engine,
    image: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[ImageFile]: ...
def image_read(
    engine: Engine,
    image: str,
    path: str | PathLike[str],
    target: Any,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def image_open(
    engine: Engine,
    image: str,
    path: str | PathLike[str],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> FileReader: ...
def image_diff(
    engine: Engine,
    image: str,
    other: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[FileChange]: ...
def image_unpack(
    engine: Engine,
    image: str,
    directory: str | PathLike[str],
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def image_push(
    engine: Engine,
    image: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[PushedImage]: ...
def registry_login(
    engine: Engine,
    server: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> LoginReport: ...
def registry_logout(
    engine: Engine,
    server: str,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> LogoutReport: ...
def registry_ping(
    engine: Engine,
    server: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> PingReport: ...
def registry_tags(
    engine: Engine,
    repository: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[str]: ...
def registry_manifest(
    engine: Engine,
    name: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> ManifestReport: ...
def registry_referrers(
    engine: Engine,
    name: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[Descriptor]: ...
def registry_copy(
    engine: Engine,
    source: str,
    destination: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> CopyReport: ...
def registry_delete(
    engine: Engine,
    name: str,
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
def build_cache_list(engine: Engine) -> list[CacheRecord]: ...
def build_cache_prune(
    engine: Engine,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> PruneReport: ...
def build_cache_export(
    engine: Engine,
    id: str,
    target: Any,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def build_cache_import(
    engine: Engine,
    id: str,
    source: Any,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def containers_create(
    engine: Engine,
    image: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> _Created: ...
def containers_run(
    engine: Engine,
    image: str,
    options: dict[str, Any],
    streams: _Streams,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def containers_list(engine: Engine, options: dict[str, Any]) -> list[ContainerSummary]: ...
def containers_get(engine: Engine, container: str) -> ContainerSummary: ...
def containers_prune(
    engine: Engine,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> ContainerPruneReport: ...
def container_inspect(engine: Engine, container: str) -> dict[str, Any]: ...
def container_start(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    streams: _Streams,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_attach(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    streams: _Streams,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_exec(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    streams: _Streams,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_logs(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    streams: tuple[bool, bool],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_wait(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> ExitReport: ...
def container_stop(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def container_restart(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def container_kill(engine: Engine, container: str, options: dict[str, Any]) -> None: ...
def container_pause(engine: Engine, container: str) -> None: ...
def container_unpause(engine: Engine, container: str) -> None: ...
def container_resize(engine: Engine, container: str, rows: int, cols: int) -> None: ...
def container_top(engine: Engine, container: str) -> TopReport: ...
def container_rename(engine: Engine, container: str, name: str) -> None: ...
def container_remove(engine: Engine, container: str, options: dict[str, Any]) -> None: ...
def container_commit(
    engine: Engine,
    container: str,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> str: ...
def container_diff(
    engine: Engine,
    container: str,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> list[FileChange]: ...
def container_export(
    engine: Engine,
    container: str,
    target: Any,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def container_export_stream(
    engine: Engine,
    container: str,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_stat(engine: Engine, container: str, path: str) -> PathStat: ...
def container_get_archive(
    engine: Engine,
    container: str,
    path: str,
    target: Any,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> PathStat: ...
def container_get_archive_stream(
    engine: Engine,
    container: str,
    path: str,
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> Stream: ...
def container_put_archive(
    engine: Engine,
    container: str,
    path: str,
    source: Any,
    options: dict[str, Any],
    on_event: OnEvent | None,
    cancel: CancelToken | None,
) -> None: ...
def dockerfile_parse(text: bytes) -> Dockerfile: ...
