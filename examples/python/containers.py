"""Containers from Python: output, input, a failure, a container that runs on, and an image made of it. Offline.

python examples/python/containers.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import layerkit
from main_job import root_file_system


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, layerkit.Engine(Path(folder) / "store") as engine:
        info = engine.system.info()
        if info["run_mode"] == "none":
            print(f"containers cannot run here: {info['run_reason']}")
            return
        engine.images.import_image(root_file_system(Path(folder)), name="base:1")
        run = engine.containers.run

        print(run("base:1", ["sh", "-c", "echo hello from a container"], remove=True).decode(), end="")
        try:
            run("base:1", "cat /nothing/here", remove=True)
        except layerkit.ContainerError as error:
            print(f"exit status {error.exit_status}: {error.stderr.decode().strip()}")

        container = engine.containers.create("base:1", ["sh", "-c", "echo made in a container > /etc/motd"])
        container.start()
        print(f"{container.name} ended with {container.wait()['StatusCode']}")
        for change in container.diff():
            print(f"    {change['kind']} {change['path']}")
        image = container.commit("changed", "1", message="a motd", changes=['CMD ["cat", "/etc/motd"]'])
        container.remove()
        with run(image, stream=True, remove=True) as output:
            for chunk in output:
                print(f"{image.tags[0]} says: {chunk.decode()}", end="")


if __name__ == "__main__":
    main()
