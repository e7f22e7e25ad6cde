"""The registry for tests, as users' tests use it: real pulls and pushes, and what becomes of them when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import layerkit
import pytest
from conftest import big_root_file_system, root_file_system
from layerkit import aio, testing
from layerkit.testing import Registry

SOURCES = Path(__file__).parents[2] / "tests" / "registry" / "src"
INDEX = "application/vnd.oci.image.index.v1+json"

OpenEngine = Callable[..., layerkit.Engine]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


@pytest.fixture
def open_engine(tmp_path: Path) -> Iterator[OpenEngine]:
    """Opens stores that know nothing of this machine's Docker."""
    engines: list[layerkit.Engine] = []

    def open_one(**config: Any) -> layerkit.Engine:
        folder = tmp_path / f"engine{len(engines)}"
        told: Any = {"docker_config": folder / "docker", "certs_dirs": [], "proxy": "", **config}
        engines.append(layerkit.Engine(folder / "store", registry=told))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


def push(engine: layerkit.Engine, name: str, tar: bytes | None = None) -> layerkit.Image:
    image = engine.images.import_image(tar or root_file_system(), name=name)
    engine.images.push(name)
    return image


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_what_one_store_pushes_another_pulls(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/team/app:1"
    image = push(open_engine(), name)
    assert registry.tags("team/app") == ["1"]
    found = registry.manifest("team/app", "1")
    assert found is not None
    media_type, document = found
    manifest = json.loads(document)
    assert manifest["mediaType"] == media_type
    assert all(registry.has_blob("team/app", layer["digest"]) for layer in manifest["layers"])
    pulled = open_engine().images.pull(name)
    assert (pulled.id, pulled.tags) == (image.id, [name])


def test_the_log_tells_what_a_client_really_did(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/app:1"
    push(open_engine(), name)
    registry.clear_requests()
    engine = open_engine()
    engine.images.pull(name)
    requests = registry.requests()
    assert {request["method"] for request in requests} <= {"GET", "HEAD"}
    assert all(request["status"] == 200 and request["host"] == registry.host for request in requests)
    assert sum("/blobs/" in request["path"] for request in requests) == 2, "a config and a layer"
    registry.clear_requests()
    engine.images.pull(name)
    assert not any("/blobs/" in request["path"] for request in registry.requests()), "everything was here"
    assert registry.peak_in_flight >= 1


def test_a_connection_that_breaks_is_survived(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/app:1"
    image = push(open_engine(), name, big_root_file_system(4))
    registry.clear_requests()
    registry.fault({"drop": {"after": 3 << 20}}, method="GET", path="/blobs/")
    events: list[layerkit.Event] = []
    engine = open_engine()
    assert engine.images.pull(name, on_event=events.append).id == image.id
    assert [event for event in events if event["event"] == "retrying"]
    assert any(request["range"] for request in registry.requests()), "it goes on where it stopped"
    assert engine.system.verify()["problems"] == []


def test_a_registry_that_is_tired_says_so(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/app:1"
    engine = open_engine(retries=0)
    push(engine, name)
    engine.images.remove(name)
    registry.fault({"status": {"status": 429, "message": "slow down", "retry_after": 1}}, path="/manifests/")
    with pytest.raises(layerkit.RateLimited, match="slow down") as caught:
        engine.images.pull(name)
    error = caught.value
    assert (error.status, error.registry_code) == (429, "TOOMANYREQUESTS")
    assert (error.host, error.repository) == (registry.host, "app")
    registry.clear_faults()
    assert engine.images.pull(name).tags == [name]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("unauthorized", layerkit.Unauthorized),
        ({"status": {"status": 403}}, layerkit.Denied),
        ({"status": {"status": 404}}, layerkit.NotFound),
        ({"status": {"status": 502}}, layerkit.NetworkError),
        ({"drop": {}}, layerkit.NetworkError),
        ({"stall": {}}, layerkit.Timeout),
    ],
    ids=str,
)
def test_every_failure_of_a_registry_tells_where_it_was(
    registry: Registry, open_engine: OpenEngine, fault: testing.Fault, kind: type[layerkit.LayerkitError]
) -> None:
    name = f"{registry.host}/app:1"
    push(open_engine(), name)
    engine = open_engine(retries=0, timeout_ms=300)
    for path in ("/manifests/", "/blobs/"):
        registry.clear_faults()
        registry.fault(fault, path=path)
        with pytest.raises(kind) as caught:
            engine.images.pull(name)
        error: Any = caught.value
        assert (error.host, error.repository) == (registry.host, "app")


def test_an_image_that_is_not_here_cannot_be_pushed(registry: Registry, open_engine: OpenEngine) -> None:
    with pytest.raises(layerkit.ImageNotFound) as caught:
        open_engine().images.push(f"{registry.host}/app:1")
    assert caught.value.image == f"{registry.host}/app:1"
    assert registry.requests() == []


def test_referrers_are_what_was_put(registry: Registry, open_engine: OpenEngine) -> None:
    engine = open_engine()
    image = push(engine, f"{registry.host}/app:1")
    image.reload()
    (name,) = image.digests
    subject = {"mediaType": INDEX, "digest": name.partition("@")[2], "size": 1}
    document = json.dumps({"artifactType": "x/sbom", "subject": subject}).encode()
    digest = "sha256:" + hashlib.sha256(document).hexdigest()
    assert registry.put_manifest("app", digest, INDEX, document) == digest
    (found,) = engine.registry.referrers(name)
    assert (found["digest"], found["artifactType"]) == (digest, "x/sbom")


def test_bytes_that_are_not_those_that_were_promised_are_found_out(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/app:1"
    push(open_engine(), name)
    registry.fault({"corrupt": {"at": 5}}, path="/blobs/")
    engine = open_engine(retries=0)
    with pytest.raises(layerkit.DigestMismatch):
        engine.images.pull(name)
    assert engine.images.list() == []
    assert engine.system.verify()["problems"] == []


def test_faults_wait_and_end(registry: Registry, open_engine: OpenEngine) -> None:
    engine = open_engine(retries=0)
    registry.fault({"status": {"status": 503}}, path="/tags/", skip=1, times=1)
    registry.put_manifest("app", "1", INDEX, b'{"schemaVersion":2,"manifests":[]}')
    assert engine.registry.tags(f"{registry.host}/app") == ["1"]
    with pytest.raises(layerkit.LayerkitError):
        engine.registry.tags(f"{registry.host}/app")
    assert engine.registry.tags(f"{registry.host}/app") == ["1"]


def test_tokens_that_expire_are_fetched_anew(open_engine: OpenEngine) -> None:
    with Registry(auth="token", users={"ann": "hunter2"}, token_lifetime=0.3, latency_ms=50) as registry:
        name = f"{registry.host}/app:1"
        engine = open_engine()
        with pytest.raises(layerkit.Unauthorized):
            engine.registry.login("ann", "wrong", registry=registry.host)
        report = engine.registry.login("ann", "hunter2", registry=registry.host)
        assert report["username"] == "ann"
        assert report["stored"].startswith(str(engine.root.parent)), "not in the developer's own files"
        image = push(engine, name)
        registry.clear_requests()
        other = open_engine()
        with pytest.raises(layerkit.LayerkitError):
            other.images.pull(name)
        auth: layerkit.AuthConfig = {"username": "ann", "password": "hunter2"}
        assert other.images.pull(name, auth_config=auth).id == image.id
        time.sleep(0.4)
        assert other.registry.tags(f"{registry.host}/app", auth_config=auth) == ["1"]
        requests = registry.requests()
        assert sum(request["path"].startswith("/token") for request in requests) >= 2
        assert {request["authorization"] for request in requests} == {"none", "basic", "bearer"}
        assert "hunter2" not in repr(requests)
        assert engine.registry.logout(registry.host)["removed"]


def test_tls_and_client_certificates(open_engine: OpenEngine, tmp_path: Path) -> None:
    with Registry(tls="valid", client_ca=True) as registry:
        assert registry.url == f"https://{registry.host}"
        assert registry.ca_pem is not None
        assert registry.client_identity is not None
        folder = tmp_path / "certs.d" / registry.host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_text(registry.ca_pem)
        (folder / "client.cert").write_text(registry.client_identity["certificate_pem"])
        (folder / "client.key").write_text(registry.client_identity["key_pem"])
        engine = open_engine(certs_dirs=[folder.parent])
        push(engine, f"{registry.host}/app:1")
        assert registry.tags("app") == ["1"]
        assert registry.requests()[0]["protocol"] == "HTTP/2.0"
        with pytest.raises(layerkit.NetworkError):
            open_engine(retries=0).registry.ping(registry.host)


def test_docker_hub_can_be_played(open_engine: OpenEngine, tmp_path: Path) -> None:
    options: testing.Options = {
        "proxy": {"hosts": ["registry-1.docker.io", "auth.docker.io", "index.docker.io", "registry.docker.io"]},
        "auth": "token",
        "anonymous_pull": True,
        "users": {"ann": "secret"},
        "search": [{"name": "app", "description": "an app", "star_count": 3, "is_official": True}],
    }
    with Registry(**options) as registry:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(registry.ca_pem or "")
        assert registry.proxy_url is not None
        engine = open_engine(ca_files=[ca_file], proxy=registry.proxy_url)
        engine.registry.login("ann", "secret")
        image = push(engine, "ann/app:1")
        assert open_engine(ca_files=[ca_file], proxy=registry.proxy_url).images.pull("ann/app:1").id == image.id
        (found,) = engine.images.search("app")
        assert (found["name"], found["star_count"], found["is_official"]) == ("app", 3, True)


def test_what_it_holds_can_be_looked_at_and_changed(registry: Registry) -> None:
    digest = registry.put_blob("a", b"hello")
    assert digest == "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert registry.blob("a", digest) == b"hello"
    assert registry.blob("b", digest) is None
    assert registry.has_blob("a", digest)
    assert registry.remove_blob("a", digest)
    assert not registry.remove_blob("a", digest)
    assert registry.manifest("a", "latest") is None
    document = b'{"not":"checked"}'
    digest = registry.put_manifest("a", "latest", INDEX, document)
    assert registry.manifest("a", digest) == registry.manifest("a", "latest") == (INDEX, document)
    assert registry.tags("a") == ["latest"]
    assert registry.tags("b") == []
    registry.stop()
    registry.stop()
    assert registry.tags("a") == ["latest"], "what it holds stays readable"
    assert registry.url in repr(registry)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nope": 1}, "unknown field `nope`"),
        ({"tls": "maybe"}, "unknown variant `maybe`"),
        ({"page_size": 0}, "`page_size` is at least 1"),
        ({"client_ca": True}, "`client_ca` needs `tls`"),
        ({"search": [{"stars": 1}]}, "unknown field `stars`"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(layerkit.InvalidArgument, match=message):
        Registry(**options)


def test_faults_that_make_no_sense_are_refused(registry: Registry) -> None:
    wrong: Any
    for wrong in ("nope", {"drop": {"before": 1}}, {"status": {}}, {"drop": {"after": 1}, "stall": {}}, {}):
        with pytest.raises(layerkit.InvalidArgument):
            registry.fault(wrong)
    with pytest.raises(layerkit.InvalidArgument):
        registry.fault("unauthorized", times=-1)


def test_none_is_the_default(descriptors: Callable[[], int]) -> None:
    with Registry(search=None, page_size=None, proxy=None, token_lifetime=None) as registry:
        registry.fault({"status": {"status": 500, "code": None}}, method=None, path=None, times=None)
        assert registry.proxy_url is None
        assert registry.ca_pem is None
        assert registry.client_identity is None


def test_one_that_stops_leaves_no_thread_and_no_descriptor(
    open_engine: OpenEngine, descriptors: Callable[[], int]
) -> None:
    engine = open_engine()

    def once() -> None:
        with Registry(blob_redirect="same") as registry:
            push(engine, f"{registry.host}/app:1")
            engine.images.remove(f"{registry.host}/app:1")
            registry.fault({"stall": {"after": 1}}, path="/blobs/")
            stuck = socket.create_connection(("127.0.0.1", int(registry.host.rpartition(":")[2])))
            stuck.sendall(b"GET /v2/ HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert stuck.recv(1) == b"", "its connections are cut"
        stuck.close()

    once()
    before = (threads(), descriptors())
    for _ in range(3):
        once()
    assert (threads(), descriptors()) == before


def test_one_that_nobody_holds_any_more_is_gone_too(descriptors: Callable[[], int]) -> None:
    before = (threads(), descriptors())
    registry: Registry | None = Registry()
    assert threads() == before[0] + 1
    del registry
    assert (threads(), descriptors()) == before


def test_stopping_waits_for_no_other_thread_of_python(registry: Registry) -> None:
    other = threading.Thread(target=registry.stop)
    other.start()
    registry.stop()
    other.join(10)
    assert not other.is_alive()


def test_a_pull_is_cancelled_while_the_registry_says_nothing(registry: Registry, open_engine: OpenEngine) -> None:
    name = f"{registry.host}/app:1"
    push(open_engine(), name)
    registry.fault({"stall": {"after": 1}}, method="GET", path="/blobs/")
    engine = open_engine()
    token = layerkit.CancelToken()
    timer = threading.Timer(0.3, token.cancel)
    timer.start()
    start = time.monotonic()
    with pytest.raises(layerkit.Cancelled):
        engine.images.pull(name, cancel=token)
    assert time.monotonic() - start < 5
    registry.clear_faults()
    assert engine.images.pull(name).tags == [name]


def test_it_serves_an_event_loop_too(registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/app:1"

    async def work() -> None:
        config: layerkit.RegistryConfig = {"docker_config": tmp_path}
        async with aio.Engine(tmp_path / "store", registry=config) as engine:
            await engine.images.import_image(root_file_system(), name=name)
            await engine.images.push(name)
            await engine.images.remove(name)
            registry.fault({"stall": {"after": 1}}, path="/blobs/")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.images.pull(name), 0.5)
            registry.clear_faults()
            assert (await engine.images.pull(name)).tags == [name]

    asyncio.run(work())


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    prelude = "import os, sys, signal, threading, time, layerkit\nfrom layerkit.testing import Registry\n"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", prelude + script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_ctrl_c_in_the_middle_of_a_pull(tmp_path: Path) -> None:
    script = """
registry = Registry()
with layerkit.Engine(sys.argv[1] + "/store", registry={"docker_config": sys.argv[1]}) as engine:
    name = f"{registry.host}/app:1"
    engine.images.import_image(sys.argv[2], name=name)
    engine.images.push(name)
    engine.images.remove(name)
    registry.fault({"stall": {"after": 1}}, path="/blobs/")
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        engine.images.pull(name)
    except KeyboardInterrupt:
        print("interrupted", engine.images.list(), engine.system.verify()["problems"])
"""
    tar = tmp_path / "rootfs.tar"
    tar.write_bytes(root_file_system())
    done = run(script, str(tmp_path), str(tar))
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted [] []\n", "", 0)


def test_a_forked_child_can_ask_it_but_not_hold_it() -> None:
    script = """
registry = Registry()
registry.put_blob("a", b"x")
child = os.fork()
if child == 0:
    import urllib.request
    print(urllib.request.urlopen(registry.url + "/v2/").status, flush=True)
    try:
        registry.requests()
    except layerkit.InvalidArgument as error:
        print(error, flush=True)
    registry.stop()
    del registry
    print("over", flush=True)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(registry.requests()))
registry.stop()
"""
    done = run(script)
    said = "the registry belongs to the process that this one was forked from"
    assert (done.stdout.splitlines(), done.stderr) == (["200", said, "over", "1"], "")
    assert done.returncode == 0


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "os._exit(0)", "raise SystemExit", "del registry"])
def test_the_end_of_the_interpreter_waits_for_nothing(ending: str) -> None:
    start = time.monotonic()
    done = run(f"registry = Registry(tls='valid')\nother = [Registry()]\nother.append(other)\n{ending}\n")
    assert (done.stderr, done.returncode) == ("", 3 if "3" in ending else 0)
    assert time.monotonic() - start < 10


def test_the_example_of_the_documentation_works() -> None:
    assert doctest.testmod(testing) == doctest.TestResults(failed=0, attempted=6)


@pytest.mark.parametrize(
    ("shape", "file", "struct"),
    [
        (testing.Options, "options", "Options"),
        (testing.SearchEntry, "options", "SearchEntry"),
        (testing.Proxy, "options", "Proxy"),
        (testing.Request, "log", "Request"),
        (testing.ClientIdentity, "certificates", "ClientIdentity"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_types_have_the_keys_of_the_registry(shape: type, file: str, struct: str) -> None:
    source = (SOURCES / f"{file}.rs").read_text()
    (body,) = re.findall(rf"^pub struct {struct} {{(.*?)^}}", source, re.DOTALL | re.MULTILINE)
    assert set(get_type_hints(shape)) == set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))


def test_every_fault_is_described() -> None:
    source = (SOURCES / "fault.rs").read_text()
    (body,) = re.findall(r"^pub enum Fault {(.*?)^}", source, re.DOTALL | re.MULTILINE)
    wanted = {
        snake(variant): set(re.findall(r"^        (\w+):", fields or "", re.MULTILINE))
        for variant, fields in re.findall(r"^    (\w+)(?: {(.*?)^    })?,", body, re.DOTALL | re.MULTILINE)
    }
    described: dict[str, set[str]] = {}
    for shape in get_args(testing.Fault):
        if isinstance(shape, type):
            ((name, details),) = get_type_hints(shape).items()
            described[name] = set(get_type_hints(details))
        else:
            described[get_args(shape)[0]] = set()
    assert described == wanted


def snake(name: str) -> str:
    return re.sub(r"(?!^)[A-Z]", lambda letter: "_" + letter[0], name).lower()
