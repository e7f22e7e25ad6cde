"""Dockerfiles built by us and by a peer: the images must be the same, except where `dockerfiles/differences.toml` says why not."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from archives import Archive
from dockerfiles import Case, Peers, View, build_ours, cases, compare, differences, unlike_expected, write_files
from peers import Docker, run

import layerkit

CASES = cases()


@dataclass
class Result:
    """What came of a case: images, or why there are none."""

    ours: View | layerkit.LayerkitError
    theirs: View | str | None


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[layerkit.Engine, Path]]:
    """A store with the base image in it, and the archive that the peers get it from: all start from the same image."""
    folder = tmp_path_factory.mktemp("base")
    busybox = subprocess.run(["which", "busybox"], capture_output=True, text=True, check=True).stdout.strip()
    applets = "sh cat chmod chown cp cut echo env false find grep head id ln ls mkdir mv pwd readlink rm rmdir sed sort stat tar test touch tr true uname wc"
    things = {
        "usr/bin/": {},
        "usr/lib/lib.so": "library",
        "bin": {"link": "usr/bin"},
        "lib": {"link": "usr/lib"},
        **{f"usr/bin/{applet}": {"link": "busybox"} for applet in applets.split()},
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv/web:/bin/sh\nother:x:1000:1001::/home/other:/bin/sh\n",
        "etc/group": "root:x:0:\nweb:x:34:\nextra:x:50:web,other\nother:x:1001:\n",
        # What a runtime mounts upon.
        **{f"etc/{name}": "" for name in ("hosts", "hostname", "resolv.conf")},
        **{f"{name}/": {} for name in ("proc", "sys", "dev", "root", "home/other", "opt", "srv/web", "var/log", "mnt/one", "mnt/two", "run/secrets")},
        "root/": {"mode": 0o700},
        "tmp/": {"mode": 0o1777},
        "data/full/one": "1",
        "data/full/two": "2",
        "data/full/sub/three": "3",
        "data/private/": {"mode": 0o750, "owner": "33:34"},
        "data/private/secret": {"text": "secret", "mode": 0o600, "owner": "33:34"},
        "data/setuid": {"text": "s", "owner": "33:34", "mode": 0o4755},
        "data/setgid/": {"owner": "0:34", "mode": 0o2775},
        "data/capable": {"text": "x", "mode": 0o755, "capability": True},
        "data/first": "linked",
        "data/second": {"hardlink": "data/first"},
        "data/to-full": {"link": "full"},
        "data/to-root": {"link": "/opt"},
        "data/dangling": {"link": "/nowhere/at/all"},
    }
    (folder / "root" / "usr" / "bin").mkdir(parents=True)
    run("cp", busybox, folder / "root" / "usr" / "bin" / "busybox")
    (folder / "root" / "usr" / "bin" / "busybox").chmod(0o755)
    write_files(folder / "root", things)
    run("tar", "--xattrs", "--xattrs-include=*", "--format=pax", "--numeric-owner", "--sort=name", "-cf", folder / "root.tar", "-C", folder / "root", ".")
    with layerkit.Engine(root=folder / "store") as engine:
        changes = ["ENV PATH=/usr/sbin:/usr/bin", "ENV INHERITED=base", "LABEL from=base", 'CMD ["/bin/sh"]']
        engine.images.import_image(folder / "root.tar", name="base", changes=changes)
        engine.images.save(["base"], folder / "base.tar")
        yield engine, folder / "base.tar"
        assert engine.system.verify()["problems"] == []


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest, base: tuple[layerkit.Engine, Path], docker: Docker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Result]:
    """All cases that were selected, built: several at once, since most of the time of a build is spent waiting."""
    engine, archive = base
    items = [getattr(item, "callspec", None) for item in request.session.items]
    selected = [item.params["case"] for item in items if item and isinstance(item.params.get("case"), Case)]
    folder = tmp_path_factory.mktemp("dockerfiles")
    peers = Peers(docker.socket, folder / "buildah", archive)
    peers.load_base({case.peer for case in selected if case.peer})
    for case in selected:
        for side in ("ours", "theirs"):
            (folder / side / case.tag).mkdir(parents=True)
    with ThreadPoolExecutor(4) as pool:
        waiting = {case.tag: pool.submit(peers.build, case, folder / "theirs" / case.tag) for case in selected if case.peer}
        errors = {case.tag: pool.submit(build_ours, engine, case, folder / "ours" / case.tag) for case in selected}
    ours, theirs = [{tag: job.result() for tag, job in jobs.items()} for jobs in (errors, waiting)]

    built = [tag for tag, error in ours.items() if error is None]
    mine: dict[str, View] = {}
    if built:
        engine.images.save(built, folder / "ours.tar")
        saved = Archive(folder / "ours.tar")
        mine = {tag: View.of(saved, tag) for tag in built}
    others: dict[str, View] = {}
    for saved in peers.save([case for case in selected if case.peer and theirs[case.tag] is None], folder):
        others |= {tag: View.of(saved, tag) for tag in saved.images}
    return {
        case.tag: Result(mine.get(case.tag) or ours[case.tag], others.get(case.tag) or theirs.get(case.tag)) for case in selected
    }


def listed(case: Case) -> dict[str, str]:
    """The differences that are meant: what differs, and why."""
    return {what: entry["reason"] for entry in differences() if str(case) in entry["cases"] for what in entry["what"]}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_dockerfile(case: Case, results: dict[str, Result]) -> None:
    problems = problems_of(case, results[case.tag])
    if problems:
        pytest.fail("\n".join([case.dockerfile, *problems]), pytrace=False)


def problems_of(case: Case, result: Result) -> list[str]:
    """What is not as it should be."""
    ours, theirs = result.ours, result.theirs
    if case.fails is not None:
        problems = [] if not isinstance(theirs, View) else [f"{case.peer} builds it"]
        if isinstance(ours, View):
            return [*problems, "we build it"]
        found = {"code": ours.code, "line": ours.fields.get("line")}
        unlike = any(key in found and found[key] != value for key, value in case.fails.items())
        if unlike or case.fails.get("message", "") not in ours.message:
            problems.append(f"{ours.code}: {ours.message} {ours.fields}, expected {case.fails}")
        return problems
    found = {}
    if isinstance(ours, View) and isinstance(theirs, View):
        found = compare(ours, theirs, layers=case.peer == "classic")
    elif isinstance(ours, layerkit.LayerkitError):
        found = {"build": f"we fail: {ours.code}: {ours.message} {ours.fields}"}
    elif theirs is not None:
        found = {"build": f"{case.peer} fails: {theirs[-1000:]}"}
    meant = listed(case)
    problems = [f"{what}: {both}" for what, both in found.items() if what not in meant]
    problems += [f"{what} is listed as a difference, and is none" for what in meant if what not in found]
    if case.expect and isinstance(ours, View):
        problems += [f"{what}: {both}" for what, both in unlike_expected(ours, case.expect).items()]
    return problems


def test_the_cases_are_what_they_say() -> None:
    """Each has its place in the reference; those without a peer have something else to be held to; what is listed is a case."""
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names) >= 120
    for case in CASES:
        assert case.reference, case
        assert case.peer in ("buildkit", "classic", "buildah") or case.fails or case.expect, case
    assert {name for entry in differences() for name in entry["cases"]} <= set(names)
