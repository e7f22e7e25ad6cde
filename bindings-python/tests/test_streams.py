"""Paths, file objects and bytes, wherever bytes flow."""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import layerkit
import pytest
from conftest import big_root_file_system, root_file_system

ROOTFS = root_file_system()


def file_on_disk(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def fed_pipe(data: bytes) -> int:
    """The reading end of a pipe that somebody fills."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as pipe:
            pipe.write(data)

    threading.Thread(target=feed).start()
    return reading


class OnlyRead:
    """The least that a stream can be; gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self.file.read(min(size, 100))


class Subclassed(io.BufferedReader):
    """One whose read is its own: the descriptor below must not be read behind its back."""

    def read1(self, size: int = -1, /) -> bytes:
        return bytes(byte ^ 0xFF for byte in super().read1(size))


SOURCES: dict[str, Callable[[Path, bytes], Any]] = {
    "str": lambda path, data: str(file_on_disk(path, data)),
    "PathLike": file_on_disk,
    "bytes": lambda path, data: data,
    "BytesIO": lambda path, data: io.BytesIO(data),
    "only read()": lambda path, data: OnlyRead(data),
    "buffered file": lambda path, data: file_on_disk(path, data).open("rb"),
    "raw file": lambda path, data: file_on_disk(path, data).open("rb", buffering=0),
    "random access file": lambda path, data: file_on_disk(path, data).open("r+b"),
    "buffered pipe": lambda path, data: open(fed_pipe(data), "rb"),
    "raw pipe": lambda path, data: open(fed_pipe(data), "rb", buffering=0),
    "subclass": lambda path, data: Subclassed(io.FileIO(file_on_disk(path, bytes(byte ^ 0xFF for byte in data)))),
    "gzip stream": lambda path, data: gzip.open(file_on_disk(path, gzip.compress(data)), "rb"),
    "tar member": lambda path, data: tarfile.open(
        fileobj=io.BytesIO(root_file_system({"inner.tar": data}))
    ).extractfile("inner.tar"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_an_image_is_read_from(kind: str, engine: layerkit.Engine, tmp_path: Path) -> None:
    wanted = engine.images.import_image(ROOTFS, source_date_epoch=0)
    source = SOURCES[kind](tmp_path / "rootfs.tar", ROOTFS)
    try:
        assert engine.images.import_image(source, source_date_epoch=0, message="Imported from -") == wanted
    finally:
        if hasattr(source, "close"):
            source.close()


def test_what_a_buffered_file_has_read_ahead_is_not_lost(engine: layerkit.Engine, tmp_path: Path) -> None:
    path = file_on_disk(tmp_path / "prefixed", b"prefix\n" + ROOTFS)
    for source in (path.open("rb"), open(fed_pipe(path.read_bytes()), "rb")):
        with source:
            assert source.readline() == b"prefix\n"
            image = engine.images.import_image(source, source_date_epoch=0)
        assert image == engine.images.import_image(ROOTFS, source_date_epoch=0)


def test_a_raw_file_is_read_from_where_it_stands(engine: layerkit.Engine, tmp_path: Path) -> None:
    with file_on_disk(tmp_path / "prefixed", b"prefix\n" + ROOTFS).open("rb", buffering=0) as source:
        source.seek(7)
        image = engine.images.import_image(source, source_date_epoch=0)
        assert not source.closed
    assert image == engine.images.import_image(ROOTFS, source_date_epoch=0)


def test_a_socket_is_read_and_written(engine: layerkit.Engine, image: layerkit.Image) -> None:
    here, there = socket.socketpair()

    def save() -> None:
        with there, there.makefile("wb") as out:
            engine.images.save("base:1", out)

    thread = threading.Thread(target=save)
    thread.start()
    with here, here.makefile("rb") as source:
        assert engine.images.load(source) == [image]
    thread.join()


def test_standard_input_and_output_carry_images(image: layerkit.Image, engine: layerkit.Engine, tmp_path: Path) -> None:
    script = """
import sys, layerkit
with layerkit.Engine(sys.argv[1]) as engine:
    if sys.argv[2] == "save":
        engine.images.save("base:1", sys.stdout.buffer)
    else:
        print(engine.images.load(sys.stdin.buffer)[0].id)
"""
    run = [sys.executable, "-c", script]
    saved = subprocess.run([*run, str(engine.root), "save"], check=True, stdout=subprocess.PIPE, timeout=60).stdout
    loaded = subprocess.run(
        [*run, str(tmp_path / "second"), "load"], check=True, input=saved, stdout=subprocess.PIPE, timeout=60
    ).stdout
    assert loaded.decode().strip() == image.id


def writers(path: Path) -> dict[str, BinaryIO]:
    return {
        "buffered file": path.open("wb"),
        "raw file": path.open("wb", buffering=0),
        "random access file": path.open("w+b"),
        "gzip stream": gzip.open(path, "wb"),  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("kind", ["buffered file", "raw file", "random access file", "gzip stream"])
def test_an_archive_is_written_to(kind: str, engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with writers(path)[kind] as target:
        target.write(b"")
        engine.images.save("base:1", target)
        assert not target.closed
    assert engine.images.load(path) == [image]


def test_what_was_written_before_and_after_stays_in_order(
    engine: layerkit.Engine, image: layerkit.Image, tmp_path: Path
) -> None:
    for buffering in (-1, 0):
        with (tmp_path / "out").open("wb", buffering=buffering) as target:
            target.write(b"before")
            engine.images.save("base:1", target)
            end = target.tell()
            target.write(b"after")
        data = (tmp_path / "out").read_bytes()
        assert data.startswith(b"before")
        assert data.endswith(b"after")
        assert end == len(data) - len(b"after")
        assert engine.images.load(data[len(b"before") : -len(b"after")]) == [image]


def test_a_stream_that_answers_none_took_it_all(engine: layerkit.Engine, image: layerkit.Image) -> None:
    class Collector:
        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, data: bytes, /) -> None:
            self.data += data

    collector = Collector()
    engine.images.save("base:1", collector)
    assert engine.images.load(bytes(collector.data)) == [image]


def test_a_stream_may_take_less_than_it_is_given(engine: layerkit.Engine, image: layerkit.Image) -> None:
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            self.data += bytes(data[:777])
            return min(len(data), 777)

    slow = Slow()
    engine.images.save("base:1", slow)
    assert engine.images.load(bytes(slow.data)) == [image]


class Broken(Exception):
    pass


class BreaksOff:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1, /) -> bytes:
        data, self.data = self.data, b""
        if not data:
            raise Broken("in the middle")
        return data


def test_what_a_stream_raises_comes_out_as_it_was_raised(engine: layerkit.Engine, image: layerkit.Image) -> None:
    with pytest.raises(Broken, match="in the middle") as caught:
        engine.images.import_image(BreaksOff(big_root_file_system(1)[: 1 << 19]), name="never:1")
    assert any(entry.name == "read" for entry in caught.traceback)
    assert engine.images.list() == [image]

    class Full:
        def write(self, data: bytes, /) -> int:
            raise Broken("full")

    with pytest.raises(Broken, match="full"):
        engine.images.save("base:1", Full())
    assert engine.system.verify()["problems"] == []


@pytest.mark.parametrize(
    ("answer", "wanted"), [("text", TypeError), (3, TypeError), (None, BlockingIOError)], ids=["str", "int", "None"]
)
def test_a_stream_that_reads_nonsense(answer: Any, wanted: type[Exception], engine: layerkit.Engine) -> None:
    class Nonsense:
        def read(self, size: int = -1, /) -> Any:
            return answer

    with pytest.raises(wanted):
        engine.images.import_image(Nonsense())


def test_a_stream_may_read_bytearrays(engine: layerkit.Engine) -> None:
    class Array:
        def __init__(self) -> None:
            self.file = io.BytesIO(ROOTFS)

        def read(self, size: int = -1, /) -> Any:
            return bytearray(self.file.read(size))

    image = engine.images.import_image(Array(), source_date_epoch=0)
    assert image == engine.images.import_image(ROOTFS, source_date_epoch=0)


def test_a_file_that_is_closed_is_refused(engine: layerkit.Engine, tmp_path: Path) -> None:
    for buffering in (-1, 0):
        source = file_on_disk(tmp_path / "x", ROOTFS).open("rb", buffering=buffering)
        source.close()
        with pytest.raises(ValueError, match="closed"):
            engine.images.import_image(source)


def test_a_write_only_file_cannot_be_read(engine: layerkit.Engine, tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as source, pytest.raises((io.UnsupportedOperation, TypeError)):
        engine.images.import_image(source)


def test_a_file_of_an_image_is_a_binary_file(engine: layerkit.Engine, descriptors: Callable[[], int]) -> None:
    content = os.urandom(1_000_000)
    image = engine.images.import_image(root_file_system({"a/large": content, "b": b"one\ntwo\n"}))
    before = descriptors()
    with image.open("/a/large") as file:
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, False)
        assert file.read(10) == content[:10]
        assert file.read() == content[10:]
        assert file.read() == b""
    assert list(image.open("b")) == [b"one\n", b"two\n"]
    assert image.read(Path("/b")) == b"one\ntwo\n"
    file = image.open("/a/large")
    image.remove()
    engine.close()
    assert file.read() == content
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    assert descriptors() <= before


def test_reading_a_file_of_an_image_ends_with_its_token(engine: layerkit.Engine) -> None:
    image = engine.images.import_image(root_file_system({"large": os.urandom(4_000_000)}))
    token = layerkit.CancelToken()
    with image.open("/large", cancel=token) as file:
        assert len(file.read(100)) == 100
        token.cancel()
        with pytest.raises(layerkit.Cancelled):
            file.read()
    with pytest.raises(layerkit.NotFound, match="no such file or directory") as failed:
        image.open("/nope")
    assert not isinstance(failed.value, layerkit.ImageNotFound)
    with pytest.raises(layerkit.InvalidArgument, match=r"/ of image .* is a directory"):
        image.read("/")
