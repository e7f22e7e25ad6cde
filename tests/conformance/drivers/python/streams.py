"""The streams that the driver hands over, some of which fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

JSON = dict[str, Any]


class Provoked(Exception):
    """What the driver's own callbacks and streams raise. It has to come out of the call as itself."""


class Failing:
    """A stream that works for so many bytes and then raises."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self.file = file
        self.left = left

    def read(self, size: int = -1, /) -> bytes:
        if self.left == 0:
            raise Provoked("the stream fails here")
        data = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def write(self, data: bytes, /) -> int:
        if self.left == 0:
            raise Provoked("the stream fails here")
        count = self.file.write(data[: self.left])
        self.left -= count
        return count


@contextlib.contextmanager
def stream(place: JSON, mode: str) -> Iterator[Any]:
    """What the language passes for a source or a target."""
    if "path" in place:
        yield place["path"]
    elif "fd" in place:
        with open(place["fd"], mode, buffering=0) as raw:
            yield raw
    else:
        with cast("BinaryIO", open(place["stream"], mode)) as file:
            yield Failing(file, place["fail_after"]) if "fail_after" in place else file
