"""What the benchmarks share: measuring a command, a dockerd of our own, a registry, files to work on, the report."""

import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERKIT = ROOT / "target" / "release" / "layerkit"
DOCKER = "/usr/bin/docker"
MB = 1_000_000


@dataclass
class Row:
    what: str
    #: How many times faster than the peer it is meant to be.
    wanted: str
    peer: str = "docker"
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    memory: int = 0

    def ratio(self) -> float:
        return statistics.median(self.theirs) / statistics.median(self.ours)

    def line(self) -> str:
        return (
            f"| {self.what} | {self.peer} | {statistics.median(self.ours):.2f} | {statistics.median(self.theirs):.2f} "
            f"| {self.ratio():.1f} | {self.wanted} | {self.memory / MB:.0f} MB |"
        )


TABLE = ["| work | peer | layerkit | peer | times faster | wanted | memory |", "|---|---|---:|---:|---:|---:|---:|"]
#: What a command took: seconds and peak resident bytes.
Cost = tuple[float, int]


def compare(
    rows: list[Row],
    rounds: int,
    row: Row,
    ours: Callable[[], Cost],
    theirs: Callable[[], Cost],
    before_ours: Callable[[], object] = lambda: None,
    before_theirs: Callable[[], object] = lambda: None,
) -> None:
    """Lets both sides take turns."""
    for _ in range(rounds):
        before_ours()
        os.sync()
        seconds, memory = ours()
        row.ours.append(seconds)
        row.memory = max(row.memory, memory)
        before_theirs()
        os.sync()
        row.theirs.append(theirs()[0])
    rows.append(row)
    print(
        f"{row.what}: {statistics.median(row.ours):.2f} s, {row.peer} {statistics.median(row.theirs):.2f} s, "
        f"{row.ratio():.1f} times, {row.memory / MB:.0f} MB",
        flush=True,
    )


def peak(pid: int, found: list[int], over: threading.Event) -> None:
    """Keeps the peak resident bytes of a process. What `wait4` says would count this program, which it was forked from."""
    while not over.wait(0.005):
        with contextlib.suppress(OSError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    found[0] = max(found[0], int(line.split()[1]) * 1024)


def measured(command: list[str], stdin: Path | None = None) -> Cost:
    """Seconds and peak resident bytes of a command."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        memory, over = [0], threading.Event()
        watcher = threading.Thread(target=peak, args=(process.pid, memory, over))
        watcher.start()
        error = process.stderr.read() if process.stderr else b""
        code = process.wait()
        seconds = time.monotonic() - start
        over.set()
        watcher.join()
    if code != 0:
        sys.exit(f"{' '.join(command)}: {error.decode(errors='replace')}")
    return seconds, memory[0]


class Daemon:
    """A dockerd of our own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.socket = folder / "docker.sock"
        arguments = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
        arguments += ["-H", f"unix://{self.socket}", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(["dockerd", *map(str, arguments)], stdout=log, stderr=log)
        os.environ["DOCKER_HOST"] = f"unix://{self.socket}"
        os.environ["DOCKER_BUILDKIT"] = "0"
        for _ in range(300):
            if subprocess.run([DOCKER, "version"], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit(f"dockerd did not start:\n{(folder / 'log').read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        # The daemon leaves a mount there.
        subprocess.run(["umount", "-q", self.folder / "exec" / "netns" / "default"], capture_output=True, check=False)


def content(generator: random.Random, size: int) -> bytes:
    """Bytes that compress about as well as programs do: half noise, half text."""
    half = size // 2
    text = b"".join(b"line %d of some program's text\n" % generator.randrange(1_000_000) for _ in range(half // 32 + 1))
    return generator.randbytes(half) + text[: size - half]


def make_root(path: Path, size: int) -> None:
    """A root file system with busybox and files of many sizes."""
    generator = random.Random(7)
    (path / "bin").mkdir(parents=True)
    busybox = shutil.which("busybox") or sys.exit("busybox is missing (Debian: busybox-static)")
    shutil.copy(busybox, path / "bin" / "busybox")
    for applet in ("sh", "true"):
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc").mkdir()
    (path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    written, number = 0, 0
    while written < size:
        length = generator.choice([900, 4000, 20_000, 60_000, 400_000, 3_000_000])
        file = path / "usr" / f"lib{number % 37}" / f"file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(generator, length))
        written, number = written + length, number + 1


def tar_of(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, ".")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Registry:
    """Debian's docker-registry, on a port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.host = f"127.0.0.1:{free_port()}"
        #: A line for each request.
        self.log = folder / "log"
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {accesslog: {disabled: false}, level: warn}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{self.host}'}}\n"
        )
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(tuple(self.host.split(":")), 1):
                return
            time.sleep(0.1)
        sys.exit(f"docker-registry did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
