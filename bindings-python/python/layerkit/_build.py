"""The keywords of a build, docker-py's and ours, made into what the core's `BuildOptions` and `BuildInputs` read."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _arguments
from .types import BuildOptions, StrPath

if TYPE_CHECKING:
    from . import _native
    from .types import BuildResult, OnEvent

# docker-py's names for the core's options.
_NAMES = {"nocache": "no_cache", "network_mode": "network", "shmsize": "shm_size"}
# Options that are not handed through under their name.
_OWN = {"fileobj", "custom_context", "encoding", "dockerfile", "tag", "tags", "container_limits", "output"}
_SEQUENCES = {"cache_from", "cache_to", "platforms", "steps", "allow", "no_cache_stages", "ulimits"}
_MAPPINGS = {"buildargs", "labels", "contexts"}


class Request(NamedTuple):
    """What the native half takes."""

    paths: tuple[StrPath | None, StrPath | None]
    streams: tuple[Any, Any, Any]
    options: dict[str, Any]

    def run(self, engine: _native.Engine, on_event: OnEvent | None, cancel: _native.CancelToken | None) -> BuildResult:
        from . import _native

        return _native.images_build(engine, self.paths, self.streams, self.options, on_event, cancel)


def request(path: StrPath | None, keywords: BuildOptions) -> Request:
    given: dict[str, Any] = {key: value for key, value in keywords.items() if value is not None}
    for key in given:
        if key not in BuildOptions.__annotations__:
            raise TypeError(f"build() got an unexpected keyword argument {key!r}")
    options = {_NAMES.get(key, key): _converted(key, value) for key, value in given.items() if key not in _OWN}
    tag = given.get("tag", [])
    options["tags"] = [*([tag] if isinstance(tag, str) else tag), *(_arguments.several(given.get("tags")) or [])]
    for key, value in given.get("container_limits", {}).items():
        options["memory" if key == "memory" else f"container_limits.{key}"] = value
    context, dockerfile = given.get("fileobj"), given.get("dockerfile")
    named = dockerfile if isinstance(dockerfile, str | os.PathLike) else None
    content = None if named is not None else dockerfile
    if not given.get("custom_context"):
        context, content = None, context if content is None else content
    streams = (_arguments.source(context), _arguments.source(content), given.get("output"))
    return Request((path, named), streams, options)


def _converted(key: str, value: Any) -> Any:
    if key in _SEQUENCES:
        return _arguments.several(value)
    if key in _MAPPINGS:
        return dict(value)
    if key in _CONVERSIONS:
        return _CONVERSIONS[key](value)
    return value


def _file(file: Any) -> Any:
    if not isinstance(file, Mapping):
        return _content(file)
    others = {key: value for key, value in file.items() if key != "content"}
    return {**_content(file["content"]), **others} if "content" in file else others


def _secret(secret: Any) -> Any:
    """A value of the wrong type is named by its type alone: it may be the secret."""
    if isinstance(secret, Mapping):
        paths = {"path": os.fspath(cast("StrPath", secret["path"]))} if "path" in secret else {}
        return {**secret, **paths}
    return _content(secret)


def _content(content: str | bytes) -> dict[str, str]:
    if isinstance(content, str):
        return {"text": content}
    if not isinstance(content, bytes | bytearray | memoryview):
        raise TypeError(f"expected str or bytes, not {type(content).__name__}")
    return {"base64": base64.b64encode(content).decode()}


def _output(output: Any) -> Any:
    return {**output, "dest": os.fspath(output["dest"])} if output.get("dest") is not None else dict(output)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "extra_hosts": _arguments.hosts,
    "files": lambda files: {os.fspath(path): _file(file) for path, file in files.items()},
    "secrets": lambda secrets: {key: _secret(secret) for key, secret in secrets.items()},
    "ssh": lambda sockets: {key: os.fspath(socket) for key, socket in sockets.items()},
    "auths": lambda auths: {host: _arguments.auth(auth) for host, auth in auths.items()},
    "outputs": lambda outputs: [_output(output) for output in outputs],
    "iidfile": os.fspath,
    "metadata_file": os.fspath,
}
