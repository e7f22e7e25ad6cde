"""Docker as a library: pull, build, save and load images, run and commit containers. No daemon.

>>> import layerkit
>>> with layerkit.Engine("/tmp/store") as engine:  # doctest: +SKIP
...     base = engine.images.import_image("rootfs.tar.gz", name="ubuntu:16.04")
...     image = engine.images.build("context", tag="web:1")
...     engine.images.save(image, "web.tar")
"""

from . import aio, dockerfile, errors, types
from ._native import VERSION as __version__
from ._native import CancelToken
from .build_cache import BuildCache
from .builder import Builder
from .container import Container
from .containers import Containers
from .engine import Engine
from .errors import (
    AlreadyExists,
    BuildFailed,
    CallbackFailed,
    Cancelled,
    Conflict,
    ContainerError,
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
from .streams import ExecResult, Stream
from .system import System
from .types import AuthConfig, Event, Limits, RegistryConfig

__all__ = [
    "AlreadyExists",
    "AuthConfig",
    "BuildCache",
    "BuildFailed",
    "Builder",
    "CallbackFailed",
    "CancelToken",
    "Cancelled",
    "Conflict",
    "Container",
    "ContainerError",
    "ContainerFailed",
    "Containers",
    "Denied",
    "DigestMismatch",
    "DockerfileSyntax",
    "Engine",
    "Event",
    "ExecResult",
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
    "Stream",
    "System",
    "Timeout",
    "Unauthorized",
    "Unsupported",
    "__version__",
    "aio",
    "dockerfile",
    "errors",
    "types",
]
