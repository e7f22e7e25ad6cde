"""A Dockerfile as method calls: the same steps, the same cache and the same digests as the equal text."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .types import BuildOptions, BuildStep, OnEvent, StrPath

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._native import CancelToken
    from .images import Image, Images

__all__ = ["Builder", "Command", "Steps"]

_S = TypeVar("_S", bound="Steps")

Command: TypeAlias = str | Sequence[str]
"""A command: a text is run by the shell, a list of words without one."""


class Steps:
    """The steps of a Dockerfile. Each method returns new ones, with one more: what is there never changes."""

    def __init__(self, steps: Sequence[BuildStep] = ()) -> None:
        self._steps = tuple(steps)

    @property
    def steps(self) -> list[BuildStep]:
        """The steps as data."""
        return list(self._steps)

    def step(
        self: _S,
        instruction: str,
        args: str | Sequence[str] | Mapping[str, str] = "",
        **flags: str | bool | int | Sequence[str] | None,
    ) -> _S:
        """Any instruction: its name, what follows, and its flags with `_` for `-`."""
        kept = {name: value for name, value in flags.items() if value is not None and value is not False}
        given = {name.replace("_", "-"): _flag(value) for name, value in kept.items()}
        content = args if isinstance(args, str) else dict(args) if isinstance(args, Mapping) else list(args)
        more = copy.copy(self)
        more._steps = (*self._steps, {"instruction": instruction, "flags": given, "args": content})
        return more

    def stage(self: _S, name: str, base: str, *, platform: str | None = None) -> _S:
        """Begins another stage: `FROM base AS name`."""
        return self.step("FROM", f"{base} AS {name}", platform=platform)

    def arg(self: _S, *names: str, **defaults: str) -> _S:
        """Declares build arguments, with or without defaults."""
        steps = self.step("ARG", " ".join(names)) if names else self
        return steps.step("ARG", defaults) if defaults else steps

    def env(self: _S, variables: Mapping[str, str] | None = None, /, **more: str) -> _S:
        """Sets variables of the environment."""
        return self.step("ENV", {**(variables or {}), **more})

    def label(self: _S, labels: Mapping[str, str] | None = None, /, **more: str) -> _S:
        """Sets labels."""
        return self.step("LABEL", {**(labels or {}), **more})

    def copy(
        self: _S,
        *paths: str,
        from_: str | None = None,
        chown: str | None = None,
        chmod: str | None = None,
        link: bool = False,
        parents: bool = False,
        exclude: str | Sequence[str] | None = None,
    ) -> _S:
        """Copies sources of the context, or of the stage, image or context `from_`, to the last of the paths."""
        return self.step(
            "COPY",
            paths,
            **{"from": from_},
            chown=chown,
            chmod=chmod,
            link=link,
            parents=parents,
            exclude=exclude,
        )

    def add(
        self: _S,
        *paths: str,
        chown: str | None = None,
        chmod: str | None = None,
        link: bool = False,
        checksum: str | None = None,
        keep_git_dir: bool = False,
        unpack: bool | None = None,
        exclude: str | Sequence[str] | None = None,
    ) -> _S:
        """Adds sources, which may be URLs and archives, to the last of the paths."""
        return self.step(
            "ADD",
            paths,
            chown=chown,
            chmod=chmod,
            link=link,
            checksum=checksum,
            keep_git_dir=keep_git_dir,
            unpack=None if unpack is None else str(unpack).lower(),
            exclude=exclude,
        )

    def run(
        self: _S,
        command: Command,
        *,
        mounts: Sequence[str | Mapping[str, str | bool | int]] | None = None,
        network: str | None = None,
        security: str | None = None,
    ) -> _S:
        """Runs a command. A mount is a text, `type=cache,target=/c`, or its pairs."""
        texts = [mount if isinstance(mount, str) else _pairs(mount) for mount in mounts or ()]
        return self.step("RUN", command, mount=texts or None, network=network, security=security)

    def workdir(self: _S, path: str) -> _S:
        """Sets the working directory, and makes it where there is none."""
        return self.step("WORKDIR", path)

    def user(self: _S, user: str) -> _S:
        """Sets who runs commands: `user[:group]`."""
        return self.step("USER", user)

    def expose(self: _S, *ports: str | int) -> _S:
        """Says on which ports it listens: `port[/protocol]`."""
        return self.step("EXPOSE", " ".join(str(port) for port in ports))

    def volume(self: _S, *paths: str) -> _S:
        """Says which directories are volumes."""
        return self.step("VOLUME", paths)

    def cmd(self: _S, command: Command) -> _S:
        """Sets the default command."""
        return self.step("CMD", command)

    def entrypoint(self: _S, command: Command) -> _S:
        """Sets what the command is handed to."""
        return self.step("ENTRYPOINT", command)

    def shell(self: _S, *words: str) -> _S:
        """Sets the shell of commands that are a text."""
        return self.step("SHELL", words)

    def stopsignal(self: _S, signal: str | int) -> _S:
        """Sets the signal that asks a container to end."""
        return self.step("STOPSIGNAL", str(signal))

    def healthcheck(
        self: _S,
        command: Command | None,
        *,
        interval: str | None = None,
        timeout: str | None = None,
        start_period: str | None = None,
        start_interval: str | None = None,
        retries: int | None = None,
    ) -> _S:
        """Sets how a container's health is checked; None takes the base's check away."""
        return self.step(
            "HEALTHCHECK",
            "NONE" if command is None else f"CMD {_rest(command)}",
            interval=interval,
            timeout=timeout,
            start_period=start_period,
            start_interval=start_interval,
            retries=retries,
        )

    def onbuild(self: _S, instruction: str) -> _S:
        """Leaves an instruction, as a Dockerfile has it, to builds on this image."""
        return self.step("ONBUILD", instruction)


class Builder(Steps):
    """Steps that can be built: `engine.build("base").run("make").commit("app:1")`."""

    def __init__(self, images: Images, steps: Sequence[BuildStep] = ()) -> None:
        super().__init__(steps)
        self._images = images

    def commit(
        self,
        *names: str,
        path: StrPath | None = None,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[BuildOptions],
    ) -> Image:
        """Builds the steps and gives the image these names. The keywords are those of `Images.build`."""
        options["steps"] = self.steps
        if names:
            options["tag"] = names
        return self._images.build(path, on_event=on_event, cancel=cancel, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._steps)} steps>"


def _flag(value: str | bool | int | Sequence[str] | None) -> Any:
    if isinstance(value, str | bool):
        return value
    return str(value) if isinstance(value, int) else list(value or ())


def _pairs(mount: Mapping[str, str | bool | int]) -> str:
    """A mount as a Dockerfile has it: comma-separated values."""
    texts = (f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in mount.items())
    return ",".join('"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text for text in texts)


def _rest(command: Command) -> str:
    return command if isinstance(command, str) else json.dumps(list(command))
