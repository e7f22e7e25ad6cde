"""Errors as Python classes."""

from __future__ import annotations

import errno
import inspect
import pickle
from pathlib import Path
from typing import Any

import layerkit
import pytest
from layerkit import _native, errors


def test_every_kind_of_the_core_has_a_class_of_its_own() -> None:
    assert tuple(errors.classes()) == _native.ERROR_CODES
    assert len(set(errors.classes().values())) == len(_native.ERROR_CODES)


def test_every_class_is_exported_from_the_package() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, layerkit.LayerkitError) and not name.startswith("_"):
            assert getattr(layerkit, name) is kind
            assert name in layerkit.__all__
            assert name in errors.__all__


def test_a_code_from_a_newer_core_is_kept_and_caught_by_the_base_class() -> None:
    error = errors.from_core("brand_new", "what", {})
    assert type(error) is layerkit.LayerkitError
    assert error.code == "brand_new"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (layerkit.InvalidArgument, ValueError),
        (layerkit.NotFound, LookupError),
        (layerkit.ImageNotFound, layerkit.NotFound),
        (layerkit.AlreadyExists, FileExistsError),
        (layerkit.PermissionDenied, PermissionError),
        (layerkit.Timeout, TimeoutError),
        (layerkit.NetworkError, ConnectionError),
        (layerkit.NoSpace, OSError),
        (layerkit.IoError, OSError),
        (layerkit.Unsupported, NotImplementedError),
    ],
)
def test_a_class_can_be_caught_as_the_builtin_of_the_same_meaning(
    kind: type[layerkit.LayerkitError], builtin: type[Exception]
) -> None:
    error = errors.from_core(kind.code, "the message", {"line": 3})
    if kind is not layerkit.ImageNotFound:
        assert type(error) is kind
    assert issubclass(kind, builtin)
    assert str(error) == "the message"
    assert error.fields == {"line": 3}


def test_errors_of_the_operating_system_have_its_number() -> None:
    assert layerkit.NoSpace("full").errno == errno.ENOSPC
    assert layerkit.PermissionDenied("no").errno == errno.EACCES
    assert str(layerkit.NoSpace("full")) == "full"


@pytest.mark.parametrize("kind", [*errors.classes().values(), layerkit.ImageNotFound, layerkit.LayerkitError])
def test_an_error_survives_pickling(kind: type[layerkit.LayerkitError]) -> None:
    error = kind("what", fields={"line": 7, "command": "false"})
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code, copy.fields) == (kind, "what", error.code, error.fields)


def test_a_failed_build_tells_where() -> None:
    fields: dict[str, int | str] = {
        "line": 4,
        "instruction": "RUN",
        "command": "false",
        "exit_code": 1,
        "output_tail": "x\n",
    }
    error = errors.from_core("build_failed", "step 4", fields)
    assert isinstance(error, layerkit.BuildFailed)
    assert (error.line, error.instruction, error.command) == (4, "RUN", "false")
    assert (error.exit_code, error.output_tail) == (1, "x\n")
    assert layerkit.BuildFailed("without").line is None


@pytest.mark.parametrize("code", ["unauthorized", "denied", "rate_limited", "not_found", "network", "timeout"])
def test_an_error_of_a_registry_tells_which_and_what_it_said(code: str) -> None:
    fields: dict[str, int | str] = {
        "status": 401,
        "registry_code": "UNAUTHORIZED",
        "host": "localhost:5000",
        "repository": "team/app",
    }
    error: Any = errors.from_core(code, "no", fields)
    assert (error.status, error.registry_code) == (401, "UNAUTHORIZED")
    assert (error.host, error.repository) == ("localhost:5000", "team/app")
    without: Any = errors.from_core(code, "no", {})
    assert (without.status, without.registry_code, without.host, without.repository) == (None, None, None, None)


def test_a_missing_image_is_image_not_found(engine: layerkit.Engine) -> None:
    with pytest.raises(layerkit.ImageNotFound) as caught:
        engine.images.get("nope")
    assert caught.value.code == "not_found"
    assert "nope" in str(caught.value.image)


def test_a_missing_file_is_not_a_missing_image(engine: layerkit.Engine, tmp_path: Path) -> None:
    with pytest.raises(layerkit.NotFound) as caught:
        engine.images.load(tmp_path / "nope.tar")
    assert not isinstance(caught.value, layerkit.ImageNotFound)


def test_a_conflict_names_the_image(engine: layerkit.Engine, image: layerkit.Image) -> None:
    image.tag("second:1")
    with pytest.raises(layerkit.Conflict) as caught:
        image.remove()
    assert "must be forced" in str(caught.value)


def test_arguments_of_the_wrong_type_are_type_errors(engine: layerkit.Engine, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        engine.images.get(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one str"):
        engine.images.import_image(b"", changes="CMD x")
    with pytest.raises(TypeError, match="path or a binary file"):
        engine.images.load(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\.buffer"), (tmp_path / "text").open("w") as text:
        engine.images.save([], text)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callable"):
        engine.system.verify(on_event=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        engine.system.verify(cancel=3)  # type: ignore[arg-type]


def test_values_the_core_does_not_know_are_invalid_arguments(engine: layerkit.Engine, tmp_path: Path) -> None:
    with pytest.raises(layerkit.InvalidArgument, match="tarball"):
        engine.images.save("x", tmp_path / "x", format="tarball")  # type: ignore[arg-type]
    with pytest.raises(layerkit.InvalidArgument, match="entrie"):
        layerkit.Engine(tmp_path / "other", {"entrie": 1})  # type: ignore
    with pytest.raises(layerkit.InvalidArgument):
        engine.images.list(filters={"no such filter": True})


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    engine = layerkit.Engine(tmp_path / "store")
    engine.close()
    engine.close()
    with pytest.raises(layerkit.InvalidArgument, match="closed"):
        engine.images.list()
    with pytest.raises(layerkit.InvalidArgument, match="closed"):
        engine.system.verify()
