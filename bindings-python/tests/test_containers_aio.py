"""Containers, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import layerkit
import pytest
from conftest import running, wait_until
from layerkit import aio


def work(root: Path, what: Callable[[aio.Engine], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with aio.Engine(root) as engine:
            await what(engine)
            for container in await engine.containers.list(all=True):
                await container.remove(force=True)

    asyncio.run(whole())


def test_the_whole_round(engine: layerkit.Engine, base: layerkit.Image, tmp_path: Path) -> None:
    async def what(engine: aio.Engine) -> None:
        assert await engine.containers.run("base:1", "echo hello", remove=True) == b"hello\n"
        with pytest.raises(layerkit.ContainerError) as caught:
            await engine.containers.run("base:1", ["sh", "-c", "exit 3"], remove=True)
        assert caught.value.exit_status == 3
        container = await engine.containers.run("base:1", "sleep 60", detach=True, name="a")
        assert container.status == "running"
        assert await engine.containers.list() == [container]
        assert await container.exec_run(["sh", "-c", "echo x; exit 4"]) == (4, b"x\n")
        result = await container.exec_run("echo x", stream=True)
        assert [chunk async for chunk in result.output] == [b"x\n"]
        assert result.output.exit_code == 0
        chunks, stat = await container.get_archive("/bin/busybox")
        assert sum([len(chunk) async for chunk in chunks]) > stat["size"]
        await container.kill()
        assert (await container.wait())["StatusCode"] == 137
        image = await container.commit("made:1")
        assert image.tags == ["made:1"]
        await container.export(tmp_path / "all.tar")
        await container.remove()

    work(engine.root, what)


def test_a_stream_is_iterated_and_ends_as_the_blocking_one(engine: layerkit.Engine, base: layerkit.Image) -> None:
    async def what(engine: aio.Engine) -> None:
        stream = await engine.containers.run("base:1", ["sh", "-c", "echo x; exit 3"], stream=True, remove=True)
        assert await stream.__anext__() == b"x\n"
        with pytest.raises(layerkit.ContainerError):
            await stream.__anext__()
        assert stream.exit_code == 3
        command = ["sh", "-c", "echo x; exec sleep 98755"]
        async with await engine.containers.run("base:1", command, stream=True, remove=True) as stream:
            async for chunk in stream:
                assert chunk == b"x\n"
                break
        wait_until(lambda: not running("98755"))

    work(engine.root, what)


def test_a_timeout_ends_the_container(engine: layerkit.Engine, base: layerkit.Image) -> None:
    async def what(engine: aio.Engine) -> None:
        started = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.containers.run("base:1", "sleep 98754", remove=True), 0.5)
        stream = await engine.containers.run("base:1", "sleep 98754", stream=True, remove=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.__anext__(), 0.5)
        assert [chunk async for chunk in stream] == []
        assert time.monotonic() - started < 10
        wait_until(lambda: not running("98754"))

    work(engine.root, what)
