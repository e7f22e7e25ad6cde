"""Operations on registries, as far as they go without one: arguments, credentials, cancelling."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import layerkit
import pytest
from conftest import root_file_system
from layerkit import _native, aio, types

Call = Callable[..., Any]

#: Every operation, with what it needs.
OPERATIONS: dict[str, Call] = {
    "images_pull": lambda engine, **watch: engine.images.pull("127.0.0.1:1/a", **watch),
    "images_push": lambda engine, **watch: engine.images.push("127.0.0.1:1/a", **watch),
    "images_search": lambda engine, **watch: engine.images.search("127.0.0.1:1/a", **watch),
    "registry_login": lambda engine, **watch: engine.registry.login("me", "secret", registry="127.0.0.1:1", **watch),
    "registry_logout": lambda engine, **watch: engine.registry.logout("127.0.0.1:1", **watch),
    "registry_ping": lambda engine, **watch: engine.registry.ping("127.0.0.1:1", **watch),
    "registry_tags": lambda engine, **watch: engine.registry.tags("127.0.0.1:1/a", **watch),
    "registry_manifest": lambda engine, **watch: engine.registry.manifest("127.0.0.1:1/a", **watch),
    "registry_referrers": lambda engine, **watch: engine.registry.referrers("127.0.0.1:1/a", **watch),
    "registry_copy": lambda engine, **watch: engine.registry.copy("127.0.0.1:1/a", "127.0.0.1:1/b", **watch),
    "registry_delete": lambda engine, **watch: engine.registry.delete("127.0.0.1:1/a:1", **watch),
}

#: Those that take `auth_config`.
WITH_AUTH = [name for name in OPERATIONS if name not in ("registry_login", "registry_logout", "registry_copy")]


class Asked(Exception):
    """Ends a call where it would reach the core."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the core would be asked: the arguments between the engine and `on_event`. The call raises `Asked`."""
    calls: list[tuple[Any, ...]] = []

    def ask(engine: _native.Engine, *arguments: Any) -> None:
        calls.append(arguments[:-2])
        raise Asked

    for name in (*OPERATIONS, "image_push"):
        monkeypatch.setattr(_native, name, ask)
    return calls


def test_every_operation_of_the_native_half_is_here() -> None:
    native = {name for name in _native.__all__ if name.startswith("registry_")}
    assert native | {"images_pull", "images_push", "images_search"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_token_that_is_cancelled_already_ends_it_before_it_begins(engine: layerkit.Engine, operation: Call) -> None:
    token = layerkit.CancelToken()
    token.cancel()
    events: list[layerkit.Event] = []
    with pytest.raises(layerkit.Cancelled):
        operation(engine, cancel=token, on_event=events.append)
    assert events == []


def test_a_cancelled_push_of_an_image_does_nothing(engine: layerkit.Engine, image: layerkit.Image) -> None:
    token = layerkit.CancelToken()
    token.cancel()
    with pytest.raises(layerkit.Cancelled):
        image.push(cancel=token)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_closed_engine_says_so(engine: layerkit.Engine, operation: Call) -> None:
    engine.close()
    with pytest.raises(layerkit.InvalidArgument, match="closed"):
        operation(engine)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_unknown_keyword_is_never_ignored(engine: layerkit.Engine, operation: Call) -> None:
    with pytest.raises(TypeError, match="nope"):
        operation(engine, nope=1)


def test_the_same_is_awaitable(tmp_path: Path) -> None:
    async def work() -> None:
        token = layerkit.CancelToken()
        token.cancel()
        async with aio.Engine(tmp_path / "store", registry={"retries": 0}) as engine:
            for operation in OPERATIONS.values():
                with pytest.raises(layerkit.Cancelled):
                    await operation(engine, cancel=token)
            image = await engine.images.import_image(root_file_system())
            with pytest.raises(layerkit.Cancelled):
                await image.push(cancel=token)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("repository", "tag", "name"),
    [
        ("ubuntu", None, "ubuntu"),
        ("ubuntu", "", "ubuntu"),
        ("ubuntu", "16.04", "ubuntu:16.04"),
        ("ubuntu:16.04", None, "ubuntu:16.04"),
        ("ubuntu:16.04", "18.04", "ubuntu:18.04"),
        ("localhost:5000/ubuntu", "16.04", "localhost:5000/ubuntu:16.04"),
        ("localhost:5000/ubuntu:14.04", "16.04", "localhost:5000/ubuntu:16.04"),
        ("ubuntu", "sha256:00", "ubuntu@sha256:00"),
        ("ubuntu:16.04", "sha256:00", "ubuntu@sha256:00"),
        ("ubuntu@sha256:00", "16.04", "ubuntu:16.04"),
        ("ubuntu@sha256:00", None, "ubuntu@sha256:00"),
    ],
)
def test_repository_and_tag_are_one_name_as_in_docker_py(
    engine: layerkit.Engine, asked: list[tuple[Any, ...]], repository: str, tag: str | None, name: str
) -> None:
    for call in (engine.images.pull, engine.images.push):
        with pytest.raises(Asked):
            call(repository, tag)
    assert [asked_name for asked_name, _ in asked] == [name, name]


def test_options_have_the_names_of_the_core(
    engine: layerkit.Engine, image: layerkit.Image, asked: list[tuple[Any, ...]]
) -> None:
    auth: layerkit.AuthConfig = {"username": "me", "password": "secret"}
    transfer: dict[str, Any] = {"platform": "linux/arm64", "concurrency": 2}
    sent: dict[str, Any] = {**transfer, "chunk_size": 1024}
    for call, wanted in (
        (
            lambda: engine.images.pull("a", None, True, **transfer, all_platforms=True, expect="x", auth_config=auth),
            ("a", {**transfer, "all_tags": True, "all_platforms": True, "expect": "x", "auth": auth}),
        ),
        (
            lambda: engine.images.push("a", all_tags=True, **sent, auth_config=auth),
            ("a", {**sent, "all_tags": True, "auth": auth}),
        ),
        (lambda: image.push(**sent, auth_config=auth), (image.id, {**sent, "auth": auth})),
        (
            lambda: engine.images.search("a", 3, filters={"stars": 5, "is-official": True}, auth_config=auth),
            ("a", {"limit": 3, "filters": {"stars": ["5"], "is-official": ["true"]}, "auth": auth}),
        ),
        (lambda: engine.registry.login("me", "secret", registry="r"), ("r", auth)),
        (lambda: engine.registry.login(identity_token="secret"), ("", {"identity_token": "secret"})),
        (lambda: engine.registry.logout(), ("",)),
        (lambda: engine.registry.tags("a", limit=1, last="b"), ("a", {"limit": 1, "last": "b", "auth": None})),
        (
            lambda: engine.registry.copy("a", "b", **sent, referrers=True, source_auth=auth, destination_auth={}),
            ("a", "b", {**sent, "referrers": True, "source_auth": auth, "destination_auth": {}}),
        ),
    ):
        with pytest.raises(Asked):
            call()
        assert asked[-1] == wanted


def test_docker_pys_auth_config_is_taken_as_it_is(engine: layerkit.Engine, asked: list[tuple[Any, ...]]) -> None:
    given: layerkit.AuthConfig = {
        "username": "me",
        "password": "secret",
        "email": "me@example.com",
        "serveraddress": "https://index.docker.io/v1/",
        "identitytoken": "one",
        "registrytoken": None,
    }
    for name in WITH_AUTH:
        with pytest.raises(Asked):
            OPERATIONS[name](engine, auth_config=given)
        assert asked[-1][-1]["auth"] == {"username": "me", "password": "secret", "identity_token": "one"}
    with pytest.raises(Asked):
        engine.registry.ping(auth_config={"identity_token": "one", "registry_token": "two"})
    assert asked[-1][-1]["auth"] == {"identity_token": "one", "registry_token": "two"}


@pytest.mark.parametrize("name", WITH_AUTH)
def test_a_key_that_credentials_do_not_have_is_refused(engine: layerkit.Engine, name: str) -> None:
    with pytest.raises(layerkit.InvalidArgument, match="passwort") as caught:
        OPERATIONS[name](engine, auth_config={"username": "me", "passwort": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "secret", [b"hunter2", 4711, "me:hunter2", ["hunter2"]], ids=lambda secret: type(secret).__name__
)
def test_a_secret_of_the_wrong_type_is_not_shown(engine: layerkit.Engine, secret: Any) -> None:
    calls: list[Callable[[], Any]] = [lambda: engine.images.pull("a", auth_config=secret)]
    if not isinstance(secret, str):
        calls.append(lambda: engine.images.pull("a", auth_config={"password": secret}))
        calls.append(lambda: engine.registry.login("me", secret))
        calls.append(lambda: engine.registry.copy("a", "b", source_auth={"registrytoken": secret}))
    for call in calls:
        with pytest.raises(TypeError, match="must be a") as caught:
            call()
        assert "hunter2" not in str(caught.value)
        assert "4711" not in str(caught.value)


def test_nothing_with_credentials_shows_them(tmp_path: Path) -> None:
    with layerkit.Engine(
        tmp_path / "store", registry={"proxy": "http://me:hunter2@127.0.0.1:1", "retries": 0}
    ) as engine:
        with pytest.raises(layerkit.LayerkitError) as caught:
            engine.images.pull("127.0.0.1:1/a", auth_config={"username": "me", "password": "hunter2"})
        for thing in (engine, engine.images, engine.registry, caught.value, caught.value.fields):
            assert "hunter2" not in repr(thing) + str(thing)


def test_pull_gives_an_image_or_a_list_of_them(
    engine: layerkit.Engine, image: layerkit.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = {"id": image.id, "name": "base:1", "digest": "sha256:00", "new": False}
    monkeypatch.setattr(_native, "images_pull", lambda *arguments: [pulled])
    assert engine.images.pull("base:1") == image
    assert engine.images.pull("base", all_tags=True) == [image]
    assert engine.images.pull("base", None, True)[0].tags == ["base:1"]

    async def work() -> None:
        async with aio.Engine(engine.root) as awaitable:
            assert (await awaitable.images.pull("base:1")).id == image.id
            assert [one.id for one in await awaitable.images.pull("base", all_tags=True)] == [image.id]

    asyncio.run(work())


def test_an_engine_is_told_how_registries_are_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layerkit.Engine(tmp_path / "store", None, {"certs_dirs": None, "docker_config": None, "proxy": None}).close()
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(_native, "Engine", lambda root, options: told.append(options["registry"]))
    plain: layerkit.RegistryConfig = {
        "insecure": ["localhost:5000"],
        "mirrors": ["https://mirror.example.com"],
        "proxy": "",
        "timeout_ms": 1000,
        "connect_timeout_ms": 1000,
        "retries": 0,
        "concurrency": 1,
    }
    layerkit.Engine(
        registry={
            **plain,
            "ca_files": (Path("/a/ca.pem"), "/b"),
            "certs_dirs": [Path("/c")],
            "docker_config": Path("/d"),
        }
    )
    assert told == [{**plain, "ca_files": ["/a/ca.pem", "/b"], "certs_dirs": ["/c"], "docker_config": "/d"}]


@pytest.mark.parametrize(
    ("shape", "struct"),
    [
        (types.RegistryConfig, "RegistryConfig"),
        (types.PushedImage, "PushedImage"),
        (types.SearchResult, "SearchResult"),
        (types.LoginReport, "LoginReport"),
        (types.LogoutReport, "LogoutReport"),
        (types.PingReport, "PingReport"),
        (types.ManifestReport, "ManifestReport"),
        (types.CopyReport, "CopyReport"),
        (types.BuildResult, "BuildResult"),
        (types.BuiltImage, "BuiltImage"),
        (types.BuildStep, "BuildStep"),
        (types.Ulimit, "Ulimit"),
        (types.TerminalSize, "TerminalSize"),
        (types.ExitReport, "ExitReport"),
        (types.ContainerSummary, "ContainerSummary"),
        (types.ContainerPruneReport, "ContainerPruneReport"),
        (types.FileChange, "FileChange"),
        (types.TopReport, "TopReport"),
        (types.PathStat, "PathStat"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_types_have_the_keys_of_the_core(shape: type, struct: str) -> None:
    core = Path(__file__).parents[2] / "core" / "src"
    source = "".join(
        (core / name).read_text()
        for name in (
            "archive/files/report.rs",
            "config.rs",
            "registry/options.rs",
            "build/options.rs",
            "containers/options.rs",
            "containers/report.rs",
            "dockerfile/steps.rs",
        )
    )
    (body,) = re.findall(rf"^pub struct {struct} {{(.*?)^}}", source, re.DOTALL | re.MULTILINE)
    assert set(get_type_hints(shape)) == set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))


def test_every_event_of_the_core_is_described() -> None:
    source = (Path(__file__).parents[2] / "core" / "src" / "event.rs").read_text()
    (body,) = re.findall(r"^pub enum Event {(.*?)^}", source, re.DOTALL | re.MULTILINE)
    wanted = {
        variant: set(re.findall(r"^        (\w+):", fields, re.MULTILINE))
        for variant, fields in re.findall(r"^    (\w+) {(.*?)^    }", body, re.DOTALL | re.MULTILINE)
    }
    described = {shape.__name__.removesuffix("Event"): set(get_type_hints(shape)) for shape in get_args(types.Event)}
    assert {name: keys - {"event"} for name, keys in described.items()} == wanted


def test_a_registry_config_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(layerkit.InvalidArgument, match="mirror"):
        layerkit.Engine(tmp_path / "store", registry={"mirror": []})  # type: ignore
    with pytest.raises(layerkit.InvalidArgument):
        layerkit.Engine(tmp_path / "store", registry={"insecure": "localhost:5000"})
    with pytest.raises(layerkit.InvalidArgument):
        layerkit.Engine(tmp_path / "store", registry={"retries": -1})
    with pytest.raises(TypeError, match="one path"):
        layerkit.Engine(tmp_path / "store", registry={"certs_dirs": str(tmp_path)})
    with pytest.raises(TypeError):
        layerkit.Engine(tmp_path / "store", registry={"docker_config": 3})  # type: ignore
