"""What containers are asked and what they answer, described for type checkers. Users find it in `layerkit.types`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from .types import AuthConfig, Network, Ulimit

__all__ = [
    "Bind",
    "CommandLine",
    "ContainerMount",
    "ContainerOptions",
    "ContainerPruneReport",
    "ContainerSummary",
    "Demuxed",
    "Environment",
    "ExitReport",
    "PathStat",
    "PullPolicy",
    "RunOptions",
    "Size",
    "TerminalSize",
    "TopReport",
    "WaitCondition",
    "WaitReport",
]

CommandLine: TypeAlias = str | Sequence[str]
"""A command: its words, or a text that is split as a shell would (`shlex`), and run without one."""
Demuxed: TypeAlias = tuple[bytes | None, bytes | None]
"""What was written to standard output, and to standard error."""
Environment: TypeAlias = Mapping[str, str | None] | Sequence[str]
"""Values by name, or `NAME=value`. A name with None, or alone, is taken out."""
Size: TypeAlias = int | str
"""Bytes, or a text such as `512m`: `b`, `k`, `m`, `g` and `t` are powers of 1024."""
PullPolicy: TypeAlias = Literal["missing"] | Literal["always"] | Literal["never"]
WaitCondition: TypeAlias = Literal["not-running"] | Literal["next-exit"] | Literal["removed"]


class _Bind(TypedDict):
    bind: str


class Bind(_Bind, total=False):
    """Where something of the host is mounted: `mode` is `rw`, which it is without one, or `ro`."""

    mode: str


class TerminalSize(TypedDict):
    """The size of a terminal, in characters."""

    rows: int
    cols: int


class ContainerOptions(TypedDict, total=False):
    """How to create a container; what is left out comes from the image, or is Docker's default."""

    name: str | None
    """Its name; a made-up one when none is given."""
    entrypoint: CommandLine | None
    """The program that the command is handed to. One that is given sets the image's command aside; an empty one leaves
    none."""
    environment: Environment | None
    """Variables beside the image's."""
    working_dir: str | None
    """The working directory, which is made where it is missing."""
    user: str | int | None
    """Who runs the command: `user[:group]`, names or numbers."""
    hostname: str | None
    """The host name; the first 12 digits of the ID when none is given."""
    labels: Mapping[str, str] | Sequence[str] | None
    """Labels beside the image's: values by name, or names alone."""
    volumes: Mapping[str | os.PathLike[str], Bind | str] | Sequence[str] | None
    """What of the host is mounted: `{source: {"bind": destination, "mode": "ro"}}`, or `source:destination[:ro|rw]`. A
    destination alone is a directory of the container's own, which no image that is made of it has."""
    tmpfs: Mapping[str, str] | Sequence[str] | None
    """Temporary file systems: their options (`size=64m,mode=1777`) by their paths."""
    network: Network | None
    """The network: `host`, which it is without one, or `none`."""
    network_mode: Network | None
    """The same."""
    network_disabled: bool
    """`network="none"`."""
    ports: Mapping[str, object] | Sequence[str] | None
    """Ports to be published. There is no network to publish them from: any is `Unsupported`."""
    read_only: bool
    """Whether the root cannot be written."""
    cap_add: Sequence[str] | None
    """Capabilities beside Docker's default ones, with or without `CAP_`; `ALL`."""
    cap_drop: Sequence[str] | None
    """Capabilities to be taken away; `ALL`."""
    privileged: bool
    """Every capability, no filter of system calls, nothing hidden, and the host's devices."""
    init: bool | None
    """A small first process that reaps orphans and passes signals on."""
    mem_limit: Size | None
    """Memory."""
    pids_limit: int | None
    """Processes and threads at once; 0 or less is no limit."""
    ulimits: Sequence[Ulimit] | None
    """Limits of its processes (`setrlimit`)."""
    shm_size: Size | None
    """Size of `/dev/shm`; 64 MiB when none is given."""
    extra_hosts: Mapping[str, str] | Sequence[str] | None
    """Lines for `/etc/hosts`: addresses by host, or `HOST:ADDRESS`."""
    stop_signal: str | int | None
    """The signal that stops it; the image's, or else SIGTERM."""
    stop_timeout: int | None
    """Seconds from that signal to SIGKILL; 10 when none is given."""
    tty: bool
    """A terminal."""
    stdin_open: bool
    """Keep standard input open; without it the command reads `/dev/null`. A `stdin` that is given implies it."""
    stdin_once: bool
    """The end of the input of who attaches first is the end of the command's."""
    auto_remove: bool
    """Remove the container when it has ended."""
    platform: str | None
    """`os/architecture[/variant]` of the image; the host's when none is given."""
    pull: PullPolicy | None
    """When the image is pulled; when it is `missing`, if none is given."""
    auth_config: AuthConfig | None
    """Credentials for a pull, docker-py's dict; what `login` has stored when none are given."""
    log_max_size: Size | None
    """Size from which a new log file is begun; 20 MB when none is given."""
    log_max_file: int | None
    """How many log files are kept; 2 when none is given."""


class RunOptions(ContainerOptions, total=False):
    """How to run a command in a new container."""

    tty_size: TerminalSize | None
    """The size of the terminal to begin with."""


class ExitReport(TypedDict):
    """How a command ended. `exit_code`: 128 and the signal's number when a signal ended it, None when nobody knows."""

    id: str
    exit_code: int | None
    oom_killed: bool


class WaitReport(TypedDict):
    """How a container ended, in Docker's words; `StatusCode` is None when nobody knows: its monitor was killed."""

    StatusCode: int | None
    OOMKilled: bool


class ContainerMount(TypedDict):
    """Something that is mounted in a container."""

    type: Literal["bind", "volume", "tmpfs"]
    source: str
    destination: str
    rw: bool


class ContainerSummary(TypedDict):
    """One container in a list. Sizes are bytes and None unless asked for, times RFC 3339 in UTC."""

    id: str
    name: str
    image: str
    image_id: str
    command: str
    created: str
    created_unix: int
    state: Literal["created", "running", "paused", "exited"]
    status: str
    exit_code: int | None
    labels: dict[str, str]
    ports: list[str]
    mounts: list[ContainerMount]
    network: str
    size_rw: int | None
    size_root_fs: int | None


class ContainerPruneReport(TypedDict):
    """What a prune removed; `reclaimed` is in bytes."""

    deleted: list[str]
    reclaimed: int


class TopReport(TypedDict):
    """The processes of a container: names of the columns, and one line for each process."""

    titles: list[str]
    processes: list[list[str]]


class PathStat(TypedDict):
    """What stands at a path. `mode` has Go's bits for the type (`os.FileMode`) above the permissions, as in Docker."""

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str
