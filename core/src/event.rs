//! The typed progress of every operation. Carries strings and numbers only, and knows nothing of who sends or shows it.

use serde::Serialize;

/// Where a line of a build's or container's output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How far a layer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerState {
    /// Work on it began.
    Started,
    /// Some of it is done: see `bytes` and `total`.
    Progress,
    /// It is in the store.
    Done,
    /// It was there before.
    Exists,
    /// The registry took it from another of its repositories.
    Mounted,
}

/// One step of an operation's progress.
///
/// Serialises as an object whose `event` names the variant in snake case: `{"event":"step_started","n":1,…}`. That
/// object is what Python, Node, C (as JSON text) and the conformance cases see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A layer is imported, loaded, saved, unpacked, exported, pulled, pushed, copied, or compressed to be pushed. `total` is in bytes and 0
    /// where it cannot be known.
    Layer {
        /// `import`, `load`, `save`, `unpack`, `export`, `pull`, `push`, `copy` or `compress`.
        operation: &'static str,
        /// Digest, DiffID, or the file's name inside an archive while nothing better is known.
        id: String,
        /// How far it has come.
        state: LayerState,
        /// Bytes done so far.
        bytes: u64,
        /// Bytes in all, or 0.
        total: u64,
    },
    /// An image was loaded or imported; `name` is empty for one without a name.
    ImageLoaded {
        /// Its ID, `sha256:…`.
        id: String,
        /// Its name, `repository:tag`.
        name: String,
    },
    /// A name moved from one image to another; the old image keeps its other names.
    TagMoved {
        /// The name, `repository:tag`.
        name: String,
        /// The image that had it.
        old_id: String,
    },
    /// A build begins a step. `n` counts from 1.
    StepStarted {
        /// Number of this step.
        n: u32,
        /// How many steps there are.
        total: u32,
        /// The instruction as the Dockerfile has it, on one line.
        text: String,
        /// Its first line in the Dockerfile, from 1.
        line: u32,
        /// The stage it belongs to: its name, or its number from 0; empty before the first. Stages may be built at the same time.
        stage: String,
    },
    /// The cache does not have the step: it is made anew.
    StepMissed {
        /// Number of this step.
        n: u32,
        /// What changed since it was last made, as `COPY: requirements.txt: content`.
        reason: String,
    },
    /// The base image of the step has triggers, which are executed now, without numbers of their own.
    Triggers {
        /// Number of the FROM step.
        n: u32,
        /// How many there are.
        count: u32,
    },
    /// The step was taken from the cache.
    StepCached {
        /// Number of this step.
        n: u32,
    },
    /// The step runs in this intermediate container.
    StepRunning {
        /// Number of this step.
        n: u32,
        /// ID of the container.
        container: String,
    },
    /// Output of the step's command, as it comes; cut at line ends where possible. Bytes that are not UTF-8 are replaced.
    StepLog {
        /// Number of this step.
        n: u32,
        /// Where it was written.
        stream: LogStream,
        /// The text.
        text: String,
    },
    /// The step's intermediate container is gone.
    ContainerRemoved {
        /// Number of this step.
        n: u32,
        /// ID of the container.
        container: String,
    },
    /// The step is done and this is its image.
    StepDone {
        /// Number of this step.
        n: u32,
        /// ID of the image, `sha256:…`.
        image: String,
    },
    /// Something the user should know that stops nothing.
    Warning {
        /// What.
        message: String,
        /// Line in the Dockerfile, from 1, or 0.
        line: u32,
        /// Column there, from 1, or 0.
        column: u32,
        /// The build check that says so, such as `StageNameCasing`; empty for a warning that is of no such check.
        rule: &'static str,
    },
    /// The build is done.
    Built {
        /// ID of the image, `sha256:…`.
        id: String,
    },
    /// A registry is asked what a name leads to.
    Resolving {
        /// The name, as Docker shows it.
        name: String,
    },
    /// A name was pulled.
    Pulled {
        /// The name, as Docker shows it.
        name: String,
        /// ID of the image.
        id: String,
        /// Digest of the manifest, or of the index that led to it.
        digest: String,
        /// Whether it is new here; otherwise the name led to this image before.
        new: bool,
    },
    /// A name was pushed.
    Pushed {
        /// The name, as Docker shows it.
        name: String,
        /// Digest of the manifest or index.
        digest: String,
        /// Bytes of that document.
        size: u64,
    },
    /// A request failed in a way that may pass, and is made again after a wait.
    Retrying {
        /// What was asked for: a digest, a name or a path.
        what: String,
        /// Why it failed.
        reason: String,
        /// How long the wait is, in milliseconds.
        wait_ms: u64,
    },
    /// A container was created.
    ContainerCreated {
        /// Its ID.
        container: String,
    },
    /// The command of a container runs.
    ContainerStarted {
        /// ID of the container.
        container: String,
    },
    /// The built image got a name.
    Tagged {
        /// The name, `repository:tag`.
        name: String,
    },
}

impl Event {
    /// A warning that has no place in a Dockerfile.
    pub fn warning(message: impl Into<String>) -> Event {
        Event::Warning { message: message.into(), line: 0, column: 0, rule: "" }
    }
}
