"""Pushes an image to a registry and pulls it into another store.

    python examples/python/registry.py [HOST[:PORT]/REPOSITORY]

Without an argument the registry is one for tests, inside this process, and its connection breaks in the middle.
With one it is a real registry, reached with the logins that `docker login` or `layerkit login` stored.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path

import layerkit
from layerkit.testing import Registry


def root_file_system() -> bytes:
    """A tar with two files; one is large enough to be watched."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (("hello", b"hello from layerkit\n"), ("noise", os.urandom(3_000_000))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def show(event: layerkit.Event) -> None:
    """Prints what is not the progress of a layer."""
    if event["event"] == "layer" and event["state"] != "progress":
        print(f"    {event['operation']} {event['id'][7:19]}: {event['state']}")
    elif event["event"] == "retrying":
        print(f"    again in {event['wait_ms']} ms: {event['reason']}")


def push_and_pull(folder: Path, repository: str, config: layerkit.RegistryConfig) -> None:
    name = f"{repository}:example"
    with (
        layerkit.Engine(folder / "here", registry=config) as here,
        layerkit.Engine(folder / "there", registry=config) as there,
    ):
        print(f"== push {name}")
        image = here.images.import_image(root_file_system(), name=name)
        (pushed,) = here.images.push(name, on_event=show)
        print(f"    {pushed['digest']}, {pushed['size']} bytes")

        print(f"== pull {name}")
        pulled = there.images.pull(name, expect=pushed["digest"], on_event=show)
        assert pulled == image, "what was pushed is what is pulled"
        pulled.unpack(folder / "tree")
        print("    " + (folder / "tree" / "hello").read_text().rstrip())

        print(f"== tags of {repository}")
        print("    " + ", ".join(there.registry.tags(repository)))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="layerkit-registry-") as temporary:
        folder = Path(temporary)
        if len(sys.argv) > 1:
            push_and_pull(folder, sys.argv[1], {})
            return
        with Registry() as registry:
            registry.fault({"drop": {"after": 2_000_000}}, method="GET", path="/blobs/")
            push_and_pull(folder, f"{registry.host}/team/app", {"docker_config": folder})
            print(f"== {len(registry.requests())} requests were made")


if __name__ == "__main__":
    main()
