"""Arguments as docker-py's users write them, made into what the core's option structs read."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .types import AuthConfig, Filters, RegistryConfig, Source, StrPath

# Docker writes tokens without the underscore. What maps to nothing is in docker-py's dicts and means nothing there.
_AUTH_KEYS = {
    "identitytoken": "identity_token",
    "registrytoken": "registry_token",
    "email": None,
    "serveraddress": None,
}


def several(values: Sequence[str] | None) -> list[str] | None:
    if isinstance(values, str):
        raise TypeError("expected a sequence of str, not one str")
    return None if values is None else list(values)


def hosts(hosts: Mapping[str, str] | Sequence[str]) -> list[str] | None:
    """Lines for `/etc/hosts`, from docker-py's dict or as they are."""
    if isinstance(hosts, Mapping):
        return [f"{host}:{address}" for host, address in hosts.items()]
    return several(hosts)


def source(source: Source | None) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def filters(filters: Filters | None) -> dict[str, list[str]] | None:
    """Docker's way of writing filters: `{"dangling": True, "label": ["a", "b=c"]}`."""
    if filters is None:
        return None
    lists = {}
    for key, value in filters.items():
        values = [value] if isinstance(value, str | bool | int) else value
        lists[key] = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
    return lists


def name(repository: str, tag: str | None) -> str:
    """docker-py's two as one name. A tag or digest that is given stands in for the one that the repository carries."""
    if not tag:
        return repository
    bare = repository.partition("@")[0]
    before, colon, after = bare.rpartition(":")
    if colon and "/" not in after:
        bare = before
    return f"{bare}@{tag}" if tag.startswith("sha256:") else f"{bare}:{tag}"


def auth(config: AuthConfig | None) -> dict[str, str] | None:
    """docker-py's `auth_config` in the core's names."""
    if config is None:
        return None
    if not isinstance(config, Mapping):
        raise TypeError(f"auth_config must be a dict, not {type(config).__name__}")
    renamed = ((_AUTH_KEYS.get(key, key), value) for key, value in config.items())
    return credentials({key: value for key, value in renamed if key is not None and value is not None})


def credentials(values: Mapping[str, object]) -> dict[str, str]:
    """These values, which are texts. They are looked at here because no message may show one: it may be a secret."""
    texts = {}
    for key, value in values.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{key} must be a str, not {type(value).__name__}")
        if value is not None:
            texts[key] = value
    return texts


def registry(config: RegistryConfig | None) -> dict[str, Any] | None:
    """The config with its paths as text."""
    if config is None:
        return None
    options: dict[str, Any] = dict(config)
    for key in ("ca_files", "certs_dirs"):
        if options.get(key) is not None:
            options[key] = _paths(options[key])
    if options.get("docker_config") is not None:
        options["docker_config"] = os.fspath(options["docker_config"])
    return options


def _paths(paths: Sequence[StrPath]) -> list[str]:
    if isinstance(paths, str | bytes | os.PathLike):
        raise TypeError("expected a sequence of paths, not one path")
    return [os.fspath(path) for path in paths]
