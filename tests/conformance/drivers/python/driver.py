"""The Python driver of the conformance runner: maps its operations onto the public API of `layerkit`, and nothing else.

The protocol is in tests/conformance/README.md.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import container_operations
import layerkit
from streams import Provoked, stream

JSON = dict[str, Any]

BUILD = {"tags": "tag", "no_cache": "nocache", "network": "network_mode", "shm_size": "shmsize"}
#: The core's names of options where docker-py has another.
KEYWORDS = {
    "images_build": BUILD,
    "builder_commit": BUILD,
    "images_remove": {"no_prune": "noprune"},
    "images_pull": {"name": "repository", "auth": "auth_config"},
    "images_push": {"name": "repository", "auth": "auth_config"},
    "images_search": {"auth": "auth_config"},
    "image_push": {"auth": "auth_config"},
    "image_remove": {"no_prune": "noprune"},
    "registry_login": {"server": "registry"},
    "registry_logout": {"server": "registry"},
    "registry_ping": {"server": "registry", "auth": "auth_config"},
    "registry_tags": {"auth": "auth_config"},
    "registry_manifest": {"auth": "auth_config"},
    "registry_referrers": {"auth": "auth_config"},
    "registry_delete": {"auth": "auth_config"},
    **container_operations.KEYWORDS,
}

engines: dict[str, layerkit.Engine] = {}


def summary(image: layerkit.Image) -> JSON:
    return dict(image.summary)


def loaded(image: layerkit.Image) -> JSON:
    return {"id": image.id, "tags": image.tags}


def images_import(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    with stream(args.pop("source"), "rb") as source:
        return {"id": engine.images.import_image(source, **args, **watch).id}


def images_load(engine: layerkit.Engine, args: JSON, watch: JSON) -> list[JSON]:
    with stream(args.pop("source"), "rb") as source:
        return [loaded(image) for image in engine.images.load(source, **args, **watch)]


def images_pull(engine: layerkit.Engine, args: JSON, watch: JSON) -> list[JSON]:
    pulled = engine.images.pull(**args, **watch)
    return [loaded(image) for image in (pulled if isinstance(pulled, list) else [pulled])]


@contextlib.contextmanager
def build_streams(args: JSON) -> Iterator[JSON]:
    """The options of a build with its streams open."""
    with contextlib.ExitStack() as stack:
        for name, mode, keyword in (
            ("context_stream", "rb", "fileobj"),
            ("dockerfile_stream", "rb", "dockerfile"),
            ("output_stream", "wb", "output"),
        ):
            if name in args:
                args[keyword] = stack.enter_context(stream(args.pop(name), mode))
                args["custom_context"] = "fileobj" in args
        yield args


def images_build(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    with build_streams(args) as options:
        return loaded(engine.images.build(**options, **watch))


def builder_commit(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    first, *others = args.pop("steps")
    builder = engine.build(first["args"])
    for step in others:
        flags = {name.replace("-", "_"): value for name, value in step.get("flags", {}).items()}
        builder = builder.step(step["instruction"], step.get("args", ""), **flags)
    with build_streams(args) as options:
        return loaded(builder.commit(**options, **watch))


def images_save(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    with stream(args.pop("target"), "wb") as target:
        engine.images.save(args.pop("images"), target, **args, **watch)


def image_save(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    with stream(args.pop("target"), "wb") as target:
        engine.images.get(args.pop("image")).save(target, **args, **watch)


def build_cache_export(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    with stream(args.pop("target"), "wb") as target:
        engine.build_cache.export(args.pop("id"), target, **args, **watch)


def build_cache_import(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    with stream(args.pop("source"), "rb") as source:
        engine.build_cache.import_archive(args.pop("id"), source, **args, **watch)


def image_unpack(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    engine.images.get(args.pop("image")).unpack(**args, **watch)


def image_read(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    """Reads by both of the language's ways: whole for a path, as a file object for a stream."""
    image = engine.images.get(args.pop("image"))
    target = args.pop("target")
    if "path" in target:
        content = image.read(**args, **watch)
        with open(target["path"], "wb") as file:
            file.write(content)
        return
    with image.open(**args, **watch) as source, stream(target, "wb") as file:
        shutil.copyfileobj(source, file)


def image_tag(engine: layerkit.Engine, args: JSON, _watch: JSON) -> None:
    engine.images.get(args.pop("image")).tag(args.pop("name"), **args)


OPERATIONS: dict[str, Callable[[layerkit.Engine, JSON, JSON], Any]] = {
    "engine_close": lambda engine, args, watch: engine.close(**args),
    "images_list": lambda engine, args, watch: [summary(image) for image in engine.images.list(**args)],
    "images_get": lambda engine, args, watch: summary(engine.images.get(args.pop("image"), **args)),
    "images_import": images_import,
    "images_load": images_load,
    "images_save": images_save,
    "images_remove": lambda engine, args, watch: engine.images.remove(**args),
    "images_prune": lambda engine, args, watch: engine.images.prune(**args, **watch),
    "images_build": images_build,
    "builder_commit": builder_commit,
    "build_cache_list": lambda engine, args, watch: engine.build_cache.list(**args),
    "build_cache_prune": lambda engine, args, watch: engine.build_cache.prune(**args, **watch),
    "build_cache_export": build_cache_export,
    "build_cache_import": build_cache_import,
    **container_operations.OPERATIONS,
    "images_pull": images_pull,
    "images_push": lambda engine, args, watch: engine.images.push(**args, **watch),
    "images_search": lambda engine, args, watch: engine.images.search(**args, **watch),
    "image_tag": image_tag,
    "image_history": lambda engine, args, watch: engine.images.get(args.pop("image")).history(**args),
    "image_inspect": lambda engine, args, watch: engine.images.get(args.pop("image")).inspect(**args),
    "image_save": image_save,
    "image_push": lambda engine, args, watch: engine.images.get(args.pop("image")).push(**args, **watch),
    "image_unpack": image_unpack,
    "image_files": lambda engine, args, watch: list(engine.images.get(args.pop("image")).files(**args, **watch)),
    "image_read": image_read,
    "image_diff": lambda engine, args, watch: engine.images.get(args.pop("image")).diff(**args, **watch),
    "image_remove": lambda engine, args, watch: engine.images.get(args.pop("image")).remove(**args),
    "registry_login": lambda engine, args, watch: engine.registry.login(**args, **watch),
    "registry_logout": lambda engine, args, watch: engine.registry.logout(**args, **watch),
    "registry_ping": lambda engine, args, watch: engine.registry.ping(**args, **watch),
    "registry_tags": lambda engine, args, watch: engine.registry.tags(**args, **watch),
    "registry_manifest": lambda engine, args, watch: engine.registry.manifest(**args, **watch),
    "registry_referrers": lambda engine, args, watch: engine.registry.referrers(**args, **watch),
    "registry_copy": lambda engine, args, watch: engine.registry.copy(**args, **watch),
    "registry_delete": lambda engine, args, watch: engine.registry.delete(**args, **watch),
    "system_info": lambda engine, args, watch: engine.system.info(**args),
    "system_df": lambda engine, args, watch: engine.system.df(**args),
    "system_verify": lambda engine, args, watch: engine.system.verify(**args, **watch),
    "system_prune": lambda engine, args, watch: engine.system.prune(**args, **watch),
    "dockerfile_parse": lambda engine, args, watch: layerkit.dockerfile.parse(**args),
}


def answer(number: int, **what: Any) -> None:
    print(json.dumps({"id": number, **what}), flush=True)


def watcher(request: JSON) -> tuple[JSON, Callable[[], None]]:
    """The keywords that watch and cancel this call, and what ends the watching."""
    watch: JSON = {}
    after = request.get("cancel_after")
    milliseconds = request.get("cancel_after_ms")
    if after is not None or milliseconds is not None or "cancelled" in request:
        watch["cancel"] = layerkit.CancelToken()
    if request.get("cancelled"):
        watch["cancel"].cancel()

    def on_event(event: layerkit.Event) -> None:
        if request.get("events"):
            answer(request["id"], event=event)
        if request.get("fail_in_callback"):
            raise Provoked("the callback fails here")
        if after is not None and after.items() <= event.items():
            watch["cancel"].cancel()

    if request.get("events") or request.get("fail_in_callback") or after is not None:
        watch["on_event"] = on_event
    if milliseconds is None:
        return watch, lambda: None
    timer = threading.Timer(milliseconds / 1000, watch["cancel"].cancel)
    timer.start()

    def end() -> None:
        timer.cancel()
        timer.join()

    return watch, end


def handles() -> int:
    """How many objects of the library are alive. Tokens live only as long as a request."""
    gc.collect()
    kinds = (layerkit.Engine, layerkit.Image, layerkit.Container, layerkit.Stream, layerkit.LayerkitError)
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


def perform(request: JSON) -> Any:
    operation, args = request["op"], dict(request.get("args") or {})
    if operation == "hello":
        return {
            "language": "python",
            "version": layerkit.__version__,
            "operations": ["engine_open", *OPERATIONS],
            "errors": list(layerkit.errors.classes()),
        }
    if operation == "handles":
        return handles()
    if operation == "forget":
        del engines[request["engine"]]
        return None
    if operation == "engine_open":
        engines[request["engine"]] = layerkit.Engine(**args)
        return None
    names = KEYWORDS.get(operation, {})
    args = {names.get(key, key): value for key, value in args.items()}
    watch, end = watcher(request)
    try:
        return OPERATIONS[operation](engines[request["engine"]], args, watch)
    finally:
        end()


def respond(request: JSON) -> None:
    number = request["id"]
    try:
        answer(number, ok=perform(request))
    except layerkit.LayerkitError as error:
        failure = {"code": error.code, "message": str(error), "fields": error.fields, "class": type(error).__name__}
        answer(number, error=failure)
    except Provoked as error:
        # In Python what a callback raises comes out as it was raised; that is this language's `callback`.
        answer(number, error={"code": "callback", "message": str(error), "fields": {}, "class": "CallbackFailed"})
    except Exception as error:
        answer(number, error={"code": "driver", "message": repr(error), "fields": {}, "class": type(error).__name__})


def main() -> None:
    for line in sys.stdin:
        respond(json.loads(line))


if __name__ == "__main__":
    main()
