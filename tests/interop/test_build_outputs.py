"""What comes out of a build, as docker, podman, skopeo, umoci and tar read it: archives, directories, tars, squashed images, indexes.

Builds go through the conformance driver of Rust, which takes the options of the core as they are.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_registry import DockerRegistry
from peers import Docker, run, skopeo_tree, tree

ROOT = Path(__file__).resolve().parent.parent.parent
INDEX = "application/vnd.oci.image.index.v1+json"


class Core:
    """An engine behind the driver."""

    def __init__(self, root: Path) -> None:
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        run("cargo", "build", "--quiet", "--package", "layerkit-conformance-driver", "--manifest-path", ROOT / "Cargo.toml")
        command = target / "debug" / "layerkit-conformance-driver"
        self.process = subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self("engine_open", root=str(root))

    def __call__(self, operation: str, **arguments: object) -> Any:  # noqa: ANN401
        assert self.process.stdin and self.process.stdout
        request = {"id": 1, "op": operation, "engine": "e", "args": arguments}
        self.process.stdin.write(json.dumps(request, default=str) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "ok" in answer, answer
        return answer["ok"]

    def stop(self) -> None:
        assert self("system_verify")["problems"] == []
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@pytest.fixture(scope="module")
def core(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    core = Core(tmp_path_factory.mktemp("core") / "store")
    core("images_import", source={"path": small_root}, name="base:1", changes=['CMD ["/bin/echo", "hi"]'])
    yield core
    core.stop()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps that add, change, remove and link."""
    context = tmp_path_factory.mktemp("context")
    (context / "app").mkdir()
    (context / "app" / "file").write_text("content\n")
    (context / "Dockerfile").write_text(
        "FROM base:1\nENV A=1\nCOPY --chown=web app /app\nWORKDIR /work\n"
        "RUN rm /things/link && rm -r /tmp && mkdir /tmp && chmod 1777 /tmp && ln /things/setuid /work/link\n"
        "RUN echo new > /etc/new && chmod 0700 /etc && mkdir -m 0555 /closed\n"
        'CMD ["/bin/cat", "/app/file"]\n'
    )
    return context


@pytest.fixture(scope="module")
def files(core: Core, context: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    """What skopeo and umoci find in the image."""
    folder = tmp_path_factory.mktemp("files")
    core("images_build", path=context, tags=["built:1"])
    core("images_save", images=["built:1"], target={"path": folder / "built.tar"})
    return skopeo_tree(folder, f"docker-archive:{folder}/built.tar:built:1")


def test_docker_loads_and_runs_the_docker_archive(core: Core, docker: Docker, context: Path, tmp_path: Path) -> None:
    built = core("images_build", path=context, tags=["out:1", "out:2"], outputs=[{"type": "docker", "dest": tmp_path / "a.tar"}])
    assert docker("load", "-i", tmp_path / "a.tar").splitlines() == ["Loaded image: out:1", "Loaded image: out:2"]
    assert docker("inspect", "-f", "{{.Id}}", "out:1").strip() == built["id"]
    assert docker("run", "--rm", "--network", "none", "out:1") == "content\n"
    docker("rmi", "out:1", "out:2")


def test_podman_and_skopeo_read_the_oci_archive(
    core: Core, podman: list[str], context: Path, files: object, tmp_path: Path
) -> None:
    archive, told = tmp_path / "a.tar", tmp_path / "told.json"
    built = core("images_build", path=context, tags=["out:1"], outputs=[{"type": "oci", "dest": archive}], metadata_file=told)
    assert "Loaded image: " in run(*podman, "load", "-q", "-i", archive)
    (image,) = json.loads(run(*podman, "images", "--format", "json"))
    assert f"sha256:{image['Id']}" == built["id"]
    found = json.loads(run("skopeo", "inspect", f"oci-archive:{archive}:1"))
    assert found["Digest"] == json.loads(told.read_text())["containerimage.digest"]
    assert skopeo_tree(tmp_path, f"oci-archive:{archive}:1") == files


def test_a_directory_and_a_tar_hold_what_umoci_unpacks(core: Core, context: Path, files: dict[str, Any], tmp_path: Path) -> None:
    directory, archive = tmp_path / "directory", tmp_path / "a.tar"
    outputs = [{"type": "local", "dest": directory}, {"type": "tar"}]
    core("images_build", path=context, outputs=outputs, output_stream={"stream": archive})
    (tmp_path / "extracted").mkdir()
    run("tar", "--xattrs", "--xattrs-include=*", "-xpf", archive, "-C", tmp_path / "extracted")

    def seen(found: dict[str, Any], owners: bool) -> dict[str, Any]:
        return {
            path: (kind, mode, (uid, gid) if owners else None, what, attributes)
            for path, (kind, mode, uid, gid, what, attributes, _) in found.items()
        }

    assert seen(tree(tmp_path / "extracted"), True) == seen(files, True)
    # Everything is the caller's there.
    assert seen(tree(directory), False) == seen(files, False)
    assert {found[2:4] for found in tree(directory).values()} == {(os.getuid(), os.getgid())}
    for root in (tmp_path / "extracted", directory):
        assert (root / "things" / "setuid").stat().st_ino == (root / "work" / "link").stat().st_ino
        assert oct((root / "closed").stat().st_mode)[-4:] == "0555"


def test_docker_imports_the_tar(core: Core, docker: Docker, context: Path, tmp_path: Path) -> None:
    core("images_build", path=context, outputs=[{"type": "tar", "dest": tmp_path / "a.tar"}])
    docker("import", tmp_path / "a.tar", "imported:1")
    listing = docker("run", "--rm", "--network", "none", "imported:1", "/bin/ls", "-ln", "/app", "/")
    assert "33       34" in listing and "dr-xr-xr-x" in listing
    docker("rmi", "imported:1")


def test_a_squashed_image_holds_the_same_files_in_one_layer(
    core: Core, docker: Docker, context: Path, files: object, tmp_path: Path
) -> None:
    archive = tmp_path / "a.tar"
    core("images_build", path=context, tags=["squashed:1"], squash=True, outputs=[{"type": "docker", "dest": archive}])
    assert len(json.loads(run("skopeo", "inspect", f"docker-archive:{archive}:squashed:1"))["Layers"]) == 2
    assert skopeo_tree(tmp_path, f"docker-archive:{archive}:squashed:1") == files
    docker("load", "-i", archive)
    docker("run", "--name", "squashed", "--network", "none", "squashed:1", "/bin/true")
    docker("export", "-o", tmp_path / "exported.tar", "squashed")
    (tmp_path / "exported").mkdir()
    run("tar", "--xattrs", "--xattrs-include=*", "-xpf", tmp_path / "exported.tar", "-C", tmp_path / "exported")
    docker("rm", "squashed")
    docker("rmi", "squashed:1")
    assert isinstance(files, dict)
    exported = tree(tmp_path / "exported")
    assert {path: exported[path][:5] for path in files} == {path: found[:5] for path, found in files.items()}


@pytest.fixture(scope="module")
def platforms(core: Core, plain: DockerRegistry, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """An image of two platforms: its name in the registry, the digest of its index, an OCI archive."""
    folder = tmp_path_factory.mktemp("platforms")
    for architecture in ("amd64", "arm64"):
        (folder / architecture).write_text(architecture)
    (folder / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /file\n")
    name, archive = f"{plain.host}/platforms:1", folder / "a.tar"
    built = core(
        "images_build",
        path=folder,
        tags=[name],
        platforms=["linux/amd64", "linux/arm64"],
        outputs=[{"type": "image"}, {"type": "oci", "dest": archive}],
        metadata_file=folder / "told.json",
    )
    assert built["digest"] == json.loads((folder / "told.json").read_text())["containerimage.digest"]
    (pushed,) = core("images_push", name=name)
    assert pushed["digest"] == built["digest"]
    return name, built["digest"], archive


def test_skopeo_inspects_the_index_that_was_pushed(
    platforms: tuple[str, str, Path], plain: DockerRegistry, tmp_path: Path
) -> None:
    name, digest, _ = platforms
    assert plain.manifest("platforms", "1")[0] == digest
    raw = json.loads(run("skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{name}"))
    assert raw["mediaType"] == INDEX
    assert [(m["platform"]["os"], m["platform"]["architecture"]) for m in raw["manifests"]] == [
        ("linux", "amd64"),
        ("linux", "arm64"),
    ]
    run("skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/layout:1")
    for architecture in ("amd64", "arm64"):
        run(
            "skopeo",
            "--override-arch",
            architecture,
            "copy",
            "-q",
            "--src-tls-verify=false",
            f"docker://{name}",
            f"oci:{tmp_path}/{architecture}:1",
        )
        run("umoci", "raw", "unpack", "--image", f"{tmp_path}/{architecture}:1", tmp_path / f"{architecture}-root")
        assert (tmp_path / f"{architecture}-root" / "file").read_text() == architecture


def test_skopeo_reads_the_index_in_the_oci_archive(platforms: tuple[str, str, Path], core: Core, tmp_path: Path) -> None:
    name, digest, archive = platforms
    core("images_save", images=[name], target={"path": tmp_path / "saved.tar"}, format="oci-archive")
    for one in (archive, tmp_path / "saved.tar"):
        folder = tmp_path / one.stem
        run("skopeo", "copy", "-q", "--all", f"oci-archive:{one}:1", f"dir:{folder}")
        assert f"sha256:{run('sha256sum', folder / 'manifest.json').split()[0]}" == digest
        found = run("skopeo", "--override-arch", "arm64", "inspect", f"oci-archive:{one}:1")
        assert json.loads(found)["Architecture"] == "arm64"
