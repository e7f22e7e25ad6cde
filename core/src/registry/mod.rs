//! Registries: the distribution protocol (OCI distribution specification 1.1), credentials, mirrors, pull and push.

mod options;

pub use options::{
    Auth, CopyOptions, CopyReport, LoginOptions, LoginReport, LogoutReport, ManifestOptions, ManifestReport,
    PingReport, PullOptions, PulledImage, PushOptions, PushedImage, ReferrersOptions, RegistryOptions,
    SearchOptions, SearchResult, TagsOptions,
};
