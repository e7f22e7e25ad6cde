"""An image as a file system, beside what docker exports, umoci unpacks and docker diff says."""

import hashlib
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import DOCKER, Docker, file_system

import layerkit

#: What docker makes for each container, whatever is in the image.
DOCKERS = {".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc", "sys"}
TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "char_device",
    tarfile.BLKTYPE: "block_device",
    tarfile.FIFOTYPE: "fifo",
}


@pytest.fixture
def made(docker: Docker, engine: layerkit.Engine, small_root: Path, tmp_path: Path) -> Iterator[layerkit.Image]:
    """An image that docker built, in our store; `base:1` is what it was built on."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").write_text("content\n")
    (context / "Dockerfile").write_text(
        "FROM base:1\nCOPY --chown=1:2 file /app/file\n"
        "RUN mkdir -p /w/d && echo old > /w/d/old && echo 1 > /w/kept && ln /w/kept /w/linked && ln -s ../app/file /w/link && busybox mkfifo /w/pipe\n"
        "RUN rm -r /w/d && mkdir /w/d && echo new > /w/d/new && chmod 4711 /w/kept && ln -s / /w/d/root\n"
    )
    docker("import", "-c", 'CMD ["/bin/true"]', small_root, "base:1")
    docker("build", "--network=host", "-t", "made:1", context)
    docker("save", "-o", tmp_path / "made.tar", "base:1", "made:1")
    engine.images.load(tmp_path / "made.tar")
    yield engine.images.get("made:1")
    docker("rmi", "made:1", "base:1")


def test_files_and_contents_are_what_docker_exports(docker: Docker, made: layerkit.Image, tmp_path: Path) -> None:
    container = docker("create", "made:1").strip()
    docker("export", "-o", tmp_path / "exported.tar", container)
    docker("rm", container)
    ours = {file["path"].lstrip("/"): file for file in made.files()}
    with tarfile.open(tmp_path / "exported.tar") as tar:
        theirs = {entry.name: entry for entry in tar if entry.name.rstrip("/")}
        assert set(ours) - {""} - DOCKERS == set(theirs) - DOCKERS
        for name in set(theirs) - DOCKERS:
            entry, file = theirs[name], ours[name]
            while entry.islnk():
                entry = theirs[entry.linkname]
            assert file["type"] == TYPES[entry.type], name
            assert (file["uid"], file["gid"]) == (entry.uid, entry.gid), name
            # Docker puts files of its own there.
            assert file["mtime"] == int(entry.mtime) or name == "etc", name
            if entry.issym():
                assert file["target"] == entry.linkname, name
                continue
            assert file["mode"] == entry.mode & 0o7777, name
            if entry.isreg():
                content = tar.extractfile(entry)
                assert content is not None
                data = content.read()
                assert file["size"] == len(data), name
                with made.open(name) as opened:
                    assert hashlib.sha256(opened.read()).digest() == hashlib.sha256(data).digest(), name


def test_files_and_contents_are_what_umoci_unpacks(made: layerkit.Image, tmp_path: Path) -> None:
    made.save(tmp_path / "saved.tar", named="made:1")
    theirs = file_system(tmp_path / "saved.tar", "docker.io/library/made:1", tmp_path)
    ours = {file["path"].lstrip("/"): file for file in made.files() if file["path"] != "/"}
    assert set(ours) == set(theirs)
    for name, file in ours.items():
        if file["type"] == "file":
            assert hashlib.sha256(made.read(name)).hexdigest() in map(str, theirs[name]), name


def test_a_diff_is_what_docker_says_of_the_same_change(docker: Docker, made: layerkit.Image, engine: layerkit.Engine, tmp_path: Path) -> None:
    script = "echo x > /new && mkdir -p /n/m && touch /n/m/f && rm -r /w/d && rm /w/link && chmod 600 /w/pipe && echo 22 > /w/kept && rm /app/file && mkdir /app/file"
    docker("run", "--name", "changed", "--network", "none", "made:1", "/bin/sh", "-c", script)
    said = set(docker("diff", "changed").splitlines())
    docker("commit", "changed", "changed:1")
    save = subprocess.Popen([DOCKER, "-H", f"unix://{docker.socket}", "save", "changed:1"], stdout=subprocess.PIPE)
    assert save.stdout is not None
    (changed,) = engine.images.load(save.stdout)
    assert save.wait() == 0
    docker("rm", "changed")
    docker("rmi", "changed:1")
    letters = {"added": "A", "changed": "C", "deleted": "D"}
    ours = [f"{letters[change['kind']]} {change['path']}" for change in made.diff(changed)]
    assert [line[2:] for line in ours] == sorted((line[2:] for line in ours), key=os.fsencode)
    # Docker names every directory that something changed in, too.
    above = {f"C {parent}" for line in said for parent in Path(line[2:]).parents}
    assert set(ours) <= said
    assert said - set(ours) <= above
