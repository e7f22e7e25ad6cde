"""The errors: one class for each code of the core, all of them `LayerkitError`.

Where Python has a built-in exception for the same thing, the class derives from it too, so that
`except PermissionError` works. What an `on_event` callback or a stream of yours raises is not wrapped: it comes out of
the call as it was raised.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .container import Container
    from .types import CommandLine

__all__ = [
    "AlreadyExists",
    "BuildFailed",
    "CallbackFailed",
    "Cancelled",
    "Conflict",
    "ContainerError",
    "ContainerFailed",
    "Denied",
    "DigestMismatch",
    "DockerfileSyntax",
    "ImageNotFound",
    "InternalError",
    "InvalidArgument",
    "InvalidImage",
    "InvalidReference",
    "IoError",
    "LayerkitError",
    "NetworkError",
    "NoSpace",
    "NotFound",
    "PermissionDenied",
    "RateLimited",
    "Timeout",
    "Unauthorized",
    "Unsupported",
    "classes",
]


class LayerkitError(Exception):
    """The base of all errors. `code` is the same string in every language; `fields` holds what a program may want."""

    code: str = "internal"
    fields: dict[str, int | str]

    def __init__(self, message: str, *, code: str | None = None, fields: Mapping[str, int | str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Callable[..., LayerkitError], tuple[object, ...]]:
        return _restore, (type(self), self.message, self.code, self.fields)

    def _text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return None if value is None else str(value)

    def _number(self, name: str) -> int | None:
        value = self.fields.get(name)
        return value if isinstance(value, int) else None


class _RegistryError(LayerkitError):
    """What registries fail with tells these; they are None where no registry was asked."""

    @property
    def status(self) -> int | None:
        """The HTTP status."""
        return self._number("status")

    @property
    def registry_code(self) -> str | None:
        """The registry's own error code, such as `MANIFEST_UNKNOWN`."""
        return self._text("registry_code")

    @property
    def host(self) -> str | None:
        """The registry, `host[:port]`."""
        return self._text("host")

    @property
    def repository(self) -> str | None:
        """The repository there."""
        return self._text("repository")


class _OsError(LayerkitError, OSError):
    _errno: ClassVar[int]

    def __init__(self, message: str, *, code: str | None = None, fields: Mapping[str, int | str] | None = None) -> None:
        super().__init__(message, code=code, fields=fields)
        self.errno = self._errno


class InvalidArgument(LayerkitError, ValueError):
    """An argument or option makes no sense; also any use of a closed engine."""

    code = "invalid_argument"


class InvalidReference(LayerkitError, ValueError):
    """Not the name of an image."""

    code = "invalid_reference"


class NotFound(_RegistryError, LookupError):
    """What was named is not there."""

    code = "not_found"


class ImageNotFound(NotFound):
    """No image of that name or ID."""

    @property
    def image(self) -> str | None:
        """What was asked for."""
        return self._text("image")


class AlreadyExists(_OsError, FileExistsError):
    """It is there already and would have to be replaced."""

    code = "already_exists"
    _errno = errno.EEXIST


class Conflict(LayerkitError):
    """Something else uses it: `image` and `container` say what, where it is known."""

    code = "conflict"

    @property
    def image(self) -> str | None:
        """The image in question."""
        return self._text("image")

    @property
    def container(self) -> str | None:
        """The container that uses it."""
        return self._text("container")


class Unauthorized(_RegistryError):
    """The registry wants a login, or another one."""

    code = "unauthorized"


class Denied(_RegistryError):
    """The registry knows you and says no."""

    code = "denied"


class RateLimited(_RegistryError):
    """Too many requests; later."""

    code = "rate_limited"


class NetworkError(_RegistryError, ConnectionError):
    """The other side could not be reached, or broke off."""

    code = "network"


class Timeout(_RegistryError, _OsError, TimeoutError):
    """It took too long."""

    code = "timeout"
    _errno = errno.ETIMEDOUT


class DigestMismatch(LayerkitError, ValueError):
    """Bytes are not those that their digest promises."""

    code = "digest_mismatch"


class InvalidImage(LayerkitError, ValueError):
    """An archive, layer, manifest or config is broken, malicious, or over a limit."""

    code = "invalid_image"


class Unsupported(LayerkitError, NotImplementedError):
    """Understood, and not to be had here."""

    code = "unsupported"


class _DockerfileError(LayerkitError):
    @property
    def file(self) -> str | None:
        """The Dockerfile as it was named to the build; None where it was no file."""
        return self._text("file")

    @property
    def line(self) -> int | None:
        """The line in the Dockerfile, from 1."""
        return self._number("line")

    @property
    def column(self) -> int | None:
        """The column where the instruction begins, from 1."""
        return self._number("column")

    @property
    def instruction(self) -> str | None:
        """The instruction, such as `RUN`."""
        return self._text("instruction")


class DockerfileSyntax(_DockerfileError, ValueError):
    """The Dockerfile cannot be read: `line` says where."""

    code = "dockerfile_syntax"

    @property
    def rule(self) -> str | None:
        """The build check that fails the build, where `# check=error=true` asks for it."""
        return self._text("rule")


class BuildFailed(_DockerfileError):
    """A step of a build failed. The steps before it stay in the cache."""

    code = "build_failed"

    @property
    def command(self) -> str | None:
        """The command that failed."""
        return self._text("command")

    @property
    def exit_code(self) -> int | None:
        """What it exited with."""
        return self._number("exit_code")

    @property
    def output_tail(self) -> str | None:
        """The last lines it wrote."""
        return self._text("output_tail")


class ContainerFailed(LayerkitError):
    """A container could not be started or did not end well."""

    code = "container_failed"

    @property
    def exit_code(self) -> int | None:
        """What it exited with."""
        return self._number("exit_code")


class ContainerError(ContainerFailed):
    """A command that `containers.run` ran exited with another code than 0. Its attributes are docker-py's.

    `stderr` is what it wrote to standard error, at most the last megabyte. A copy that was pickled has no `container`.
    """

    container: Container

    def __init__(
        self,
        container: Container,
        exit_status: int | None,
        command: CommandLine | None,
        image: str,
        stderr: bytes,
    ) -> None:
        self.container = container
        fields: dict[str, int | str] = {"container": container.id}
        self._told(exit_status, command, image, stderr, fields)

    def _told(
        self,
        exit_status: int | None,
        command: CommandLine | None,
        image: str,
        stderr: bytes,
        fields: dict[str, int | str],
    ) -> None:
        self.exit_status = exit_status
        self.command = command
        self.image = image
        self.stderr = stderr
        status = "an unknown exit status" if exit_status is None else f"non-zero exit status {exit_status}"
        written = stderr[-2000:].decode(errors="replace").strip()
        message = f"Command {command!r} in image {image!r} returned {status}{': ' if written else ''}{written}"
        if exit_status is not None:
            fields["exit_code"] = exit_status
        super().__init__(message, fields=fields)

    def __reduce__(self) -> tuple[Callable[..., LayerkitError], tuple[object, ...]]:
        return _restore_container, (self.exit_status, self.command, self.image, self.stderr, self.fields)


class NoSpace(_OsError):
    """The disk or the quota is full."""

    code = "no_space"
    _errno = errno.ENOSPC


class PermissionDenied(_OsError, PermissionError):
    """The operating system says no."""

    code = "permission"
    _errno = errno.EACCES


class IoError(_OsError):
    """Another error of the operating system."""

    code = "io"
    _errno = errno.EIO


class Cancelled(LayerkitError):
    """Its cancel token was cancelled."""

    code = "cancelled"


class CallbackFailed(LayerkitError):
    """A callback failed. Other languages report it; in Python what the callback raised comes out instead."""

    code = "callback"


class InternalError(LayerkitError, RuntimeError):
    """A defect of layerkit."""

    code = "internal"


def classes() -> dict[str, type[LayerkitError]]:
    """The class of each code."""
    return dict(_CLASSES)


_CLASSES: dict[str, type[LayerkitError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        InvalidReference,
        NotFound,
        AlreadyExists,
        Conflict,
        Unauthorized,
        Denied,
        RateLimited,
        NetworkError,
        Timeout,
        DigestMismatch,
        InvalidImage,
        Unsupported,
        DockerfileSyntax,
        BuildFailed,
        ContainerFailed,
        NoSpace,
        PermissionDenied,
        IoError,
        Cancelled,
        CallbackFailed,
        InternalError,
    )
}


def from_core(code: str, message: str, fields: Mapping[str, int | str]) -> LayerkitError:
    """The exception for an error of the core. A code without a class keeps its code and is a plain `LayerkitError`."""
    if code == NotFound.code and "image" in fields:
        return ImageNotFound(message, fields=fields)
    return _CLASSES.get(code, LayerkitError)(message, code=code, fields=fields)


def _restore(kind: type[LayerkitError], message: str, code: str, fields: dict[str, int | str]) -> LayerkitError:
    return kind(message, code=code, fields=fields)


def _restore_container(
    exit_status: int | None,
    command: CommandLine | None,
    image: str,
    stderr: bytes,
    fields: dict[str, int | str],
) -> ContainerError:
    error = ContainerError.__new__(ContainerError)
    error._told(exit_status, command, image, stderr, fields)
    return error
