"""The events of operations, described for type checkers. Users find them in `layerkit.types`."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

__all__ = [
    "BuiltEvent",
    "ContainerCreatedEvent",
    "ContainerRemovedEvent",
    "ContainerStartedEvent",
    "Event",
    "ImageLoadedEvent",
    "LayerEvent",
    "PulledEvent",
    "PushedEvent",
    "ResolvingEvent",
    "RetryingEvent",
    "StepCachedEvent",
    "StepDoneEvent",
    "StepLogEvent",
    "StepMissedEvent",
    "StepRunningEvent",
    "StepStartedEvent",
    "TagMovedEvent",
    "TaggedEvent",
    "TriggersEvent",
    "WarningEvent",
]


class LayerEvent(TypedDict):
    """A layer is on its way; `total` is 0 where it cannot be known."""

    event: Literal["layer"]
    operation: Literal["import", "load", "save", "unpack", "export", "pull", "push", "copy", "compress"]
    id: str
    state: Literal["started", "progress", "done", "exists", "mounted"]
    bytes: int
    total: int


class ImageLoadedEvent(TypedDict):
    """An image was loaded or imported; `name` is empty for one without a name."""

    event: Literal["image_loaded"]
    id: str
    name: str


class TagMovedEvent(TypedDict):
    """A name moved here from the image `old_id`."""

    event: Literal["tag_moved"]
    name: str
    old_id: str


class StepStartedEvent(TypedDict):
    """A build begins step `n` of `total`, both from 1; `line` is where it begins in the Dockerfile."""

    event: Literal["step_started"]
    n: int
    total: int
    text: str
    line: int
    stage: str


class StepMissedEvent(TypedDict):
    """The cache does not have the step; `reason` is what changed, as `COPY: requirements.txt: content`."""

    event: Literal["step_missed"]
    n: int
    reason: str


class TriggersEvent(TypedDict):
    """The base image of FROM step `n` has triggers, which are executed now, without numbers of their own."""

    event: Literal["triggers"]
    n: int
    count: int


class StepCachedEvent(TypedDict):
    """The step was taken from the cache."""

    event: Literal["step_cached"]
    n: int


class StepRunningEvent(TypedDict):
    """The step runs in this intermediate container."""

    event: Literal["step_running"]
    n: int
    container: str


class StepLogEvent(TypedDict):
    """Output of the step's command, as it comes."""

    event: Literal["step_log"]
    n: int
    stream: Literal["stdout", "stderr"]
    text: str


class ContainerRemovedEvent(TypedDict):
    """The step's intermediate container is gone."""

    event: Literal["container_removed"]
    n: int
    container: str


class ContainerCreatedEvent(TypedDict):
    """A container was created."""

    event: Literal["container_created"]
    container: str


class ContainerStartedEvent(TypedDict):
    """The command of a container runs."""

    event: Literal["container_started"]
    container: str


class StepDoneEvent(TypedDict):
    """The step is done and this is its image."""

    event: Literal["step_done"]
    n: int
    image: str


class WarningEvent(TypedDict):
    """Something to know that stops nothing. `line` and `column` are 0 where there is none; `rule`: a build check."""

    event: Literal["warning"]
    message: str
    line: int
    column: int
    rule: str


class BuiltEvent(TypedDict):
    """The build is done."""

    event: Literal["built"]
    id: str


class ResolvingEvent(TypedDict):
    """A registry is asked what a name leads to."""

    event: Literal["resolving"]
    name: str


class PulledEvent(TypedDict):
    """A name was pulled; `new` is False when it led to this image before."""

    event: Literal["pulled"]
    name: str
    id: str
    digest: str
    new: bool


class PushedEvent(TypedDict):
    """A name was pushed; `digest` and `size` are those of its manifest or index."""

    event: Literal["pushed"]
    name: str
    digest: str
    size: int


class RetryingEvent(TypedDict):
    """A request failed in a way that may pass, and is made again after `wait_ms` milliseconds."""

    event: Literal["retrying"]
    what: str
    reason: str
    wait_ms: int


class TaggedEvent(TypedDict):
    """The built image got a name."""

    event: Literal["tagged"]
    name: str


Event: TypeAlias = (
    LayerEvent
    | ImageLoadedEvent
    | TagMovedEvent
    | StepStartedEvent
    | StepMissedEvent
    | TriggersEvent
    | StepCachedEvent
    | StepRunningEvent
    | StepLogEvent
    | ContainerCreatedEvent
    | ContainerStartedEvent
    | ContainerRemovedEvent
    | StepDoneEvent
    | WarningEvent
    | BuiltEvent
    | TaggedEvent
    | ResolvingEvent
    | PulledEvent
    | PushedEvent
    | RetryingEvent
)
"""One step of an operation's progress: a plain dict whose `event` says which. Later versions may send others."""
