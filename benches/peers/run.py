#!/usr/bin/env python3
"""Measures layerkit beside Docker at the same work, on this machine, in one run: `make bench-peers`.

Both sides take turns; each row is the median of several rounds, with the ratio of the two. Absolute times mean little on a
shared machine, ratios more. Writes docs/benchmarks.md. Needs root, Debian's docker.io, and about 10 GB of disk.
"""

import argparse
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERKIT = ROOT / "target" / "release" / "layerkit"
DOCKER = "/usr/bin/docker"
MB = 1_000_000


@dataclass
class Row:
    what: str
    wanted: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    memory: int = 0

    def ratio(self) -> float:
        return statistics.median(self.theirs) / statistics.median(self.ours)


def measured(command: list[str], stdin: Path | None = None) -> tuple[float, int]:
    """Seconds and peak resident bytes of a command."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        error = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: {error.decode(errors='replace')}")
    return seconds, usage.ru_maxrss * 1024


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


class Workload:
    """What both sides are given, made once."""

    def __init__(self, folder: Path, files: int, megabytes: int) -> None:
        self.folder = folder
        make_root(folder / "root", megabytes * MB)
        self.root_tar = tar_of(folder / "root", folder / "root.tar")
        make_root(folder / "small", 0)
        self.small_tar = tar_of(folder / "small", folder / "small.tar")
        self.runs = folder / "runs"
        self.runs.mkdir()
        (self.runs / "Dockerfile").write_text("FROM small\n" + "RUN true\n" * 10)
        self.copy = folder / "copy"
        generator = random.Random(11)
        each = 1_000 * MB // 60_000
        for number in range(files):
            file = self.copy / "files" / f"{number % 250}" / f"{number}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content(generator, generator.randrange(each // 2, each * 3 // 2)))
        (self.copy / "Dockerfile").write_text("FROM small\nCOPY files /files\n")
        self.archive = folder / "archive.tar"


class Bench:
    def __init__(self, folder: Path, work: Workload, rounds: int) -> None:
        self.folder, self.work, self.rounds = folder, work, rounds
        self.rows: list[Row] = []
        self.store = folder / "store"

    def ours(self, *arguments: object) -> tuple[float, int]:
        return measured([str(LAYERKIT), "--root", str(self.store), *map(str, arguments)])

    def theirs(self, *arguments: object) -> tuple[float, int]:
        return measured([DOCKER, *map(str, arguments)])

    def row(
        self,
        what: str,
        wanted: str,
        ours: Callable[[], tuple[float, int]],
        theirs: Callable[[], tuple[float, int]],
        before_ours: Callable[[], object] = lambda: None,
        before_theirs: Callable[[], object] = lambda: None,
    ) -> None:
        row = Row(what, wanted)
        for _ in range(self.rounds):
            before_ours()
            os.sync()
            seconds, memory = ours()
            row.ours.append(seconds)
            row.memory = max(row.memory, memory)
            before_theirs()
            os.sync()
            row.theirs.append(theirs()[0])
        self.rows.append(row)
        print(f"{what}: {statistics.median(row.ours):.2f} s, docker {statistics.median(row.theirs):.2f} s, "
              f"{row.ratio():.1f} times, {row.memory / MB:.0f} MB", flush=True)

    def clean_ours(self) -> None:
        shutil.rmtree(self.store, ignore_errors=True)

    def clean_theirs(self, *images: str) -> None:
        subprocess.run([DOCKER, "rmi", "-f", *images], capture_output=True, check=False)
        subprocess.run([DOCKER, "image", "prune", "-f"], capture_output=True, check=False)

    def all(self) -> None:
        work = self.work
        size = work.root_tar.stat().st_size // MB
        self.row(f"import of a {size} MB tar", "2", lambda: self.ours("import", work.root_tar, "big"),
                 lambda: self.theirs("import", work.root_tar, "big"), self.clean_ours, lambda: self.clean_theirs("big"))
        subprocess.run([DOCKER, "save", "-o", work.archive, "big"], check=True)
        size = work.archive.stat().st_size // MB
        self.row(f"load of a {size} MB docker-archive", "3", lambda: self.ours("load", "-i", work.archive),
                 lambda: self.theirs("load", "-i", work.archive), self.clean_ours, lambda: self.clean_theirs("big"))
        out = self.folder / "out.tar"
        self.row(f"save of {size} MB", "5", lambda: self.ours("save", "-o", out, "big"),
                 lambda: self.theirs("save", "-o", out, "big"), lambda: out.unlink(missing_ok=True),
                 lambda: out.unlink(missing_ok=True))
        self.clean_ours()
        self.ours("import", work.small_tar, "small")
        self.theirs("import", work.small_tar, "small")
        self.row("ten RUN true, without the cache", "5", lambda: self.ours("build", "--no-cache", "-t", "runs", work.runs),
                 lambda: self.theirs("build", "--no-cache", "-t", "runs", work.runs))
        self.row("ten RUN true, cached", "1", lambda: self.ours("build", "-t", "runs", work.runs),
                 lambda: self.theirs("build", "-t", "runs", work.runs))
        count = sum(len(files) for _, _, files in os.walk(work.copy / "files"))

        def fresh() -> None:
            self.clean_ours()
            self.ours("import", work.small_tar, "small")

        self.row(f"COPY of {count} small files", "3", lambda: self.ours("build", "-t", "copied", work.copy),
                 lambda: self.theirs("build", "--no-cache", "-t", "copied", work.copy), fresh,
                 lambda: self.clean_theirs("copied"))

    def report(self) -> str:
        version = subprocess.run([DOCKER, "version", "-f", "{{.Server.Version}}"], capture_output=True, text=True, check=True)
        lines = [
            "# Benchmarks",
            "",
            "Written by `make bench-peers`, which runs both sides in turn on one machine. Medians of "
            f"{self.rounds} rounds, in seconds; Docker {version.stdout.strip()}, classic builder, overlay2; "
            f"{os.cpu_count()} processors. \"Memory\" is the most that the `layerkit` process held.",
            "",
            "| work | layerkit | docker | times faster | wanted | memory |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for row in self.rows:
            lines.append(
                f"| {row.what} | {statistics.median(row.ours):.2f} | {statistics.median(row.theirs):.2f} "
                f"| {row.ratio():.1f} | {row.wanted} | {row.memory / MB:.0f} MB |"
            )
        return "\n".join(lines) + "\n"


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    running = Daemon(folder)
    try:
        yield running
    finally:
        running.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=60_000, help="files of the COPY")
    parser.add_argument("--megabytes", type=int, default=500, help="size of the root file system")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    if not LAYERKIT.exists():
        sys.exit(f"{LAYERKIT} is missing: cargo build --release -p layerkit-cli")
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="layerkit-bench-") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        work = Workload(folder / "work", options.files, options.megabytes)
        with daemon(folder / "docker"):
            bench = Bench(folder, work, options.rounds)
            bench.all()
            report = bench.report()
    print(report)
    if not options.no_write:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "benchmarks.md").write_text(report)


if __name__ == "__main__":
    main()
