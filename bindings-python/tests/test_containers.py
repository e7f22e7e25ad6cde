"""Containers, as a Python process sees them: output, input, failures, Ctrl-C, and nothing that is left behind."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import layerkit
import pytest
from conftest import running, wait_until

BOTH = ["sh", "-c", "echo out; echo err >&2"]


@pytest.fixture
def containers(engine: layerkit.Engine, base: layerkit.Image) -> Iterator[layerkit.Containers]:
    """The containers of a store with `base:1`."""
    yield engine.containers
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    assert engine.system.verify()["problems"] == []


def threads() -> int:
    """The threads of this process that the library started."""
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    return sum(name.startswith("layerkit") for name in names)


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def interrupt_when(condition: Callable[[], bool]) -> threading.Thread:
    """Sends this process a Ctrl-C once the condition holds."""

    def interrupt() -> None:
        wait_until(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def test_run_returns_what_the_command_wrote(containers: layerkit.Containers) -> None:
    assert containers.run("base:1", "echo 'hello  world'", remove=True) == b"hello  world\n"
    assert containers.run("base:1", BOTH, remove=True) == b"out\n"
    assert sorted(containers.run("base:1", BOTH, stderr=True, remove=True).split()) == [b"err", b"out"]
    assert containers.run("base:1", BOTH, stdout=False, stderr=True, remove=True) == b"err\n"
    assert containers.run("base:1", BOTH, stderr=True, demux=True, remove=True) == (b"out\n", b"err\n")
    assert containers.run("base:1", "true", demux=True, remove=True) == (None, None)
    assert containers.list(all=True) == []


def test_options_reach_the_command(containers: layerkit.Containers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    out = containers.run(
        "base:1",
        ["-c", "pwd; echo $A; cat /data/file; touch /data/x; echo $?"],
        entrypoint="sh",
        working_dir="/srv",
        environment={"A": "b c"},
        volumes={tmp_path: {"bind": "/data", "mode": "ro"}},
        remove=True,
    )
    assert out == b"/srv\nb c\nof the host\n1\n"


def test_another_exit_code_is_a_container_error(containers: layerkit.Containers) -> None:
    command = ["sh", "-c", "echo out; echo wrong >&2; exit 42"]
    with pytest.raises(layerkit.ContainerError) as caught:
        containers.run("base:1", command, name="failing")
    error = caught.value
    assert (error.exit_status, error.exit_code, error.command, error.image) == (42, 42, command, "base:1")
    assert error.stderr == b"wrong\n"
    assert error.code == "container_failed"
    assert str(error).endswith("returned non-zero exit status 42: wrong")
    assert error.container == containers.get("failing")
    assert error.container.logs() == b"out\nwrong\n"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.exit_status, copy.stderr, copy.fields) == (str(error), 42, b"wrong\n", error.fields)

    with pytest.raises(layerkit.ContainerError) as caught:
        containers.run("base:1", command, remove=True)
    assert caught.value.stderr == b"wrong\n"
    with pytest.raises(layerkit.NotFound):
        containers.get(caught.value.container.id)


def test_a_command_that_is_not_there_is_no_exit_code(containers: layerkit.Containers) -> None:
    with pytest.raises(layerkit.ContainerFailed) as caught:
        containers.run("base:1", "/nope", remove=True)
    assert not isinstance(caught.value, layerkit.ContainerError)
    assert caught.value.exit_code == 127


def test_a_stream_gives_output_as_it_comes_and_the_failure_at_its_end(containers: layerkit.Containers) -> None:
    command = ["sh", "-c", "echo first; cat; echo second >&2; exit 3"]
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as source:
        stream = containers.run("base:1", command, stderr=True, stream=True, demux=True, remove=True, stdin=source)
    # The command goes on once this end is closed: the first part came before that.
    assert next(stream) == (b"first\n", None)
    assert stream.exit_code is None
    os.close(writing)
    assert next(stream) == (None, b"second\n")
    with pytest.raises(layerkit.ContainerError) as caught:
        next(stream)
    assert caught.value.exit_status == 3
    assert stream.report is not None
    assert stream.report["exit_code"] == 3
    assert list(stream) == []


def test_a_stream_that_is_closed_early_ends_the_container(
    containers: layerkit.Containers, descriptors: Callable[[], int]
) -> None:
    def once(end: Callable[[layerkit.Stream[bytes]], object]) -> None:
        stream = containers.run("base:1", ["sh", "-c", "echo x; exec sleep 98762"], stream=True, remove=True)
        assert next(stream) == b"x\n"
        wait_until(lambda: bool(running("98762")))
        end(stream)
        del stream
        gc.collect()
        wait_until(lambda: not running("98762"))

    once(lambda stream: stream.close())
    before = descriptors(), children()
    for _ in range(3):
        once(lambda stream: stream.close())
        once(lambda stream: stream.__exit__(None, None, None))
        once(lambda stream: None)
    assert (descriptors(), children()) == before
    assert threads() == 0
    wait_until(lambda: containers.list(all=True) == [])


def test_a_stream_that_nobody_reads_holds_the_command_up_and_can_be_closed(containers: layerkit.Containers) -> None:
    with containers.run("base:1", "yes", stream=True, remove=True) as stream:
        assert next(stream).startswith(b"y\ny\n")
        time.sleep(0.3)
    assert list(stream) == []
    assert threads() == 0


def test_closing_a_stream_cancels_nothing_else(containers: layerkit.Containers) -> None:
    token = layerkit.CancelToken()
    with containers.run("base:1", ["sh", "-c", "echo x; sleep 60"], stream=True, remove=True, cancel=token) as stream:
        next(stream)
    assert not token.cancelled
    stream = containers.run("base:1", ["sh", "-c", "echo x; sleep 60"], stream=True, remove=True, cancel=token)
    next(stream)
    token.cancel()
    with pytest.raises(layerkit.Cancelled):
        list(stream)


def test_a_stream_can_leave_its_container_running(containers: layerkit.Containers) -> None:
    stream = containers.run("base:1", ["sh", "-c", "echo x; sleep 60"], stream=True, name="left")
    assert next(stream) == b"x\n"
    stream.detach()
    assert list(stream) == []
    assert stream.exit_code is None
    assert containers.get("left").status == "running"


def test_a_forked_child_leaves_a_stream_of_its_parent_alone(containers: layerkit.Containers) -> None:
    stream = containers.run("base:1", "cat", stream=True, remove=True, stdin=iter([b"x\n"]))
    child = os.fork()
    if child == 0:
        try:
            next(stream)
        except layerkit.Conflict:
            stream.close()
            del stream
            gc.collect()
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(stream) == [b"x\n"]


def of_a_pipe(data: bytes) -> BinaryIO:
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(data)
    return open(reading, "rb")


@pytest.mark.parametrize(
    "make",
    [
        lambda data, path: data,
        lambda data, path: bytearray(data),
        lambda data, path: io.BytesIO(data),
        lambda data, path: path.open("rb"),
        lambda data, path: path.open("rb", buffering=0),
        lambda data, path: of_a_pipe(data),
        lambda data, path: (data[at : at + 1000] for at in range(0, len(data), 1000)),
        lambda data, path: [data[:10], b"", data[10:]],
    ],
    ids=["bytes", "bytearray", "BytesIO", "buffered", "raw", "pipe", "generator", "list"],
)
def test_a_command_reads(
    containers: layerkit.Containers, tmp_path: Path, make: Callable[[bytes, Path], layerkit.types.Stdin]
) -> None:
    data = b"some text\n" * 5000
    (tmp_path / "data").write_bytes(data)
    assert containers.run("base:1", "cat", remove=True, stdin=make(data, tmp_path / "data")) == data
    assert threads() == 0


def test_more_input_than_the_command_reads_does_no_harm(containers: layerkit.Containers) -> None:
    assert containers.run("base:1", "head -c 3", remove=True, stdin=b"abcdef" * 100000) == b"abc"
    endless = iter(lambda: b"abcdef" * 100000, None)
    assert containers.run("base:1", "head -c 3", remove=True, stdin=endless) == b"abc"
    assert threads() == 0


class Stop(Exception):
    pass


def test_what_the_input_raises_comes_out_and_ends_the_container(containers: layerkit.Containers) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"first\n"
        raise Stop

    token = layerkit.CancelToken()
    with pytest.raises(Stop):
        containers.run("base:1", ["sh", "-c", "cat; sleep 98761"], remove=True, stdin=chunks(), cancel=token)
    assert not token.cancelled
    with pytest.raises(TypeError, match="must be bytes"):
        containers.run("base:1", "cat", remove=True, stdin=["text"])  # type: ignore[list-item]
    assert not running("98761")
    wait_until(lambda: containers.list(all=True) == [])


def test_ctrl_c_ends_the_container_in_the_foreground(containers: layerkit.Containers) -> None:
    thread = interrupt_when(lambda: bool(running("98760")))
    with pytest.raises(KeyboardInterrupt):
        containers.run("base:1", "sleep 98760", remove=True)
    thread.join()
    wait_until(lambda: not running("98760"))
    assert threads() == 0

    thread = interrupt_when(lambda: bool(running("98759")))
    with pytest.raises(KeyboardInterrupt):
        list(containers.run("base:1", "sleep 98759", stream=True, remove=True))
    thread.join()
    wait_until(lambda: not running("98759"))
    assert threads() == 0
    wait_until(lambda: containers.list(all=True) == [])


def test_ctrl_c_in_a_wait_leaves_the_container_alone(containers: layerkit.Containers) -> None:
    container = containers.run("base:1", "sleep 60", detach=True)
    for wait in (container.wait, container.attach, lambda: list(container.logs(stream=True))):
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            wait()
        assert time.monotonic() - started < 5
        timer.join()
    container.reload()
    assert container.status == "running"


def test_nothing_survives_a_caller_that_is_killed_in_the_foreground(
    engine: layerkit.Engine, containers: layerkit.Containers
) -> None:
    script = "import sys, layerkit; layerkit.Engine(sys.argv[1]).containers.run('base:1', sys.argv[2], remove=True)"
    with subprocess.Popen([sys.executable, "-c", script, str(engine.root), "sleep 98758"]) as process:
        wait_until(lambda: bool(running("98758")))
        process.kill()
    wait_until(lambda: not running("98758"))
    wait_until(lambda: containers.list(all=True) == [])


def test_a_detached_container_outlives_its_caller(engine: layerkit.Engine, containers: layerkit.Containers) -> None:
    script = """
import sys, layerkit
with layerkit.Engine(sys.argv[1]) as engine:
    engine.containers.run("base:1", "cat", detach=True, name="a", stdin_open=True)
"""
    subprocess.run([sys.executable, "-c", script, str(engine.root)], check=True)
    container = containers.get("a")
    assert container.status == "running"
    with container.attach(stream=True, stdin=b"hello\n") as stream:
        assert next(stream) == b"hello\n"
    container.stop(timeout=0)
    assert container.wait() == {"StatusCode": 137, "OOMKilled": False}


def test_a_detached_container_has_docker_pys_attributes(containers: layerkit.Containers) -> None:
    container = containers.run("base:1", ["sh", "-c", "echo one; echo two >&2; sleep 60"], detach=True, labels=["a"])
    assert len(container.id) == 64
    assert container.short_id == container.id[:12]
    assert container.status == "running"
    assert (container.image, container.labels["a"]) == ("base:1", "")
    assert container.attrs["Id"] == container.id
    assert containers.list() == [container]
    assert containers.get(container.name) == container
    container.rename("renamed")
    assert container.name == "renamed"
    assert any("sleep 60" in " ".join(line) for line in container.top()["processes"])
    container.pause()
    container.unpause()
    with pytest.raises(layerkit.Conflict):
        container.remove()
    with pytest.raises(layerkit.Timeout):
        container.wait(timeout=0.1)
    container.kill("SIGKILL")
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert (container.status, container.exit_code) == ("exited", 137)
    container.remove()
    with pytest.raises(layerkit.NotFound, match="No such container"):
        container.reload()


def test_logs(containers: layerkit.Containers) -> None:
    container = containers.run("base:1", ["sh", "-c", "echo one; echo two; sleep 1; echo three"], detach=True)
    following = container.logs(stream=True)
    assert isinstance(following, layerkit.Stream)
    assert b"".join(following) == b"one\ntwo\nthree\n"
    assert container.logs(tail=1) == b"three\n"
    assert container.logs(stderr=True, stdout=False) == b""
    assert container.logs(follow=True, tail="all") == b"one\ntwo\nthree\n"
    first = container.logs(timestamps=True).splitlines()[0]
    time_of_first, _, text = first.decode().partition(" ")
    assert text == "one"
    assert container.logs(until=time_of_first) == b""
    assert container.logs(since=time_of_first) == b"one\ntwo\nthree\n"
    assert list(container.logs(stream=True, follow=False, tail=0)) == []


def test_commands_are_executed_in_a_container(containers: layerkit.Containers) -> None:
    container = containers.run("base:1", "sleep 60", detach=True)
    code, output = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (code, sorted(output.split())) == (3, [b"err", b"out"])
    assert container.exec_run(BOTH, demux=True) == (0, (b"out\n", b"err\n"))
    assert container.exec_run("cat", stdin=b"text").output == b"text"
    assert container.exec_run("sh -c 'pwd; echo $A'", environment={"A": "b"}, workdir="/bin").output == b"/bin\nb\n"
    result = container.exec_run(["sh", "-c", "echo x; exit 4"], stream=True)
    assert result.exit_code is None
    assert list(result.output) == [b"x\n"]
    assert result.output.exit_code == 4
    stream = container.exec_run("sleep 98757", stream=True).output
    wait_until(lambda: bool(running("98757")))
    stream.kill("TERM")
    assert list(stream) == []
    assert stream.exit_code == 143
    with container.exec_run("sleep 98756", stream=True).output:
        wait_until(lambda: bool(running("98756")))
    wait_until(lambda: not running("98756"))
    assert container.exec_run("touch /done", detach=True) == (None, b"")
    wait_until(lambda: container.exec_run("ls /done").exit_code == 0)
    copy = pickle.loads(pickle.dumps(layerkit.ExecResult(3, b"x")))
    assert (copy.exit_code, copy.output) == (3, b"x")
    container.kill()
    container.wait()
    with pytest.raises(layerkit.Conflict):
        container.exec_run("true")


def test_a_container_can_be_attached_to_before_it_starts(containers: layerkit.Containers) -> None:
    container = containers.create("base:1", BOTH)
    assert container.status == "created"
    assert container.start(attach=True, demux=True) == (b"out\n", b"err\n")
    assert container.start() is None
    assert container.wait()["StatusCode"] == 0
    assert sorted(b"".join(container.start(attach=True, stream=True)).split()) == [b"err", b"out"]


def test_a_conversation_through_a_pipe(containers: layerkit.Containers) -> None:
    container = containers.run("base:1", "cat", detach=True, stdin_open=True)
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as ask:
        with open(reading, "rb", buffering=0) as source:
            answers = container.attach(stream=True, stdin=source)
        for question in (b"one\n", b"two\n"):
            ask.write(question)
            assert next(answers) == question
    answers.close()
    container.reload()
    assert container.status == "running"


def test_a_terminal_is_told_its_size(containers: layerkit.Containers) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as ask, open(reading, "rb", buffering=0) as source:
        command = ["sh", "-c", "while read line; do busybox stty size; done"]
        stream = containers.run(
            "base:1", command, stream=True, remove=True, tty=True, stdin=source, tty_size={"rows": 30, "cols": 90}
        )
        ask.write(b"\n")
        seen = b""
        while b"30 90" not in seen:
            seen += next(stream)
        stream.resize(40, 100)
        while b"40 100" not in seen:
            ask.write(b"\n")
            seen += next(stream)
        stream.close()


def test_files_go_in_and_out(containers: layerkit.Containers, tmp_path: Path) -> None:
    container = containers.create("base:1", "true")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("new/file")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"abc"))
    assert container.put_archive("/", buffer.getvalue()) is True
    chunks, stat = container.get_archive("/new/file")
    archive = b"".join(chunks)
    assert names(archive) == ["file"]
    assert (stat["name"], stat["size"]) == ("file", 3)
    assert container.get_archive("/new", tmp_path / "new.tar")["name"] == "new"
    assert names((tmp_path / "new.tar").read_bytes()) == ["new", "new/file"]
    with pytest.raises(layerkit.NotFound):
        container.get_archive("/nope")
    changes = {change["path"]: change["kind"] for change in container.diff()}
    assert (changes["/new"], changes["/new/file"]) == ("added", "added")
    exported = b"".join(container.export())
    assert {"bin/busybox", "new/file"} <= set(names(exported))
    container.export(tmp_path / "all.tar")
    assert (tmp_path / "all.tar").read_bytes() == exported
    with container.export() as stream:
        next(stream)
    assert threads() == 0
    image = container.commit("made", "1", message="why", changes='CMD ["cat", "/new/file"]\nENV A=b')
    assert image.tags == ["made:1"]
    assert containers.run(image, remove=True) == b"abc"


@pytest.mark.timeout(300)
def test_200_starts_from_4_threads_leave_nothing(
    engine: layerkit.Engine, containers: layerkit.Containers, descriptors: Callable[[], int]
) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(50):
                out = containers.run("base:1", f"echo {number} {turn}", remove=True)
                assert out == f"{number} {turn}\n".encode()
        except BaseException as error:
            failures.append(error)

    containers.run("base:1", "true", remove=True)
    before = descriptors(), children(), len(Path("/proc/self/mounts").read_text().splitlines())
    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert threads() == 0
    assert (descriptors(), children(), len(Path("/proc/self/mounts").read_text().splitlines())) == before
    assert containers.list(all=True) == []
    assert list((engine.root / "containers").iterdir()) == []


def test_other_threads_run_while_one_waits(containers: layerkit.Containers) -> None:
    done = threading.Event()

    def work() -> None:
        containers.run("base:1", "sleep 0.5", remove=True)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    ticks = 0
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 50


def test_a_program_that_ignores_sigchld_or_sigpipe_can_run(containers: layerkit.Containers) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN), signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        endless = iter(lambda: b"abcdef" * 100000, None)
        assert containers.run("base:1", "head -c 3", remove=True, stdin=endless) == b"abc"
    finally:
        signal.signal(signal.SIGCHLD, before[0])
        signal.signal(signal.SIGPIPE, before[1])


def test_ports_are_refused(containers: layerkit.Containers) -> None:
    with pytest.raises(layerkit.Unsupported):
        containers.create("base:1", ports={"80/tcp": 8080})
