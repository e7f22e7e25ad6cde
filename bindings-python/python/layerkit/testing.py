"""A registry for tests: it runs inside the test's process, keeps everything in memory and fails as it is told to.

>>> import io, pathlib, tarfile, tempfile
>>> import layerkit
>>> from layerkit.testing import Registry
>>> rootfs = io.BytesIO()
>>> with tarfile.open(fileobj=rootfs, mode="w") as tar:
...     tar.addfile(tarfile.TarInfo("hello"))
>>> with Registry() as registry, tempfile.TemporaryDirectory() as folder:
...     name = f"{registry.host}/team/app:1"
...     # The developer's own logins are not read.
...     with layerkit.Engine(pathlib.Path(folder, "store"), registry={"docker_config": folder}) as engine:
...         _ = engine.images.import_image(rootfs.getvalue(), name=name)
...         _ = engine.images.push(name)
...         _ = engine.images.remove(name)
...         registry.fault({"drop": {"after": 10}}, method="GET", path="/blobs/", times=1)
...         image = engine.images.pull(name)
...     print(registry.tags("team/app"), image.tags == [name])
['1'] True

It follows the Distribution Spec v1.1 and the token specifications of Docker's registry. What there is to know of each
option and fault stands here; the README of `layerkit-testing` says where it is strict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, TypeVar

from . import _native

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "ClientIdentity",
    "ContentTypeFault",
    "CorruptFault",
    "DelayFault",
    "DigestHeaderFault",
    "DropFault",
    "Fault",
    "Options",
    "Proxy",
    "RedirectFault",
    "RefuseUploadAfterFault",
    "Registry",
    "RemoveHeaderFault",
    "Request",
    "SearchEntry",
    "SlowFault",
    "StallFault",
    "StatusFault",
    "TruncateFault",
]

_R = TypeVar("_R", bound="Registry")


class Proxy(TypedDict):
    """The hosts that the registry's HTTP proxy plays, without port: `registry-1.docker.io`. All others are 502."""

    hosts: Sequence[str]


class SearchEntry(TypedDict, total=False):
    """A result of Docker Hub's search."""

    name: str
    description: str
    star_count: int
    is_official: bool
    is_automated: bool


class Options(TypedDict, total=False):
    """How a registry behaves. By default it is plain HTTP, follows the specification in all of its parts, and lets
    everybody do everything."""

    tls: Literal["none"] | Literal["valid"] | Literal["expired"] | Literal["wrong_name"] | Literal["self_signed"]
    """Its certificate; `none` is plain HTTP. `ca_pem` is what `Engine(registry={"ca_files": …})` wants in a file."""
    client_ca: bool
    """Demand a client certificate: `client_identity` is one."""
    http2: bool
    """Offer HTTP/2 over TLS; default True."""
    auth: Literal["none"] | Literal["basic"] | Literal["token"]
    """How clients log in."""
    users: Mapping[str, str]
    """Passwords by name."""
    anonymous_pull: bool
    """Tokens without a login may pull; otherwise they are given and may do nothing, as on Docker Hub."""
    token_lifetime: float | None
    """Seconds until a token is refused. When None it is 60, and not announced."""
    token_field: Literal["token"] | Literal["access_token"]
    """The field of the token service's answer to GET."""
    identity_tokens: bool
    """Serve refresh tokens and the OAuth2 POST, which is 404 otherwise."""
    narrow_grant: Sequence[str] | None
    """Actions that tokens grant at most."""
    denied: Sequence[str]
    """Repositories that are 403 DENIED to everyone."""
    latency_ms: int
    """Milliseconds before each answer, side by side."""
    mount: bool
    """Mount blobs of other repositories; default True."""
    chunked: bool
    """Take uploads by PATCH; default True, else 405."""
    chunk_min_length: int | None
    """`OCI-Chunk-Min-Length`; what follows a shorter chunk is 416."""
    max_request_size: int | None
    """Upload requests with larger bodies are 413."""
    referrers: bool
    """Serve the referrers API; default True, else 404."""
    ranges: bool
    """Honour `Range` on blobs; default True."""
    delete: bool
    """Allow DELETE of manifests and blobs; default True, else 405."""
    tag_delete: bool
    """Allow DELETE of a tag; default True, else 405."""
    page_size: int | None
    """Most entries of one answer of tags, catalog and referrers."""
    catalog: bool
    """Serve the catalog; default True, else 404."""
    search: Sequence[SearchEntry] | None
    """What Docker Hub's search finds things in; 404 when None."""
    relative_location: bool
    """The `Location` of an upload is relative, with a query that must come back."""
    blob_redirect: Literal["none"] | Literal["same"] | Literal["other_host"]
    """Where GET of a blob is sent to; the other host answers 400 to any `Authorization`."""
    proxy: Proxy | None
    """Also listen as an HTTP proxy, at `proxy_url`, that plays other hosts over TLS and plain."""


class _After(TypedDict):
    after: int


class _MayAfter(TypedDict, total=False):
    after: int


class _At(TypedDict):
    at: int


class _BytesPerSecond(TypedDict):
    bytes_per_second: int


class _Milliseconds(TypedDict):
    ms: int


class _StatusCode(TypedDict):
    status: int


class _Status(_StatusCode, total=False):
    code: str | None
    message: str | None
    retry_after: int | None


class _Value(TypedDict):
    value: str


class _Location(TypedDict):
    location: str


class _Bytes(TypedDict):
    bytes: int


class _Name(TypedDict):
    name: str


class DropFault(TypedDict):
    """The connection breaks after so many bytes of the answer's body. An answer without one is lost whole, though the
    request was carried out."""

    drop: _MayAfter


class TruncateFault(TypedDict):
    """The answer is shorter and looks whole."""

    truncate: _After


class CorruptFault(TypedDict):
    """The byte at this place of the body is another; the last one when the body is shorter."""

    corrupt: _At


class SlowFault(TypedDict):
    """The body comes slowly."""

    slow: _BytesPerSecond


class StallFault(TypedDict):
    """The body stops coming; the connection stays."""

    stall: _MayAfter


class DelayFault(TypedDict):
    """The request waits first."""

    delay: _Milliseconds


class StatusFault(TypedDict):
    """The request is not carried out, and answered so. `retry_after` is in seconds."""

    status: _Status


class ContentTypeFault(TypedDict):
    """Another `Content-Type`."""

    content_type: _Value


class DigestHeaderFault(TypedDict):
    """Another `Docker-Content-Digest`."""

    digest_header: _Value


class RedirectFault(TypedDict):
    """307 to somewhere else."""

    redirect: _Location


class RefuseUploadAfterFault(TypedDict):
    """The connection breaks when so many bytes of the request's body have come. An upload session keeps those."""

    refuse_upload_after: _Bytes


class RemoveHeaderFault(TypedDict):
    """The answer lacks a header."""

    remove_header: _Name


Fault: TypeAlias = (
    Literal["unauthorized"]
    | Literal["no_range"]
    | DropFault
    | TruncateFault
    | CorruptFault
    | SlowFault
    | StallFault
    | DelayFault
    | StatusFault
    | ContentTypeFault
    | DigestHeaderFault
    | RedirectFault
    | RefuseUploadAfterFault
    | RemoveHeaderFault
)
"""What goes wrong. `unauthorized`: 401 with the usual challenge, whatever was sent; `no_range`: `Range` is ignored."""


class Request(TypedDict):
    """A request that arrived. No secret is in it."""

    method: str
    path: str
    """With its query; host and port of a CONNECT."""
    host: str
    """The host it was meant for."""
    status: int
    """Of the answer; 0 when there is none: not yet, or because the connection was cut."""
    protocol: str
    """`HTTP/1.1` or `HTTP/2.0`."""
    range: str | None
    user_agent: str | None
    authorization: Literal["none"] | Literal["basic"] | Literal["bearer"] | Literal["other"]
    """How it logged in."""
    content_length: int | None
    bytes_received: int
    """Of its body."""
    bytes_sent: int
    """Of the answer's body."""


class ClientIdentity(TypedDict):
    """A client certificate and its key, as `client.cert` and `client.key` in Docker's `certs.d`."""

    certificate_pem: str
    key_pem: str


class Registry:
    """A registry that serves until it is stopped. Use it in a `with`, or stop it.

    It may be used from several threads. What it holds and logged can be read after it was stopped too. A forked child
    cannot use it, but can be a client of the one in its parent.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        """Starts it on a port of 127.0.0.1 that the system chooses. It serves when this returns.

        Options are those of `Options`. One that does not exist, or cannot have an effect, is `InvalidArgument`.
        """
        self._native = _native.TestRegistry(dict(options))

    @property
    def host(self) -> str:
        """Host and port as they stand in an image's name: `127.0.0.1:port`, or `localhost:port` with TLS."""
        return self._native.host

    @property
    def url(self) -> str:
        """`http://host` or `https://host`."""
        return self._native.url

    @property
    def proxy_url(self) -> str | None:
        """The URL of its HTTP proxy, if the options ask for one: `Engine(registry={"proxy": …})`."""
        return self._native.proxy_url

    @property
    def ca_pem(self) -> str | None:
        """The certificate of its CA, with TLS or a proxy."""
        return self._native.ca_pem

    @property
    def client_identity(self) -> ClientIdentity | None:
        """A certificate that its CA gave to a client, with TLS or a proxy."""
        return self._native.client_identity

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were being handled at the same time."""
        return self._native.peak_in_flight

    def fault(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        skip: int = 0,
        times: int | None = None,
    ) -> None:
        """From now on, makes requests fail: those of `method` whose path with query contains `path`, any if None.

        The first `skip` of them pass, then `times` fail, for ever if None. Every rule counts a request that it
        matches; the first that is due happens, and no other.
        """
        self._native.fault({"fault": fault, "method": method, "path": path, "skip": skip, "times": times})

    def clear_faults(self) -> None:
        """Removes all faults. One that is happening goes on."""
        self._native.clear_faults()

    def requests(self) -> list[Request]:
        """The requests that arrived, in order."""
        return self._native.requests()

    def clear_requests(self) -> None:
        """Forgets the requests that arrived."""
        self._native.clear_requests()

    def put_blob(self, repository: str, data: bytes) -> str:
        """Stores a blob, and returns its digest."""
        return self._native.put_blob(repository, data)

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob of a repository, None if it is not there."""
        return self._native.blob(repository, digest)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has a blob."""
        return self._native.has_blob(repository, digest)

    def remove_blob(self, repository: str, digest: str) -> bool:
        """Removes a blob, and says whether it was there. Manifests may still refer to it."""
        return self._native.remove_blob(repository, digest)

    def put_manifest(self, repository: str, reference: str, media_type: str, data: bytes) -> str:
        """Stores a manifest under a tag or digest, and returns its digest. Nothing is checked: it may be a lie."""
        return self._native.put_manifest(repository, reference, media_type, data)

    def manifest(self, repository: str, reference: str) -> tuple[str, bytes] | None:
        """The media type and the bytes of a manifest, by tag or digest; None if it is not there."""
        return self._native.manifest(repository, reference)

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted. None are there when there is no such repository."""
        return self._native.tags(repository)

    def stop(self) -> None:
        """Cuts its connections and stops it; its thread and sockets are gone when this returns. Twice is fine."""
        self._native.stop()

    def __enter__(self: _R) -> _R:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self.url}>"
