"""The plain dicts that go in and come out, described for type checkers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from ._container_types import (
    Bind,
    CommandLine,
    ContainerMount,
    ContainerOptions,
    ContainerPruneReport,
    ContainerSummary,
    Demuxed,
    Environment,
    ExitReport,
    PathStat,
    PullPolicy,
    RunOptions,
    Size,
    TerminalSize,
    TopReport,
    WaitCondition,
    WaitReport,
)
from ._events import (
    BuiltEvent,
    ContainerCreatedEvent,
    ContainerRemovedEvent,
    ContainerStartedEvent,
    Event,
    ImageLoadedEvent,
    LayerEvent,
    PulledEvent,
    PushedEvent,
    ResolvingEvent,
    RetryingEvent,
    StepCachedEvent,
    StepDoneEvent,
    StepLogEvent,
    StepMissedEvent,
    StepRunningEvent,
    StepStartedEvent,
    TaggedEvent,
    TagMovedEvent,
    TriggersEvent,
    WarningEvent,
)

__all__ = [
    "AuthConfig",
    "BinaryReader",
    "BinaryWriter",
    "Bind",
    "BuildOptions",
    "BuildOutput",
    "BuildResult",
    "BuildStep",
    "BuiltEvent",
    "BuiltImage",
    "CacheRecord",
    "CommandLine",
    "Compression",
    "ContainerCreatedEvent",
    "ContainerMount",
    "ContainerOptions",
    "ContainerPruneReport",
    "ContainerRemovedEvent",
    "ContainerStartedEvent",
    "ContainerSummary",
    "CopyReport",
    "Demuxed",
    "Descriptor",
    "DiskUsage",
    "Dockerfile",
    "DockerfileDirectives",
    "DockerfileHeredoc",
    "DockerfileInstruction",
    "DockerfileStage",
    "DockerfileWarning",
    "Environment",
    "Event",
    "ExitReport",
    "FileChange",
    "FileType",
    "Filters",
    "HistoryEntry",
    "ImageFile",
    "ImageLoadedEvent",
    "ImageSummary",
    "Info",
    "LayerEvent",
    "Limits",
    "LoginReport",
    "LogoutReport",
    "ManifestReport",
    "MemoryFile",
    "Network",
    "OnEvent",
    "PathStat",
    "PingReport",
    "Problem",
    "PruneReport",
    "PullPolicy",
    "PulledEvent",
    "PushedEvent",
    "PushedImage",
    "RegistryConfig",
    "RemoveReport",
    "ResolvingEvent",
    "RetryingEvent",
    "RunOptions",
    "SaveFormat",
    "SearchResult",
    "Secret",
    "Size",
    "Source",
    "Stdin",
    "StepCachedEvent",
    "StepDoneEvent",
    "StepLogEvent",
    "StepMissedEvent",
    "StepRunningEvent",
    "StepStartedEvent",
    "StrPath",
    "TagMovedEvent",
    "TaggedEvent",
    "Target",
    "TerminalSize",
    "TopReport",
    "TriggersEvent",
    "Ulimit",
    "Usage",
    "VerifyReport",
    "WaitCondition",
    "WaitReport",
    "WarningEvent",
]

StrPath: TypeAlias = str | os.PathLike[str]
# Unions of one-value literals because stubtest takes `Literal["a", "b"]` for a union and finds that it is none.
Compression: TypeAlias = Literal["gzip"] | Literal["zstd"] | Literal["none"]
SaveFormat: TypeAlias = Literal["docker"] | Literal["oci-archive"] | Literal["oci-dir"]
Network: TypeAlias = Literal["host"] | Literal["none"]
FileType: TypeAlias = (
    Literal["file"]
    | Literal["directory"]
    | Literal["symlink"]
    | Literal["char_device"]
    | Literal["block_device"]
    | Literal["fifo"]
)
Filters: TypeAlias = Mapping[str, str | bool | int | Sequence[str]]


class BinaryReader(Protocol):
    """A file object that bytes are read from."""

    def read(self, size: int = ..., /) -> bytes | None: ...


class BinaryWriter(Protocol):
    """A file object that bytes are written to."""

    def write(self, data: bytes, /) -> object: ...


Source: TypeAlias = StrPath | BinaryReader | bytes
Target: TypeAlias = StrPath | BinaryWriter
Stdin: TypeAlias = bytes | BinaryReader | Iterable[bytes]
"""What a command reads: bytes, a binary file, or an iterable of bytes."""


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


class RegistryConfig(TypedDict, total=False):
    """How registries are reached; what is left out has Docker's meaning."""

    insecure: Sequence[str]
    """Hosts, `host[:port]`, that may be spoken to by plain HTTP, and whose certificates are not checked."""
    mirrors: Sequence[str]
    """URLs of mirrors of Docker Hub, in the order they are tried."""
    ca_files: Sequence[StrPath]
    """Files of certificate authorities (PEM) that are trusted beside the system's."""
    certs_dirs: Sequence[StrPath] | None
    """Folders with a folder for each host: `ca.crt`, `client.cert`, `client.key`, `hosts.toml`."""
    docker_config: StrPath | None
    """The folder of Docker's `config.json`: `DOCKER_CONFIG`, or `~/.docker`, when none is given."""
    proxy: str | None
    """The proxy of every request, empty for none; the environment says when none is given."""
    timeout_ms: int
    """Milliseconds without a byte after which a request has failed."""
    connect_timeout_ms: int
    """Milliseconds after which a connection that does not come about has failed."""
    retries: int
    """How often a request that may be made again is, before it has failed."""
    concurrency: int
    """How many layers are transferred at once, 1 to 64."""


class AuthConfig(TypedDict, total=False):
    """Credentials for one call, as docker-py's `auth_config`. They beat everything that is stored."""

    username: str | None
    password: str | None
    """The password, or a personal access token."""
    identity_token: str | None
    """A refresh token of the registry's token service, in place of a password."""
    identitytoken: str | None
    """The same, in Docker's spelling."""
    registry_token: str | None
    """A bearer token that is sent as it is."""
    registrytoken: str | None
    """The same, in Docker's spelling."""
    email: str | None
    """Not used, as in docker-py."""
    serveraddress: str | None
    """Not used, as in docker-py: the name says where the image is."""


class MemoryFile(TypedDict, total=False):
    """A file in memory, with more to say than its content."""

    content: str | bytes
    """Its content."""
    text: str
    """Its content, under the core's name for a text."""
    base64: str
    """Its content, encoded."""
    mode: int
    """Its permissions; `0o644` when none are given."""


class Secret(TypedDict, total=False):
    """Where a secret's bytes are: one of these."""

    path: StrPath
    """In a file, read when the build begins."""
    env: str
    """In a variable of the environment."""
    text: str
    """Here."""
    base64: str
    """Here, encoded."""


class Ulimit(TypedDict):
    """One limit of `setrlimit`, in its own unit; -1 is none."""

    name: str
    soft: int
    hard: int


class _BuildStep(TypedDict):
    instruction: str


class BuildStep(_BuildStep, total=False):
    """One instruction of a Dockerfile as data, as `layerkit.Builder` makes it."""

    flags: Mapping[str, str | bool | Sequence[str]]
    """Its flags by name, without `--`."""
    args: str | Sequence[str] | Mapping[str, str]
    """What follows: a text (shell form, the rest), texts (exec form, paths), or pairs (`ENV`, `LABEL`, `ARG`)."""


class _BuildOutput(TypedDict):
    type: Literal["image", "local", "tar", "docker", "oci"]


class BuildOutput(_BuildOutput, total=False):
    """Where a result goes: `image` is the store, `local` a directory, `tar`, `docker` and `oci` are files."""

    dest: StrPath
    """The directory or file; the stream `output` when none is given."""


class BuildOptions(TypedDict, total=False):
    """The keywords of a build: docker-py's first, under its names. None is as good as leaving one out."""

    fileobj: Source | None
    """The Dockerfile as a binary file object or bytes; with `custom_context` the context, as a tar."""
    custom_context: bool
    """`fileobj` is a context: a tar, plain or compressed."""
    encoding: str | None
    """Not used: the bytes of a context say how they are compressed."""
    dockerfile: Source | None
    """The Dockerfile: a path, relative to the context unless absolute, or its content as a file object or bytes."""
    tag: str | Sequence[str] | None
    """Name of the image, `repository[:tag]`, or several."""
    tags: Sequence[str] | None
    """More of them."""
    buildargs: Mapping[str, str] | None
    """Values of ARGs."""
    nocache: bool
    """Take no step from the cache."""
    pull: bool
    """Ask the registry for every base image, also for one that is here."""
    labels: Mapping[str, str] | None
    """Labels added to the image."""
    cache_from: Sequence[str] | None
    """Where known steps are looked up beside the store: a repository, or `type=registry,ref=NAME`."""
    cache_to: Sequence[str] | None
    """Where steps are left for others: `type=registry,ref=NAME[,mode=min|max]` or `type=inline`."""
    target: str | None
    """The stage to build: its name, or its number from 0. The last when none is given."""
    network_mode: Network | None
    """The network of RUN steps."""
    squash: bool
    """Make one layer of all that the build added to its base."""
    extra_hosts: Mapping[str, str] | Sequence[str] | None
    """Lines for `/etc/hosts` in RUN steps: addresses by host, or `HOST:ADDRESS`."""
    platform: str | None
    """`os/architecture[/variant]`; the host's when none is given."""
    shmsize: int | None
    """Bytes of `/dev/shm` in RUN steps; 64 MiB when none is given."""
    container_limits: Mapping[str, int] | None
    """docker-py's way to say `memory`."""
    platforms: Sequence[str] | None
    """Several of them: the result is an index of an image for each."""
    files: Mapping[str, str | bytes | MemoryFile] | None
    """The context as files in memory, by path. Beside a `path` they are added to it, and beat its files."""
    dockerfile_text: str | None
    """The Dockerfile itself."""
    steps: Sequence[BuildStep] | None
    """The Dockerfile as data. `Engine.build` makes it."""
    contexts: Mapping[str, str] | None
    """Further contexts by name: a directory, `docker-image://NAME`, `oci-layout://DIRECTORY[:TAG]`, a URL."""
    secrets: Mapping[str, str | bytes | Secret] | None
    """Secrets of `RUN --mount=type=secret` by ID: the bytes, or where they are."""
    ssh: Mapping[str, StrPath] | None
    """Sockets of SSH agents for `RUN --mount=type=ssh`, by ID; `default` is the one without an ID."""
    allow: Sequence[str] | None
    """What steps may ask for that is not theirs by default: `security.insecure`."""
    no_cache_stages: Sequence[str] | None
    """Take no step of these stages from the cache."""
    auths: Mapping[str, AuthConfig] | None
    """Credentials for base images and registry caches, by host; the empty host is Docker Hub."""
    outputs: Sequence[BuildOutput] | None
    """Where the result goes; the store when there are none."""
    output: Target | None
    """Where the output without a `dest` goes: a path or a binary file object."""
    iidfile: StrPath | None
    """A file for the image's ID."""
    metadata_file: StrPath | None
    """A file for what is known of the result, as JSON."""
    compression: Compression | None
    """How new layers are compressed."""
    source_date_epoch: int | None
    """Seconds since 1970 for everything new in the image; `SOURCE_DATE_EPOCH` when none is given, or else the clock."""
    memory: int | None
    """Memory that a RUN step may use, in bytes."""
    pids_limit: int | None
    """Processes that a RUN step may have at once."""
    ulimits: Sequence[Ulimit] | None
    """Limits of the processes of RUN steps."""
    jobs: int | None
    """How many stages are built at once; as many as there are processors when none is given."""


class BuiltImage(TypedDict):
    """One image of a build, and the platform it is for."""

    platform: str
    id: str
    digest: str


class BuildResult(TypedDict):
    """What a build made: `digest` is that of the manifest, or of the index of several platforms."""

    id: str
    tags: list[str]
    digest: str
    images: list[BuiltImage]


class CacheRecord(TypedDict):
    """Something that builds keep: `type` is `regular` for a step, `exec.cachemount` for a cache mount."""

    id: str
    type: str
    description: str
    in_use: bool
    size: int
    created: str
    last_used: str


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


class ImageFile(TypedDict):
    """One file of an image. `mtime` is in seconds since 1970, `links` counts its names, `layer` is a digest.

    `mode` has the permission bits alone. `target` is the text of a symlink, `device` a device's major and minor number.
    """

    path: str
    type: FileType
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    mtime_nanoseconds: int
    links: int
    target: str | None
    device: list[int] | None
    layer: str | None


class FileChange(TypedDict):
    """One difference between two file systems."""

    path: str
    kind: Literal["added"] | Literal["changed"] | Literal["deleted"]


class RemoveReport(TypedDict):
    """What a removal did: the names and the IDs that are gone."""

    untagged: list[str]
    deleted: list[str]


class _PrunedContainers(TypedDict, total=False):
    containers: list[str]


class PruneReport(_PrunedContainers):
    """What a prune did, or with `dry_run` would do; `reclaimed` is in bytes. Without any, `containers` is left out."""

    untagged: list[str]
    deleted: list[str]
    reclaimed: int


class Info(TypedDict):
    """What the engine is, and where. `run_mode`: how builds run steps, `run_reason`: why not in an `overlay`."""

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


class PushedImage(TypedDict):
    """A name that was pushed: `digest` and `size` in bytes are those of its manifest or index."""

    name: str
    digest: str
    size: int


class SearchResult(TypedDict):
    """A repository that a search found."""

    index: str
    name: str
    description: str
    star_count: int
    is_official: bool
    is_automated: bool


class LoginReport(TypedDict):
    """What a login did. `stored` is a file or a helper's name; `plain`: whether the credentials are readable there."""

    server: str
    username: str
    stored: str
    plain: bool


class LogoutReport(TypedDict):
    """What a logout did; `removed`: whether there were credentials to remove."""

    server: str
    removed: bool


class PingReport(TypedDict):
    """A registry that answered; `auth` is how it wants to be authenticated: `none`, `basic` or `bearer`."""

    url: str
    version: str
    auth: str


class ManifestReport(TypedDict):
    """A manifest or index as a registry has it: `raw` is what `digest` is of, `manifest` the same parsed."""

    name: str
    digest: str
    media_type: str
    size: int
    raw: str
    manifest: dict[str, Any]


class _Descriptor(TypedDict):
    mediaType: str
    digest: str
    size: int


class Descriptor(_Descriptor, total=False):
    """What refers to a manifest, in the names of the OCI specification; other keys it has there are kept."""

    artifactType: str
    annotations: dict[str, str]
    platform: dict[str, Any]


class CopyReport(TypedDict):
    """What a copy did: the digest that the destination leads to now, blobs and manifests in number, and bytes."""

    digest: str
    manifests: int
    copied: int
    mounted: int
    existed: int
    bytes: int


class DockerfileDirectives(TypedDict):
    """The parser directives at the top, as written."""

    syntax: str | None
    escape: str | None
    check: str | None


class DockerfileHeredoc(TypedDict):
    """A text that follows an instruction; `expand` is False when its word is quoted."""

    name: str
    content: str
    expand: bool


class DockerfileInstruction(TypedDict):
    """An instruction. Lines and columns count from 1.

    `flags` are texts, switches, or lists of texts. `arguments` depends on the instruction: `image` and `name` (FROM);
    `command` (shell form) or `words` (exec form, SHELL); `sources` and `destination` (COPY, ADD); `pairs` of `name` and
    `value` (ENV, LABEL, ARG); `values` (EXPOSE, VOLUME); `value` (WORKDIR, USER, STOPSIGNAL, MAINTAINER); `test`
    (HEALTHCHECK); `instruction` (ONBUILD).
    """

    name: str
    line: int
    end_line: int
    column: int
    text: str
    flags: dict[str, str | bool | list[str]]
    arguments: dict[str, Any]
    heredocs: list[DockerfileHeredoc]


class DockerfileStage(TypedDict):
    """A stage; the first of its instructions is the FROM."""

    name: str | None
    base: str
    platform: str | None
    instructions: list[DockerfileInstruction]


class DockerfileWarning(TypedDict):
    """What a build check says: `rule` is its name."""

    rule: str
    message: str
    line: int
    column: int


class Dockerfile(TypedDict):
    """A parsed Dockerfile; `meta_args` are the ARGs before the first FROM."""

    directives: DockerfileDirectives
    escape: str
    meta_args: list[DockerfileInstruction]
    stages: list[DockerfileStage]
    warnings: list[DockerfileWarning]


OnEvent: TypeAlias = Callable[[Event], Any]
