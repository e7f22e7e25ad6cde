"""One container. Names and keywords follow docker-py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from . import _arguments, _containers, _native
from ._attachable import Attachable
from .images import Image
from .streams import Stream
from .types import (
    Compression,
    ContainerSummary,
    FileChange,
    OnEvent,
    PathStat,
    Source,
    Target,
    TopReport,
    WaitCondition,
    WaitReport,
)

if TYPE_CHECKING:
    from ._native import CancelToken
    from .engine import Engine

__all__ = ["Container"]


class Container(Attachable):
    """One container of a store, as it was when it was looked up; `reload()` looks again."""

    def __init__(
        self, engine: Engine, id: str, summary: ContainerSummary | None = None, warnings: Sequence[str] = ()
    ) -> None:
        self._engine = engine
        self._id = id
        self._summary = summary
        self._warnings = tuple(warnings)
        self._attrs: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """Its ID, 64 hex digits."""
        return self._id

    @property
    def short_id(self) -> str:
        """The first 12 of them."""
        return self._id[:12]

    @property
    def name(self) -> str:
        """Its name."""
        return self.summary["name"]

    @property
    def status(self) -> str:
        """`created`, `running`, `paused` or `exited`."""
        return self.summary["state"]

    @property
    def image(self) -> str:
        """The image as it was asked for; its ID once that name leads elsewhere."""
        return self.summary["image"]

    @property
    def image_id(self) -> str:
        """ID of the image."""
        return self.summary["image_id"]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, the image's among them."""
        return dict(self.summary["labels"])

    @property
    def exit_code(self) -> int | None:
        """The exit code of one that has ended, if it is known."""
        return self.summary["exit_code"]

    @property
    def created(self) -> str:
        """When it was created, RFC 3339 in UTC."""
        return self.summary["created"]

    @property
    def summary(self) -> ContainerSummary:
        """All that a list tells of a container."""
        if self._summary is None:
            self._summary = _native.containers_get(self._engine._native, self._id)
        return self._summary

    @property
    def warnings(self) -> list[str]:
        """What there was to know when `create` made it; nothing for one that was looked up."""
        return list(self._warnings)

    @property
    def attrs(self) -> dict[str, Any]:
        """The container in Docker's JSON shape, read once: `inspect()` reads it anew."""
        if self._attrs is None:
            self._attrs = self.inspect()
        return self._attrs

    def inspect(self) -> dict[str, Any]:
        """The container in Docker's JSON shape (Engine API, "ContainerInspect")."""
        return _native.container_inspect(self._engine._native, self._id)

    def reload(self) -> None:
        """Looks it up again."""
        self._summary = _native.containers_get(self._engine._native, self._id)
        self._attrs = None

    def wait(
        self,
        timeout: float | None = None,
        condition: WaitCondition | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> WaitReport:
        """Waits until it does not run, or for another `condition`. `Timeout` after so many seconds."""
        milliseconds = None if timeout is None else int(timeout * 1000)
        options = {"condition": condition, "timeout_ms": milliseconds}
        report = _native.container_wait(self._engine._native, self._id, options, on_event, cancel)
        return {"StatusCode": report["exit_code"], "OOMKilled": report["oom_killed"]}

    def stop(
        self,
        *,
        timeout: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Sends it its stop signal, and SIGKILL after `timeout` seconds. Idempotent. A cancel kills it at once."""
        _native.container_stop(self._engine._native, self._id, {"timeout": timeout}, on_event, cancel)

    def restart(
        self,
        *,
        timeout: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Stops it, if it runs, and starts it."""
        _native.container_restart(self._engine._native, self._id, {"timeout": timeout}, on_event, cancel)

    def kill(self, signal: str | int | None = None) -> None:
        """Sends it a signal, by name or number; SIGKILL when none is given. `Conflict` when it does not run."""
        options = {"signal": None if signal is None else str(signal)}
        _native.container_kill(self._engine._native, self._id, options)

    def pause(self) -> None:
        """Stops everything in it for a while."""
        _native.container_pause(self._engine._native, self._id)

    def unpause(self) -> None:
        """Lets it go on."""
        _native.container_unpause(self._engine._native, self._id)

    def resize(self, height: int, width: int) -> None:
        """Tells its terminal its size."""
        _native.container_resize(self._engine._native, self._id, height, width)

    def top(self) -> TopReport:
        """The processes in it, in the columns of `ps -ef`."""
        return _native.container_top(self._engine._native, self._id)

    def rename(self, name: str) -> None:
        """Gives it another name. `Conflict` when that is taken."""
        _native.container_rename(self._engine._native, self._id, name)
        self.reload()

    def remove(self, v: bool = False, force: bool = False) -> None:
        """Removes it with all it wrote, its own volumes too. `Conflict` when it runs, unless `force` is set."""
        _native.container_remove(self._engine._native, self._id, {"v": v, "force": force})

    def commit(
        self,
        repository: str | None = None,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | Sequence[str] | None = None,
        *,
        compression: Compression | None = None,
        source_date_epoch: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image:
        """Makes an image of it: one more layer, and its config, changed by Dockerfile instructions.

        All that runs in it stops meanwhile, unless `pause` is False. `changes` are several, or a text with one on each
        line.
        """
        options = {
            "repository": repository,
            "tag": tag,
            "message": message,
            "author": author,
            "pause": pause,
            "changes": _containers.changes(changes),
            "compression": compression,
            "source_date_epoch": source_date_epoch,
        }
        id = _native.container_commit(self._engine._native, self._id, options, on_event, cancel)
        return self._engine.images.get(id)

    def diff(self, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None) -> list[FileChange]:
        """What differs between it and its image, sorted by path."""
        return _native.container_diff(self._engine._native, self._id, on_event, cancel)

    @overload
    def export(
        self, target: None = None, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> Stream[bytes]: ...
    @overload
    def export(self, target: Target, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None) -> None: ...
    def export(
        self, target: Target | None = None, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> Stream[bytes] | None:
        """Its file system as a tar: an iterator of bytes, or written to `target`. What is mounted in it is left out."""
        if target is not None:
            _native.container_export(self._engine._native, self._id, target, on_event, cancel)
            return None
        return Stream(_native.container_export_stream(self._engine._native, self._id, on_event, cancel))

    def stat(self, path: str) -> PathStat:
        """What stands at a path. Links are followed but for the last."""
        return _native.container_stat(self._engine._native, self._id, path)

    @overload
    def get_archive(
        self,
        path: str,
        target: None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Stream[bytes], PathStat]: ...
    @overload
    def get_archive(
        self,
        path: str,
        target: Target,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PathStat: ...
    def get_archive(
        self,
        path: str,
        target: Target | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Stream[bytes], PathStat] | PathStat:
        """What stands at a path as a tar, and what it is.

        Returns an iterator of bytes and the latter; with `target` the tar is written there.
        """
        native = self._engine._native
        if target is not None:
            return _native.container_get_archive(native, self._id, path, target, on_event, cancel)
        stat = self.stat(path)
        return Stream(_native.container_get_archive_stream(native, self._id, path, on_event, cancel)), stat

    def put_archive(
        self,
        path: str,
        data: Source,
        *,
        no_overwrite_dir_non_dir: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> bool:
        """Lays a tar, plain or compressed, into a directory. Always True: failures are exceptions.

        `no_overwrite_dir_non_dir` refuses to replace a directory by something else, and something else by a directory.
        """
        options = {"no_overwrite_dir_non_dir": no_overwrite_dir_non_dir}
        source = _arguments.source(data)
        _native.container_put_archive(self._engine._native, self._id, path, source, options, on_event, cancel)
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self.id == other.id

    def __hash__(self) -> int:
        return hash((Container, self.id))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.short_id}>"
