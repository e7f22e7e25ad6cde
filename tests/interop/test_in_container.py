"""Builds inside an ordinary container of a real dockerd: default capabilities, default seccomp profile, no mounts, no namespaces.

What is built there has to be the image that is built outside of it.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from peers import Docker, run

#: Later than all that is in the base.
EPOCH = "1700000000"

#: Every kind of change, a user, a directory that is not there, a background process, files of another stage.
DOCKERFILE = """\
FROM base AS first
RUN rm -r /things/sparse /tmp && mkdir /tmp && echo made > /tmp/made && ln /tmp/made /tmp/again
RUN true
FROM base
WORKDIR /srv/app
RUN echo one > one && ln -s one two && mkdir -p deep/er && touch deep/er/x && rm /things/link && chmod 600 /things/fifo
RUN rm -r deep && mkdir deep && chown -R web:extra /srv && mv one three && rm -r /things && echo file > /things
USER web
RUN ls -l /dev/null && echo quiet > /dev/null && echo "$(cat /etc/group)" > /tmp/mine
USER root
COPY --from=first /tmp /copied/
RUN sleep 1000 > /dev/null 2>&1 & echo started > /copied/daemon; rm /copied/again
RUN echo x > /etc/resolv.conf; cat /etc/hostname > /dev/null; touch /etc/new
"""

#: Prints a document: how steps run, the image's ID and layers, what is left of the build and what still runs.
SCRIPT = """\
set -e
layerkit import /work/base.tar base > /dev/null
id=$(layerkit build -q -t built /work/context)
layerkit info --format '{{json .}}'
layerkit inspect built
find "$LAYERKIT_ROOT/containers" "$LAYERKIT_ROOT/tmp" -mindepth 1
for process in /proc/[0-9]*; do tr '\\000' ' ' < $process/cmdline; done | grep 'sleep 1000' | grep -v grep || true
layerkit save -o "$1" built
"""


@pytest.fixture(scope="module")
def work(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    shutil.copy(small_root, folder / "base.tar")
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text(DOCKERFILE)
    (folder / "script").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def ci(docker: Docker, command: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with the command, the libraries that it needs, and busybox."""
    root = tmp_path_factory.mktemp("ci") / "root"
    for folder in ("bin", "etc", "tmp", "usr/bin", "proc"):
        (root / folder).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox, "busybox is missing (Debian: busybox-static)"
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in ("sh", "cat", "find", "grep", "tr", "sleep", "true", "id"):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    run("strip", "-o", root / "usr" / "bin" / "layerkit", command)
    libraries = [word for word in run("ldd", command).split() if word.startswith("/")]
    for library in libraries:
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), target)
    run("tar", "-cf", root.parent / "ci.tar", "-C", root, ".")
    docker("import", root.parent / "ci.tar", "ci:1")
    return "ci:1"


def read(output: str) -> tuple[dict[str, str], dict[str, object], str]:
    """What the script printed: how steps run, the image, and what was left."""
    decoder = json.JSONDecoder()
    info, end = decoder.raw_decode(output)
    images, length = decoder.raw_decode(output[end:].lstrip())
    rest = output[end:].lstrip()[length:].strip()
    (image,) = images
    return info, {"id": image["Id"], "layers": image["RootFS"]["Layers"]}, rest


@pytest.fixture(scope="module")
def outside(work: Path, command: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The image that is built on this machine, in an overlay."""
    environment = {
        "LAYERKIT_ROOT": str(tmp_path_factory.mktemp("store")),
        "LAYERKIT_ISOLATION": "overlay",
        "SOURCE_DATE_EPOCH": EPOCH,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
    }
    script = (work / "script").read_text().replace("/work/", f"{work}/")
    info, image, left = read(run("sh", "-c", script, "sh", work / "outside.tar", **environment))
    assert (info["run_mode"], left) == ("overlay", "")
    return image


def in_container(docker: Docker, *options: str) -> str:
    environment = ("-e", f"SOURCE_DATE_EPOCH={EPOCH}")
    if not any(option.startswith("LAYERKIT_ROOT=") for option in options):
        environment += ("-e", "LAYERKIT_ROOT=/var/lib/layerkit")
    return docker("run", "--rm", "--network", "none", *environment, *options, "ci:1", "sh", "/work/script", "/work/inside.tar")


@pytest.mark.parametrize("where", ["in the container", "on a volume"])
def test_a_default_container_builds_the_image_that_is_built_outside(
    docker: Docker, ci: str, work: Path, outside: dict[str, object], tmp_path: Path, where: str
) -> None:
    options = ["-v", f"{work}:/work"]
    if where == "on a volume":
        options += ["-v", f"{tmp_path}:/store", "-e", "LAYERKIT_ROOT=/store"]
    info, image, left = read(in_container(docker, *options))
    assert info["run_mode"] == "chroot" and "not apart from it" in info["run_reason"], info
    assert image == outside
    assert left == ""
    assert (work / "inside.tar").read_bytes() == (work / "outside.tar").read_bytes()


def test_a_container_that_may_mount_uses_an_overlay_where_the_store_can_have_one(
    docker: Docker, ci: str, work: Path, outside: dict[str, object], tmp_path: Path
) -> None:
    options = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    options += ["-v", f"{work}:/work"]
    # An overlay upon the container's own is refused by the kernel: that is found out, and a copied root is used.
    info, image, left = read(in_container(docker, *options))
    assert (info["run_mode"], image, left) == ("chroot", outside, ""), info
    info, image, left = read(in_container(docker, *options, "-v", f"{tmp_path}:/store", "-e", "LAYERKIT_ROOT=/store"))
    assert (info["run_mode"], image, left) == ("overlay", outside, ""), info


def test_where_devices_cannot_be_made_the_reason_is_told(docker: Docker, ci: str, work: Path) -> None:
    info = json.loads(docker("run", "--rm", "--network", "none", "--cap-drop", "MKNOD", ci, "layerkit", "info", "--format", "{{json .}}"))
    assert info["run_mode"] == "none"
    assert "namespace" in info["run_reason"] and "/dev/" in info["run_reason"], info
