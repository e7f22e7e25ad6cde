"""The keywords of containers, docker-py's and ours, made into what the core's option structs read."""

from __future__ import annotations

import datetime
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _arguments
from .types import CommandLine, ContainerOptions, Environment, RunOptions, Size

if TYPE_CHECKING:
    from . import _native

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)b?\s*", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def create(command: CommandLine | None, options: ContainerOptions) -> dict[str, Any]:
    return {"command": words(command), **_converted("create", ContainerOptions.__annotations__, options)}


def run(command: CommandLine | None, options: RunOptions, *, remove: bool, detach: bool, stdin: Any) -> dict[str, Any]:
    converted = {"command": words(command), **_converted("run", RunOptions.__annotations__, options), "detach": detach}
    if remove:
        converted["auto_remove"] = True
    if stdin is not None:
        converted.setdefault("stdin_open", True)
    return converted


def _converted(function: str, known: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    for key in options:
        if key not in known:
            raise TypeError(f"{function}() got an unexpected keyword argument {key!r}")
    given = {key: value for key, value in options.items() if value is not None}
    networks = {given.pop(key) for key in ("network", "network_mode") if key in given}
    if given.pop("network_disabled", False):
        networks.add("none")
    if len(networks) > 1:
        raise TypeError(f"{function}() got several networks: {', '.join(sorted(networks))}")
    converted = {_NAMES.get(key, key): _CONVERSIONS.get(key, _same)(value) for key, value in given.items()}
    return {**converted, "network": networks.pop() if networks else None}


def words(command: CommandLine | None) -> list[str] | None:
    """The words of a command; docker-py too splits a text as a shell would."""
    if command is None:
        return None
    return shlex.split(command) if isinstance(command, str) else list(command)


def environment(environment: Environment | None) -> list[str] | None:
    if isinstance(environment, Mapping):
        return [name if value is None else f"{name}={value}" for name, value in environment.items()]
    return _arguments.several(environment)


def size(size: Size) -> int:
    """Bytes, from docker-py's `512m`."""
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"{size!r} is no size: expected a number with b, k, m, g or t, such as '512m'")
    number, unit = match.groups()
    return int(float(number) * _UNITS[unit.lower()]) if "." in number else int(number) * _UNITS[unit.lower()]


def time(time: datetime.datetime | float | str | None) -> str | None:
    """A time of the log; docker-py too takes a datetime without a zone for one in UTC."""
    if isinstance(time, datetime.datetime):
        zone = time if time.tzinfo is not None else time.replace(tzinfo=datetime.timezone.utc)
        return zone.isoformat()
    return time if time is None or isinstance(time, str) else str(time)


def tail(tail: int | str) -> int | None:
    return None if tail == "all" else int(tail)


def changes(changes: str | Sequence[str] | None) -> list[str] | None:
    return changes.splitlines() if isinstance(changes, str) else _arguments.several(changes)


def streams(stdin: Any, *, stdout: bool, stderr: bool, demux: bool, stream: bool) -> _native._Streams:
    """What the native half takes for the streams of a command."""
    return {"stdin": stdin, "stdout": stdout, "stderr": stderr, "demux": demux, "stream": stream}


def _same(value: Any) -> Any:
    return value


def _labels(labels: Any) -> Any:
    return dict(labels) if isinstance(labels, Mapping) else dict.fromkeys(_arguments.several(labels) or [], "")


def _volumes(volumes: Any) -> Any:
    if not isinstance(volumes, Mapping):
        return _arguments.several(volumes)
    binds = []
    for source, bind in volumes.items():
        place = {"bind": bind} if isinstance(bind, str) else bind
        binds.append(f"{os.fspath(source)}:{place['bind']}:{place.get('mode', 'rw')}")
    return binds


def _tmpfs(tmpfs: Any) -> Any:
    if isinstance(tmpfs, Mapping):
        return dict(tmpfs)
    pairs = (one.partition(":") for one in _arguments.several(tmpfs) or [])
    return {path: options for path, _, options in pairs}


def _ports(ports: Any) -> Any:
    if not isinstance(ports, Mapping):
        return [str(port) for port in ports]
    return [str(port) if host is None else f"{host}:{port}" for port, host in ports.items()]


def _ulimit(limit: Any) -> Any:
    # docker-py's own objects write the names with a capital.
    return {key.lower(): value for key, value in limit.items()}


_NAMES = {"auth_config": "auth"}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "entrypoint": words,
    "environment": environment,
    "user": str,
    "labels": _labels,
    "volumes": _volumes,
    "tmpfs": _tmpfs,
    "ports": _ports,
    "cap_add": _arguments.several,
    "cap_drop": _arguments.several,
    "mem_limit": size,
    "ulimits": lambda limits: [_ulimit(limit) for limit in limits],
    "shm_size": size,
    "extra_hosts": _arguments.hosts,
    "stop_signal": str,
    "auth_config": _arguments.auth,
    "log_max_size": size,
    "tty_size": dict,
}
