"""Real peers for the tests of this folder: a dockerd of our own, podman, skopeo, umoci, and a Debian root file system.

Nothing is skipped: a peer that is missing is a failure.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import layerkit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from docker_registry import Authority, DockerRegistry, TokenService  # noqa: E402
from peers import Docker, run  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "layerkit-tests"


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    docker = Docker(tmp_path_factory.mktemp("docker"))
    yield docker
    docker.stop()


@pytest.fixture
def podman() -> Iterator[list[str]]:
    """The start of every podman command line. Its runroot may not be longer than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        command = ["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        yield command
        run(*command, "rmi", "--all", "--force", check=False)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry for everybody."""
    registry = DockerRegistry(tmp_path_factory.mktemp("plain"))
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry with a password, over TLS with a CA of its own."""
    folder = tmp_path_factory.mktemp("secure")
    registry = DockerRegistry(folder, passwords=True, authority=Authority(folder / "ca"))
    yield registry
    registry.stop()


@pytest.fixture
def tokens(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TokenService]:
    """A token service; with `indirect` parameters, what it is made with."""
    service = TokenService(tmp_path, **getattr(request, "param", {}))
    yield service
    service.stop()


@pytest.fixture
def guarded(tmp_path: Path, tokens: TokenService) -> Iterator[DockerRegistry]:
    """A registry that takes the tokens of that service."""
    registry = DockerRegistry(tmp_path / "guarded", tokens=tokens)
    yield registry
    registry.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[layerkit.Engine]:
    with layerkit.Engine(root=tmp_path / "store") as engine:
        yield engine
        assert engine.system.verify()["problems"] == []


@pytest.fixture(scope="session")
def command() -> Path:
    """The command, built from what is here."""
    root = Path(__file__).resolve().parent.parent.parent
    subprocess.run(["cargo", "programs"], cwd=root, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug" / "layerkit"


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tar of a root file system: busybox, and one of everything that a layer can hold."""
    folder = tmp_path_factory.mktemp("small")
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox, "busybox is missing (Debian: busybox-static)"
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in ("sh", "cat", "echo", "true", "rm", "mkdir", "touch", "ln", "chmod", "chown", "mv", "ls"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\nweb:x:34:\nextra:x:50:web\n")
    (root / "tmp").mkdir(mode=0o777)
    (root / "tmp").chmod(0o1777)
    things = root / "things"
    things.mkdir()
    (things / "setuid").write_bytes(b"x")
    os.chown(things / "setuid", 33, 34)
    (things / "setuid").chmod(0o4755)
    os.link(things / "setuid", things / "hardlink")
    (things / "link").symlink_to("/etc/passwd")
    os.mkfifo(things / "fifo")
    os.mknod(things / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (things / ("long-" + "n" * 150)).write_text("long")
    (things / "ünïcode").write_text("name")
    (things / "capable").write_bytes(b"y")
    os.setxattr(things / "capable", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    with open(things / "sparse", "wb") as sparse:
        sparse.seek(5_000_000)
        sparse.write(b"end")
    path = folder / "root.tar"
    run("tar", "--xattrs", "--xattrs-include=*", "--format=pax", "-cf", path, "-C", root, ".")
    return path


@pytest.fixture(scope="session")
def debian_root() -> Path:
    """A tar of a minimal Debian, made once for each day and recipe."""
    recipe = ["--variant=apt", "--include=ca-certificates", "bookworm"]
    key = hashlib.sha256(repr((recipe, time.strftime("%Y-%W"))).encode()).hexdigest()[:16]
    path = CACHE / f"debian-{key}.tar"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.tar")
        run("mmdebstrap", "--quiet", recipe[0], recipe[1], recipe[2], fresh)
        fresh.rename(path)
    return path
