"""What registries are asked beside pull, push and search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _arguments, _native
from .types import AuthConfig, CopyReport, Descriptor, LoginReport, LogoutReport, ManifestReport, OnEvent, PingReport

if TYPE_CHECKING:
    from ._native import CancelToken
    from .engine import Engine

__all__ = ["Registry"]


class Registry:
    """Registries: credentials, and what can be asked and done without keeping an image here.

    A registry is a host, `host[:port]`; without one it is Docker Hub. `auth_config` is docker-py's dict and beats the
    credentials that are stored.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def login(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        registry: str = "",
        identity_token: str | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> LoginReport:
        """Checks credentials with a registry and stores them where Docker does.

        Without a user name and an identity token it checks those that are stored.
        """
        given = {"username": username, "password": password, "identity_token": identity_token}
        options = _arguments.credentials(given)
        return _native.registry_login(self._engine._native, registry, options, on_event, cancel)

    def logout(
        self, registry: str = "", *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> LogoutReport:
        """Forgets the credentials of a registry. Doing so twice is fine."""
        return _native.registry_logout(self._engine._native, registry, on_event, cancel)

    def ping(
        self,
        registry: str = "",
        *,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PingReport:
        """Asks a registry whether it is there, and how it wants to be authenticated."""
        options = {"auth": _arguments.auth(auth_config)}
        return _native.registry_ping(self._engine._native, registry, options, on_event, cancel)

    def tags(
        self,
        repository: str,
        *,
        limit: int | None = None,
        last: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[str]:
        """The tags of a repository, in the registry's order: `limit` of them, behind the tag `last`."""
        options = {"limit": limit, "last": last, "auth": _arguments.auth(auth_config)}
        return _native.registry_tags(self._engine._native, repository, options, on_event, cancel)

    def manifest(
        self,
        name: str,
        *,
        platform: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ManifestReport:
        """A manifest or index as the registry has it; with `platform` the manifest that an index has for it."""
        options = {"platform": platform, "auth": _arguments.auth(auth_config)}
        return _native.registry_manifest(self._engine._native, name, options, on_event, cancel)

    def referrers(
        self,
        name: str,
        *,
        artifact_type: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Descriptor]:
        """Descriptors of what refers to a manifest: signatures, bills of materials, of all types or one."""
        options = {"artifact_type": artifact_type, "auth": _arguments.auth(auth_config)}
        return _native.registry_referrers(self._engine._native, name, options, on_event, cancel)

    def copy(
        self,
        source: str,
        destination: str,
        *,
        platform: str | None = None,
        referrers: bool = False,
        concurrency: int | None = None,
        chunk_size: int | None = None,
        source_auth: AuthConfig | None = None,
        destination_auth: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> CopyReport:
        """Copies an image or a whole index from one name to another, without keeping it here.

        `platform` copies the image of that platform alone, `referrers` also what refers to it.
        """
        options = {
            "platform": platform,
            "referrers": referrers,
            "concurrency": concurrency,
            "chunk_size": chunk_size,
            "source_auth": _arguments.auth(source_auth),
            "destination_auth": _arguments.auth(destination_auth),
        }
        return _native.registry_copy(self._engine._native, source, destination, options, on_event, cancel)

    def delete(
        self,
        name: str,
        *,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Deletes a tag, or by digest a manifest with all its tags. `Unsupported` where the registry forbids it."""
        options = {"auth": _arguments.auth(auth_config)}
        _native.registry_delete(self._engine._native, name, options, on_event, cancel)
