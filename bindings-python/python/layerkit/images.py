"""The images of a store, and one image. Names and keywords follow docker-py."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _arguments, _build, _files, _native
from .types import (
    AuthConfig,
    BuildOptions,
    BuildResult,
    Compression,
    FileChange,
    Filters,
    HistoryEntry,
    ImageFile,
    ImageSummary,
    OnEvent,
    PruneReport,
    PushedImage,
    RemoveReport,
    SaveFormat,
    SearchResult,
    Source,
    StrPath,
    Target,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._native import CancelToken
    from .engine import Engine

__all__ = ["Image", "Images"]


class Image:
    """One image of a store, as it was when it was looked up; `reload()` looks again."""

    def __init__(self, engine: Engine, summary: ImageSummary, built: BuildResult | None = None) -> None:
        self._engine = engine
        self._built = built
        self._summary = summary
        self._attrs: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """Its ID, `sha256:<hex>`: the digest of its config."""
        return self._summary["id"]

    @property
    def short_id(self) -> str:
        """Its ID cut to 12 digits, with `sha256:` in front."""
        return self.id[:19]

    @property
    def tags(self) -> list[str]:
        """Its names, `repository:tag`, sorted."""
        return list(self._summary["tags"])

    @property
    def digests(self) -> list[str]:
        """Its names by digest, `repository@sha256:<hex>`: what it was pulled or pushed as."""
        return list(self._summary["digests"])

    @property
    def manifest_digest(self) -> str:
        """Digest of its manifest here. `digests` has those of registries: a push compresses layers that are not."""
        return self._summary["manifest_digest"]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self._summary["labels"])

    @property
    def size(self) -> int:
        """Bytes of its layers once unpacked; their stored size as long as the other is not known."""
        return self._summary["size"]

    @property
    def created(self) -> str:
        """When it was created, RFC 3339 in UTC."""
        return self._summary["created"]

    @property
    def parent(self) -> str:
        """ID of the image it was built on, or empty."""
        return self._summary["parent"]

    @property
    def platform(self) -> str:
        """`os/architecture[/variant]`."""
        return self._summary["platform"]

    @property
    def summary(self) -> ImageSummary:
        """All that a list tells of an image."""
        return self._summary

    @property
    def built(self) -> BuildResult | None:
        """Of an image that a build returned, what it made: of several platforms all images, and the index."""
        return self._built

    @property
    def attrs(self) -> dict[str, Any]:
        """The image in Docker's JSON shape, read once: `inspect()` reads it anew."""
        if self._attrs is None:
            self._attrs = self.inspect()
        return self._attrs

    def inspect(self) -> dict[str, Any]:
        """The image in Docker's JSON shape (Engine API, "ImageInspect")."""
        return _native.image_inspect(self._engine._native, self.id)

    def history(self) -> list[HistoryEntry]:
        """Its history, newest first."""
        return _native.image_history(self._engine._native, self.id)

    def tag(self, repository: str, tag: str | None = None) -> bool:
        """Gives it a name, which moves here if another image has it. Always True: failures are exceptions."""
        name = repository if tag is None else f"{repository}:{tag}"
        _native.image_tag(self._engine._native, self.id, name)
        self.reload()
        return True

    def save(
        self,
        target: Target,
        *,
        format: SaveFormat = "docker",
        named: bool | str = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Saves it: without a name, with its first (`named=True`) or with the one given. See `Images.save`."""
        image = self.tags[0] if named is True and self.tags else named or self.id
        images = [self.id if image is True else image]
        options = {"format": format}
        _native.images_save(self._engine._native, images, target, options, on_event, cancel)

    def unpack(
        self,
        directory: StrPath,
        *,
        replace: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Unpacks its file system into a directory, which appears when it is whole.

        A directory that is there is `AlreadyExists` unless `replace` is set.
        """
        options = {"replace": replace}
        _native.image_unpack(self._engine._native, self.id, directory, options, on_event, cancel)

    def files(
        self,
        path: StrPath = "/",
        *,
        recursive: bool = True,
        follow: bool = True,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[ImageFile]:
        """Its files: `path` and what is below it, each directory before what it holds, without unpacking anything.

        `recursive=False` stops at what a directory itself has. Symlinks on the way are followed inside the image, and
        so is `path` itself unless `follow` is off. A path that is not there is `NotFound`.
        """
        options = {"path": os.fspath(path), "recursive": recursive, "follow": follow}
        return iter(_native.image_files(self._engine._native, self.id, options, on_event, cancel))

    def read(self, path: StrPath, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None) -> bytes:
        """The content of a file of it, read from the one layer that has it; symlinks are followed inside the image.

        A path that is not there is `NotFound`, a directory or a device `InvalidArgument`. See `open` for large files.
        """
        content = io.BytesIO()
        _native.image_read(self._engine._native, self.id, path, content, on_event, cancel)
        return content.getvalue()

    def open(
        self, path: StrPath, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> io.BufferedReader:
        """A file of it as a binary file object, read while its layer is decompressed; errors are those of `read`.

        It can be read once, from front to back, and needs neither the engine nor the image any more. A layer that is
        damaged is `DigestMismatch`, at the end of the file at the latest. `cancel` ends reading, too.
        """
        return _files.buffered(_native.image_open(self._engine._native, self.id, path, on_event, cancel))

    def diff(
        self,
        other: str | Image,
        *,
        mtime: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[FileChange]:
        """What another image adds, changes and deletes, compared with this one, sorted by path.

        Changed is what has another type, mode, owner, group, device number, link target, extended attribute, size or
        content; with `mtime` another time of change as well. Files are read only where the rest does not tell.
        """
        name = other.id if isinstance(other, Image) else other
        return _native.image_diff(self._engine._native, self.id, name, {"mtime": mtime}, on_event, cancel)

    def push(
        self,
        *,
        platform: str | None = None,
        concurrency: int | None = None,
        chunk_size: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> list[PushedImage]:
        """Pushes every name it has. See `Images.push`; `InvalidArgument` when it has none."""
        options = {
            "platform": platform,
            "concurrency": concurrency,
            "chunk_size": chunk_size,
            "auth": _arguments.auth(auth_config),
        }
        return _native.image_push(self._engine._native, self.id, options, on_event, cancel)

    def remove(self, force: bool = False, noprune: bool = False) -> RemoveReport:
        """Removes it. With several names it is `Conflict` unless `force` is set."""
        return self._engine.images.remove(self.id, force=force, noprune=noprune)

    def reload(self) -> None:
        """Looks it up again."""
        self._summary = _native.images_get(self._engine._native, self.id)
        self._attrs = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.id == other.id

    def __hash__(self) -> int:
        return hash((Image, self.id))

    def __repr__(self) -> str:
        names = ", ".join(repr(tag) for tag in self.tags)
        return f"<{type(self).__name__}: {names or self.short_id}>"


class Images:
    """The images of a store.

    An image is given as a name, an ID or an unambiguous prefix of one, or as an `Image`.
    Long operations take `on_event`, called with each `Event` in the thread that made the call, and `cancel`, a
    `CancelToken`. Ctrl-C in the main thread cancels them too (with the token, if one was given); either way they have
    ended when the call comes back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, name: str | None = None, all: bool = False, filters: Filters | None = None) -> list[Image]:
        """The images, newest first.

        `name` is a repository or a pattern; `all` adds the steps of builds; `filters` are Docker's: `dangling`,
        `label`, `before`, `since`, `reference`.
        """
        options = {"name": name, "all": all, "filters": _arguments.filters(filters)}
        return [Image(self._engine, summary) for summary in _native.images_list(self._engine._native, options)]

    def get(self, name: str) -> Image:
        """One image."""
        return Image(self._engine, _native.images_get(self._engine._native, name))

    def import_image(
        self,
        source: Source,
        *,
        name: str | None = None,
        changes: Sequence[str] | None = None,
        message: str | None = None,
        platform: str | None = None,
        compression: Compression | None = None,
        source_date_epoch: int | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image:
        """Makes an image of one layer from a tar of a root file system, plain or compressed.

        `source` is a path, a binary file object or bytes; `changes` are Dockerfile instructions that set the config.
        """
        options = {
            "name": name,
            "changes": _arguments.several(changes),
            "message": message,
            "platform": platform,
            "compression": compression,
            "source_date_epoch": source_date_epoch,
        }
        native = self._engine._native
        return self.get(_native.images_import(native, _arguments.source(source), options, on_event, cancel))

    def load(
        self, source: Source, *, on_event: OnEvent | None = None, cancel: CancelToken | None = None
    ) -> builtins.list[Image]:
        """Loads every image of an archive that docker, podman, skopeo or layerkit wrote, compressed or not.

        `source` is a path (also of an OCI layout directory), a binary file object or bytes.
        """
        loaded = _native.images_load(self._engine._native, _arguments.source(source), {}, on_event, cancel)
        return [self.get(image["id"]) for image in loaded]

    def save(
        self,
        images: str | Image | Iterable[str | Image],
        target: Target,
        format: SaveFormat = "docker",
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Saves images into one archive.

        A repository without a tag saves all its tags; an `Image` or an ID is saved without a name. `target` is a path,
        which appears when it is whole, or a binary file object. The format `docker` is both a docker-archive and an OCI
        layout; `oci-archive` is a tar, `oci-dir` a directory that is the latter only.
        """
        several = [images] if isinstance(images, str | Image) else images
        names = [image.id if isinstance(image, Image) else image for image in several]
        _native.images_save(self._engine._native, names, target, {"format": format}, on_event, cancel)

    def remove(self, image: str | Image, force: bool = False, noprune: bool = False) -> RemoveReport:
        """Removes an image by name or ID, by Docker's rules: a name is untagged, the last takes the image along."""
        options = {"force": force, "no_prune": noprune}
        name = image.id if isinstance(image, Image) else image
        return _native.images_remove(self._engine._native, name, options)

    def prune(
        self,
        filters: Filters | None = None,
        *,
        all: bool = False,
        dry_run: bool = False,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> PruneReport:
        """Removes images without a name that nothing uses; with `all` every image that no container uses.

        `filters` are `label` and `until`.
        """
        options = {"all": all, "dry_run": dry_run, "filters": _arguments.filters(filters)}
        return _native.images_prune(self._engine._native, options, on_event, cancel)

    def build(
        self,
        path: StrPath | None = None,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[BuildOptions],
    ) -> Image:
        """Builds a Dockerfile, really running its RUN steps.

        `path` is the context: a directory, or the URL of a git repository or of a tar. The other keywords are
        docker-py's (`tag`, `dockerfile`, `buildargs`, `fileobj`, …) and more (`files`, `secrets`, `outputs`, …);
        `layerkit.types.BuildOptions` says what each is. A step that fails is `BuildFailed`, with `line`, `command`,
        `exit_code` and `output_tail`.
        """
        native = self._engine._native
        built = _build.request(path, options).run(native, on_event, cancel)
        return Image(self._engine, _native.images_get(native, built["id"]), built)

    @overload
    def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: Literal[False] = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image: ...
    @overload
    def pull(
        self,
        repository: str,
        tag: str | None = None,
        *,
        all_tags: Literal[True],
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[Image]: ...
    @overload
    def pull(
        self,
        repository: str,
        tag: str | None,
        all_tags: Literal[True],
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[Image]: ...
    @overload
    def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: bool = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image | builtins.list[Image]: ...
    def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: bool = False,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        expect: str | None = None,
        concurrency: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> Image | builtins.list[Image]:
        """Pulls an image, or with `all_tags` every tag of a repository: then a list, one for each tag.

        `tag` may be a digest; it stands in for the one that `repository` carries. Without either it is `latest`.
        `expect` is the digest that the name must lead to, `all_platforms` keeps the whole index, `auth_config` beats
        the credentials that are stored. What is here already is not fetched.
        """
        options = {
            "platform": platform,
            "all_tags": all_tags,
            "all_platforms": all_platforms,
            "expect": expect,
            "concurrency": concurrency,
            "auth": _arguments.auth(auth_config),
        }
        name = _arguments.name(repository, tag)
        pulled = _native.images_pull(self._engine._native, name, options, on_event, cancel)
        images = [self.get(image["id"]) for image in pulled]
        return images if all_tags else images[0]

    def push(
        self,
        repository: str,
        tag: str | None = None,
        *,
        all_tags: bool = False,
        platform: str | None = None,
        concurrency: int | None = None,
        chunk_size: int | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[PushedImage]:
        """Pushes a name, or with `all_tags` every tag of a repository that is here.

        Without a tag it is `latest`. A manifest goes as it is stored; layers that are stored uncompressed are
        compressed for it, which makes it another. `chunk_size` is the bytes of one request, for registries that
        refuse large ones.
        """
        options = {
            "all_tags": all_tags,
            "platform": platform,
            "concurrency": concurrency,
            "chunk_size": chunk_size,
            "auth": _arguments.auth(auth_config),
        }
        name = _arguments.name(repository, tag)
        return _native.images_push(self._engine._native, name, options, on_event, cancel)

    def search(
        self,
        term: str,
        limit: int | None = None,
        *,
        filters: Filters | None = None,
        auth_config: AuthConfig | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> builtins.list[SearchResult]:
        """Searches Docker Hub, or the host that the term begins with.

        `limit` is 1 to 100, 25 when none is given; `filters` are Docker's: `stars`, `is-official`, `is-automated`.
        """
        options = {"limit": limit, "filters": _arguments.filters(filters), "auth": _arguments.auth(auth_config)}
        return _native.images_search(self._engine._native, term, options, on_event, cancel)
