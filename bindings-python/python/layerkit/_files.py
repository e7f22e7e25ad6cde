"""Files of images as file objects."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ._native import FileReader

#: What is read of a layer at once, in bytes.
CHUNK = 1 << 18


class _Content(io.RawIOBase):
    """A file of an image as a raw file, of the native half's reader."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._reader.read(min(len(view), CHUNK))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._reader.close()
        super().close()


def buffered(reader: FileReader) -> io.BufferedReader:
    """A binary file object of what the native half reads."""
    return io.BufferedReader(_Content(reader), CHUNK)
