"""The Dockerfiles of `dockerfiles/`: how a case is read, built by us and by a peer, and compared. Its README says what a case holds."""

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archives import Archive, Tree
from peers import DOCKER

import layerkit

FOLDER = Path(__file__).resolve().parent / "dockerfiles"
#: The time of every file that goes into a build, so that one can see which files keep it.
TIME = 1_000_000_000
#: CAP_NET_BIND_SERVICE as an extended attribute.
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
#: No build takes longer, in seconds.
PATIENCE = 180
#: What of an image's `config` is compared.
CONFIG = (
    "Env Cmd Entrypoint ExposedPorts Volumes User WorkingDir Labels Healthcheck OnBuild Shell StopSignal".split()
)


@dataclass(frozen=True)
class Case:
    """One Dockerfile."""

    topic: str
    name: str
    #: The section of the Dockerfile reference.
    reference: str
    dockerfile: str
    #: `buildkit`, `classic` or `buildah`; none where no peer here knows what is asked.
    peer: str | None = "buildkit"
    files: dict[str, Any] = field(default_factory=dict)
    #: The Dockerfile's path in the context.
    file: str = "Dockerfile"
    buildargs: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    #: Dockerfiles of images that are built before, by name.
    parents: dict[str, str] = field(default_factory=dict)
    #: Where nobody can build it: our error's `code`, a part of its `message`, its `line`.
    fails: dict[str, Any] | None = None
    #: What is expected of ours by hand: `config`, `layers`, `files`, `below`.
    expect: dict[str, Any] | None = None

    @property
    def tag(self) -> str:
        """The name of its image."""
        return f"case-{hashlib.sha256(f'{self.topic}/{self.name}'.encode()).hexdigest()[:12]}:latest"

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"


def cases() -> list[Case]:
    """All cases, in the order of the files."""
    found = []
    for path in sorted(FOLDER.rglob("*.toml")):
        if path.name == "differences.toml":
            continue
        topic = str(path.relative_to(FOLDER).with_suffix(""))
        data = tomllib.loads(path.read_text())
        common = {key: value for key, value in data.items() if key != "case"}
        if topic.startswith("by_hand/"):
            common["peer"] = None
        found += [Case(**{"topic": topic, **common, **case}) for case in data["case"]]
    return found


def differences() -> list[dict[str, Any]]:
    """Where we mean to differ from the peers."""
    return list(tomllib.loads((FOLDER / "differences.toml").read_text()).get("difference", []))


def write_files(root: Path, files: dict[str, Any]) -> None:
    """Makes files as a case describes them. All of them get the same time."""
    for name, what in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        it: dict[str, Any] = {"text": what} if isinstance(what, str) else what
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif "link" in it:
            path.symlink_to(it["link"])
        elif "hardlink" in it:
            os.link(root / it["hardlink"], path)
        elif "tar" in it:
            path.write_bytes(packed(it["tar"], it.get("compression", ""))[: it.get("cut")])
        else:
            path.write_bytes(base64.b64decode(it["base64"]) if "base64" in it else it["text"].encode())
        if "owner" in it:
            os.lchown(path, *map(int, it["owner"].split(":")))
        if "mode" in it:
            path.chmod(it["mode"])
        elif "link" not in it and "hardlink" not in it:
            path.chmod(0o755 if name.endswith("/") else 0o644)
        if it.get("capability"):
            os.setxattr(path, "security.capability", CAPABILITY)
    for folder, folders, names in os.walk(root, topdown=False):
        for name in folders + names:
            os.utime(os.path.join(folder, name), (TIME, TIME), follow_symlinks=False)
        os.utime(folder, (TIME, TIME))


def packed(files: dict[str, Any], compression: str) -> bytes:
    """A tar of files, compressed in some way."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, what in files.items():
            it: dict[str, Any] = {"text": what} if isinstance(what, str) else what
            info = tarfile.TarInfo(name.rstrip("/"))
            content = it.get("text", "").encode()
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            if "link" in it:
                info.type, info.linkname = tarfile.SYMTYPE, it["link"]
            if "hardlink" in it:
                info.type, info.linkname = tarfile.LNKTYPE, it["hardlink"]
            info.mode = it.get("mode", 0o755 if name.endswith("/") else 0o644)
            info.uid, info.gid = map(int, it.get("owner", "0:0").split(":"))
            info.mtime, info.size = TIME, len(content)
            tar.addfile(info, io.BytesIO(content))
    if not compression:
        return plain.getvalue()
    command = {"gzip": "gzip", "bzip2": "bzip2", "xz": "xz", "zstd": "zstd"}[compression]
    return subprocess.run([command, "-c"], input=plain.getvalue(), capture_output=True, check=True).stdout


def write_context(root: Path, case: Case) -> list[tuple[str, Path, str]]:
    """The contexts of a case's builds, the last of them its own: the tag, the folder, the Dockerfile's path in it."""
    contexts = []
    for number, (name, dockerfile) in enumerate(case.parents.items()):
        write_files(root / f"parent-{number}", {"Dockerfile": dockerfile})
        contexts.append((name, root / f"parent-{number}", "Dockerfile"))
    write_files(root / "context", {**case.files, case.file: case.dockerfile})
    for name, value in case.secrets.items():
        (root / f"secret-{name}").write_text(value)
    return [*contexts, (case.tag, root / "context", case.file)]


def build_ours(engine: layerkit.Engine, case: Case, root: Path) -> layerkit.LayerkitError | None:
    """Builds a case; what it fails with."""
    *parents, (tag, context, file) = write_context(root, case)
    try:
        for name, folder, dockerfile in parents:
            engine.images.build(folder, dockerfile=dockerfile, tag=name, network_mode="none")
        # Only what a case asks for is said.
        options: dict[str, Any] = {"secrets": case.secrets} if case.secrets else {}
        engine.images.build(
            context, dockerfile=file, tag=tag, buildargs=case.buildargs, target=case.target, network_mode="none", **options
        )
    except layerkit.LayerkitError as error:
        return error
    return None


class Peers:
    """The builders of others, each with the base image."""

    def __init__(self, socket: Path, storage: Path, base: Path) -> None:
        self.docker = [DOCKER, "-H", f"unix://{socket}"]
        self.buildah = ["buildah", "--storage-driver", "vfs", "--root", f"{storage}/root", "--runroot", f"{storage}/run"]
        self.base = base
        self.storage = storage

    def load_base(self, peers: set[str]) -> None:
        """Brings the base image to where these peers look for it."""
        if peers & {"buildkit", "classic"}:
            said = self.run([*self.docker, "load", "-i", str(self.base)])
            assert said is None, said
        if "buildah" in peers:
            said = self.run([*self.buildah, "pull", "--quiet", f"docker-archive:{self.base}:base:latest"])
            assert said is None, said

    def run(self, command: list[str], **environment: str) -> str | None:
        """Runs a command; what it said if it failed."""
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE,
            env={**os.environ, **environment},
        )
        return done.stdout if done.returncode else None

    def build(self, case: Case, root: Path) -> str | None:
        """Builds a case by its peer; what that said if it failed."""
        said = None
        own = write_context(root, case)
        for tag, context, file in own:
            words = ["-t", tag, "-f", str(context / file)]
            if tag == case.tag:
                for name, value in case.buildargs.items():
                    words += ["--build-arg", f"{name}={value}"]
                for name in case.secrets:
                    words += ["--secret", f"id={name},src={root}/secret-{name}"]
                words += ["--target", case.target] if case.target else []
            if case.peer == "buildah":
                said = self.run([*self.buildah, "bud", "--format", "docker", "--identity-label=false", "--isolation", "chroot", *words, str(context)])
            else:
                kit = "1" if case.peer == "buildkit" else "0"
                words = ["build", "--network", "none", *words]
                said = self.run([*self.docker, *words, str(context)], DOCKER_BUILDKIT=kit)
            if said is not None:
                return said
        return said

    def save(self, built: list[Case], folder: Path) -> Iterator[Archive]:
        """Archives with the images of these cases."""
        of_docker = [case.tag for case in built if case.peer != "buildah"]
        if of_docker:
            said = self.run([*self.docker, "save", "-o", str(folder / "docker.tar"), *of_docker])
            assert said is None, said
            yield Archive(folder / "docker.tar")
        for case in built:
            if case.peer == "buildah":
                path = folder / f"{case.tag.partition(':')[0]}.tar"
                said = self.run([*self.buildah, "push", "--quiet", case.tag, f"docker-archive:{path}:{case.tag}"])
                assert said is None, said
                yield Archive(path)


@dataclass
class View:
    """What is compared of an image."""

    config: dict[str, Any]
    layers: int
    files: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, archive: Archive, name: str) -> "View":
        whole = archive.config(name)
        config = {key: (whole.get("config") or {}).get(key) or None for key in CONFIG}
        config["Author"] = whole.get("author") or None
        config["Platform"] = [whole.get(key) for key in ("os", "architecture", "variant")]
        return cls(config, len(archive.images[name]["Layers"]), described(archive.tree(name)))


def described(tree: Tree) -> dict[str, dict[str, Any]]:
    """The files of an image as one compares them."""
    names: dict[int, list[str]] = {}
    for path, inode in tree.items():
        names.setdefault(id(inode), []).append(path)
    files = {}
    for path, inode in tree.items():
        it: dict[str, Any] = {"kind": inode.kind, "mode": inode.mode, "owner": inode.owner, "what": inode.what, "xattrs": inode.xattrs}
        if inode.kind == "symlink":
            del it["mode"]
        if inode.kind == "file":
            it["keeps its time"] = inode.mtime == TIME
            it["links"] = sorted(names[id(inode)])
        files[path] = it
    return files


def compare(ours: View, theirs: View, *, layers: bool) -> dict[str, str]:
    """What is not the same: the thing, and what it is here and there."""
    found = {}
    for key, value in ours.config.items():
        if value != theirs.config[key]:
            found[f"config {key}"] = f"ours {json.dumps(value)}, theirs {json.dumps(theirs.config[key])}"
    if layers and ours.layers != theirs.layers:
        found["layers"] = f"ours {ours.layers}, theirs {theirs.layers}"
    for path in sorted(ours.files.keys() | theirs.files.keys()):
        mine, other = ours.files.get(path), theirs.files.get(path)
        if mine != other:
            keys = [key for key in mine or other or {} if (mine or {}).get(key) != (other or {}).get(key)]
            sides = [{key: it.get(key) for key in keys} if it else "nothing" for it in (mine, other)]
            found[f"file {path}"] = f"ours {sides[0]}, theirs {sides[1]}"
    return found


def unlike_expected(ours: View, expect: dict[str, Any]) -> dict[str, str]:
    """What is not as it was written down by hand."""
    found = {}
    for key, value in expect.get("config", {}).items():
        if ours.config[key] != (value or None):
            found[f"config {key}"] = f"{ours.config[key]!r}, expected {value!r}"
    if ours.layers != expect.get("layers", ours.layers):
        found["layers"] = f"{ours.layers}, expected {expect['layers']}"
    files = {path.strip("/"): what for path, what in expect.get("files", {}).items()}
    for path, what in files.items():
        it = ours.files.get(path)
        wanted: dict[str, Any] = {"text": what} if isinstance(what, str) else dict(what)
        if "text" in wanted:
            content = wanted.pop("text").encode()
            wanted |= {"kind": "file", "what": f"{len(content)} bytes, sha256:{hashlib.sha256(content).hexdigest()[:16]}"}
        if "link" in wanted:
            wanted |= {"kind": "symlink", "what": wanted.pop("link")}
        if wanted.pop("absent", False):
            if it:
                found[f"file {path}"] = "is there"
        elif it is None:
            found[f"file {path}"] = "is not there"
        elif unlike := {key: (it[key], value) for key, value in wanted.items() if it[key] != value}:
            found[f"file {path}"] = f"found and expected: {unlike}"
    for folder in expect.get("below", []):
        for path in ours.files:
            if path.startswith(f"{folder}/") and path not in files:
                found[f"file {path}"] = "was not expected"
    return found
