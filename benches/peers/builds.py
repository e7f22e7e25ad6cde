"""Builds beside BuildKit: contexts of many files, steps that run, stages side by side."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from common import DOCKER, LAYERKIT, Cost, Row, compare, measured

BUILDKIT = ["env", "DOCKER_BUILDKIT=1", DOCKER]
#: What keeps one processor busy for about a second.
BUSY = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"


class BuildBench:
    def __init__(self, folder: Path, small_tar: Path, runs: Path, copy: Path, rounds: int) -> None:
        self.folder, self.small_tar, self.runs, self.copy, self.rounds = folder, small_tar, runs, copy, rounds
        self.rows: list[Row] = []
        self.store = folder / "builds"
        self.changes = 0

    def ours(self, *arguments: object) -> Cost:
        return measured([str(LAYERKIT), "--root", str(self.store), *map(str, arguments)])

    def buildkit(self, *arguments: object) -> Cost:
        # This daemon has no bridge.
        return measured([*BUILDKIT, "build", "-q", "--network=host", *map(str, arguments)])

    def row(
        self,
        what: str,
        wanted: str,
        peer: str,
        ours: Callable[[], Cost],
        theirs: Callable[[], Cost],
        before_ours: Callable[[], object] = lambda: None,
        before_theirs: Callable[[], object] = lambda: None,
    ) -> None:
        compare(self.rows, self.rounds, Row(what, wanted, peer), ours, theirs, before_ours, before_theirs)

    def fresh(self) -> None:
        shutil.rmtree(self.store, ignore_errors=True)
        self.ours("import", self.small_tar, "small")

    def fresh_buildkit(self) -> None:
        subprocess.run([DOCKER, "builder", "prune", "-af"], capture_output=True, check=True)

    def change(self) -> None:
        """Another content for one file of the context, long enough ago to be believed."""
        self.changes += 1
        file = next(path for path in sorted((self.copy / "files" / "0").iterdir()))
        file.write_text(f"change {self.changes}\n")

    def all(self) -> None:
        subprocess.run([DOCKER, "import", self.small_tar, "small"], check=True, capture_output=True)
        count = sum(1 for path in (self.copy / "files").rglob("*") if path.is_file())
        build = ("-t", "copied", self.copy)
        what = f"COPY of {count} files"
        self.row(f"{what}, nothing known", "3.3", "BuildKit", lambda: self.ours("build", *build),
                 lambda: self.buildkit(*build), self.fresh, self.fresh_buildkit)
        self.row(f"{what}, one of them changed", "3.3", "BuildKit", lambda: self.ours("build", *build),
                 lambda: self.buildkit(*build), self.change, lambda: None)
        self.row(f"{what}, cached", "3.3", "BuildKit", lambda: self.ours("build", *build),
                 lambda: self.buildkit(*build))
        build = ("-t", "runs", self.runs)
        self.row("ten RUN true, nothing known", "5", "BuildKit", lambda: self.ours("build", "--no-cache", *build),
                 lambda: self.buildkit(*build), lambda: None, self.fresh_buildkit)
        self.row("ten RUN true, cached", "1", "BuildKit", lambda: self.ours("build", *build),
                 lambda: self.buildkit(*build))
        stages = self.folder / "stages"
        stages.mkdir(exist_ok=True)
        (stages / "Dockerfile").write_text(
            f"FROM small AS a\nRUN {BUSY}; echo a > /a\nFROM small AS b\nRUN {BUSY}; echo b > /b\n"
            "FROM small\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
        )
        self.row("two busy stages, both at once", "1.7", "one after the other",
                 lambda: self.ours("build", "--no-cache", stages),
                 lambda: self.ours("build", "--no-cache", "--jobs", "1", stages))
