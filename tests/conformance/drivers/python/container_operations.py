"""The operations on containers; `driver.py` beside it does the rest."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import layerkit
from streams import Provoked, stream

JSON = dict[str, Any]

#: The core's names of options where docker-py has another.
KEYWORDS: dict[str, dict[str, str]] = {
    "containers_create": {"auth": "auth_config"},
    "containers_run": {"auth": "auth_config"},
    "container_exec": {"command": "cmd", "working_dir": "workdir"},
    "container_resize": {"rows": "height", "cols": "width"},
    "container_remove": {"volumes": "v"},
    "container_put_archive": {"source": "data"},
}

#: What both ends of a command's streams are handed as: all of the output, apart, as it comes.
ALL: JSON = {"stdout": True, "stderr": True, "stream": True, "demux": True}


def of(engine: layerkit.Engine, args: JSON) -> layerkit.Container:
    return engine.containers.get(args.pop("container"))


def begun(args: JSON, more: JSON) -> tuple[JSON, bool]:
    """The arguments of an operation with streams, and whether what takes its output fails."""
    fails = args.pop("output_fails", False)
    if "stdin" in args:
        args["stdin"] = io.BytesIO(args["stdin"].encode())
    return {**more, **args}, fails


def read(output: Iterable[layerkit.types.Demuxed], fails: bool) -> JSON:
    written = {"stdout": b"", "stderr": b""}
    try:
        for out, err in output:
            if fails:
                raise Provoked("what takes the output fails here")
            written["stdout"] += out or b""
            written["stderr"] += err or b""
    except layerkit.ContainerError:
        # In Python an exit code other than 0 is raised, once there is a report; the cases want that.
        if getattr(output, "report", None) is None:
            raise
    return {name: text.decode(errors="replace") for name, text in written.items()}


def ended(running: layerkit.Stream[layerkit.types.Demuxed], fails: bool) -> JSON:
    with running:
        written = read(running, fails)
    return {**(running.report or {}), **written}


def detached(container: layerkit.Container) -> JSON:
    """What there is to tell of a command that nobody attached to."""
    return {"id": container.id, "exit_code": None, "oom_killed": False, "stdout": "", "stderr": ""}


def containers_create(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    container = engine.containers.create(**args, **watch)
    return {"id": container.id, "name": container.name, "warnings": container.warnings}


def containers_run(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    run: Any = engine.containers.run
    if args.get("detach"):
        return detached(run(**args, **watch))
    args, fails = begun(args, ALL)
    return ended(run(**args, **watch), fails)


def container_start(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    container = of(engine, args)
    start: Any = container.start
    if not args.get("attach"):
        start(**args, **watch)
        return detached(container)
    args, fails = begun(args, ALL)
    return ended(start(**args, **watch), fails)


def container_attach(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    attach: Any = of(engine, args).attach
    args, fails = begun(args, {"stream": True, "demux": True})
    return ended(attach(**args, **watch), fails)


def container_exec(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    container = of(engine, args)
    execute: Any = container.exec_run
    if args.get("detach"):
        execute(**args, **watch)
        return detached(container)
    args, fails = begun(args, ALL)
    return ended(execute(**args, **watch).output, fails)


def container_logs(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    logs: Any = of(engine, args).logs
    args, fails = begun(args, {"stream": True, "demux": True, "follow": False})
    with logs(**args, **watch) as log:
        return read(log, fails)


def container_wait(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    container = of(engine, args)
    if "timeout_ms" in args:
        args["timeout"] = args.pop("timeout_ms") / 1000
    report = container.wait(**args, **watch)
    return {"id": container.id, "exit_code": report["StatusCode"], "oom_killed": report["OOMKilled"]}


def container_rename(engine: layerkit.Engine, args: JSON, _watch: JSON) -> None:
    of(engine, args).rename(**args)


def container_commit(engine: layerkit.Engine, args: JSON, watch: JSON) -> JSON:
    return {"id": of(engine, args).commit(**args, **watch).id}


def container_export(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    container = of(engine, args)
    with stream(args.pop("target"), "wb") as target:
        container.export(target, **args, **watch)


def container_get_archive(engine: layerkit.Engine, args: JSON, watch: JSON) -> Any:
    container = of(engine, args)
    with stream(args.pop("target"), "wb") as target:
        return container.get_archive(target=target, **args, **watch)


def container_put_archive(engine: layerkit.Engine, args: JSON, watch: JSON) -> None:
    container = of(engine, args)
    with stream(args.pop("data"), "rb") as data:
        container.put_archive(data=data, **args, **watch)


OPERATIONS: dict[str, Callable[[layerkit.Engine, JSON, JSON], Any]] = {
    "containers_create": containers_create,
    "containers_run": containers_run,
    "containers_list": lambda engine, args, watch: [one.summary for one in engine.containers.list(**args)],
    "containers_get": lambda engine, args, watch: of(engine, args).summary,
    "containers_prune": lambda engine, args, watch: engine.containers.prune(**args, **watch),
    "container_start": container_start,
    "container_attach": container_attach,
    "container_wait": container_wait,
    "container_stop": lambda engine, args, watch: of(engine, args).stop(**args, **watch),
    "container_restart": lambda engine, args, watch: of(engine, args).restart(**args, **watch),
    "container_kill": lambda engine, args, watch: of(engine, args).kill(**args),
    "container_pause": lambda engine, args, watch: of(engine, args).pause(**args),
    "container_unpause": lambda engine, args, watch: of(engine, args).unpause(**args),
    "container_resize": lambda engine, args, watch: of(engine, args).resize(**args),
    "container_logs": container_logs,
    "container_exec": container_exec,
    "container_top": lambda engine, args, watch: of(engine, args).top(**args),
    "container_rename": container_rename,
    "container_remove": lambda engine, args, watch: of(engine, args).remove(**args),
    "container_inspect": lambda engine, args, watch: of(engine, args).inspect(**args),
    "container_commit": container_commit,
    "container_diff": lambda engine, args, watch: of(engine, args).diff(**args, **watch),
    "container_export": container_export,
    "container_stat": lambda engine, args, watch: of(engine, args).stat(**args),
    "container_get_archive": container_get_archive,
    "container_put_archive": container_put_archive,
}
