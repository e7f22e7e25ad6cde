"""Long operations: threads, events, cancelling, Ctrl-C."""

from __future__ import annotations

import gc
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import layerkit
import pytest
from conftest import big_root_file_system, root_file_system


@contextmanager
def stalled_pipe() -> Iterator[int]:
    """The reading end of a pipe that has the first bytes of a tar and never more."""
    reading, writing = os.pipe()
    os.write(writing, root_file_system({"file": b"x" * 4096})[:2048])
    try:
        yield reading
    finally:
        os.close(writing)


def test_other_threads_run_during_a_call(engine: layerkit.Engine) -> None:
    ticks = 0
    running = True

    def tick() -> None:
        nonlocal ticks
        while running:
            ticks += 1
            time.sleep(0.001)

    data = big_root_file_system()
    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks
    started = time.monotonic()
    engine.images.import_image(data)
    duration = time.monotonic() - started
    counted = ticks - before
    running = False
    thread.join()
    assert counted > duration * 1000 / 20, f"{counted} ticks in {duration:.3f} s"


def test_a_pipe_can_be_filled_by_another_thread_of_this_process(engine: layerkit.Engine) -> None:
    reading, writing = os.pipe()
    data = big_root_file_system(4)

    def feed() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            for start in range(0, len(data), 65536):
                pipe.write(data[start : start + 65536])

    thread = threading.Thread(target=feed)
    thread.start()
    with open(reading, "rb", buffering=0) as source:
        image = engine.images.import_image(source)
    thread.join()
    assert image.size == 4 << 20


def test_several_threads_use_one_engine(engine: layerkit.Engine) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(5):
                name = f"image{number}:{round_}"
                image = engine.images.import_image(root_file_system({name: b""}), name=name)
                assert engine.images.get(name) == image
                if round_ % 2:
                    engine.images.remove(name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(engine.images.list()) == 12
    assert engine.system.verify()["problems"] == []


def test_events_come_in_the_thread_that_made_the_call(engine: layerkit.Engine) -> None:
    seen: list[tuple[int, layerkit.Event]] = []
    engine.images.import_image(
        root_file_system(), name="a:1", on_event=lambda event: seen.append((threading.get_ident(), event))
    )
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    assert seen[-1][1]["event"] == "image_loaded"
    assert seen[-1][1]["name"] == "a:1"


class Stop(Exception):
    pass


def test_what_a_callback_raises_comes_out_as_it_was_raised(engine: layerkit.Engine) -> None:
    raised = Stop("enough")
    raised.__cause__ = cause = ValueError("because")

    def stop(event: layerkit.Event) -> None:
        raise raised

    with pytest.raises(Stop) as caught:
        engine.images.import_image(root_file_system(), name="a:1", on_event=stop)
    assert caught.value is raised
    assert caught.value.__cause__ is cause
    assert any(entry.name == "stop" for entry in caught.traceback)
    assert engine.images.list() == []
    assert engine.system.verify()["problems"] == []


def test_a_callback_may_call_the_engine(engine: layerkit.Engine, image: layerkit.Image) -> None:
    found = []
    engine.images.import_image(
        root_file_system({"other": b""}), on_event=lambda event: found.append(engine.images.get("base:1"))
    )
    assert set(found) == {image}


def test_a_callback_may_use_the_store_for_anything(
    engine: layerkit.Engine, image: layerkit.Image, context: Callable[..., Path]
) -> None:
    def on_event(event: layerkit.Event) -> None:
        other = engine.images.import_image(root_file_system({"other": b""}), name="other:1")
        engine.images.save(other, io.BytesIO())
        other.remove()
        engine.images.prune()
        engine.system.verify()

    built = engine.images.build(context("FROM base:1\nCOPY a /a\n", a="x"), tag="app:1", on_event=on_event)
    assert set(engine.images.list()) == {built, image}
    assert engine.system.verify()["problems"] == []


def test_a_token_that_is_cancelled_stops_a_call_before_it_does_anything(engine: layerkit.Engine) -> None:
    token = layerkit.CancelToken()
    assert not token.cancelled
    token.cancel()
    token.cancel()
    assert token.cancelled
    assert repr(token) == "<CancelToken cancelled=True>"
    with pytest.raises(layerkit.Cancelled):
        engine.images.import_image(root_file_system(), name="a:1", cancel=token)
    with pytest.raises(layerkit.Cancelled):
        engine.system.verify(cancel=token)
    assert engine.images.list() == []


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
def test_a_token_cancels_a_read_that_waits(engine: layerkit.Engine, buffering: int) -> None:
    token = layerkit.CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    with stalled_pipe() as pipe, open(pipe, "rb", buffering=buffering) as source:
        timer.start()
        started = time.monotonic()
        with pytest.raises(layerkit.Cancelled):
            engine.images.import_image(source, cancel=token)
    assert time.monotonic() - started < 5
    assert engine.images.list() == []


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
def test_a_token_cancels_a_write_that_waits(engine: layerkit.Engine, buffering: int) -> None:
    engine.images.import_image(big_root_file_system(2), name="big:1")
    token = layerkit.CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    reading, writing = os.pipe()
    target = open(writing, "wb", buffering=buffering)
    timer.start()
    with pytest.raises(layerkit.Cancelled):
        engine.images.save("big:1", target, cancel=token)
    os.close(reading)
    target.close()


def test_a_callback_cancels_with_the_token(engine: layerkit.Engine) -> None:
    token = layerkit.CancelToken()
    with pytest.raises(layerkit.Cancelled):
        engine.images.import_image(root_file_system(), cancel=token, on_event=lambda event: token.cancel())
    assert engine.images.list() == []


@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "raw"])
def test_ctrl_c_ends_the_operation_before_it_comes_out(engine: layerkit.Engine, buffering: int) -> None:
    threads = threading.active_count()
    with stalled_pipe() as pipe, open(pipe, "rb", buffering=buffering) as source:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.images.import_image(source, name="a:1")
        assert time.monotonic() - started < 5
    timer.join()
    assert threading.active_count() == threads
    assert not [task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text() == "layerkit\n"]
    assert engine.images.list() == []
    assert engine.system.verify()["problems"] == []


def test_ctrl_c_interrupts_a_stream_that_blocks(engine: layerkit.Engine) -> None:
    here, there = socket.socketpair()
    with here, there, here.makefile("rb") as source:
        there.sendall(b"x" * 100)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            engine.images.import_image(source)
        assert time.monotonic() - started < 5
    timer.join()
    assert engine.images.list() == []


def test_ctrl_c_stops_a_callback(engine: layerkit.Engine) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        engine.images.import_image(root_file_system(), on_event=lambda event: time.sleep(30))
    timer.join()
    assert engine.images.list() == []


def test_ctrl_c_at_any_moment_leaves_a_store_that_is_whole(
    engine: layerkit.Engine, image: layerkit.Image, context: Callable[..., Path], tmp_path: Path
) -> None:
    data = big_root_file_system(4)
    folder = context("FROM base:1\nCOPY . /a\nCOPY . /b\n", text="x" * (1 << 20))
    work: list[Callable[[], object]] = [
        lambda: engine.images.import_image(data, name="a:1", on_event=print),
        lambda: engine.images.build(folder, tag="b:1", nocache=True),
        lambda: image.unpack(tmp_path / "tree", replace=True),
        lambda: engine.images.save("base:1", io.BytesIO()),
        lambda: engine.system.verify(),
    ]

    def repeat(call: Callable[[], object], timer: threading.Timer) -> None:
        timer.start()
        while True:
            call()

    for number in range(30):
        timer = threading.Timer(number * 0.003, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            repeat(work[number % len(work)], timer)
        timer.join()
    assert engine.system.verify()["problems"] == []
    assert list((engine.root / "tmp").iterdir()) == []


def test_ctrl_c_in_a_script_ends_it_with_a_traceback(tmp_path: Path) -> None:
    script = """
import sys, layerkit
with layerkit.Engine(sys.argv[1]) as engine:
    print("ready", flush=True)
    engine.images.import_image(sys.stdin.buffer)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "store")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors.endswith("KeyboardInterrupt\n")
    assert process.returncode == -signal.SIGINT


def test_what_a_signal_handler_raises_comes_out(engine: layerkit.Engine) -> None:
    def handler(number: int, frame: object) -> None:
        raise Stop("time is up")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with stalled_pipe() as pipe, open(pipe, "rb") as source, pytest.raises(Stop, match="time is up"):
            engine.images.import_image(source)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_that_returns_does_not_disturb(engine: layerkit.Engine) -> None:
    seen = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        engine.images.import_image(big_root_file_system(), name="a:1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    assert engine.images.get("a:1")


def test_nothing_is_left_of_many_calls(engine: layerkit.Engine, descriptors: Callable[[], int]) -> None:
    events: list[layerkit.Event] = []

    def on_event(event: layerkit.Event) -> None:
        events.append(event)

    token = layerkit.CancelToken()
    stopped = layerkit.CancelToken()
    stopped.cancel()

    class Source:
        def read(self, size: int = -1, /) -> bytes:
            raise Stop

    source = Source()

    def once() -> None:
        engine.images.import_image(root_file_system(), name="a:1", on_event=on_event, cancel=token)
        with pytest.raises(layerkit.Cancelled):
            engine.images.import_image(root_file_system(), cancel=stopped, on_event=on_event)
        with pytest.raises(Stop):
            engine.images.import_image(source)
        with pytest.raises(layerkit.NotFound):
            engine.images.get("nope")
        events.clear()

    once()
    before = descriptors(), [sys.getrefcount(thing) for thing in (on_event, token, stopped, source, engine)]
    objects = len(gc.get_objects())
    for _ in range(30):
        once()
    after = descriptors(), [sys.getrefcount(thing) for thing in (on_event, token, stopped, source, engine)]
    assert after == before
    assert len(gc.get_objects()) < objects + 200
