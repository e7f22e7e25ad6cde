"""The main job, from Python, offline: import a root file system, build a Dockerfile on it with a real RUN, list, save,
remove, load back, verify. Everything happens in a temporary folder, in a store of its own.

    python examples/python/main_job.py [FOLDER]

With FOLDER the work is done there and left there to look at.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import layerkit

# A root file system needs one program that RUN can start: busybox where it is, this everywhere else.
PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What `sh -c` is given here: words to be written to a file, `echo WORDS > FILE`; or `cat FILE`. */
int main(int argc, char **argv) {
    char line[4096];
    if (argc == 3 && !strcmp(argv[1], "-c") && !strncmp(argv[2], "echo ", 5)) {
        snprintf(line, sizeof line, "%s", argv[2] + 5);
        char *file = strstr(line, " > ");
        FILE *out = stdout;
        if (file) { *file = 0; out = fopen(file + 3, "w"); }
        if (!out) { perror("echo"); return 1; }
        fprintf(out, "%s\n", line);
        return fclose(out) ? 1 : 0;
    }
    if (argc == 3 && !strcmp(argv[1], "-c") && !strncmp(argv[2], "cat ", 4)) {
        FILE *in = fopen(argv[2] + 4, "r");
        if (!in) { perror(argv[2] + 4); return 1; }
        while (fgets(line, sizeof line, in)) fputs(line, stdout);
        return 0;
    }
    fprintf(stderr, "sh: only `echo WORDS > FILE` and `cat FILE` are understood here\n");
    return 127;
}
"""

DOCKERFILE = """\
# the main job
FROM ubuntu:16.04
MAINTAINER layerkit
ENV GREETING=hello
COPY page.html /srv/page.html
"""

RUN_STEPS = """\
RUN echo built by layerkit > /etc/motd
RUN cat /etc/motd
"""

LAST_STEPS = """\
EXPOSE 80
CMD ["/bin/sh", "-c", "cat /srv/page.html"]
"""


def static_shell(folder: Path) -> tuple[Path, str]:
    """A static program that can be /bin/sh, and where it came from."""
    busybox = shutil.which("busybox")
    if busybox and b"/lib64/ld-linux" not in Path(busybox).read_bytes()[:4096]:  # no loader: static
        return Path(busybox), busybox
    source, program = folder / "sh.c", folder / "sh"
    source.write_text(PROGRAM)
    subprocess.run(["cc", "-static", "-O1", "-o", str(program), str(source)], check=True)
    return program, "a small program compiled with cc -static"


def root_file_system(folder: Path) -> Path:
    """A tar of a root file system small enough to look at."""
    shell, origin = static_shell(folder)
    path = folder / "rootfs.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("bin", "etc", "proc", "srv", "sys", "dev", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, content, mode in (
            ("bin/sh", shell.read_bytes(), 0o755),
            ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for name in ("cat", "echo"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "sh"
            tar.addfile(entry)
    print(f"a root file system of {path.stat().st_size:,} bytes, its /bin/sh is {origin}")
    return path


def show(event: layerkit.Event) -> None:
    """Prints a build the way `docker build` does."""
    if event["event"] == "step_started":
        print(f"    Step {event['n']}/{event['total']} : {event['text']}")
    elif event["event"] == "step_cached":
        print("     ---> Using cache")
    elif event["event"] == "step_running":
        print(f"     ---> Running in {event['container'][:12]}")
    elif event["event"] == "step_log":
        print("    " + event["text"].rstrip("\n"))
    elif event["event"] == "container_removed":
        print(f"    Removing intermediate container {event['container'][:12]}")
    elif event["event"] == "step_done":
        print(f"     ---> {event['image'].removeprefix('sha256:')[:12]}")


def list_images(engine: layerkit.Engine) -> None:
    for image in engine.images.list():
        print(f"    {', '.join(image.tags) or '<none>':24} {image.short_id[7:]}  {image.size:>12,} bytes")


def main_job(folder: Path) -> None:
    with layerkit.Engine(folder / "store") as engine:
        info = engine.system.info()
        print(f"layerkit {info['version']}, {info['platform']}, store in {info['root']}")

        print("== import")
        base = engine.images.import_image(root_file_system(folder), name="ubuntu:16.04", message="the demo's base")
        print(f"    {base.id}")

        print("== build")
        context = folder / "context"
        context.mkdir()
        (context / "page.html").write_text("<p>hello</p>\n")
        runs = RUN_STEPS
        if info["run_mode"] == "none":
            print(f"    without its RUN steps, which cannot run here: {info['run_reason']}")
            runs = ""
        (context / "Dockerfile").write_text(DOCKERFILE + runs + LAST_STEPS)
        image = engine.images.build(context, tag=["web:1", "web:latest"], on_event=show)
        print("== build again")
        again = engine.images.build(context, tag="web:1", on_event=show)
        assert again == image, "the second build comes from the cache"

        print("== images")
        list_images(engine)

        print("== save")
        archive = folder / "web.tar"
        engine.images.save("web", archive)
        print(f"    {archive}: {archive.stat().st_size:,} bytes, for docker load, podman load and skopeo")

        print("== remove")
        for name in ("web:1", "web:latest"):
            report = engine.images.remove(name)
            for untagged in report["untagged"]:
                print(f"    Untagged: {untagged}")
            for deleted in report["deleted"]:
                print(f"    Deleted: {deleted}")

        print("== load")
        with archive.open("rb") as stream:
            (loaded,) = engine.images.load(stream)
        assert loaded == image, "what was saved is what is loaded"
        print(f"    {', '.join(loaded.tags)}: {loaded.id}")

        print("== unpack")
        loaded.unpack(folder / "tree")
        for name in ("etc/motd", "srv/page.html"):
            file = folder / "tree" / name
            if file.exists():
                print(f"    /{name}: {file.read_text().rstrip()}")

        print("== verify")
        found = engine.system.verify()
        assert not found["problems"], found["problems"]
        print(f"    {found['blobs']} blobs and {found['images']} images are whole")


def main() -> None:
    parser = argparse.ArgumentParser(description="The main job of layerkit, from Python.")
    parser.add_argument("folder", nargs="?", type=Path, help="work here and leave it there")
    folder = parser.parse_args().folder
    if folder is not None:
        os.makedirs(folder)
        main_job(folder)
        return
    with tempfile.TemporaryDirectory(prefix="layerkit-demo-") as temporary:
        main_job(Path(temporary))


if __name__ == "__main__":
    main()
