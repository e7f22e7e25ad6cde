"""What an image in an archive holds, read by Python's tarfile and our reading of the layer specification, not by the library.

`Archive` reads what `docker save`, `skopeo` and we write: `manifest.json`, configs and layers. A layer that several images have is read once.
"""

import hashlib
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
}


@dataclass
class Inode:
    """What is behind a name. Names that are hard links share one."""

    kind: str
    mode: str
    owner: str
    #: The target of a link, the numbers of a device, size and SHA-256 of a file.
    what: str = ""
    xattrs: dict[str, str] = field(default_factory=dict)
    mtime: float = 0


@dataclass
class Entry:
    """One member of a layer, in the layer's order."""

    path: str
    inode: Inode
    #: Of a hard link, the name it links to.
    target: str = ""


#: An image's files: what is behind each path.
Tree = dict[str, Inode]


class Archive:
    """An archive with images in it."""

    def __init__(self, path: Path) -> None:
        self.tar = tarfile.open(path)
        self.layers: dict[str, list[Entry]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        for image in json.load(self.file("manifest.json")):
            for name in image["RepoTags"] or []:
                self.images[name.removeprefix("docker.io/library/").removeprefix("localhost/")] = image

    def file(self, name: str) -> Any:
        """A member's content; a link is followed, as those who replace equal layers by links ask for."""
        return self.tar.extractfile(name)

    def config(self, name: str) -> dict[str, Any]:
        """The whole configuration of an image."""
        found: dict[str, Any] = json.load(self.file(self.images[name]["Config"]))
        return found

    def tree(self, name: str) -> Tree:
        """The files of an image."""
        tree: Tree = {}
        for layer in self.images[name]["Layers"]:
            member = self.tar.getmember(layer)
            while member.issym():
                target = PurePosixPath(layer).parent / member.linkname
                member = self.tar.getmember(str(Path("/", target).resolve()).lstrip("/"))
            if member.name not in self.layers:
                self.layers[member.name] = read_layer(self.file(member.name))
            lay(tree, self.layers[member.name])
        return tree


def read_layer(stream: Any) -> list[Entry]:
    """The entries of a layer, plain or compressed."""
    entries = []
    with tarfile.open(fileobj=stream) as layer:
        for member in layer:
            kind = KINDS[member.type]
            what = member.linkname if kind == "symlink" else ""
            if kind == "file":
                content = layer.extractfile(member)
                assert content
                what = f"{member.size} bytes, sha256:{hashlib.file_digest(content, 'sha256').hexdigest()[:16]}"
            elif kind in ("char", "block"):
                what = f"{member.devmajor}:{member.devminor}"
            start = "SCHILY.xattr."
            xattrs = {key.removeprefix(start): value for key, value in member.pax_headers.items() if key.startswith(start)}
            inode = Inode(kind, f"{member.mode & 0o7777:04o}", f"{member.uid}:{member.gid}", what, xattrs, member.mtime)
            path = member.name.removeprefix("./").strip("/")
            entries.append(Entry(path, inode, member.linkname.removeprefix("./").strip("/") if kind == "hardlink" else ""))
    return [entry for entry in entries if entry.path not in ("", ".")]


def remove(tree: Tree, path: str, *, itself: bool = True) -> None:
    """Takes away what is below a path, and what is there."""
    for name in [name for name in tree if name.startswith(f"{path}/")]:
        del tree[name]
    if itself:
        tree.pop(path, None)


def lay(tree: Tree, layer: list[Entry]) -> None:
    """Puts a layer upon what is there: first what it hides, wherever that stands in it, then what it has."""
    for entry in layer:
        folder, _, name = entry.path.rpartition("/")
        if name == ".wh..wh..opq":
            remove(tree, folder, itself=False)
        elif name.startswith(".wh."):
            remove(tree, f"{folder}/{name[4:]}".lstrip("/"))
    for entry in layer:
        if entry.path.rpartition("/")[2].startswith(".wh."):
            continue
        if entry.inode.kind != "dir":
            remove(tree, entry.path, itself=False)
        tree[entry.path] = tree[entry.target] if entry.target else entry.inode
