"""The main job on real input: a Debian root file system, the seed's Dockerfiles, Docker as the judge."""

import re
from pathlib import Path

import pytest
from peers import Docker, file_system

import layerkit

#: The note's Dockerfile, unchanged.
DOCKERFILE = """\
# test the usage of Dockerfile
FROM ubuntu:16.04
MAINTAINER myname <myname@mycompany.com>
RUN apt-get -qq update
RUN apt-get install -y openssh-server
RUN apt-get install -y nginx
"""

#: What no two installations have the same: logs, keys, caches with times in them.
UNLIKE = re.compile(
    r"var/log/.*|var/cache/(ldconfig/aux-cache|apt/.*|debconf/.*)|etc/ssh/ssh_host_.*|var/lib/apt/.*|etc/machine-id|var/lib/dbus/machine-id"
    r"|var/lib/dpkg/(status|available|diversions)(-old)?|var/lib/systemd/.*|etc/(passwd|shadow|group|gshadow)-|etc/shadow"
)


@pytest.fixture(scope="module")
def built(debian_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[layerkit.Engine, Path, list[dict[str, object]]]:
    folder = tmp_path_factory.mktemp("main")
    engine = layerkit.Engine(root=folder / "store")
    engine.images.import_image(debian_root, name="ubuntu:16.04")
    context = folder / "create_image"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    events: list[dict[str, object]] = []
    engine.images.build(path=context, tag="myname/newubuntu16.04:v0.1", on_event=lambda event: events.append(dict(event)))
    return engine, context, events


def test_every_step_ran_and_left_no_container(built: tuple[layerkit.Engine, Path, list[dict[str, object]]]) -> None:
    engine, _, events = built
    names = [event["event"] for event in events]
    assert names.count("step_started") == 5 and names.count("step_running") == 3
    assert names.count("container_removed") == 3
    assert engine.system.df()["containers"]["count"] == 0
    assert engine.system.verify()["problems"] == []


def test_docker_runs_what_was_built(
    built: tuple[layerkit.Engine, Path, list[dict[str, object]]], docker: Docker, tmp_path: Path
) -> None:
    engine, _, _ = built
    engine.images.save(["myname/newubuntu16.04:v0.1"], tmp_path / "saved.tar")
    assert "Loaded image: myname/newubuntu16.04:v0.1" in docker("load", "-i", tmp_path / "saved.tar")
    run = ("run", "--rm", "--network", "none", "myname/newubuntu16.04:v0.1")
    docker(*run, "nginx", "-v")
    docker(*run, "/bin/sh", "-c", "mkdir -p /run/sshd && /usr/sbin/sshd -t")
    again = engine.images.load(tmp_path / "saved.tar")
    assert [image.id for image in again] == [engine.images.get("myname/newubuntu16.04:v0.1").id]


def test_the_files_are_those_of_docker_build(
    built: tuple[layerkit.Engine, Path, list[dict[str, object]]], docker: Docker, debian_root: Path, tmp_path: Path
) -> None:
    engine, context, _ = built
    docker("import", debian_root, "ubuntu:16.04")
    docker("build", "--network", "host", "-t", "theirs:1", context)
    trees = {}
    for side in ("ours", "theirs"):
        (tmp_path / side).mkdir()
    engine.images.get("myname/newubuntu16.04:v0.1").tag("ours:1")
    engine.images.save(["ours:1"], tmp_path / "ours" / "saved.tar")
    docker("save", "-o", tmp_path / "theirs" / "saved.tar", "theirs:1")
    for side in ("ours", "theirs"):
        trees[side] = file_system(tmp_path / side / "saved.tar", f"docker.io/library/{side}:1", tmp_path / side)
    ours, theirs = trees["ours"], trees["theirs"]
    assert {path for path in ours if not UNLIKE.fullmatch(path)} == {path for path in theirs if not UNLIKE.fullmatch(path)}
    different = {
        path: (ours[path], theirs[path])
        for path in ours.keys() & theirs.keys()
        if ours[path] != theirs[path] and not UNLIKE.fullmatch(path)
    }
    assert different == {}
    assert len(ours) > 3000
    with layerkit.Engine(root=tmp_path / "second") as second:
        (image,) = second.images.load(tmp_path / "theirs" / "saved.tar")
        assert image.tags == ["theirs:1"]
        assert second.system.verify()["problems"] == []


def test_a_broken_step_stops_with_its_line_and_a_mended_one_resumes(
    built: tuple[layerkit.Engine, Path, list[dict[str, object]]], tmp_path: Path
) -> None:
    engine, _, _ = built
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.replace("install -y nginx", "install -y no-such-package"))
    with pytest.raises(layerkit.BuildFailed) as failure:
        engine.images.build(path=tmp_path, tag="broken")
    assert (failure.value.line, failure.value.exit_code) == (6, 100)
    assert "no-such-package" in (failure.value.output_tail or "")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    events: list[str] = []
    mended = engine.images.build(path=tmp_path, on_event=lambda event: events.append(event["event"]))
    assert events.count("step_cached") == 4 and "step_running" not in events
    assert mended.id == engine.images.get("myname/newubuntu16.04:v0.1").id


def test_the_second_dockerfile_of_the_note(engine: layerkit.Engine, small_root: Path, docker: Docker, tmp_path: Path) -> None:
    context = tmp_path / "context"
    (context / "myApp" / "sub").mkdir(parents=True)
    (context / "myApp" / "index.html").write_text("<p>\n")
    (context / "myApp" / "sub" / "page").write_text("page\n")
    (context / "Dockerfile").write_text(
        "FROM base\n# put my local web site in myApp folder to /var/www\nADD myApp /var/www\n# expose httpd port\nEXPOSE 80\n"
        '# the command to run\nCMD ["/usr/sbin/apachectl", "-D", "FOREGROUND"]\n'
    )
    engine.images.import_image(small_root, name="base")
    engine.images.build(path=context, tag="web")
    engine.images.save(["web"], tmp_path / "ours.tar")
    docker("import", small_root, "base")
    docker("build", "-t", "web", context)
    docker("save", "-o", tmp_path / "theirs.tar", "web")
    for side in ("ours", "theirs"):
        (tmp_path / side).mkdir()
    reference = "docker.io/library/web:latest"
    ours = file_system(tmp_path / "ours.tar", reference, tmp_path / "ours")
    assert ours == file_system(tmp_path / "theirs.tar", reference, tmp_path / "theirs")
    config = engine.images.get("web").inspect()["Config"]
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert config["Cmd"] == ["/usr/sbin/apachectl", "-D", "FOREGROUND"]
