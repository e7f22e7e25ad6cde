//! The operations, each one call of the public API.

use std::path::PathBuf;

use layerkit::{BuildInputs, Engine, ImageSummary, Result as LibraryResult, Source, Task};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::containers;
use crate::streams::Place;
use crate::{Answer, Failure};

/// Every operation this driver maps.
pub const NAMES: &[&str] = &[
    "engine_open",
    "engine_close",
    "images_list",
    "images_get",
    "images_import",
    "images_load",
    "images_save",
    "images_remove",
    "images_prune",
    "images_build",
    "builder_commit",
    "build_cache_list",
    "build_cache_prune",
    "build_cache_export",
    "build_cache_import",
    "containers_create",
    "containers_run",
    "containers_list",
    "containers_get",
    "containers_prune",
    "container_start",
    "container_attach",
    "container_wait",
    "container_stop",
    "container_restart",
    "container_kill",
    "container_pause",
    "container_unpause",
    "container_resize",
    "container_logs",
    "container_exec",
    "container_top",
    "container_rename",
    "container_remove",
    "container_inspect",
    "container_commit",
    "container_diff",
    "container_export",
    "container_stat",
    "container_get_archive",
    "container_put_archive",
    "images_pull",
    "images_push",
    "images_search",
    "image_tag",
    "image_history",
    "image_inspect",
    "image_save",
    "image_push",
    "image_unpack",
    "image_files",
    "image_read",
    "image_diff",
    "image_remove",
    "registry_login",
    "registry_logout",
    "registry_ping",
    "registry_tags",
    "registry_manifest",
    "registry_referrers",
    "registry_copy",
    "registry_delete",
    "system_info",
    "system_df",
    "system_verify",
    "system_prune",
    "dockerfile_parse",
];

/// Arguments on their way into a call: positional ones are taken out, what remains is the option struct.
#[derive(Default)]
pub struct Args(Map<String, Value>);

impl Args {
    /// One that has to be there.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Failure> {
        let value =
            self.0.remove(name).ok_or_else(|| Failure::Driver(format!("argument {name:?} is missing")))?;
        Ok(serde_json::from_value(value)?)
    }

    /// A source that need not be there.
    fn take_source(&mut self, name: &str) -> Result<Option<Source>, Failure> {
        match self.0.contains_key(name) {
            true => self.take::<Place>(name)?.source().map(Some),
            false => Ok(None),
        }
    }

    /// One that may be left out.
    pub fn take_optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        Ok(self.0.remove(name).map(serde_json::from_value).transpose()?)
    }

    /// What is left, as the option struct.
    pub fn options<T: DeserializeOwned>(self) -> Result<T, Failure> {
        Ok(serde_json::from_value(Value::Object(self.0))?)
    }

    /// For operations without options: nothing may be left.
    pub fn none_left(self) -> Result<(), Failure> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(Failure::Driver(format!("unknown argument {key:?}"))),
        }
    }
}

fn id_and_tags(image: &ImageSummary) -> Value {
    json!({ "id": image.id, "tags": image.tags })
}

/// Calls `op` on `engine`.
pub fn call(engine: &Engine, op: &str, args: Map<String, Value>, task: &Task) -> Answer {
    let mut args = Args(args);
    match op {
        "engine_close" => {
            engine.close();
            Ok(Value::Null)
        }
        "dockerfile_parse" => {
            let text: String = args.take("text")?;
            args.none_left()?;
            Ok(json!(layerkit::dockerfile_parse(text.as_bytes())?))
        }
        "images_list" => Ok(json!(engine.images_list(&args.options()?)?)),
        "images_get" => {
            let image: String = args.take("image")?;
            args.none_left()?;
            Ok(json!(engine.images_get(&image)?))
        }
        "images_import" => {
            let source = args.take::<Place>("source")?.source()?;
            Ok(json!({ "id": engine.images_import(source, &args.options()?, task)? }))
        }
        "images_load" => {
            let source = args.take::<Place>("source")?.source()?;
            Ok(json!(engine.images_load(source, &args.options()?, task)?))
        }
        "images_save" | "image_save" => {
            let images = match op {
                "images_save" => args.take("images")?,
                _ => vec![args.take("image")?],
            };
            let target = args.take::<Place>("target")?.target()?;
            Ok(json!(engine.images_save(&images, target, &args.options()?, task)?))
        }
        "images_remove" | "image_remove" => {
            let image: String = args.take("image")?;
            Ok(json!(engine.images_remove(&image, &args.options()?)?))
        }
        "images_prune" => Ok(json!(engine.images_prune(&args.options()?, task)?)),
        // The builder of Rust is the list of steps among the options.
        "images_build" | "builder_commit" => {
            let output = args.take_optional::<Place>("output_stream")?.map(Place::target).transpose()?;
            let mut source = |name| args.take_source(name);
            let inputs = BuildInputs {
                context: source("context_stream")?,
                dockerfile: source("dockerfile_stream")?,
                output,
            };
            Ok(json!(engine.images_build(&args.options()?, inputs, task)?))
        }
        "build_cache_list" => {
            args.none_left()?;
            Ok(json!(engine.build_cache_list()?))
        }
        "build_cache_prune" => Ok(json!(engine.build_cache_prune(&args.options()?, task)?)),
        "build_cache_export" => {
            let (id, target): (String, Place) = (args.take("id")?, args.take("target")?);
            args.none_left()?;
            Ok(json!(engine.build_cache_export(&id, target.target()?, task)?))
        }
        "build_cache_import" => {
            let (id, source): (String, Place) = (args.take("id")?, args.take("source")?);
            args.none_left()?;
            Ok(json!(engine.build_cache_import(&id, source.source()?, task)?))
        }
        "images_pull" => {
            let name: String = args.take("name")?;
            let pulled = engine.images_pull(&name, &args.options()?, task)?;
            let images = pulled.iter().map(|image| engine.images_get(&image.id));
            let images = images.collect::<LibraryResult<Vec<_>>>()?;
            Ok(images.iter().map(id_and_tags).collect())
        }
        "images_push" => {
            let name: String = args.take("name")?;
            Ok(json!(engine.images_push(&name, &args.options()?, task)?))
        }
        "images_search" => {
            let term: String = args.take("term")?;
            Ok(json!(engine.images_search(&term, &args.options()?, task)?))
        }
        "image_tag" => {
            let (image, name): (String, String) = (args.take("image")?, args.take("name")?);
            args.none_left()?;
            Ok(json!(engine.image_tag(&image, &name)?))
        }
        "image_history" => {
            let image: String = args.take("image")?;
            args.none_left()?;
            Ok(json!(engine.image_history(&image)?))
        }
        "image_inspect" => {
            let image: String = args.take("image")?;
            args.none_left()?;
            Ok(engine.image_inspect(&image)?)
        }
        "image_push" => {
            let image: String = args.take("image")?;
            Ok(json!(engine.image_push(&image, &args.options()?, task)?))
        }
        "image_unpack" => {
            let image: String = args.take("image")?;
            let directory: PathBuf = args.take("directory")?;
            Ok(json!(engine.image_unpack(&image, &directory, &args.options()?, task)?))
        }
        "image_files" => {
            let image: String = args.take("image")?;
            Ok(json!(engine.image_files(&image, &args.options()?, task)?))
        }
        "image_read" => {
            let (image, path): (String, PathBuf) = (args.take("image")?, args.take("path")?);
            let target = args.take::<Place>("target")?.target()?;
            args.none_left()?;
            Ok(json!(engine.image_read(&image, &path, target, task)?))
        }
        "image_diff" => {
            let (image, other): (String, String) = (args.take("image")?, args.take("other")?);
            Ok(json!(engine.image_diff(&image, &other, &args.options()?, task)?))
        }
        "registry_login" => {
            let server: String = args.take("server")?;
            Ok(json!(engine.registry_login(&server, &args.options()?, task)?))
        }
        "registry_logout" => {
            let server: String = args.take("server")?;
            args.none_left()?;
            Ok(json!(engine.registry_logout(&server, task)?))
        }
        "registry_ping" => {
            let server: String = args.take("server")?;
            Ok(json!(engine.registry_ping(&server, &args.options()?, task)?))
        }
        "registry_tags" => {
            let repository: String = args.take("repository")?;
            Ok(json!(engine.registry_tags(&repository, &args.options()?, task)?))
        }
        "registry_manifest" => {
            let name: String = args.take("name")?;
            Ok(json!(engine.registry_manifest(&name, &args.options()?, task)?))
        }
        "registry_referrers" => {
            let name: String = args.take("name")?;
            Ok(json!(engine.registry_referrers(&name, &args.options()?, task)?))
        }
        "registry_copy" => {
            let (source, destination): (String, String) = (args.take("source")?, args.take("destination")?);
            Ok(json!(engine.registry_copy(&source, &destination, &args.options()?, task)?))
        }
        "registry_delete" => {
            let name: String = args.take("name")?;
            Ok(json!(engine.registry_delete(&name, &args.options()?, task)?))
        }
        "system_info" => {
            args.none_left()?;
            Ok(json!(engine.system_info()?))
        }
        "system_df" => {
            args.none_left()?;
            Ok(json!(engine.system_df()?))
        }
        "system_verify" => Ok(json!(engine.system_verify(&args.options()?, task)?)),
        "system_prune" => Ok(json!(engine.system_prune(&args.options()?, task)?)),
        _ if op.starts_with("container") => containers::call(engine, op, args, task),
        _ => Err(Failure::Driver(format!("unknown operation {op:?}"))),
    }
}
