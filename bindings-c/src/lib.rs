//! The C interface of layerkit: translates arguments, calls the engine, translates what comes back. It decides nothing.
//!
//! One file for each noun of the interface, three for a container, and what they share: `arguments` (pointers in), `outcome` (results
//! and errors out), the `…options` (option structs), `object` (what those become), `fields`. Types bear their C
//! names. include/layerkit.h is generated from these sources, whose comments are the documentation for C: what is public here
//! is said in C's words.
#![allow(non_camel_case_types)]
#![deny(clippy::undocumented_unsafe_blocks)]
// Every exported function has the same conditions, which the head of the header states once.
#![allow(clippy::missing_safety_doc)]

mod arguments;
mod build_cache;
mod build_options;
mod builder;
mod cancel_token;
mod container;
mod container_action_options;
mod container_control;
mod container_files;
mod container_list;
mod container_options;
mod container_run;
mod container_streams;
mod containers;
mod dockerfile;
mod engine;
mod error;
mod event;
mod fields;
mod image;
mod image_list;
mod images;
mod object;
mod options;
mod outcome;
mod registry;
mod registry_options;
mod stream;
mod string;
mod system;
mod task;
