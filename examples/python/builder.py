"""A Dockerfile in code, its files in memory: nothing is written before the image is there. Needs no network and no RUN.

python examples/python/builder.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import layerkit


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, layerkit.Engine(Path(folder) / "store") as engine:
        site = engine.build("scratch").copy("page.html", "/srv/").label(project="example")
        for language, text in {"en": "Hello", "de": "Guten Tag"}.items():
            image = site.env(LANGUAGE=language).commit(
                f"site:{language}",
                files={"page.html": f"<h1>{text}</h1>\n".encode()},
                on_event=lambda event: print(event["text"]) if event["event"] == "step_started" else None,
            )
            print(f"{image.tags} is {image.short_id}, {image.size} bytes")
        image.unpack(Path(folder) / "out")
        print((Path(folder) / "out/srv/page.html").read_text(), end="")


if __name__ == "__main__":
    main()
