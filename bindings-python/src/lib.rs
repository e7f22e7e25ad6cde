//! The native half of the Python module: `layerkit._native`.
//!
//! Translates and decides nothing: arguments become the core's option structs, results become plain dicts, errors become
//! what `layerkit.errors` makes of them. The object layer is the pure-Python part beside it.

mod build_cache;
mod caller;
mod cancel;
mod container;
mod container_files;
mod containers;
mod convert;
mod dockerfile;
mod engine;
mod error;
mod image;
mod images;
mod operation;
mod output;
mod registry;
mod stdin;
mod stream;
mod system;
mod testing;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::build_cache::{build_cache_export, build_cache_import, build_cache_list, build_cache_prune};
    #[pymodule_export]
    use crate::cancel::CancelToken;
    #[pymodule_export]
    use crate::container::{
        container_attach, container_commit, container_exec, container_inspect, container_kill,
        container_logs, container_pause, container_remove, container_rename, container_resize,
        container_restart, container_start, container_stop, container_top, container_unpause, container_wait,
    };
    #[pymodule_export]
    use crate::container_files::{
        container_diff, container_export, container_export_stream, container_get_archive,
        container_get_archive_stream, container_put_archive, container_stat,
    };
    #[pymodule_export]
    use crate::containers::{
        containers_create, containers_get, containers_list, containers_prune, containers_run,
    };
    #[pymodule_export]
    use crate::dockerfile::dockerfile_parse;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::image::{
        FileReader, image_diff, image_files, image_history, image_inspect, image_open, image_push,
        image_read, image_tag, image_unpack,
    };
    #[pymodule_export]
    use crate::images::{
        images_build, images_get, images_import, images_list, images_load, images_prune, images_pull,
        images_push, images_remove, images_save, images_search,
    };
    #[pymodule_export]
    use crate::output::Stream;
    #[pymodule_export]
    use crate::registry::{
        registry_copy, registry_delete, registry_login, registry_logout, registry_manifest, registry_ping,
        registry_referrers, registry_tags,
    };
    #[pymodule_export]
    use crate::system::{system_df, system_info, system_prune, system_verify};
    #[pymodule_export]
    use crate::testing::TestRegistry;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("ERROR_CODES", crate::error::codes(module.py())?)?;
        module.add("VERSION", env!("CARGO_PKG_VERSION"))
    }
}
