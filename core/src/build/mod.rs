//! Builds of Dockerfiles: plan, context, cache, copy and add, run, result.

mod options;

pub use options::{BuildNetwork, BuildOptions, BuildResult};
