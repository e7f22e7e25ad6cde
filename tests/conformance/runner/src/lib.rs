//! The interpreter of the conformance cases: makes what a case is given, speaks to a driver, compares, and watches that
//! nothing is left behind.
//!
//! Knows the protocol of tests/conformance/README.md and the case format of cases/README.md, and nothing of the library
//! itself: what is right stands in the cases.
#![allow(clippy::disallowed_methods)] // makes and reads the files of the cases; there is no store here

mod act;
mod case;
mod driver;
mod given;
mod matching;
mod ops;
mod registries;
mod rules;
mod run;
mod suite;
mod variables;

pub use suite::{Options, Totals, run_suite};

/// What a part of the runner says when it cannot go on.
pub type Result<T, E = String> = std::result::Result<T, E>;
