"""The keywords of a build and the builder, as the core gets them."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import layerkit
import pytest
from layerkit import _build, aio, types
from layerkit.builder import Steps

# docker-py's keywords that are the core's under another name, and those that say what a stream is.
RENAMED = {"nocache": "no_cache", "network_mode": "network", "shmsize": "shm_size"}
OURS = {"fileobj", "custom_context", "encoding", "tag", "container_limits", "output"}


def asked(path: str | None = None, **keywords: Any) -> dict[str, Any]:
    request = _build.request(path, keywords)  # type: ignore[arg-type]
    return {key: value for key, value in request.options.items() if value != []}


def test_every_option_of_the_core_is_a_keyword() -> None:
    source = (Path(__file__).parents[2] / "core" / "src" / "build" / "options.rs").read_text()
    (body,) = re.findall(r"^pub struct BuildOptions {(.*?)^}", source, re.DOTALL | re.MULTILINE)
    wanted = set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))
    keywords = set(get_type_hints(types.BuildOptions))
    assert {RENAMED.get(key, key) for key in keywords - OURS} == wanted - {"path"}


def test_keywords_become_options() -> None:
    assert asked(tag="a", tags=["b"]) == {"tags": ["a", "b"]}
    assert asked(tag=("a", "b"), target=None) == {"tags": ["a", "b"]}
    assert asked(nocache=True, network_mode="none", shmsize=1) == {"no_cache": True, "network": "none", "shm_size": 1}
    assert asked(container_limits={"memory": 5}) == {"memory": 5}
    assert asked(extra_hosts={"a": "::1"}) == asked(extra_hosts=["a:::1"]) == {"extra_hosts": ["a:::1"]}
    assert asked(files={"a": "x", "b": b"\xff", "c": {"content": b"x", "mode": 0o755}, "d": {"text": "x"}}) == {
        "files": {
            "a": {"text": "x"},
            "b": {"base64": "/w=="},
            "c": {"base64": "eA==", "mode": 0o755},
            "d": {"text": "x"},
        }
    }
    assert asked(secrets={"a": b"x", "b": "x", "c": {"path": Path("/s")}, "d": {"env": "E"}}) == {
        "secrets": {"a": {"base64": "eA=="}, "b": {"text": "x"}, "c": {"path": "/s"}, "d": {"env": "E"}}
    }
    assert asked(ssh={"default": Path("/agent")}) == {"ssh": {"default": "/agent"}}
    assert asked(outputs=[{"type": "tar"}, {"type": "local", "dest": Path("/o")}]) == {
        "outputs": [{"type": "tar"}, {"type": "local", "dest": "/o"}]
    }
    assert asked(auths={"": {"username": "a", "identitytoken": "t", "email": "e"}}) == {
        "auths": {"": {"username": "a", "identity_token": "t"}}
    }
    assert asked(iidfile=Path("/i"), metadata_file=Path("/m")) == {"iidfile": "/i", "metadata_file": "/m"}


def test_streams_go_beside_the_options() -> None:
    dockerfile, target = io.BytesIO(b"FROM scratch"), io.BytesIO()
    assert _build.request(None, {"fileobj": dockerfile, "output": target}).streams == (None, dockerfile, target)
    context = _build.request(None, {"fileobj": dockerfile, "custom_context": True, "encoding": "gzip"})
    assert context.streams == (dockerfile, None, None)
    (_, given, _) = _build.request(None, {"fileobj": b"FROM scratch"}).streams
    assert given.read() == b"FROM scratch"


def test_what_is_no_keyword_is_refused_and_no_secret_is_shown(engine: layerkit.Engine) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'rm'"):
        engine.images.build(".", rm=True)  # type: ignore[call-arg]
    with pytest.raises(layerkit.InvalidArgument, match=r"container_limits\.cpushares"):
        engine.images.build(".", container_limits={"cpushares": 1})
    with pytest.raises(TypeError, match="expected str or bytes, not int") as raised:
        engine.images.build(".", secrets={"a": 31415})  # type: ignore[dict-item]
    assert "31415" not in str(raised.value)


def test_a_built_image_knows_what_the_build_made(engine: layerkit.Engine, context: Callable[..., Path]) -> None:
    image = engine.images.build(context("FROM scratch\nCOPY a /a\n", a="x"), tag="app:1")
    assert image.built is not None
    assert image.built["tags"] == ["app:1"]
    assert image.built["digest"] == image.manifest_digest
    assert [built["id"] for built in image.built["images"]] == [image.id]
    assert engine.images.get("app:1").built is None


def test_methods_of_the_builder_are_steps() -> None:
    steps = (
        Steps()
        .arg("A", B="1")
        .env({"X": "1"}, Y="2")
        .label(z="3")
        .copy("a", "b", "/c/", from_="stage", chown="1:2", link=True, exclude=["*.o"])
        .add("u", "/d", keep_git_dir=True, unpack=False)
        .run("make")
        .run(["make"], mounts=["type=tmpfs,target=/t", {"type": "cache", "target": "/a,b", "readonly": True}])
        .workdir("/w")
        .user("u")
        .expose(80, "53/udp")
        .volume("/v")
        .cmd(["a"])
        .entrypoint("e")
        .shell("/bin/sh", "-c")
        .stopsignal(9)
        .healthcheck(["true"], start_period="1s", retries=0)
        .healthcheck(None)
        .onbuild("RUN true")
        .stage("next", "base", platform="linux/arm64")
        .steps
    )
    assert [(step["instruction"], step["flags"], step["args"]) for step in steps] == [
        ("ARG", {}, "A"),
        ("ARG", {}, {"B": "1"}),
        ("ENV", {}, {"X": "1", "Y": "2"}),
        ("LABEL", {}, {"z": "3"}),
        ("COPY", {"from": "stage", "chown": "1:2", "link": True, "exclude": ["*.o"]}, ["a", "b", "/c/"]),
        ("ADD", {"keep-git-dir": True, "unpack": "false"}, ["u", "/d"]),
        ("RUN", {}, "make"),
        ("RUN", {"mount": ["type=tmpfs,target=/t", 'type=cache,"target=/a,b",readonly=true']}, ["make"]),
        ("WORKDIR", {}, "/w"),
        ("USER", {}, "u"),
        ("EXPOSE", {}, "80 53/udp"),
        ("VOLUME", {}, ["/v"]),
        ("CMD", {}, ["a"]),
        ("ENTRYPOINT", {}, "e"),
        ("SHELL", {}, ["/bin/sh", "-c"]),
        ("STOPSIGNAL", {}, "9"),
        ("HEALTHCHECK", {"start-period": "1s", "retries": "0"}, 'CMD ["true"]'),
        ("HEALTHCHECK", {}, "NONE"),
        ("ONBUILD", {}, "RUN true"),
        ("FROM", {"platform": "linux/arm64"}, "base AS next"),
    ]


def test_a_builder_never_changes(engine: layerkit.Engine) -> None:
    base = engine.build("scratch", name="one", platform="linux/amd64")
    base.env(A="1")
    assert base.steps == [{"instruction": "FROM", "flags": {"platform": "linux/amd64"}, "args": "scratch AS one"}]
    assert [step["args"] for step in base.env(B="2").steps] == ["scratch AS one", {"B": "2"}]


def test_the_builder_for_asyncio_is_the_same() -> None:
    wanted, got = inspect.signature(layerkit.Builder.commit), inspect.signature(aio.Builder.commit)
    assert wanted.parameters == got.parameters
    assert issubclass(aio.Builder, Steps)
