"""What registries are asked, awaitable."""

from __future__ import annotations

import functools

from .. import registry as blocking
from .._native import CancelToken
from ..types import AuthConfig, CopyReport, Descriptor, LoginReport, LogoutReport, ManifestReport, OnEvent, PingReport
from ._run import long

__all__ = ["Registry"]


class Registry:
    """Registries; see `layerkit.Registry`."""

    def __init__(self, registry: blocking.Registry) -> None:
        self._registry = registry

    async def login(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        registry: str = "",
        identity_token: str | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> LoginReport:
        """See `layerkit.Registry.login`."""
        run = functools.partial(
            self._registry.login,
            username,
            password,
            registry=registry,
            identity_token=identity_token,
        )
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def logout(
        self,
        registry: str = "",
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> LogoutReport:
        """See `layerkit.Registry.logout`."""
        run = functools.partial(self._registry.logout, registry)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def ping(
        self,
        registry: str = "",
        *,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PingReport:
        """See `layerkit.Registry.ping`."""
        run = functools.partial(self._registry.ping, registry, auth_config=auth_config)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def tags(
        self,
        repository: str,
        *,
        limit: int | None = None,
        last: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[str]:
        """See `layerkit.Registry.tags`."""
        run = functools.partial(self._registry.tags, repository, limit=limit, last=last, auth_config=auth_config)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def manifest(
        self,
        name: str,
        *,
        platform: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> ManifestReport:
        """See `layerkit.Registry.manifest`."""
        run = functools.partial(self._registry.manifest, name, platform=platform, auth_config=auth_config)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def referrers(
        self,
        name: str,
        *,
        artifact_type: str | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Descriptor]:
        """See `layerkit.Registry.referrers`."""
        run = functools.partial(self._registry.referrers, name, artifact_type=artifact_type, auth_config=auth_config)
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def copy(
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
        """See `layerkit.Registry.copy`."""
        run = functools.partial(
            self._registry.copy,
            source,
            destination,
            platform=platform,
            referrers=referrers,
            concurrency=concurrency,
            chunk_size=chunk_size,
            source_auth=source_auth,
            destination_auth=destination_auth,
        )
        return await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)

    async def delete(
        self,
        name: str,
        *,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """See `layerkit.Registry.delete`."""
        run = functools.partial(self._registry.delete, name, auth_config=auth_config)
        await long(lambda sink, token: run(on_event=sink, cancel=token), on_event, cancel)
