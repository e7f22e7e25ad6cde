"""The package as it is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import layerkit
import pytest


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


@pytest.mark.skipif(not shutil.which("maturin", path=Path(sys.executable).parent), reason="maturin is not installed")
@pytest.mark.timeout(600)
def test_a_wheel_has_everything_it_needs(tmp_path: Path) -> None:
    maturin = Path(sys.executable).parent / "maturin"
    manifest = Path(__file__).parents[1] / "Cargo.toml"
    command: list[str | Path] = [maturin, "build", "--quiet", "--profile", "dev", "-m", manifest, "-o", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("layerkit-*-cp310-abi3-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = archive.namelist()
    assert any(name.endswith("licenses/LICENSE-MIT") for name in names)
    assert any(name.endswith("licenses/LICENSE-APACHE") for name in names)
    script = "import layerkit; layerkit.Engine('store').system.verify(); print(layerkit.__file__)"
    run = subprocess.run(
        [sys.executable, "-S", "-c", script],
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(tmp_path / "site" / "layerkit" / "__init__.py")
