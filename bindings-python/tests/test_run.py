"""RUN steps, as a Python process sees them: output, failures, Ctrl-C, and nothing that outlives the caller."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import layerkit
import pytest
from conftest import running, wait_until
from layerkit import aio


def test_output_comes_while_the_step_runs(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    seen: list[tuple[str, float]] = []

    def on_event(event: layerkit.Event) -> None:
        if event["event"] == "step_log":
            seen.append((event["text"].strip(), time.monotonic()))

    folder = context("FROM base:1\nRUN echo first; sleep 0.5; echo second >&2\n")
    engine.images.build(folder, on_event=on_event)
    (first, at_first), (second, at_second) = seen
    assert (first, second) == ("first", "second")
    assert at_second - at_first > 0.3


def test_a_step_that_fails_tells_all_about_it(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("FROM base:1\nRUN touch /a\n\nRUN echo one; echo two >&2; exit 42\n")
    with pytest.raises(layerkit.BuildFailed) as caught:
        engine.images.build(folder)
    error = caught.value
    assert (error.line, error.instruction, error.exit_code) == (4, "RUN", 42)
    assert error.command is not None
    assert "exit 42" in error.command
    assert error.output_tail is not None
    assert {"one", "two"} <= set(error.output_tail.split())
    assert engine.system.verify()["problems"] == []


def test_ctrl_c_ends_the_step_and_everything_it_started(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    def interrupt() -> None:
        wait_until(lambda: len(running("98765")) >= 2)
        os.kill(os.getpid(), signal.SIGINT)

    folder = context("FROM base:1\nRUN sleep 98765 & sleep 98765\n")
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        engine.images.build(folder)
    thread.join()
    wait_until(lambda: not running("98765"))
    assert engine.system.verify()["problems"] == []
    assert engine.system.info()["containers"] == 0


def test_a_timeout_under_asyncio_ends_the_step(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("FROM base:1\nRUN sleep 98764\n")

    async def work() -> None:
        async with aio.Engine(engine.root) as other:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(other.images.build(folder), 1)

    asyncio.run(work())
    wait_until(lambda: not running("98764"))


def test_nothing_survives_a_caller_that_is_killed(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("FROM base:1\nRUN sleep 98763 & sleep 98763\n")
    script = "import sys, layerkit; layerkit.Engine(sys.argv[1]).images.build(sys.argv[2])"
    with subprocess.Popen([sys.executable, "-c", script, str(engine.root), str(folder)]) as process:
        wait_until(lambda: len(running("98763")) >= 2)
        process.kill()
    wait_until(lambda: not running("98763"))
    assert engine.system.verify()["problems"] == []
    engine.images.build(context("FROM base:1\nRUN touch /a\n"))


def test_several_threads_run_steps_at_once(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path], tmp_path: Path
) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        folder = tmp_path / f"context{number}"
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"FROM base:1\nRUN echo {number} > /number\n")
        try:
            built = engine.images.build(folder, tag=f"built:{number}")
            built.unpack(tmp_path / f"tree{number}")
            assert (tmp_path / f"tree{number}" / "number").read_text() == f"{number}\n"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_program_that_ignores_sigchld_can_build(
    engine: layerkit.Engine, base: layerkit.Image, context: Callable[..., Path]
) -> None:
    folder = context("FROM base:1\nRUN exit 3\n")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(layerkit.BuildFailed) as caught:
            engine.images.build(folder)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert caught.value.exit_code == 3
