"""The image half of Docker as a library: import, build, save and load images. No daemon.

>>> import layerkit
>>> with layerkit.Engine("/tmp/store") as engine:  # doctest: +SKIP
...     base = engine.images.import_image("rootfs.tar.gz", name="ubuntu:16.04")
...     image = engine.images.build("context", tag="web:1")
...     engine.images.save(image, "web.tar")
"""

from . import aio, errors, types
from ._native import VERSION as __version__
from ._native import CancelToken
from .builder import Builder
from .engine import Engine
from .errors import (
    AlreadyExists,
    BuildFailed,
    CallbackFailed,
    Cancelled,
    Conflict,
    ContainerFailed,
    Denied,
    DigestMismatch,
    DockerfileSyntax,
    ImageNotFound,
    InternalError,
    InvalidArgument,
    InvalidImage,
    InvalidReference,
    IoError,
    LayerkitError,
    NetworkError,
    NoSpace,
    NotFound,
    PermissionDenied,
    RateLimited,
    Timeout,
    Unauthorized,
    Unsupported,
)
from .images import Image, Images
from .registry import Registry
from .system import System
from .types import AuthConfig, Event, Limits, RegistryConfig

__all__ = [
    "AlreadyExists",
    "AuthConfig",
    "BuildFailed",
    "Builder",
    "CallbackFailed",
    "CancelToken",
    "Cancelled",
    "Conflict",
    "ContainerFailed",
    "Denied",
    "DigestMismatch",
    "DockerfileSyntax",
    "Engine",
    "Event",
    "Image",
    "ImageNotFound",
    "Images",
    "InternalError",
    "InvalidArgument",
    "InvalidImage",
    "InvalidReference",
    "IoError",
    "LayerkitError",
    "Limits",
    "NetworkError",
    "NoSpace",
    "NotFound",
    "PermissionDenied",
    "RateLimited",
    "Registry",
    "RegistryConfig",
    "System",
    "Timeout",
    "Unauthorized",
    "Unsupported",
    "__version__",
    "aio",
    "errors",
    "types",
]
