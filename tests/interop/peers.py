"""Commands of the peers, and what an image holds as they read it."""

import hashlib
import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path

#: Debian's client and daemon: another client may come first in PATH.
DOCKER = "/usr/bin/docker"


def run(*command: object, check: bool = True, **environment: str) -> str:
    """What a command printed; its error output is in the failure."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert not check or done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Docker:
    """A dockerd in a folder of its own, and its client."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        arguments = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
        arguments += ["-H", f"unix://{self.socket}", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        self.log = folder / "dockerd.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["dockerd", *map(str, arguments)], stdout=log, stderr=log)
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            if self.socket.exists() and self("version", check=False):
                return
            time.sleep(0.1)
        raise AssertionError(f"dockerd did not answer:\n{self.log.read_text()}")

    def __call__(self, *arguments: object, check: bool = True) -> str:
        return run(DOCKER, "-H", f"unix://{self.socket}", *arguments, check=check, DOCKER_BUILDKIT="0")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        # The daemon leaves mounts there.
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self.socket.parent}/"):
                run("umount", "-q", line.split()[1], check=False)


def file_system(archive: Path, reference: str, folder: Path) -> dict[str, tuple[object, ...]]:
    """What an image holds, as skopeo and umoci read it: path to type, mode, owner, link target and content, but no times."""
    return skopeo_tree(folder, f"docker-archive:{archive}:{reference}")


def skopeo_tree(folder: Path, *source: object) -> dict[str, tuple[object, ...]]:
    """The same of anything that skopeo can name, with the options that this takes."""
    layout = Path(tempfile.mkdtemp(dir=folder)) / "layout"
    run("skopeo", "copy", "--quiet", *source, f"oci:{layout}:image")
    root = layout.parent / "rootfs"
    run("umoci", "raw", "unpack", "--image", f"{layout}:image", root)
    return tree(root)


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """The same of a directory."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = Path(folder) / name
            info = path.lstat()
            key = str(path.relative_to(root))
            what: object = None
            if stat.S_ISLNK(info.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(info.st_mode):
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
                what = info.st_rdev
            attributes: tuple[tuple[str, bytes], ...] = ()
            if not stat.S_ISLNK(info.st_mode):
                names = sorted(name for name in os.listxattr(path) if name.startswith(("security.", "user.")))
                attributes = tuple((name, os.getxattr(path, name)) for name in names)
            first = inodes.setdefault(info.st_ino, key) if not path.is_dir() and info.st_nlink > 1 else key
            found[key] = (stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, what, attributes, first)
    return found
