"""The package as it is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
from email.message import Message

import layerkit


def test_the_metadata_says_what_pip_needs() -> None:
    metadata = importlib.metadata.metadata("layerkit")
    assert isinstance(metadata, Message)
    assert metadata["Name"] == "layerkit"
    assert metadata["Version"] == layerkit.__version__
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert "Coming from docker-py" in str(metadata.get("Description") or metadata.get_payload())
    assert importlib.metadata.requires("layerkit") is None


def test_the_package_is_typed() -> None:
    files = importlib.resources.files(layerkit)
    assert files.joinpath("py.typed").is_file()
    assert files.joinpath("_native.pyi").is_file()


def test_the_native_module_works_on_every_python_from_3_10_on() -> None:
    assert str(layerkit._native.__file__).endswith(".abi3.so")
