"""The object layer: images, collections, reports."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import layerkit
import pytest
from conftest import big_root_file_system, root_file_system
from layerkit import types


def test_an_image_tells_what_it_is(engine: layerkit.Engine, image: layerkit.Image) -> None:
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image.id)
    assert image.short_id == image.id[: len("sha256:") + 12]
    assert image.tags == ["base:1"]
    assert image.digests == image.summary["digests"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image.manifest_digest)
    assert image.labels == {"kind": "test"}
    assert image.attrs["Id"] == image.id
    assert image.attrs["RepoTags"] == ["base:1"]
    assert image.inspect() == image.attrs
    assert image.size > 0
    assert repr(image) == "<Image: 'base:1'>"
    assert image.history()[0]["id"] == image.id


def test_images_are_equal_by_id(engine: layerkit.Engine, image: layerkit.Image) -> None:
    same = engine.images.get(image.id)
    other = engine.images.import_image(root_file_system({"other": b""}))
    assert same == image
    assert hash(same) == hash(image)
    assert other != image
    assert image != image.id
    assert {image, same, other} == {image, other}
    assert repr(other) == f"<Image: {other.short_id}>"


def test_a_new_tag_is_seen_at_once_by_this_object_and_after_reload_by_others(
    engine: layerkit.Engine, image: layerkit.Image
) -> None:
    other = engine.images.get("base:1")
    assert image.tag("second", tag="2")
    assert image.tags == ["base:1", "second:2"]
    assert image.attrs["RepoTags"] == ["base:1", "second:2"]
    assert other.tags == ["base:1"]
    other.reload()
    assert other.tags == image.tags


def test_reports_cannot_be_changed_through_an_image(image: layerkit.Image) -> None:
    image.tags.append("x")
    image.labels["x"] = "y"
    assert image.tags == ["base:1"]
    assert image.digests == image.summary["digests"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image.manifest_digest)
    assert "x" not in image.labels


def test_an_image_is_found_by_name_id_and_prefix(engine: layerkit.Engine, image: layerkit.Image) -> None:
    for name in ("base:1", image.id, image.short_id, image.id[7:19]):
        assert engine.images.get(name) == image


def test_filters_are_written_as_in_docker_py(engine: layerkit.Engine, image: layerkit.Image) -> None:
    unnamed = engine.images.import_image(root_file_system({"other": b""}))
    assert engine.images.list(filters={"dangling": True}) == [unnamed]
    assert engine.images.list(filters={"dangling": False}) == [image]
    assert engine.images.list(filters={"label": "kind=test"}) == [image]
    assert engine.images.list(filters={"label": ["kind", "missing"]}) == []
    assert engine.images.list("base") == [image]
    assert set(engine.images.list()) == {image, unnamed}


def test_save_and_load_give_the_same_image(engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path) -> None:
    engine.images.save("base", tmp_path / "base.tar")
    assert engine.images.remove("base:1")["untagged"] == ["base:1"]
    assert engine.images.load(tmp_path / "base.tar") == [image]
    assert engine.images.get("base:1") == image


@pytest.mark.parametrize(
    ("named", "tags"), [(False, []), (True, ["base:1"]), ("second:1", ["second:1"])], ids=["no", "first", "this"]
)
def test_an_image_saves_itself_with_or_without_its_names(
    engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path, named: bool | str, tags: list[str]
) -> None:
    image.tag("second:1")
    image.save(tmp_path / "one.tar", named=named)
    image.remove(force=True)
    (loaded,) = engine.images.load(tmp_path / "one.tar")
    assert loaded == image
    assert loaded.tags == tags


def test_several_images_go_into_one_archive(engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path) -> None:
    other = engine.images.import_image(root_file_system({"other": b""}), name="other:1")
    engine.images.save([image, "other:1"], tmp_path / "both", format="oci-dir")
    assert set(engine.images.load(tmp_path / "both")) == {image, other}


def test_removing_through_the_image_goes_by_id(engine: layerkit.Engine, image: layerkit.Image) -> None:
    report = image.remove()
    assert report["untagged"] == ["base:1"]
    assert image.id in report["deleted"]
    assert engine.images.list() == []


def test_a_build_takes_docker_pys_keywords(
    engine: layerkit.Engine, image: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("FROM base:1 AS first\nARG who\nENV who=$who\nFROM first\nCOPY a /a\n", a="text")
    events: list[layerkit.Event] = []
    built = engine.images.build(
        path=folder,
        tag=["app:1", "app:2"],
        buildargs={"who": "me"},
        labels={"made": "here"},
        target="first",
        nocache=True,
        network_mode="none",
        on_event=events.append,
    )
    assert built.tags == ["app:1", "app:2"]
    assert built.labels == {"kind": "test", "made": "here"}
    assert "who=me" in built.attrs["Config"]["Env"]
    assert events[-3]["event"] == "built"
    assert [event["name"] for event in events if event["event"] == "tagged"] == ["app:1", "app:2"]


def test_a_dockerfile_may_have_a_name_that_is_not_utf8(
    engine: layerkit.Engine, image: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("")
    name = b"Docker\xff".decode("utf-8", "surrogateescape")
    (folder / name).write_text("FROM base:1\nENV a=b\n")
    assert engine.images.build(folder, dockerfile=name).attrs["Config"]["Env"][-1] == "a=b"


def test_a_dry_prune_leaves_everything(engine: layerkit.Engine, image: layerkit.Image) -> None:
    would = engine.images.prune(all=True, dry_run=True)
    assert image.id in would["deleted"]
    assert engine.images.list() == [image]
    assert engine.images.prune(all=True)["deleted"] == would["deleted"]
    assert engine.images.list() == []


def test_the_system_reports(engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path) -> None:
    info = engine.system.info()
    assert Path(info["root"]) == engine.root == tmp_path / "store"
    assert info["images"] == 1
    assert info["version"] == layerkit.__version__
    assert engine.system.df()["images"]["count"] == 1
    assert engine.system.verify() == {"blobs": 3, "images": 1, "bytes": engine.system.verify()["bytes"], "problems": []}
    assert engine.system.prune()["deleted"] == []


def test_reports_have_the_keys_their_types_promise(
    engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path
) -> None:
    big = engine.images.import_image(big_root_file_system(1))
    damaged = sorted((tmp_path / "store" / "blobs" / "sha256").iterdir())[0]
    damaged.chmod(0o600)
    damaged.write_bytes(b"?" * damaged.stat().st_size)
    verified = engine.system.verify()
    usage = engine.system.df()
    for report, shape in (
        (image.summary, types.ImageSummary),
        (image.history()[0], types.HistoryEntry),
        (next(image.files()), types.ImageFile),
        (image.diff(big)[0], types.FileChange),
        (engine.system.info(), types.Info),
        (usage, types.DiskUsage),
        (usage["images"], types.Usage),
        (verified, types.VerifyReport),
        (verified["problems"][0], types.Problem),
        (engine.system.prune(), types.PruneReport),
        (image.remove(), types.RemoveReport),
    ):
        assert shape.__required_keys__ <= set(report) <= set(get_type_hints(shape)), shape


def test_a_parsed_dockerfile_has_the_keys_its_types_promise() -> None:
    parsed = layerkit.dockerfile.parse(b"ARG A\nFROM a AS B\nCOPY <<E /x\nE\n")
    stage = parsed["stages"][0]
    copy = stage["instructions"][1]
    for report, shape in (
        (parsed, types.Dockerfile),
        (parsed["directives"], types.DockerfileDirectives),
        (parsed["meta_args"][0], types.DockerfileInstruction),
        (stage, types.DockerfileStage),
        (copy, types.DockerfileInstruction),
        (copy["heredocs"][0], types.DockerfileHeredoc),
        (parsed["warnings"][0], types.DockerfileWarning),
    ):
        assert set(report) == set(get_type_hints(shape)), shape
    with pytest.raises(layerkit.DockerfileSyntax, match="did you mean RUN") as failed:
        layerkit.dockerfile.parse("FROM a\n RUNN b\n")
    assert (failed.value.line, failed.value.column, failed.value.instruction) == (2, 2, "RUNN")
    assert (failed.value.file, failed.value.rule) == (None, None)


def test_events_have_the_keys_their_types_promise(
    engine: layerkit.Engine, context: Callable[..., Path], tmp_path: Path
) -> None:
    shapes = {}
    for name in types.__all__:
        if name.endswith("Event") and name not in ("Event", "OnEvent"):
            hints = get_type_hints(getattr(types, name))
            (kind,) = hints["event"].__args__
            shapes[kind] = set(hints)
    events: list[layerkit.Event] = []
    engine.images.import_image(root_file_system(), name="base:1", on_event=events.append)
    folder = context("FROM base:1\nCOPY a /a\n", a="text")
    for _ in range(2):
        built = engine.images.build(folder, tag="app:1", on_event=events.append)
    engine.images.save("app:1", tmp_path / "a.tar", on_event=events.append)
    engine.images.load(tmp_path / "a.tar", on_event=events.append)
    (folder / "a").write_text("other")
    engine.images.build(folder, tag="app:1", on_event=events.append)
    engine.images.load(tmp_path / "a.tar", on_event=events.append)
    kinds = {event["event"] for event in events}
    assert kinds >= {
        "layer",
        "image_loaded",
        "step_started",
        "step_cached",
        "step_done",
        "built",
        "tagged",
        "tag_moved",
    }
    assert built.tags
    for event in events:
        assert set(event) == shapes[event["event"]]


def test_engine_and_errors_can_be_subclassed(tmp_path: Path) -> None:
    class Mine(layerkit.Engine):
        def __init__(self, root: Path) -> None:
            super().__init__(root, limits={"entries": 10})
            self.note = "mine"

        def names(self) -> list[str]:
            return [tag for image in self.images.list() for tag in image.tags]

    class MyError(layerkit.NotFound):
        pass

    with Mine(tmp_path / "store") as engine:
        assert engine.names() == []
        assert repr(engine).startswith("<Mine ")
        many = root_file_system({f"file{n}": b"" for n in range(11)})
        with pytest.raises(layerkit.InvalidImage, match="limit"):
            engine.images.import_image(many)
    assert MyError("x").code == "not_found"


def test_the_default_root_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERKIT_ROOT", str(tmp_path / "elsewhere"))
    with layerkit.Engine() as engine:
        assert engine.root == tmp_path / "elsewhere"


def test_documentation_examples_parse() -> None:
    for module in (layerkit, layerkit.aio):
        assert doctest.testmod(module).failed == 0
