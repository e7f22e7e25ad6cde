"""A Dockerfile as method calls, awaitable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import builder as blocking
from .._native import CancelToken
from ..types import BuildOptions, BuildStep, OnEvent, StrPath

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .images import Image, Images

__all__ = ["Builder"]


class Builder(blocking.Steps):
    """Steps that can be built; see `layerkit.Builder`."""

    def __init__(self, images: Images, steps: Sequence[BuildStep] = ()) -> None:
        super().__init__(steps)
        self._images = images

    async def commit(
        self,
        *names: str,
        path: StrPath | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[BuildOptions],
    ) -> Image:
        """See `layerkit.Builder.commit`."""
        options["steps"] = self.steps
        if names:
            options["tag"] = names
        return await self._images.build(path, on_event=on_event, cancel=cancel, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__}: {len(self._steps)} steps>"
