#!/usr/bin/env python3
"""Measures layerkit beside Docker and skopeo at the same work, on this machine, in one run: `make bench-peers`.

Both sides take turns; each row is the median of several rounds, with the ratio of the two. Absolute times mean little on a
shared machine, ratios more. Writes docs/benchmarks.md. Needs root, Debian's docker.io, and about 10 GB of disk.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from builds import BuildBench
from common import DOCKER, LAYERKIT, MB, ROOT, TABLE, Cost, Daemon, Row, compare, content, make_root, measured, tar_of
from registry import RegistryBench

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

    def ours(self, *arguments: object) -> Cost:
        return measured([str(LAYERKIT), "--root", str(self.store), *map(str, arguments)])

    def theirs(self, *arguments: object) -> Cost:
        return measured([DOCKER, *map(str, arguments)])

    def row(
        self,
        what: str,
        wanted: str,
        ours: Callable[[], Cost],
        theirs: Callable[[], Cost],
        before_ours: Callable[[], object] = lambda: None,
        before_theirs: Callable[[], object] = lambda: None,
    ) -> None:
        compare(self.rows, self.rounds, Row(what, wanted), ours, theirs, before_ours, before_theirs)

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
        self.looks(count)

    def looks(self, count: int) -> None:
        """Into the image of many files, which both sides have now."""
        run = ["run", "--rm", "--network", "none", "copied", "/bin/busybox"]
        file = next((self.work.copy / "files").rglob("[0-9]*/*")).relative_to(self.work.copy)
        self.row(f"list of {count} files", "2", lambda: self.ours("ls", "-l", "-R", "copied"),
                 lambda: self.theirs(*run, "ls", "-l", "-R", "/files"))
        self.row(f"content of one of {count} files", "1", lambda: self.ours("cat", "copied", f"/{file}"),
                 lambda: self.theirs(*run, "cat", f"/{file}"))


def report(rows: list[Row], rounds: int) -> str:
    version = subprocess.run([DOCKER, "version", "-f", "{{.Server.Version}}"], capture_output=True, text=True, check=True)
    skopeo = subprocess.run(["skopeo", "--version"], capture_output=True, text=True, check=True)
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench-peers`, which runs both sides in turn on one machine. Medians of "
        f"{rounds} rounds, in seconds; Docker {version.stdout.strip()}, classic builder, overlay2; "
        f"{skopeo.stdout.strip()}; {os.cpu_count()} processors. \"Memory\" is the most that the `layerkit` process held.",
        "",
        *TABLE,
        *(row.line() for row in rows),
    ]
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
    parser.add_argument("--only", choices=["local", "builds", "registry"], help="a part of the rows; nothing is written")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    if not LAYERKIT.exists():
        sys.exit(f"{LAYERKIT} is missing: cargo build --release -p layerkit-cli")
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="layerkit-bench-") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        with daemon(folder / "docker"):
            rows: list[Row] = []
            if options.only != "registry":
                work = Workload(folder / "work", options.files, options.megabytes)
                if options.only != "builds":
                    bench = Bench(folder, work, options.rounds)
                    bench.all()
                    rows += bench.rows
                if options.only != "local":
                    builds = BuildBench(folder, work.small_tar, work.runs, work.copy, options.rounds)
                    builds.all()
                    rows += builds.rows
            if options.only in (None, "registry"):
                registry = RegistryBench(folder, options.rounds, options.megabytes)
                registry.all()
                rows += registry.rows
            text = report(rows, options.rounds)
    print(text)
    if not options.no_write and not options.only:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "benchmarks.md").write_text(text)


if __name__ == "__main__":
    main()
