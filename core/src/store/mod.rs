//! The store: blobs, database, images, snapshots, garbage collection, verification. One folder, several processes.

mod report;

pub use report::{
    DiskUsage, HistoryEntry, ImageSummary, Info, ListOptions, Problem, PruneOptions, PruneReport,
    RemoveOptions, RemoveReport, Usage, VerifyOptions, VerifyReport,
};
