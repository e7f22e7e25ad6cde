"""What the tests share: a store of their own, and small archives."""

from __future__ import annotations

import gc
import io
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import layerkit
import pytest

BUSYBOX = shutil.which("busybox")


def root_file_system(files: dict[str, bytes] | None = None) -> bytes:
    """A tar of a root file system."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (files or {"etc/os-release": b"ID=test\n"}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def big_root_file_system(mebibytes: int = 32) -> bytes:
    """One that takes long enough to import for something to happen meanwhile."""
    return root_file_system({"random": os.urandom(mebibytes << 20)})


def running(argument: str) -> list[int]:
    """The processes of this machine that have this argument."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                arguments = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if argument.encode() in arguments:
                found.append(int(process.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[layerkit.Engine]:
    with layerkit.Engine(tmp_path / "store") as engine:
        yield engine


@pytest.fixture
def image(engine: layerkit.Engine) -> layerkit.Image:
    return engine.images.import_image(root_file_system(), name="base:1", changes=["LABEL kind=test"])


@pytest.fixture
def base(engine: layerkit.Engine) -> layerkit.Image:
    """An image with a shell, as `base:1`."""
    info = engine.system.info()
    if info["run_mode"] == "none":
        pytest.skip(info["run_reason"])
    if BUSYBOX is None:
        pytest.skip("busybox-static is not installed")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for name in (
            "sh",
            "echo",
            "sleep",
            "cat",
            "touch",
            "true",
            "pwd",
            "id",
            "env",
            "mkdir",
            "rm",
            "ls",
            "wc",
            "head",
            "yes",
            "dd",
        ):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return engine.images.import_image(buffer.getvalue(), name="base:1")


@pytest.fixture
def context(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a build context with this Dockerfile."""

    def make(dockerfile: str, **files: str) -> Path:
        folder = tmp_path / "context"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        for name, content in files.items():
            (folder / name).write_text(content)
        return folder

    return make


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """How many descriptors this process has open."""

    def count() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    return count
