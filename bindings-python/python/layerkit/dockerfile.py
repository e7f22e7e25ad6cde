"""Dockerfiles as data.

>>> from layerkit import dockerfile
>>> parsed = dockerfile.parse("FROM scratch AS App\\nCOPY --link app /app\\n")
>>> [(instruction["name"], instruction["line"]) for instruction in parsed["stages"][0]["instructions"]]
[('FROM', 1), ('COPY', 2)]
>>> [warning["rule"] for warning in parsed["warnings"]]
['StageNameCasing']
"""

from __future__ import annotations

from . import _native
from .types import Dockerfile

__all__ = ["parse"]


def parse(text: str | bytes) -> Dockerfile:
    """What a Dockerfile says, with the place of each instruction, and what the build checks find in it.

    Needs no engine, reads no file, expands nothing. What does not parse is `DockerfileSyntax`, with `line`, `column`
    and `instruction`.
    """
    return _native.dockerfile_parse(text.encode() if isinstance(text, str) else text)
