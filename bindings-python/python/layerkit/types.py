"""The plain dicts that go in and come out, described for type checkers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

__all__ = [
    "BinaryReader",
    "BinaryWriter",
    "BuiltEvent",
    "Compression",
    "ContainerRemovedEvent",
    "DiskUsage",
    "Event",
    "Filters",
    "HistoryEntry",
    "ImageLoadedEvent",
    "ImageSummary",
    "Info",
    "LayerEvent",
    "Limits",
    "Network",
    "OnEvent",
    "Problem",
    "PruneReport",
    "RemoveReport",
    "SaveFormat",
    "Source",
    "StepCachedEvent",
    "StepDoneEvent",
    "StepLogEvent",
    "StepRunningEvent",
    "StepStartedEvent",
    "StrPath",
    "TagMovedEvent",
    "TaggedEvent",
    "Target",
    "Usage",
    "VerifyReport",
    "WarningEvent",
]

StrPath: TypeAlias = str | os.PathLike[str]
# Unions of one-value literals because stubtest takes `Literal["a", "b"]` for a union and finds that it is none.
Compression: TypeAlias = Literal["gzip"] | Literal["zstd"] | Literal["none"]
SaveFormat: TypeAlias = Literal["docker"] | Literal["oci-archive"] | Literal["oci-dir"]
Network: TypeAlias = Literal["host"] | Literal["none"]
Filters: TypeAlias = Mapping[str, str | bool | int | Sequence[str]]


class BinaryReader(Protocol):
    """A file object that bytes are read from."""

    def read(self, size: int = ..., /) -> bytes | None: ...


class BinaryWriter(Protocol):
    """A file object that bytes are written to."""

    def write(self, data: bytes, /) -> object: ...


Source: TypeAlias = StrPath | BinaryReader | bytes
Target: TypeAlias = StrPath | BinaryWriter


class Limits(TypedDict, total=False):
    """What an untrusted layer or archive may at most be; what is left out keeps its generous default."""

    entries: int
    """Entries in one layer."""
    layer_size: int
    """Bytes of one layer once it is decompressed."""
    ratio: int
    """Decompressed bytes for each compressed byte."""
    path_length: int
    """Bytes in the path of one entry."""


class ImageSummary(TypedDict):
    """One image in a list. Sizes are bytes, times RFC 3339 in UTC, IDs `sha256:<hex>`."""

    id: str
    parent: str
    tags: list[str]
    digests: list[str]
    created: str
    created_unix: int
    size: int
    labels: dict[str, str]
    manifest_digest: str
    platform: str


class HistoryEntry(TypedDict):
    """One line of an image's history."""

    id: str
    created: str
    created_unix: int
    created_by: str
    size: int
    comment: str
    tags: list[str]


class RemoveReport(TypedDict):
    """What a removal did: the names and the IDs that are gone."""

    untagged: list[str]
    deleted: list[str]


class PruneReport(TypedDict):
    """What a prune did, or with `dry_run` would do; `reclaimed` is in bytes."""

    untagged: list[str]
    deleted: list[str]
    reclaimed: int


class Info(TypedDict):
    """What the engine is and where it works. `run_mode` `none`: builds cannot run steps, and `run_reason` says why."""

    version: str
    root: str
    schema: int
    platform: str
    images: int
    containers: int
    run_mode: str
    run_reason: str
    journal: str


class Usage(TypedDict):
    """Disk use of one kind of thing, in bytes."""

    count: int
    active: int
    size: int
    reclaimable: int


class DiskUsage(TypedDict):
    """Disk use of the store."""

    images: Usage
    containers: Usage
    snapshots: Usage
    build_cache: Usage


class Problem(TypedDict):
    """One thing that is wrong with the store."""

    kind: str
    subject: str
    message: str
    repaired: bool


class VerifyReport(TypedDict):
    """What a verification found. The store is whole when `problems` is empty."""

    blobs: int
    images: int
    bytes: int
    problems: list[Problem]


class LayerEvent(TypedDict):
    """A layer is imported, loaded, saved or unpacked; `total` is 0 where it cannot be known."""

    event: Literal["layer"]
    operation: Literal["import", "load", "save", "unpack"]
    id: str
    state: Literal["started", "progress", "done", "exists"]
    bytes: int
    total: int


class ImageLoadedEvent(TypedDict):
    """An image was loaded or imported; `name` is empty for one without a name."""

    event: Literal["image_loaded"]
    id: str
    name: str


class TagMovedEvent(TypedDict):
    """A name moved here from the image `old_id`."""

    event: Literal["tag_moved"]
    name: str
    old_id: str


class StepStartedEvent(TypedDict):
    """A build begins step `n` of `total`, both from 1; `line` is its first line in the Dockerfile."""

    event: Literal["step_started"]
    n: int
    total: int
    text: str
    line: int


class StepCachedEvent(TypedDict):
    """The step was taken from the cache."""

    event: Literal["step_cached"]
    n: int


class StepRunningEvent(TypedDict):
    """The step runs in this intermediate container."""

    event: Literal["step_running"]
    n: int
    container: str


class StepLogEvent(TypedDict):
    """Output of the step's command, as it comes."""

    event: Literal["step_log"]
    n: int
    stream: Literal["stdout", "stderr"]
    text: str


class ContainerRemovedEvent(TypedDict):
    """The step's intermediate container is gone."""

    event: Literal["container_removed"]
    n: int
    container: str


class StepDoneEvent(TypedDict):
    """The step is done and this is its image."""

    event: Literal["step_done"]
    n: int
    image: str


class WarningEvent(TypedDict):
    """Something to know that stops nothing; `line` is 0 where there is none."""

    event: Literal["warning"]
    message: str
    line: int


class BuiltEvent(TypedDict):
    """The build is done."""

    event: Literal["built"]
    id: str


class TaggedEvent(TypedDict):
    """The built image got a name."""

    event: Literal["tagged"]
    name: str


Event: TypeAlias = (
    LayerEvent
    | ImageLoadedEvent
    | TagMovedEvent
    | StepStartedEvent
    | StepCachedEvent
    | StepRunningEvent
    | StepLogEvent
    | ContainerRemovedEvent
    | StepDoneEvent
    | WarningEvent
    | BuiltEvent
    | TaggedEvent
)
"""One step of an operation's progress: a plain dict whose `event` says which. Later versions may send others."""

OnEvent: TypeAlias = Callable[[Event], Any]
