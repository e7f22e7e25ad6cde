"""`kill -9` at any moment leaves a store that is whole: what a killed process left is garbage, never a wrong answer.

LAYERKIT_KILLS sets how many kills there are: 200 in `make soak`, fewer by default.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import layerkit

KILLS = int(os.environ.get("LAYERKIT_KILLS", "40"))

WORKER = """
import sys
import layerkit

root, workload = sys.argv[1:]
engine = layerkit.Engine(root=root)
n = 0
while True:
    n += 1
    engine.images.import_image(f"{workload}/root.tar" + ("" if n % 2 else ".gz"), name="base", message=str(n))
    engine.images.load(f"{workload}/saved.tar")
    engine.images.build(path=f"{workload}/context", tag="built", nocache=n % 2 == 0)
    engine.images.prune()
    print(n, flush=True)
"""


def test_a_store_is_whole_after_a_kill_at_any_moment(workload: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "store"
    with layerkit.Engine(root=root) as engine:
        engine.images.import_image(workload / "root.tar", name="base")
        engine.images.build(path=workload / "context", tag="built")
        engine.images.save(["base", "built"], workload / "saved.tar")
        info = engine.system.info()
    assert info["run_mode"] == "overlay", info["run_reason"]
    seed = int(os.environ.get("LAYERKIT_SEED", time.time_ns() % 1_000_000))
    moments = random.Random(seed)
    for kill in range(KILLS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), str(workload)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(moments.uniform(0.05, 1.2))
        assert worker.poll() is None, worker.communicate()[1].decode()
        worker.kill()
        worker.communicate()
        with layerkit.Engine(root=root) as engine:
            problems = engine.system.verify()["problems"]
            assert problems == [], f"kill {kill} of seed {seed}: {problems}"
            for image in engine.images.list(all=True):
                image.inspect()
    with layerkit.Engine(root=root) as engine:
        engine.images.prune(all=True)
        engine.system.prune(all=True)
        assert engine.images.list(all=True) == []
    left = {name: sorted(os.listdir(root / name)) for name in ("blobs/sha256", "snapshots", "containers", "tmp", "engines")}
    assert not any(left.values()), left
    mounts = Path("/proc/self/mounts").read_text()
    assert str(root) not in mounts
