"""A pull that is killed at any moment goes on at the next try where it was; processes that pull the same share the work.

LAYERKIT_KILLS sets how many kills there are, LAYERKIT_SOAK the seconds of the last test: more in `make soak`, fewer by default.
"""

import os
import random
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker_registry import DockerRegistry
from slow_proxy import Request, SlowProxy

import layerkit

KILLS = int(os.environ.get("LAYERKIT_KILLS", "12"))
SECONDS = float(os.environ.get("LAYERKIT_SOAK", "8"))
LAYERS = 4
LAYER_SIZE = 2_000_000
#: Bytes in a second on each connection: a whole pull takes a good second.
RATE = 2_500_000
#: What one kill may cost on one connection: bytes that were on their way.
ON_THE_WAY = 128 * 1024

PULL = """
import sys
import layerkit

root, name = sys.argv[1:]
with layerkit.Engine(root=root) as engine:
    print("ready", flush=True)
    engine.images.pull(name)
"""


@dataclass
class Served:
    """A registry with one image of several layers, behind a slow proxy."""

    registry: DockerRegistry
    proxy: SlowProxy
    digest: str
    #: Sizes of its blobs.
    blobs: dict[str, int]

    @property
    def name(self) -> str:
        return f"{self.proxy.host}/team/app:1"


def layered(folder: Path, engine: layerkit.Engine, name: str) -> None:
    """An image of layers that do not compress."""
    folder.mkdir()
    noise = random.Random(name)
    for n in range(LAYERS):
        (folder / str(n)).write_bytes(noise.randbytes(LAYER_SIZE))
    lines = "".join(f"COPY {n} /{n}\n" for n in range(1, LAYERS))
    (folder / "Dockerfile").write_text("FROM base\n" + lines)
    with tarfile.open(folder / "base.tar", "w") as tar:
        tar.add(folder / "0", "0")
    engine.images.import_image(folder / "base.tar", name="base")
    engine.images.build(path=folder, tag=name)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    registry = DockerRegistry(folder / "registry")
    proxy = SlowProxy(registry.port, RATE)
    with layerkit.Engine(root=folder / "store") as engine:
        name = f"{registry.host}/team/app:1"
        layered(folder / "context", engine, name)
        (pushed,) = engine.images.push(name)
        manifest = engine.registry.manifest(name)["manifest"]
    blobs = {blob["digest"]: blob["size"] for blob in [manifest["config"], *manifest["layers"]]}
    yield Served(registry, proxy, pushed["digest"], blobs)
    proxy.stop()
    registry.stop()


def start(root: Path, name: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """A process that pulls, and has just begun."""
    worker = subprocess.Popen(
        [sys.executable, "-c", PULL, str(root), name], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert worker.stdout and worker.stdout.readline() == "ready\n", worker.communicate()[1]
    return worker


def end(worker: "subprocess.Popen[str]") -> None:
    """Waits for its good end."""
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors


def blob_bytes(requests: list[Request]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for request in requests:
        if request.blob:
            counted[request.blob] += request.bytes
    return counted


def assert_whole(root: Path, served: Served, when: str) -> None:
    """The image is there, every byte of it, and after a prune nothing is left of it."""
    with layerkit.Engine(root=root) as engine:
        image = engine.images.get(served.name)
        assert image.summary["manifest_digest"] == served.digest, when
        image.unpack(root.parent / "files")
        assert len(os.listdir(root.parent / "files")) == LAYERS, when
        assert engine.system.verify()["problems"] == [], when
        engine.images.prune(all=True)
        engine.system.prune(all=True)
        assert engine.system.verify()["problems"] == [], when
    left = {name: os.listdir(root / name) for name in ("partial", "tmp", "blobs/sha256", "engines")}
    assert not any(left.values()), f"{when}: {left}"


def test_a_pull_that_is_killed_goes_on_where_it_was(
    served: Served, tmp_path: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(served.blobs.values())
    seed = int(os.environ.get("LAYERKIT_SEED", time.time_ns() % 1_000_000))
    moments = random.Random(seed)
    kills = rounds = fetched = 0
    begun = time.monotonic()
    end(start(tmp_path / "measured", served.name, environment))
    whole = time.monotonic() - begun
    served.proxy.take()
    while kills < KILLS:
        rounds += 1
        folder = tmp_path / str(rounds)
        folder.mkdir()
        root, killed = folder / "store", 0
        # The last try is left alone: it has to complete, whatever the others left.
        while killed < 5 and kills < KILLS:
            worker = start(root, served.name, environment)
            time.sleep(moments.uniform(0, whole * 0.6))
            if worker.poll() is not None:
                break
            worker.kill()
            worker.communicate()
            killed, kills = killed + 1, kills + 1
            with layerkit.Engine(root=root) as engine:
                problems = engine.system.verify()["problems"]
                assert problems == [], f"kill {kills} of seed {seed}: {problems}"
        end(start(root, served.name, environment))
        requests = served.proxy.take()
        for blob, count in blob_bytes(requests).items():
            bound = served.blobs[blob] + (killed + 1) * ON_THE_WAY
            assert count <= bound, (
                f"seed {seed}: {blob} was sent {count} bytes of, its size is {served.blobs[blob]}, after {killed} kills"
            )
        fetched += sum(blob_bytes(requests).values())
        assert_whole(root, served, f"round {rounds} of seed {seed}")
    with capsys.disabled():
        print(f" [{kills} kills in {rounds} pulls of {size:,} bytes: {fetched / rounds / size:.3f} of that was sent]", end="")
    assert fetched <= rounds * size + kills * LAYERS * ON_THE_WAY // 2


def test_two_processes_fetch_each_layer_once(served: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "store"
    layerkit.Engine(root=root).close()
    served.proxy.take()
    workers = [start(root, served.name, environment) for _ in range(2)]
    for worker in workers:
        end(worker)
    asked = Counter(request.blob for request in served.proxy.take() if request.blob)
    assert asked == dict.fromkeys(served.blobs, 1)
    assert_whole(root, served, "two processes")


def test_what_a_killed_process_was_at_another_takes_over(served: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    root = tmp_path / "store"
    served.proxy.take()
    first = start(root, served.name, environment)
    end_of_patience = time.monotonic() + 30
    while served.proxy.sent() < LAYER_SIZE // 2:
        assert time.monotonic() < end_of_patience, "nothing came"
        time.sleep(0.01)
    second = start(root, served.name, environment)
    first.kill()
    first.communicate()
    begun = served.proxy.take()
    end(second)
    requests = served.proxy.take()
    assert any(request.ranged for request in requests if request.blob), "nothing was taken over"
    counts = blob_bytes(begun + requests)
    assert all(count <= served.blobs[blob] + ON_THE_WAY for blob, count in counts.items()), counts
    assert_whole(root, served, "taken over")


SOAK = """
import random, sys, time
import layerkit

root, host, seconds, number = sys.argv[1:]
moments = random.Random(int(number))
end = time.monotonic() + float(seconds)
engine = layerkit.Engine(root=root)
counts = {}
names = [f"{host}/soak/one:1", f"{host}/soak/two:1", f"{host}/soak/mine-{number}:1"]
while time.monotonic() < end:
    what = moments.choice(["pull", "pull", "pull", "push", "push", "tag", "remove", "prune", "vacuum", "copy"])
    name, other = moments.choice(names), moments.choice(names)
    try:
        if what == "pull":
            engine.images.pull(name)
        elif what == "push":
            engine.images.push(name)
        elif what == "tag":
            engine.images.get(other).tag(names[2])
        elif what == "remove":
            engine.images.remove(name, force=moments.random() < 0.5)
        elif what == "prune":
            engine.images.prune(all=moments.random() < 0.3)
        elif what == "vacuum":
            engine.system.prune()
        else:
            engine.registry.copy(name, names[2])
        result = "ok"
    except layerkit.LayerkitError as error:
        if error.code not in ("not_found", "conflict"):
            print(f"{what} {name}: {error.code}: {error} {error.fields}", file=sys.stderr)
            raise
        result = error.code
    counts[what, result] = counts.get((what, result), 0) + 1
print(counts)
engine.close()
"""


def test_four_processes_pull_push_and_remove_in_one_store(served: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    host, root = served.registry.host, tmp_path / "store"
    with layerkit.Engine(root=root) as engine:
        for name in ("one", "two"):
            engine.registry.copy(f"{host}/team/app:1", f"{host}/soak/{name}:1")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SOAK, str(root), host, str(SECONDS), str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        out, errors = worker.communicate(timeout=SECONDS * 4 + 60)
        assert worker.returncode == 0, errors
        assert "('pull', 'ok')" in out and "('push', 'ok')" in out, out
    with layerkit.Engine(root=root) as engine:
        assert engine.system.verify()["problems"] == []
        engine.images.prune(all=True)
        engine.system.prune(all=True)
        assert engine.system.verify()["problems"] == []
    left = {name: os.listdir(root / name) for name in ("partial", "tmp")}
    assert not any(left.values()), left
