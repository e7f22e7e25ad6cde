//! The image half of Docker as a library: a layer store, Dockerfile builds that really execute `RUN`,
//! import, save and load. No daemon.
//!
//! [`Engine`] is the way in; everything else here is what its methods take and give. The modules below it import
//! downwards only, in the order that DESIGN.md lists and `tests/module_graph.rs` checks.
#![forbid(unsafe_code)]

mod archive;
mod build;
mod config;
#[allow(dead_code, unused_imports)] // the objects that use all of it stand above
mod container;
mod containers;
mod digest;
mod dockerfile;
mod engine;
mod error;
mod event;
mod fs;
mod layer;
mod media_type;
mod platform;
mod reference;
mod registry;
mod spec;
mod store;
mod task;

pub use archive::{
    ChangeKind, FileChange, FileContent, FileKind, FilesOptions, ImageDiffOptions, ImageFile, ImportOptions,
    LayerCompression, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target, UnpackOptions,
};
pub use build::{
    BuildInputs, BuildNetwork, BuildOptions, BuildOutput, BuildResult, BuildStep, BuiltImage, MemoryFile,
    Secret,
};
pub use config::{Isolation, Limits, RegistryConfig};
pub use containers::{
    AttachOptions, CommitOptions, ContainerControl, ContainerListOptions, ContainerMount, ContainerNetwork,
    ContainerOutput, ContainerPruneOptions, ContainerPruneReport, ContainerRemoveOptions, ContainerStreams,
    ContainerSummary, CreateOptions, CreateReport, ExecOptions, ExitReport, KillOptions, LogsOptions,
    PathStat, PullPolicy, PutArchiveOptions, RunOptions, StartOptions, StopOptions, TerminalSize, TopReport,
    Ulimit, WaitCondition, WaitOptions,
};
pub use digest::Digest;
pub use dockerfile::{
    DockerfileArguments, DockerfileDirectives, DockerfileHeredoc, DockerfileInstruction, DockerfilePair,
    DockerfileReport, DockerfileStage, Warning as DockerfileWarning, report as dockerfile_parse,
};
pub use engine::{Engine, EngineOptions};
pub use error::{Error, ErrorKind, Field, Result, ResultExt};
pub use event::{Event, LayerState, LogStream};
pub use platform::Platform;
pub use reference::Reference;
pub use registry::{
    Auth, CopyOptions, CopyReport, LoginOptions, LoginReport, LogoutReport, ManifestOptions, ManifestReport,
    PingReport, PullOptions, PulledImage, PushOptions, PushedImage, ReferrersOptions, RegistryOptions,
    SearchOptions, SearchResult, TagsOptions,
};
pub use spec::Descriptor;
pub use store::{
    CachePruneOptions, CacheRecord, DiskUsage, HistoryEntry, ImageSummary, Info, ListOptions, Problem,
    PruneOptions, PruneReport, RemoveOptions, RemoveReport, Usage, VerifyOptions, VerifyReport,
};
pub use task::{CancelToken, Task};
