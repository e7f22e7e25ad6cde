"""What we write, docker, podman and skopeo read, and the other way round."""

import json
from pathlib import Path

import pytest
from peers import Docker, file_system, run, tree

import layerkit


@pytest.fixture
def images(engine: layerkit.Engine, small_root: Path, tmp_path: Path) -> layerkit.Engine:
    """An imported base, and an image of several layers built on it."""
    context = tmp_path / "context"
    (context / "app").mkdir(parents=True)
    (context / "app" / "file").write_text("content\n")
    (context / "Dockerfile").write_text(
        "FROM base:1\nENV A=1\nCOPY --chown=web app /app\nWORKDIR /work\n"
        "RUN echo new > /work/new && rm /things/link && mkdir /things/fresh && chmod 700 /tmp\n"
        'CMD ["/bin/cat", "/app/file"]\n'
    )
    engine.images.import_image(small_root, name="base:1", changes=['CMD ["/bin/echo", "hi"]'])
    engine.images.build(path=context, tag="built:1")
    return engine


def test_docker_loads_and_runs_what_we_save(images: layerkit.Engine, docker: Docker, tmp_path: Path) -> None:
    archive = tmp_path / "saved.tar"
    images.images.save(["base:1", "built:1"], archive)
    assert docker("load", "-i", archive).splitlines() == ["Loaded image: base:1", "Loaded image: built:1"]
    assert docker("run", "--rm", "--network", "none", "base:1") == "hi\n"
    assert docker("run", "--rm", "--network", "none", "built:1") == "content\n"
    listing = docker("run", "--rm", "--network", "none", "built:1", "/bin/ls", "-ln", "/app", "/work", "/things")
    assert "33       34" in listing and "new" in listing and "fresh" in listing and "link" not in listing.replace("hardlink", "")
    for name in ("base:1", "built:1"):
        assert docker("inspect", "-f", "{{.Id}}", name).strip() == images.images.get(name).id
    docker("rmi", "base:1", "built:1")


@pytest.mark.parametrize("image_format", ["docker", "oci-archive"])
def test_podman_loads_what_we_save(images: layerkit.Engine, podman: list[str], tmp_path: Path, image_format: str) -> None:
    archive = tmp_path / "saved.tar"
    images.images.save(["built:1"], archive, format=image_format)
    assert "Loaded image: " in run(*podman, "load", "-q", "-i", archive)
    found = json.loads(run(*podman, "images", "--format", "json"))
    assert [image["Id"] for image in found] == [images.images.get("built:1").id.removeprefix("sha256:")]


def test_skopeo_reads_the_manifest_we_have(images: layerkit.Engine, tmp_path: Path) -> None:
    manifest = images.images.get("built:1").summary["manifest_digest"]
    images.images.save(["built:1"], tmp_path / "saved.tar")
    images.images.save(["built:1"], tmp_path / "layout", format="oci-dir")
    for source in (f"oci-archive:{tmp_path}/saved.tar:1", f"oci:{tmp_path}/layout:1"):
        assert json.loads(run("skopeo", "inspect", source))["Digest"] == manifest
    assert run("umoci", "ls", "--layout", tmp_path / "layout").split() == ["1"]


def test_umoci_unpacks_what_we_unpack(images: layerkit.Engine, tmp_path: Path) -> None:
    for name in ("base:1", "built:1"):
        folder = tmp_path / name.replace(":", "-")
        folder.mkdir()
        images.images.save([name], folder / "saved.tar")
        theirs = file_system(folder / "saved.tar", f"docker.io/library/{name}", folder)
        images.images.get(name).unpack(folder / "ours")
        assert tree(folder / "ours") == theirs


def test_we_load_what_docker_saves(images: layerkit.Engine, docker: Docker, tmp_path: Path) -> None:
    images.images.save(["base:1", "built:1"], tmp_path / "ours.tar")
    docker("load", "-i", tmp_path / "ours.tar")
    docker("tag", "built:1", "other.example/built:2")
    docker("save", "-o", tmp_path / "theirs.tar", "base:1", "built:1", "other.example/built:2")
    with layerkit.Engine(root=tmp_path / "second") as second:
        loaded = {image.id: sorted(image.tags) for image in second.images.load(tmp_path / "theirs.tar")}
        assert loaded == {
            images.images.get("base:1").id: ["base:1"],
            images.images.get("built:1").id: ["built:1", "other.example/built:2"],
        }
        second.images.get("built:1").unpack(tmp_path / "theirs")
        images.images.get("built:1").unpack(tmp_path / "ours")
        assert tree(tmp_path / "theirs") == tree(tmp_path / "ours")
        assert second.system.verify()["problems"] == []
    docker("rmi", "base:1", "built:1", "other.example/built:2")


def test_we_load_what_podman_and_skopeo_save(images: layerkit.Engine, podman: list[str], tmp_path: Path) -> None:
    images.images.save(["base:1", "built:1"], tmp_path / "ours.tar")
    run(*podman, "load", "-q", "-i", tmp_path / "ours.tar")
    run(*podman, "save", "-q", "-m", "-o", tmp_path / "podman.tar", "localhost/base:1", "localhost/built:1")
    run(*podman, "save", "-q", "--format", "oci-archive", "-o", tmp_path / "podman-oci.tar", "localhost/built:1")
    run("skopeo", "copy", "-q", f"docker-archive:{tmp_path}/ours.tar:built:1", f"oci:{tmp_path}/skopeo-layout:tag")
    with layerkit.Engine(root=tmp_path / "second") as second:
        ids = {image.id for image in second.images.load(tmp_path / "podman.tar")}
        assert ids == {images.images.get("base:1").id, images.images.get("built:1").id}
        (image,) = second.images.load(tmp_path / "podman-oci.tar")
        image.unpack(tmp_path / "theirs")
        images.images.get("built:1").unpack(tmp_path / "ours")
        assert tree(tmp_path / "theirs") == tree(tmp_path / "ours")
        (image,) = second.images.load(tmp_path / "skopeo-layout")
        image.unpack(tmp_path / "skopeo")
        assert tree(tmp_path / "skopeo") == tree(tmp_path / "ours")
        assert second.system.verify()["problems"] == []
