"""What we push to Debian's docker-registry, docker, podman and skopeo pull, and the other way round: same digests, same files."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_registry import DockerRegistry
from peers import Docker, run, skopeo_tree, tree

import layerkit

PLAIN = "--tls-verify=false"
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture(scope="module")
def made(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[layerkit.Engine]:
    """A base of one layer, and an image of several built on it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "context" / "app").mkdir(parents=True)
    (folder / "context" / "app" / "file").write_text("content\n")
    (folder / "context" / "Dockerfile").write_text(
        'FROM base:1\nENV A=1\nCOPY --chown=web app /app\nRUN rm /things/link && mkdir /things/fresh\nCMD ["/bin/cat", "/app/file"]\n'
    )
    with layerkit.Engine(root=folder / "store") as engine:
        engine.images.import_image(small_root, name="base:1", changes=['CMD ["/bin/echo", "hi"]'])
        engine.images.build(path=folder / "context", tag="built:1")
        yield engine
        assert engine.system.verify()["problems"] == []


@pytest.fixture
def files(made: layerkit.Engine, tmp_path: Path) -> dict[str, tuple[object, ...]]:
    made.images.get("built:1").unpack(tmp_path / "files")
    return tree(tmp_path / "files")


@pytest.fixture
def another(tmp_path: Path) -> Iterator[DockerRegistry]:
    """A second registry for everybody, which has nothing."""
    registry = DockerRegistry(tmp_path / "another")
    yield registry
    registry.stop()


def push(made: layerkit.Engine, name: str, image: str = "built:1") -> str:
    """Pushes one of the images under a name, and returns the digest that is in the registry now."""
    made.images.get(image).tag(name)
    (pushed,) = made.images.push(name)
    return pushed["digest"]


def unpacked(engine: layerkit.Engine, name: str, folder: Path, digest: str) -> dict[str, tuple[object, ...]]:
    """Pulls a name, which must lead to a digest, and returns its files."""
    image = engine.images.pull(name, expect=digest)
    assert f"{name.rpartition(':')[0]}@{digest}" in image.summary["digests"]
    image.unpack(folder)
    return tree(folder)


# What we push


def test_the_digest_we_push_is_the_one_we_have_and_the_one_that_is_there(made: layerkit.Engine, plain: DockerRegistry) -> None:
    name = f"{plain.host}/pushed/digest:1"
    digest = push(made, name)
    assert plain.manifest("pushed/digest", "1")[0] == digest
    assert f"{plain.host}/pushed/digest@{digest}" in made.images.get(name).summary["digests"]
    assert json.loads(run("skopeo", "inspect", PLAIN, f"docker://{name}"))["Digest"] == digest
    assert made.images.push(name) == [{"name": name, "digest": digest, "size": len(made.registry.manifest(name)["raw"])}]


def test_docker_pulls_and_runs_what_we_push(
    made: layerkit.Engine, plain: DockerRegistry, docker: Docker, files: object, tmp_path: Path
) -> None:
    name = f"{plain.host}/pushed/docker:1"
    digest = push(made, name)
    assert f"Digest: {digest}" in docker("pull", name)
    repository = name.rpartition(":")[0]
    assert json.loads(docker("inspect", "-f", "{{json .RepoDigests}}", name)) == [f"{repository}@{digest}"]
    assert docker("inspect", "-f", "{{.Id}}", name).strip() == made.images.get(name).id
    assert docker("run", "--rm", "--network", "none", name) == "content\n"
    docker("save", "-o", tmp_path / "saved.tar", name)
    docker("rmi", name)
    assert skopeo_tree(tmp_path, f"docker-archive:{tmp_path}/saved.tar") == files


def test_podman_pulls_what_we_push(
    made: layerkit.Engine, plain: DockerRegistry, podman: list[str], files: object, tmp_path: Path
) -> None:
    name = f"{plain.host}/pushed/podman:1"
    digest = push(made, name)
    identity = run(*podman, "pull", "-q", PLAIN, name).strip()
    assert f"sha256:{identity}" == made.images.get(name).id
    assert json.loads(run(*podman, "image", "inspect", name))[0]["Digest"] == digest
    run(*podman, "save", "-q", "-o", tmp_path / "saved.tar", name)
    assert skopeo_tree(tmp_path, f"docker-archive:{tmp_path}/saved.tar") == files


def test_skopeo_and_umoci_unpack_what_we_push(
    made: layerkit.Engine, plain: DockerRegistry, files: object, tmp_path: Path
) -> None:
    name = f"{plain.host}/pushed/skopeo:1"
    push(made, name)
    assert skopeo_tree(tmp_path, "--src-tls-verify=false", f"docker://{name}") == files


def test_a_layer_that_is_in_another_repository_there_is_mounted(made: layerkit.Engine, plain: DockerRegistry) -> None:
    push(made, f"{plain.host}/mounted/from:1", "base:1")
    made.images.get("base:1").tag(f"{plain.host}/mounted/to:1")
    events: list[layerkit.Event] = []
    made.images.push(f"{plain.host}/mounted/to:1", on_event=events.append)
    states = [event["state"] for event in events if event["event"] == "layer"]
    assert states[-1:] == ["mounted"] and "progress" not in states
    events.clear()
    made.images.push(f"{plain.host}/mounted/to:1", on_event=events.append)
    assert [event["state"] for event in events if event["event"] == "layer"][-1:] == ["exists"]


@pytest.mark.parametrize("chunk_size", [100_000, None])
def test_a_layer_goes_in_one_request_or_in_many(
    made: layerkit.Engine, plain: DockerRegistry, tmp_path: Path, chunk_size: int | None
) -> None:
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 1000 + str(chunk_size).encode())
    run("tar", "-cf", tmp_path / "noise.tar", "-C", tmp_path, "noise")
    name = f"{plain.host}/chunked/{chunk_size or 'whole'}:1"
    made.images.import_image(tmp_path / "noise.tar", name=name, compression="none")
    (pushed,) = made.images.push(name, chunk_size=chunk_size)
    assert skopeo_tree(tmp_path, "--src-tls-verify=false", f"docker://{name}").keys() == {"noise"}
    assert plain.manifest(name.split("/", 1)[1][:-2], "1")[0] == pushed["digest"]


# What we pull


@pytest.mark.parametrize("peer", ["docker", "podman", "podman-oci", "skopeo-v2s2", "skopeo-oci", "skopeo-zstd"])
def test_we_pull_what_they_push(
    made: layerkit.Engine,
    engine: layerkit.Engine,
    plain: DockerRegistry,
    docker: Docker,
    podman: list[str],
    files: object,
    tmp_path: Path,
    peer: str,
    request: pytest.FixtureRequest,
) -> None:
    if peer == "skopeo-zstd":
        # skopeo remembers gzip layers that it saw in a registry, and would name those: this one it has never seen.
        plain = request.getfixturevalue("another")
    repository = f"theirs/{peer}"
    name = f"{plain.host}/{repository}:1"
    made.images.save(["built:1"], tmp_path / "ours.tar")
    if peer == "docker":
        docker("load", "-i", tmp_path / "ours.tar")
        docker("tag", "built:1", name)
        docker("push", "-q", name)
        docker("rmi", "built:1", name)
    elif peer.startswith("podman"):
        run(*podman, "load", "-q", "-i", tmp_path / "ours.tar")
        kind = "oci" if peer == "podman-oci" else "v2s2"
        run(*podman, "push", "-q", PLAIN, "--format", kind, "built:1", name)
    else:
        how = {
            "v2s2": ["--format", "v2s2"],
            "oci": ["--format", "oci"],
            "zstd": ["--format", "oci", "--dest-compress-format", "zstd"],
        }
        source = f"docker-archive:{tmp_path}/ours.tar:built:1"
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", *how[peer.split("-")[1]], source, f"docker://{name}")
    digest, manifest = plain.manifest(repository, "1")
    kinds = {str(layer["mediaType"]).rpartition(".")[2] for layer in manifest["layers"]}  # type: ignore[attr-defined]
    if peer == "skopeo-zstd":
        assert kinds == {"v1.tar+zstd".rpartition(".")[2]}
    else:
        assert ("docker" in str(manifest["mediaType"])) == (not peer.endswith("oci"))
    assert unpacked(engine, name, tmp_path / "pulled", digest) == files
    # And again under another name: the bytes are the ones that came.
    assert push(engine, f"{plain.host}/{repository}-again:1", name) == digest
    report = engine.registry.manifest(f"{plain.host}/{repository}-again:1")
    assert report["digest"] == digest and report["manifest"] == manifest


def test_what_is_here_is_up_to_date(made: layerkit.Engine, engine: layerkit.Engine, plain: DockerRegistry) -> None:
    name = f"{plain.host}/again/app:1"
    push(made, name)
    news = []
    for _ in range(2):
        engine.images.pull(name, on_event=lambda event: news.append(event["new"]) if event["event"] == "pulled" else None)
    assert news == [True, False]
    digest = push(made, name, "base:1")
    assert engine.images.pull(name).id == made.images.get("base:1").id
    with pytest.raises(layerkit.DigestMismatch):
        engine.images.pull(name, expect="sha256:" + "0" * 64)
    assert engine.images.pull(name.rpartition(":")[0], digest).id == made.images.get("base:1").id


def test_every_tag_of_a_repository_comes(
    made: layerkit.Engine, engine: layerkit.Engine, plain: DockerRegistry, docker: Docker
) -> None:
    repository = f"{plain.host}/tags/app"
    for tag in ("1", "2", "10", "latest"):
        push(made, f"{repository}:{tag}", "base:1" if tag == "1" else "built:1")
    theirs = json.loads(run("skopeo", "list-tags", PLAIN, f"docker://{repository}"))["Tags"]
    assert sorted(engine.registry.tags(repository)) == sorted(theirs) == ["1", "10", "2", "latest"]
    first = engine.registry.tags(repository, limit=3)
    assert first + engine.registry.tags(repository, last=first[-1]) == engine.registry.tags(repository)
    images = engine.images.pull(repository, all_tags=True)
    assert isinstance(images, list) and len(images) == 4
    docker("pull", "--all-tags", repository)
    docker_ids = docker("images", "--no-trunc", "--format", "{{.Tag}} {{.ID}}", repository).splitlines()
    ours = {tag.rpartition(":")[2]: image.id for image in images for tag in image.tags if tag.startswith(repository + ":")}
    assert {tuple(line.split(" ")) for line in docker_ids} == set(ours.items())
    docker("rmi", *[f"{repository}:{tag}" for tag in ours])


# Indexes


@pytest.fixture(scope="module")
def index(made: layerkit.Engine, plain: DockerRegistry, small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of two platforms, made by buildah."""
    folder = tmp_path_factory.mktemp("buildah")
    buildah = ["buildah", "--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs"]
    run(*buildah, "manifest", "create", "list")
    for platform in ("linux/amd64", "linux/arm64/v8"):
        name = f"{plain.host}/multi/{platform.split('/')[1]}:1"
        made.images.import_image(small_root, name=name, platform=platform, message=platform)
        made.images.push(name)
        run(*buildah, "manifest", "add", PLAIN, "list", f"docker://{name}")
    run(*buildah, "manifest", "push", "-q", "--all", PLAIN, "list", f"docker://{plain.host}/multi/app:1")
    digest, document = plain.manifest("multi/app", "1")
    assert len(document["manifests"]) == 2  # type: ignore[arg-type]
    return digest


def test_an_index_is_pulled_kept_and_pushed_whole(
    index: str, engine: layerkit.Engine, plain: DockerRegistry, command: Path
) -> None:
    name, copy = f"{plain.host}/multi/app:1", f"{plain.host}/multi/copy:1"
    image = engine.images.pull(name, platform="linux/amd64", all_platforms=True, expect=index)
    assert image.platform == "linux/amd64"
    # By its name: an ID does not say which index led to it.
    run(command, "--root", engine.root, "tag", name, copy)
    assert [pushed["digest"] for pushed in engine.images.push(copy)] == [index]
    assert plain.manifest("multi/copy", "1") == plain.manifest("multi/app", "1")
    # All of it: skopeo reads everything that the index leads to.
    run("skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{copy}", f"oci:{engine.root}/../layout:all")


def test_the_images_of_an_index_are_chosen_as_docker_and_skopeo_choose(
    index: str, engine: layerkit.Engine, plain: DockerRegistry, docker: Docker
) -> None:
    name = f"{plain.host}/multi/app:1"
    raw = json.loads(run("skopeo", "inspect", "--raw", PLAIN, f"docker://{name}"))
    by_architecture = {entry["platform"]["architecture"]: entry["digest"] for entry in raw["manifests"]}
    for architecture in ("amd64", "arm64"):
        platform = f"linux/{architecture}"
        image = engine.images.pull(name, platform=platform)
        assert image.summary["manifest_digest"] == by_architecture[architecture]
        assert engine.registry.manifest(name, platform=platform)["digest"] == by_architecture[architecture]
        config = json.loads(run("skopeo", "inspect", "--config", "--override-arch", architecture, PLAIN, f"docker://{name}"))
        assert image.inspect()["Architecture"] == config["architecture"]
        # Without experimental features Docker takes the host's, or an image by its digest.
        by_digest = f"{name.rpartition(':')[0]}@{by_architecture[architecture]}"
        docker("pull", "-q", by_digest)
        assert docker("inspect", "-f", "{{.Id}}", by_digest).strip() == image.id
        docker("rmi", by_digest)
    with pytest.raises(layerkit.NotFound, match="s390x"):
        engine.images.pull(name, platform="linux/s390x")


def test_an_index_of_docker_manifests_is_read_too(
    index: str, engine: layerkit.Engine, plain: DockerRegistry, command: Path
) -> None:
    name = f"{plain.host}/multi/v2s2:1"
    both = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    run("skopeo", "copy", "-q", "--all", "--format", "v2s2", *both, f"docker://{plain.host}/multi/app:1", f"docker://{name}")
    digest, document = plain.manifest("multi/v2s2", "1")
    assert document["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    image = engine.images.pull(name, platform="linux/arm64", all_platforms=True, expect=digest)
    assert image.platform.startswith("linux/arm64")
    run(command, "--root", engine.root, "tag", name, f"{plain.host}/multi/v2s2-copy:1")
    assert engine.images.push(f"{plain.host}/multi/v2s2-copy:1")[0]["digest"] == digest


# Between registries


def test_a_copy_is_what_skopeo_copies(
    index: str, engine: layerkit.Engine, plain: DockerRegistry, another: DockerRegistry, tmp_path: Path
) -> None:
    source = f"{plain.host}/multi/app:1"
    report = engine.registry.copy(source, f"{another.host}/ours/app:1")
    both = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    run("skopeo", "copy", "-q", "--all", *both, f"docker://{source}", f"docker://{another.host}/theirs/app:1")
    assert report["digest"] == index and report["manifests"] == 3 and report["copied"] > 0
    assert another.manifest("ours/app", "1") == another.manifest("theirs/app", "1")
    run(
        "skopeo",
        "copy",
        "-q",
        "--all",
        "--src-tls-verify=false",
        f"docker://{another.host}/ours/app:1",
        f"oci:{tmp_path}/whole:all",
    )
    # Within a registry nothing streams through us, and what is there is not sent again.
    mounted = engine.registry.copy(f"{another.host}/ours/app:1", f"{another.host}/second/app:1")
    assert mounted["mounted"] == report["copied"] and mounted["bytes"] == 0
    again = engine.registry.copy(source, f"{another.host}/ours/app:1")
    assert again["copied"] == 0 and again["existed"] == report["copied"] + report["existed"]
    one = engine.registry.copy(source, f"{another.host}/ours/arm:1", platform="linux/arm64")
    assert one["digest"] == engine.registry.manifest(source, platform="linux/arm64")["digest"]
    assert another.manifest("ours/arm", "1")[0] == one["digest"]
    assert engine.images.list(all=True) == []


def test_a_manifest_is_deleted_by_its_digest_with_its_tags(made: layerkit.Engine, plain: DockerRegistry) -> None:
    repository = f"{plain.host}/gone/app"
    digest = push(made, f"{repository}:1")
    push(made, f"{repository}:2")
    push(made, f"{repository}:3", "base:1")
    # This registry deletes no tags.
    with pytest.raises(layerkit.Unsupported, match="does not delete tags"):
        made.registry.delete(f"{repository}:1")
    made.registry.delete(f"{repository}@{digest}")
    assert [plain.has("gone/app", tag) for tag in ("1", "2", "3")] == [False, False, True]
    with pytest.raises(layerkit.NotFound):
        made.registry.delete(f"{repository}@{digest}")


# Referrers, which this registry knows nothing of


def test_what_refers_to_an_image_is_listed_under_the_fallback_tag(
    made: layerkit.Engine, plain: DockerRegistry, another: DockerRegistry
) -> None:
    name = f"{plain.host}/signed/app:1"
    digest = push(made, name)
    assert made.registry.referrers(f"{plain.host}/signed/app@{digest}") == []
    subject = {
        "mediaType": plain.manifest("signed/app", "1")[1]["mediaType"],
        "digest": digest,
        "size": len(made.registry.manifest(name)["raw"]),
    }
    config = plain.manifest("signed/app", "1")[1]["config"]
    # As a client that knows the fallback puts it: the referrer, and the index that lists it.
    referrer = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [],
        "subject": subject,
    }
    signature = plain.put_manifest(
        "signed/app", "signature", str(referrer["mediaType"]), {**referrer, "annotations": {"by": "ann"}}
    )
    entry = {
        "mediaType": referrer["mediaType"],
        "digest": signature,
        "size": len(json.dumps({**referrer, "annotations": {"by": "ann"}})),
    }
    entry["artifactType"] = "application/vnd.example.signature"
    listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    plain.put_manifest("signed/app", digest.replace(":", "-"), INDEX, listed)
    (found,) = made.registry.referrers(f"{plain.host}/signed/app@{digest}")
    assert found["digest"] == signature and found["artifactType"] == "application/vnd.example.signature"
    assert made.registry.referrers(f"{plain.host}/signed/app@{digest}", artifact_type="application/x") == []

    # Copied to a registry that knows nothing of referrers either: we write the index there.
    made.registry.copy(name, f"{another.host}/signed/app:1", referrers=True)
    _, copied = another.manifest("signed/app", digest.replace(":", "-"))
    assert [entry["digest"] for entry in copied["manifests"]] == [signature]  # type: ignore[attr-defined]
    (found,) = made.registry.referrers(f"{another.host}/signed/app@{digest}")
    assert found["digest"] == signature and found["annotations"] == {"by": "ann"}
    # The note is taken once.
    made.registry.copy(name, f"{another.host}/signed/app:1", referrers=True)
    assert len(made.registry.referrers(f"{another.host}/signed/app@{digest}")) == 1


# The command


def test_the_command_pushes_pulls_and_says_what_docker_says(
    made: layerkit.Engine, plain: DockerRegistry, docker: Docker, command: Path, tmp_path: Path
) -> None:
    name = f"{plain.host}/command/app:1"
    # A layer of its own: Docker may have those of other tests.
    (tmp_path / "own").write_text(name)
    run("tar", "-cf", tmp_path / "own.tar", "-C", tmp_path, "own")
    made.images.import_image(tmp_path / "own.tar", name=name)
    ours = run(command, "--root", made.root, "push", name)
    digest = plain.manifest("command/app", "1")[0]
    docker("pull", "-q", name)
    theirs = docker("push", name)
    last = ours.splitlines()[-1]
    assert last.startswith(f"1: digest: {digest} size: ") and theirs.splitlines()[0] == ours.splitlines()[0]
    docker("rmi", name)
    theirs = docker("pull", name).splitlines()
    ours = run(command, "--root", tmp_path / "store", "pull", name).splitlines()
    # Docker verifies and unpacks while it pulls; we do when it is needed.
    between = ("Verifying Checksum", "Waiting")
    assert [line for line in theirs if not line.endswith(between)] == ours
    docker("rmi", name)
    assert run(command, "--root", tmp_path / "store", "pull", "-q", name).strip() == name
    failed = subprocess.run(
        [command, "--root", tmp_path / "store", "pull", f"{plain.host}/command/none:1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1 and "manifest" in failed.stderr and failed.stdout == ""
