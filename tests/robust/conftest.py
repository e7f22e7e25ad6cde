"""What the tests of this folder share: a workload small enough to be cut off at any moment, large enough to be in the middle of something."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

# What is shared with the other tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def _member(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    import io

    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


@pytest.fixture(scope="session")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with busybox, a docker-archive made by hand, and a build context."""
    folder = tmp_path_factory.mktemp("workload")
    busybox = shutil.which("busybox")
    assert busybox, "busybox is missing (Debian: busybox-static)"
    noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(100_000))
    with tarfile.open(folder / "root.tar", "w") as tar:
        _member(tar, "bin/busybox", Path(busybox).read_bytes(), 0o755)
        for applet in ("sh", "echo", "mkdir", "dd", "true"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _member(tar, "etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
        for n in range(300):
            _member(tar, f"data/{n}", noise[n * 1000 : n * 1000 + 9000])
    subprocess.run(["gzip", "-1k", folder / "root.tar"], check=True)
    context = folder / "context"
    (context / "app").mkdir(parents=True)
    for n in range(50):
        (context / "app" / str(n)).write_bytes(noise[n * 7 : n * 7 + 20_000])
    (context / "Dockerfile").write_text(
        "FROM base\nENV A=1\nCOPY app /app\nRUN echo one > /one && dd if=/app/1 of=/two\nRUN mkdir -p /three\nCMD [\"true\"]\n"
    )
    return folder


@pytest.fixture
def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in ("SOURCE_DATE_EPOCH", "LAYERKIT_ROOT")}
