"""docker-py's ways to write the options of containers, as the core reads them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import layerkit
import pytest
from layerkit import _containers
from layerkit.types import ContainerOptions


def converted(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in _containers.create(None, options).items() if value is not None}  # type: ignore


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"environment": {"A": "b", "C": None}}, {"environment": ["A=b", "C"]}),
        ({"environment": ["A=b", "C"]}, {"environment": ["A=b", "C"]}),
        ({"volumes": {"/a": {"bind": "/b", "mode": "ro"}}}, {"volumes": ["/a:/b:ro"]}),
        ({"volumes": {Path("/a"): {"bind": "/b"}}}, {"volumes": ["/a:/b:rw"]}),
        ({"volumes": {"/a": "/b"}}, {"volumes": ["/a:/b:rw"]}),
        ({"volumes": ["/a:/b", "/c"]}, {"volumes": ["/a:/b", "/c"]}),
        ({"tmpfs": {"/run": "size=64m"}}, {"tmpfs": {"/run": "size=64m"}}),
        ({"tmpfs": ["/run:size=64m", "/tmp"]}, {"tmpfs": {"/run": "size=64m", "/tmp": ""}}),
        ({"ports": {"80/tcp": 8080, "53/udp": None}}, {"ports": ["8080:80/tcp", "53/udp"]}),
        ({"ports": [80]}, {"ports": ["80"]}),
        ({"labels": {"a": "b"}}, {"labels": {"a": "b"}}),
        ({"labels": ["a", "b"]}, {"labels": {"a": "", "b": ""}}),
        ({"entrypoint": "sh -c"}, {"entrypoint": ["sh", "-c"]}),
        ({"entrypoint": ""}, {"entrypoint": []}),
        ({"entrypoint": ["sh"]}, {"entrypoint": ["sh"]}),
        ({"extra_hosts": {"a": "127.0.0.1"}}, {"extra_hosts": ["a:127.0.0.1"]}),
        ({"user": 1000}, {"user": "1000"}),
        ({"stop_signal": 15}, {"stop_signal": "15"}),
        ({"network_mode": "none"}, {"network": "none"}),
        ({"network_disabled": True}, {"network": "none"}),
        ({"network_disabled": False}, {}),
        ({"network": "host", "network_mode": "host"}, {"network": "host"}),
        (
            {"ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}]},
            {"ulimits": [{"name": "nofile", "soft": 1, "hard": 2}]},
        ),
        ({"auth_config": {"username": "a", "password": "b"}}, {"auth": {"username": "a", "password": "b"}}),
    ],
)
def test_an_option_becomes_the_cores(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert converted(**given) == wanted


def test_a_command_is_split_as_a_shell_would() -> None:
    assert _containers.words("sh -c 'echo $A'") == ["sh", "-c", "echo $A"]
    assert _containers.words(["sh", "-c", "echo $A"]) == ["sh", "-c", "echo $A"]
    assert _containers.words(None) is None


@pytest.mark.parametrize(
    ("size", "number"),
    [
        (7, 7),
        ("7", 7),
        ("7b", 7),
        ("512m", 512 << 20),
        ("512MB", 512 << 20),
        ("1.5g", 3 << 29),
        ("2 k", 2048),
        ("1t", 1 << 40),
    ],
)
def test_a_size_is_a_number_or_has_a_unit(size: int | str, number: int) -> None:
    assert converted(mem_limit=size, shm_size=size) == {"mem_limit": number, "shm_size": number}


@pytest.mark.parametrize("size", ["", "m", "-1m", "1x", "1m2"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        converted(mem_limit=size)


def test_times_are_told_as_the_core_reads_them() -> None:
    utc = datetime.timezone.utc
    assert _containers.time(datetime.datetime(2030, 1, 2, 3, 4, 5)) == "2030-01-02T03:04:05+00:00"
    assert _containers.time(datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=utc)) == "2030-01-02T03:04:05+00:00"
    assert _containers.time(1.5) == "1.5"
    assert _containers.time("10m") == "10m"
    assert _containers.time(None) is None


def test_what_cannot_be_is_a_type_error(engine: layerkit.Engine) -> None:
    with pytest.raises(TypeError, match="'comand'"):
        engine.containers.create("x", comand="true")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="several networks: host, none"):
        engine.containers.create("x", network="host", network_mode="none")
    with pytest.raises(TypeError, match="one str"):
        engine.containers.create("x", cap_add="ALL")
    with pytest.raises(TypeError, match="detach"):
        engine.containers.run("x", detach=True, stream=True)  # type: ignore[call-overload]
    for stdin in ("text", 3, {"a": b""}):
        with pytest.raises(TypeError, match="stdin must be bytes"):
            engine.containers.run("x", stdin=stdin)  # type: ignore[arg-type]


def test_every_option_is_one_of_the_core(engine: layerkit.Engine) -> None:
    """An option that the core does not know is refused by name, before anything is looked up."""
    values: dict[str, Any] = {
        "environment": {},
        "labels": {},
        "volumes": {},
        "tmpfs": {},
        "ports": {},
        "cap_add": [],
        "cap_drop": [],
        "ulimits": [],
        "extra_hosts": {},
        "auth_config": {},
        "entrypoint": "",
        "network": "host",
        "network_mode": "host",
        "pull": "never",
        "name": "a",
        "working_dir": "/",
        "user": "0",
        "hostname": "a",
        "stop_signal": "TERM",
        "platform": "linux/amd64",
    }
    numbers = {"mem_limit", "pids_limit", "shm_size", "stop_timeout", "log_max_size", "log_max_file"}
    for option in ContainerOptions.__annotations__:
        value = values.get(option, 1 if option in numbers else True)
        with pytest.raises(layerkit.LayerkitError) as caught:
            engine.containers.create("nope:1", **{option: value, "pull": "never"})
        assert "unknown field" not in str(caught.value), option
        assert "invalid type" not in str(caught.value), option
