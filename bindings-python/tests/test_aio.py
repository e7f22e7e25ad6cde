"""The same methods, awaitable."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from pathlib import Path

import layerkit
import pytest
from conftest import big_root_file_system, root_file_system
from layerkit import aio


def test_every_public_method_is_there_and_takes_the_same_arguments() -> None:
    for blocking, awaitable in (
        (layerkit.Engine, aio.Engine),
        (layerkit.Images, aio.Images),
        (layerkit.Image, aio.Image),
        (layerkit.Registry, aio.Registry),
        (layerkit.System, aio.System),
        (layerkit.BuildCache, aio.BuildCache),
        (layerkit.Containers, aio.Containers),
        (layerkit.Container, aio.Container),
    ):
        for name, method in inspect.getmembers(blocking, inspect.isfunction):
            if name.startswith("_"):
                continue
            twin = getattr(awaitable, name)
            wanted, got = inspect.signature(method), inspect.signature(twin)
            assert list(wanted.parameters.values()) == list(got.parameters.values()), name
            if name != "close" and (blocking, name) != (layerkit.Engine, "build"):
                assert inspect.iscoroutinefunction(twin), name
        properties = {name for name, _ in inspect.getmembers(blocking, lambda member: isinstance(member, property))}
        # `attrs` asks the store when it is first read.
        assert properties - {"attrs"} == {
            name for name, _ in inspect.getmembers(awaitable, lambda member: isinstance(member, property))
        }


def test_the_whole_round(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base:1\nENV a=b\n")

    async def work() -> None:
        async with aio.Engine(tmp_path / "store") as engine:
            base = await engine.images.import_image(root_file_system(), name="base:1")
            built = await engine.images.build(tmp_path, tag="app:1")
            assert set(await engine.images.list()) == {base, built}
            assert built.parent == base.id
            await built.tag("app", "2")
            assert built.tags == ["app:1", "app:2"]
            assert (await built.inspect())["Id"] == built.id
            assert (await built.history())[0]["id"] == built.id
            await engine.images.save("app", tmp_path / "app.tar")
            await built.save(tmp_path / "one.tar")
            await built.remove(force=True)
            with pytest.raises(layerkit.ImageNotFound):
                await engine.images.get("app:1")
            assert await engine.images.load(tmp_path / "app.tar") == [built]
            assert (await engine.system.verify())["problems"] == []
            assert (await engine.system.info())["images"] == 2
            assert (await engine.system.df())["images"]["count"] == 2
            assert base.id in (await engine.images.prune(all=True))["deleted"]
            assert (await engine.system.prune())["deleted"] == []

    asyncio.run(work())


def test_the_loop_goes_on_during_a_call(tmp_path: Path) -> None:
    async def work() -> tuple[int, float]:
        async with aio.Engine(tmp_path / "store") as engine:
            task = asyncio.create_task(engine.images.import_image(big_root_file_system()))
            ticks, started = 0, time.monotonic()
            while not task.done():
                ticks += 1
                await asyncio.sleep(0.001)
            return ticks, time.monotonic() - started

    ticks, duration = asyncio.run(work())
    assert ticks > duration * 1000 / 20


def test_events_come_on_the_loop_in_order_and_may_be_awaited(tmp_path: Path) -> None:
    async def work() -> None:
        seen: list[str] = []
        main = threading.get_ident()

        def plain(event: layerkit.Event) -> None:
            assert threading.get_ident() == main
            seen.append(event["event"])

        async def awaited(event: layerkit.Event) -> None:
            await asyncio.sleep(0.001)
            plain(event)

        async with aio.Engine(tmp_path / "store") as engine:
            await engine.images.import_image(root_file_system(), name="a:1", on_event=plain)
            first = list(seen)
            seen.clear()
            await engine.images.import_image(root_file_system({"b": b""}), name="b:1", on_event=awaited)
            assert seen[-1] == first[-1] == "image_loaded"

    asyncio.run(work())


class Stop(Exception):
    pass


def test_what_a_callback_raises_comes_out(tmp_path: Path) -> None:
    async def stop(event: layerkit.Event) -> None:
        raise Stop("enough")

    async def work() -> None:
        async with aio.Engine(tmp_path / "store") as engine:
            with pytest.raises(Stop, match="enough"):
                await engine.images.import_image(root_file_system(), on_event=stop)
            assert await engine.images.list() == []

    asyncio.run(work())


def test_cancelling_the_task_ends_the_operation(tmp_path: Path) -> None:
    async def work() -> None:
        async with aio.Engine(tmp_path / "store") as engine:
            reading, writing = os.pipe()
            os.write(writing, b"x" * 100)
            with open(reading, "rb") as source:
                threads = threading.active_count()
                task = asyncio.create_task(engine.images.import_image(source))
                await asyncio.sleep(0.2)
                started = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - started < 5
                assert threading.active_count() == threads
            os.close(writing)

    asyncio.run(work())


def test_a_timeout_ends_the_operation(tmp_path: Path) -> None:
    async def work() -> None:
        async with aio.Engine(tmp_path / "store") as engine:
            reading, writing = os.pipe()
            with open(reading, "rb", buffering=0) as source, pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.images.load(source), 0.2)
            os.close(writing)
            assert await engine.images.list() == []

    asyncio.run(work())


def test_cancelling_while_a_callback_is_awaited_does_not_hang(tmp_path: Path) -> None:
    async def work() -> None:
        waiting = asyncio.Event()

        async def forever(event: layerkit.Event) -> None:
            waiting.set()
            await asyncio.Event().wait()

        async with aio.Engine(tmp_path / "store") as engine:
            task = asyncio.create_task(engine.images.import_image(root_file_system(), on_event=forever))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await engine.images.list() == []

    asyncio.run(work())


def test_a_token_cancels_too(tmp_path: Path) -> None:
    async def work() -> None:
        token = layerkit.CancelToken()
        async with aio.Engine(tmp_path / "store") as engine:
            with pytest.raises(layerkit.Cancelled):
                await engine.images.import_image(
                    root_file_system(), cancel=token, on_event=lambda event: token.cancel()
                )

    asyncio.run(work())


def test_operations_run_side_by_side(tmp_path: Path) -> None:
    async def work() -> None:
        async with aio.Engine(tmp_path / "store") as engine:
            images = await asyncio.gather(
                *(engine.images.import_image(root_file_system({f"f{n}": b""}), name=f"i:{n}") for n in range(8))
            )
            assert len(set(images)) == 8

    asyncio.run(work())
