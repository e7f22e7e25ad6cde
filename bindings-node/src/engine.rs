//! One method for each of the core's: options are its JSON, answers are its JSON.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use layerkit::{BuildInputs, Engine, EngineOptions, Error, ErrorKind, Result, Source, Target};
use napi::Env;
use napi::bindgen_prelude::Either;
use napi_derive::napi;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::operation::{Call, Listener, Operation, start};
use crate::stream::{Reader, Writer};

/// Where bytes come from: a path, the bytes themselves, or nothing for the operation's stream.
pub type Origin<'a> = Option<Either<String, &'a [u8]>>;

/// An engine, which `open` opens.
#[napi]
pub struct NativeEngine(Arc<OnceLock<Engine>>);

/// Options of the core, of their JSON.
pub fn parse<T: DeserializeOwned>(options: &str) -> Result<T> {
    // In two steps, since the position that the first one would report means nothing to who gave an object.
    serde_json::from_str::<serde_json::Value>(options)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("options: {error}")))
}

/// A path or bytes, copied: their memory is JavaScript's to reuse.
fn given(from: Origin<'_>) -> Option<Source> {
    from.map(|from| match from {
        Either::A(path) => Source::Path(PathBuf::from(path)),
        Either::B(bytes) => Source::Stream(Box::new(std::io::Cursor::new(bytes.to_vec()))),
    })
}

/// Makes a source of what JavaScript gave.
pub fn source(from: Origin<'_>) -> impl FnOnce(&mut Call) -> Source + Send + 'static {
    let from = given(from);
    |call| from.unwrap_or_else(|| Source::Stream(Box::new(Reader::new(call.conversation()))))
}

impl NativeEngine {
    /// Starts a call on this engine.
    pub(crate) fn run<T: Serialize>(
        &self,
        env: Env,
        listener: Listener<'_>,
        events: bool,
        body: impl FnOnce(&Engine, Call) -> Result<T> + Send + 'static,
    ) -> napi::Result<Operation> {
        let engine = Arc::clone(&self.0);
        start(env, listener, events, move |call| match engine.get() {
            Some(engine) => body(engine, call),
            None => Err(Error::new(ErrorKind::InvalidArgument, "the engine is not open: use Engine.open")),
        })
    }
}

#[napi]
#[allow(clippy::missing_errors_doc)] // errors of the core go through the listener
impl NativeEngine {
    /// An engine that is not open yet.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        NativeEngine(Arc::default())
    }

    /// Opens it; the answer is its root.
    #[napi(catch_unwind)]
    pub fn open(&self, env: Env, options: String, listener: Listener<'_>) -> napi::Result<Operation> {
        let slot = Arc::clone(&self.0);
        start(env, listener, false, move |_| {
            let engine = Engine::open(&parse::<EngineOptions>(&options)?)?;
            let root = engine.root().to_string_lossy().into_owned();
            slot.set(engine).map_err(|_| Error::new(ErrorKind::InvalidArgument, "the engine is open"))?;
            Ok(root)
        })
    }

    /// Closes it.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, |engine, _| {
            engine.close();
            Ok(())
        })
    }

    /// The images.
    #[napi(catch_unwind)]
    pub fn images_list(&self, env: Env, options: String, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.images_list(&parse(&options)?))
    }

    /// One image.
    #[napi(catch_unwind)]
    pub fn images_get(&self, env: Env, image: String, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.images_get(&image))
    }

    /// Imports a root file system; the answer is the image's ID.
    #[napi(catch_unwind)]
    pub fn images_import(
        &self,
        env: Env,
        from: Origin<'_>,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let source = source(from);
        self.run(env, listener, events, move |engine, mut call| {
            engine.images_import(source(&mut call), &parse(&options)?, &call.task())
        })
    }

    /// Loads an archive.
    #[napi(catch_unwind)]
    pub fn images_load(
        &self,
        env: Env,
        from: Origin<'_>,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let source = source(from);
        self.run(env, listener, events, move |engine, mut call| {
            engine.images_load(source(&mut call), &parse(&options)?, &call.task())
        })
    }

    /// Saves images to a path, or to the operation's stream.
    #[napi(catch_unwind)]
    pub fn images_save(
        &self,
        env: Env,
        images: Vec<String>,
        path: Option<String>,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, mut call| {
            let (options, task) = (parse(&options)?, call.task());
            if let Some(path) = path {
                return engine.images_save(&images, Target::Path(path.into()), &options, &task);
            }
            let writer = Writer::new(call.conversation());
            engine.images_save(&images, Target::Stream(Box::new(writer.clone())), &options, &task)?;
            writer.finish()
        })
    }

    /// Removes an image.
    #[napi(catch_unwind)]
    pub fn images_remove(
        &self,
        env: Env,
        image: String,
        options: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.images_remove(&image, &parse(&options)?))
    }

    /// Prunes images.
    #[napi(catch_unwind)]
    pub fn images_prune(
        &self,
        env: Env,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.images_prune(&parse(&options)?, &call.task())
        })
    }

    /// Builds a Dockerfile. Of its streams, `streamed` are the operation's, in the order `context`, `dockerfile`, `output`.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)] // napi knows no struct of borrowed bytes
    pub fn images_build(
        &self,
        env: Env,
        context: Origin<'_>,
        dockerfile: Origin<'_>,
        output: Option<String>,
        streamed: Vec<String>,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let (context, dockerfile) = (given(context), given(dockerfile));
        self.run(env, listener, events, move |engine, mut call| {
            let mut stream =
                |name: &str| streamed.iter().any(|streamed| streamed == name).then(|| call.conversation());
            let reader = |conversation| Source::Stream(Box::new(Reader::new(conversation)));
            let context = context.or_else(|| stream("context").map(reader));
            let dockerfile = dockerfile.or_else(|| stream("dockerfile").map(reader));
            let writer = stream("output").map(Writer::new);
            let streamed = writer.clone().map(|writer| Target::Stream(Box::new(writer)));
            let output = output.map(|path| Target::Path(path.into())).or(streamed);
            let inputs = BuildInputs { context, dockerfile, output };
            let built = engine.images_build(&parse(&options)?, inputs, &call.task())?;
            writer.map_or(Ok(()), |writer| writer.finish())?;
            Ok(built)
        })
    }

    /// What builds keep for the next ones.
    #[napi(catch_unwind)]
    pub fn build_cache_list(&self, env: Env, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, |engine, _| engine.build_cache_list())
    }

    /// Prunes the build cache.
    #[napi(catch_unwind)]
    pub fn build_cache_prune(
        &self,
        env: Env,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.build_cache_prune(&parse(&options)?, &call.task())
        })
    }

    /// Writes a cache mount to a path, or to the operation's stream.
    #[napi(catch_unwind)]
    pub fn build_cache_export(
        &self,
        env: Env,
        id: String,
        path: Option<String>,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, mut call| {
            let task = call.task();
            if let Some(path) = path {
                return engine.build_cache_export(&id, Target::Path(path.into()), &task);
            }
            let writer = Writer::new(call.conversation());
            engine.build_cache_export(&id, Target::Stream(Box::new(writer.clone())), &task)?;
            writer.finish()
        })
    }

    /// Makes a cache mount of a tar.
    #[napi(catch_unwind)]
    pub fn build_cache_import(
        &self,
        env: Env,
        id: String,
        from: Origin<'_>,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let source = source(from);
        self.run(env, listener, events, move |engine, mut call| {
            engine.build_cache_import(&id, source(&mut call), &call.task())
        })
    }

    /// Gives an image a name.
    #[napi(catch_unwind)]
    pub fn image_tag(
        &self,
        env: Env,
        image: String,
        name: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.image_tag(&image, &name))
    }

    /// An image's history.
    #[napi(catch_unwind)]
    pub fn image_history(&self, env: Env, image: String, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.image_history(&image))
    }

    /// An image in Docker's JSON shape.
    #[napi(catch_unwind)]
    pub fn image_inspect(&self, env: Env, image: String, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.image_inspect(&image))
    }

    /// Unpacks an image into a directory.
    #[napi(catch_unwind)]
    pub fn image_unpack(
        &self,
        env: Env,
        image: String,
        directory: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.image_unpack(&image, directory.as_ref(), &parse(&options)?, &call.task())
        })
    }

    /// Lists the files of an image.
    #[napi(catch_unwind)]
    pub fn image_files(
        &self,
        env: Env,
        image: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.image_files(&image, &parse(&options)?, &call.task())
        })
    }

    /// Writes the content of a file of an image to the operation's stream.
    #[napi(catch_unwind)]
    pub fn image_read(
        &self,
        env: Env,
        image: String,
        path: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, mut call| {
            let (task, writer) = (call.task(), Writer::new(call.conversation()));
            let target = Target::Stream(Box::new(writer.clone()));
            engine.image_read(&image, path.as_ref(), target, &task)?;
            writer.finish()
        })
    }

    /// What another image adds, changes and deletes.
    #[napi(catch_unwind)]
    pub fn image_diff(
        &self,
        env: Env,
        image: String,
        other: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.image_diff(&image, &other, &parse(&options)?, &call.task())
        })
    }

    /// What the engine is and where it works.
    #[napi(catch_unwind)]
    pub fn system_info(&self, env: Env, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, |engine, _| engine.system_info())
    }

    /// Disk use of the store.
    #[napi(catch_unwind)]
    pub fn system_df(&self, env: Env, listener: Listener<'_>) -> napi::Result<Operation> {
        self.run(env, listener, false, |engine, _| engine.system_df())
    }

    /// Checks the store.
    #[napi(catch_unwind)]
    pub fn system_verify(
        &self,
        env: Env,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.system_verify(&parse(&options)?, &call.task())
        })
    }

    /// Prunes the store.
    #[napi(catch_unwind)]
    pub fn system_prune(
        &self,
        env: Env,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.system_prune(&parse(&options)?, &call.task())
        })
    }
}
