"""Pull and push beside skopeo and Docker: from and to a docker-registry on loopback, and one that takes 50 ms for each answer."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common import DOCKER, LAYERKIT, MB, ROOT, Cost, Registry, Row, compare, content, measured

#: Milliseconds that the slow registry takes for an answer.
LATENCY = 50


class SlowRegistry:
    """The registry of our own tests, which waits before each answer."""

    def __init__(self, folder: Path, latency: int) -> None:
        build = ["cargo", "build", "--quiet", "--release", "--package", "layerkit-testing", "--example", "serve"]
        subprocess.run(build, cwd=ROOT, check=True)
        program = ROOT / "target" / "release" / "examples" / "serve"
        served = folder / "served.json"
        served.write_text(json.dumps({"options": {"latency_ms": latency}}))
        self.process = subprocess.Popen([program, served], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.host = json.loads(self.process.stdout.readline())["host"]

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)


class RegistryBench:
    def __init__(self, folder: Path, rounds: int, megabytes: int) -> None:
        self.folder, self.rounds, self.megabytes = folder, rounds, megabytes
        self.rows: list[Row] = []
        self.store = folder / "registry-store"
        self.layout = folder / "layout"
        self.unpacked = folder / "unpacked"
        self.seed = 0

    def ours(self, *arguments: object) -> Cost:
        return measured([str(LAYERKIT), "--root", str(self.store), *map(str, arguments)])

    def docker(self, *arguments: object) -> Cost:
        return measured([DOCKER, *map(str, arguments)])

    def skopeo(self, image: str) -> Cost:
        source = f"docker://{image}"
        return measured(["skopeo", "copy", "--quiet", "--src-tls-verify=false", source, f"oci:{self.layout}:image"])

    def row(
        self,
        what: str,
        wanted: str,
        peer: str,
        ours: Callable[[], Cost],
        theirs: Callable[[], Cost],
        before_ours: Callable[[], object],
        before_theirs: Callable[[], object],
    ) -> None:
        compare(self.rows, self.rounds, Row(what, wanted, peer), ours, theirs, before_ours, before_theirs)

    def clean_ours(self) -> None:
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.rmtree(self.unpacked, ignore_errors=True)

    def clean_layout(self) -> None:
        shutil.rmtree(self.layout, ignore_errors=True)

    def clean_docker(self, *images: str) -> None:
        subprocess.run([DOCKER, "rmi", "-f", *images], capture_output=True, check=False)
        subprocess.run([DOCKER, "image", "prune", "-f"], capture_output=True, check=False)

    def context(self, name: str, layers: int, size: int) -> Path:
        """A folder to build an image of so many layers of so many bytes from, with bytes that were never there before."""
        self.seed += 1
        generator = random.Random(self.seed)
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        lines = ["FROM scratch"]
        for layer in range(layers):
            part = folder / f"layer{layer}"
            part.mkdir()
            written = 0
            while written < size:
                length = min(size - written, 8 * MB)
                (part / f"file{written}").write_bytes(content(generator, length))
                written += length
            lines.append(f"COPY layer{layer} /layer{layer}")
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        return folder

    def publish(self, name: str, layers: int, size: int) -> None:
        """Puts a new image into a registry, by skopeo, so that neither side knows anything of it."""
        folder = self.context("published", layers, size)
        self.clean_ours()
        self.ours("build", "-t", "published", folder)
        archive = self.folder / "published.tar"
        self.ours("save", "-o", archive, "published")
        command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false"]
        subprocess.run([*command, f"docker-archive:{archive}", f"docker://{name}"], check=True)
        archive.unlink()
        self.clean_ours()

    def pull_and_unpack(self, image: str) -> Cost:
        pulled, unpacked = self.ours("pull", "-q", image), self.ours("unpack", image, self.unpacked)
        return pulled[0] + unpacked[0], max(pulled[1], unpacked[1])

    def all(self) -> None:
        if not shutil.which("skopeo") or not shutil.which("docker-registry"):
            sys.exit("skopeo or docker-registry is missing")
        registry = Registry(self.folder / "registry")
        try:
            self.pulls(registry)
            self.pushes(registry)
        finally:
            registry.stop()
        slow = SlowRegistry(self.folder, LATENCY)
        try:
            self.small_layers(slow)
        finally:
            slow.stop()

    def pulls(self, registry: Registry) -> None:
        big = f"{registry.host}/bench/big:1"
        # Half of the content does not compress, and what does takes a tenth.
        self.publish(big, 3, self.megabytes * MB * 100 // 60 // 3)
        self.row(f"pull of {self.megabytes} MB in 3 layers, not unpacked", "1.4", "skopeo copy",
                 lambda: self.ours("pull", "-q", big), lambda: self.skopeo(big), self.clean_ours, self.clean_layout)
        self.row("the same, and unpacked", "2", "docker pull", lambda: self.pull_and_unpack(big),
                 lambda: self.docker("pull", "-q", big), self.clean_ours, lambda: self.clean_docker(big))
        self.clean_docker(big)
        many = f"{registry.host}/bench/many:1"
        self.publish(many, 8, 60 * MB)
        self.row("pull of 8 layers at once", "1", "skopeo copy", lambda: self.ours("pull", "-q", many),
                 lambda: self.skopeo(many), self.clean_ours, self.clean_layout)
        self.clean_ours()
        self.clean_layout()

    def pushes(self, registry: Registry) -> None:
        image = f"{registry.host}/bench/pushed"

        def fresh_ours() -> None:
            self.clean_ours()
            self.ours("build", "-t", image, self.context("ours", 3, 100 * MB))

        def fresh_docker() -> None:
            self.clean_docker(image)
            self.docker("build", "-t", image, self.context("theirs", 3, 100 * MB))

        self.row("first push of a new image of 300 MB", "2.5", "docker push", lambda: self.ours("push", "-q", image),
                 lambda: self.docker("push", "-q", image), fresh_ours, fresh_docker)
        ours, theirs = f"{image}:ours", f"{image}:theirs"
        self.ours("tag", image, ours)
        self.docker("tag", image, theirs)
        self.ours("push", "-q", ours)
        self.docker("push", "-q", theirs)
        before = self.requests(registry)
        self.ours("push", "-q", ours)
        print(f"requests of a push of what is there: {self.requests(registry) - before}", flush=True)
        self.row("push of what is there", "1", "docker push", lambda: self.ours("push", "-q", ours),
                 lambda: self.docker("push", "-q", theirs), lambda: None, lambda: None)
        self.clean_docker(image, theirs)
        self.clean_ours()

    def requests(self, registry: Registry) -> int:
        return registry.log.read_text().count(' HTTP/1.1" ')

    def small_layers(self, slow: SlowRegistry) -> None:
        image = f"{slow.host}/bench/small:1"
        self.publish(image, 100, 20_000)
        what = f"pull of 100 small layers, {LATENCY} ms an answer"
        self.row(what, "0.7", "skopeo copy", lambda: self.ours("pull", "-q", image), lambda: self.skopeo(image),
                 self.clean_ours, self.clean_layout)
        self.row(what, "0.7", "docker pull", lambda: self.ours("pull", "-q", image),
                 lambda: self.docker("pull", "-q", image), self.clean_ours, lambda: self.clean_docker(image))
        self.clean_docker(image)
