"""Four processes import, build, remove and prune in one store at once. The only errors are the documented ones.

LAYERKIT_SOAK sets the seconds: 60 in `make soak`, fewer by default.
"""

import os
import subprocess
import sys
from pathlib import Path

import layerkit

SECONDS = float(os.environ.get("LAYERKIT_SOAK", "12"))

WORKER = """
import random, sys, time
import layerkit

root, workload, seconds, number = sys.argv[1:]
moments = random.Random(int(number))
end = time.monotonic() + float(seconds)
engine = layerkit.Engine(root=root)
counts = {}
while time.monotonic() < end:
    what = moments.choice(["import", "build", "build", "load", "remove", "prune", "list", "df"])
    name = moments.choice(["base", f"mine-{number}", "shared"])
    try:
        if what == "import":
            engine.images.import_image(f"{workload}/root.tar.gz", name=name, message=str(moments.random()))
        elif what == "build":
            # Not as the base itself: that would grow a layer each time.
            name = f"mine-{number}" if name == "base" else name
            engine.images.build(path=f"{workload}/context", tag=name, nocache=moments.random() < 0.5)
        elif what == "load":
            engine.images.load(f"{workload}/saved.tar")
        elif what == "remove":
            engine.images.remove(name, force=moments.random() < 0.5)
        elif what == "prune":
            engine.images.prune(all=moments.random() < 0.3)
        elif what == "list":
            for image in engine.images.list(all=True):
                image.id
        else:
            engine.system.df()
        result = "ok"
    except layerkit.LayerkitError as error:
        # A base that another process took away is looked for at a registry, where there is none.
        gone = what == "build" and error.code == "network" and "No such image" in str(error)
        if error.code not in ("not_found", "conflict") and not gone:
            print(f"{what} {name}: {error.code}: {error}", file=sys.stderr)
            raise
        result = error.code
    counts[what, result] = counts.get((what, result), 0) + 1
print(counts)
engine.close()
"""


def test_four_processes_share_one_store(workload: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "store"
    with layerkit.Engine(root=root) as engine:
        engine.images.import_image(workload / "root.tar", name="base")
        engine.images.build(path=workload / "context", tag="built")
        engine.images.save(["base", "built"], workload / "saved.tar")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), str(workload), str(SECONDS), str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        out, err = worker.communicate(timeout=SECONDS * 4 + 60)
        assert worker.returncode == 0, err
        assert "('build', 'ok')" in out and "('import', 'ok')" in out, out
    with layerkit.Engine(root=root) as engine:
        assert engine.system.verify()["problems"] == []
        engine.system.prune(all=True)
        assert engine.system.verify()["problems"] == []
