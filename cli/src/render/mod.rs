//! From values to text, in Docker's forms. Nothing here reads or writes.

pub mod listing;
pub mod template;
pub mod units;
