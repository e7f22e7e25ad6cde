"""Processes: fork, spawn, pickling, the end of the interpreter."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import layerkit
import pytest
from conftest import root_file_system


def in_a_fork(call: str, root: Path) -> str:
    """What `call` raises in a forked child of a process that has an engine open."""
    script = f"""
import os, sys, warnings, layerkit
warnings.simplefilter("ignore")
engine = layerkit.Engine(sys.argv[1])
engine.images.list()
child = os.fork()
if child == 0:
    try:
        {call}
        print("no error", flush=True)
    except layerkit.LayerkitError as error:
        print(error.code, error, flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0
engine.images.list()
"""
    run = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("call", ["engine.images.list()", "engine.system.verify()", "engine.images.get('x')"])
def test_a_forked_copy_of_an_engine_gets_a_clear_error(call: str, tmp_path: Path) -> None:
    assert "fork" in in_a_fork(call, tmp_path / "store")


def test_a_forked_child_may_drop_the_engine_and_open_another_store(tmp_path: Path) -> None:
    call = f"engine.close(); del engine; layerkit.Engine({str(tmp_path / 'own')!r}).images.list()"
    assert in_a_fork(call, tmp_path / "store") == "no error\n"


def import_one(root: str) -> str:
    with layerkit.Engine(root) as engine:
        return engine.images.import_image(root_file_system(), source_date_epoch=0).id


def test_workers_of_a_spawned_pool_share_a_store(engine: layerkit.Engine) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        ids = pool.map(import_one, [str(engine.root)] * 4)
    assert len(set(ids)) == 1
    assert [image.id for image in engine.images.list()] == ids[:1]


def test_an_engine_cannot_be_pickled(engine: layerkit.Engine) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(engine)


def test_an_image_keeps_the_store_open_after_the_engine_object_is_gone(tmp_path: Path) -> None:
    engine = layerkit.Engine(tmp_path / "store")
    image = engine.images.import_image(root_file_system())
    del engine
    assert image.history()


def test_an_operation_on_a_daemon_thread_does_not_disturb_the_end_of_the_interpreter(tmp_path: Path) -> None:
    script = """
import os, sys, threading, time, layerkit
engine = layerkit.Engine(sys.argv[1])
reading, writing = os.pipe()
os.write(writing, b"x" * 100)
def work():
    engine.images.import_image(open(reading, "rb"), on_event=print)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("done")
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout.splitlines()[-1], run.stderr) == (0, "done", "")


def test_importing_the_module_reads_and_makes_nothing(tmp_path: Path) -> None:
    script = (
        "import threading, layerkit; print(threading.active_count(), len(__import__('os').listdir('/proc/self/task')))"
    )
    env = {**os.environ, "HOME": str(tmp_path), "LAYERKIT_ROOT": str(tmp_path / "store")}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, timeout=60)
    assert run.stdout.split() == ["1", "1"]
    assert list(tmp_path.iterdir()) == []
