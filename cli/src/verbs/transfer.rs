//! `import`, `save`, `load` and `unpack`: images from and to the outside.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use layerkit::{
    Event, ImportOptions, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target, UnpackOptions,
};

use super::build::compression;
use super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::{Bars, task, task_with_bars};
use crate::stdin;

pub const IMPORT: Verb = Verb {
    syntax: Syntax {
        name: "import",
        usage: "[OPTIONS] file|- [REPOSITORY[:TAG]]",
        about: "Import the contents from a tarball to create a filesystem image",
        flags: &[
            valued("change", 'c', "list", "Apply Dockerfile instruction to the created image"),
            valued(
                "compression",
                ' ',
                "string",
                "Store the layer as gzip, zstd or none (default: as it comes)",
            ),
            valued("message", 'm', "string", "Set commit message for imported image"),
            valued("platform", ' ', "string", "Set platform of the image"),
        ],
        arity: Arity::Between(1, 2),
    },
    run: import,
};

pub const SAVE: Verb = Verb {
    syntax: Syntax {
        name: "save",
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
        flags: &[
            valued("format", ' ', "string", "docker, oci-archive or oci-dir (default \"docker\")"),
            valued("output", 'o', "string", "Write to a file, instead of STDOUT"),
        ],
        arity: Arity::AtLeast(1),
    },
    run: save,
};

pub const LOAD: Verb = Verb {
    syntax: Syntax {
        name: "load",
        usage: "[OPTIONS]",
        about: "Load an image from a tar archive or STDIN",
        flags: &[
            valued("input", 'i', "string", "Read from tar archive file, instead of STDIN"),
            switch("quiet", 'q', "Suppress the load output"),
        ],
        arity: Arity::Exactly(0),
    },
    run: load,
};

pub const UNPACK: Verb = Verb {
    syntax: Syntax {
        name: "unpack",
        usage: "[OPTIONS] IMAGE DIRECTORY",
        about: "Unpack the file system of an image into a directory",
        flags: &[switch("replace", ' ', "Replace a directory that is there")],
        arity: Arity::Exactly(2),
    },
    run: unpack,
};

/// A file that is there, in Docker's words when it is not.
pub fn existing(path: &OsStr) -> Outcome<PathBuf> {
    let path = PathBuf::from(path);
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::Message(format!("open {}: no such file or directory", path.display())))
        }
        _ => Ok(path),
    }
}

fn import(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let file = words.arguments[0].as_os_str();
    let options = ImportOptions {
        name: words.names()?.get(1).cloned(),
        changes: words.texts("change")?,
        message: words.text("message")?,
        platform: words.text("platform")?,
        compression: compression(syntax, words)?,
        source_date_epoch: None,
    };
    let is_url =
        file.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"));
    let source = match file.to_str() {
        Some("-") => stdin::source()?,
        _ if is_url => {
            return Err(Failure::Message("importing from a URL is not supported yet".to_owned()));
        }
        _ => Source::Path(existing(file)?),
    };
    let engine = context.engine()?;
    let id = engine.images_import(source, &options, &task_with_bars()?)?;
    Ok(output::line(id)?)
}

fn save(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let format = match words.text("format")?.as_deref() {
        None | Some("docker") => SaveFormat::Docker,
        Some("oci-archive") => SaveFormat::OciArchive,
        Some("oci-dir") => SaveFormat::OciDir,
        Some(other) => {
            return Err(syntax.invalid("format", other, "it must be docker, oci-archive or oci-dir"));
        }
    };
    let target = match words.path("output").filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Target::Path(writable(path)?),
        None if format == SaveFormat::OciDir => {
            return Err(Failure::Message(
                "an OCI layout is a directory: name it with the -o flag".to_owned(),
            ));
        }
        None if output::is_terminal() => {
            return Err(Failure::Message(
                "cowardly refusing to save to a terminal. Use the -o flag or redirect".to_owned(),
            ));
        }
        None => Target::Fd(io::stdout().as_fd().try_clone_to_owned()?),
    };
    let engine = context.engine()?;
    Ok(engine.images_save(&words.names()?, target, &SaveOptions { format }, &task_with_bars()?)?)
}

/// A path whose directory is there, in Docker's words when it is not.
pub fn writable(path: PathBuf) -> Outcome<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent {
        Some(parent) if !parent.exists() => Err(Failure::Message(format!(
            "failed to save image: invalid output path: directory {:?} does not exist",
            parent.display().to_string()
        ))),
        _ => Ok(path),
    }
}

fn load(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let source = match words.last("input").filter(|path| !path.is_empty()) {
        Some(path) => Source::Path(existing(path)?),
        None if io::stdin().is_terminal() => {
            return Err(Failure::Message("requested load from stdin, but stdin is empty".to_owned()));
        }
        None => stdin::source()?,
    };
    let moved = Arc::new(Mutex::new(HashMap::new()));
    let bars = (!words.is_on("quiet") && io::stderr().is_terminal()).then(Bars::default);
    let task = task()?.on_event({
        let moved = Arc::clone(&moved);
        move |event| {
            if let Event::TagMoved { name, old_id } = event {
                let mut moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
                moved.insert(name.clone(), old_id.clone());
            }
            if let Some(bars) = &bars {
                bars.show(event);
            }
            Ok(())
        }
    });
    let loaded = context.engine()?.images_load(source, &LoadOptions::default(), &task)?;
    drop(task);
    let moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(output::text(&loaded_lines(&loaded, &moved))?)
}

/// What was loaded, and which names moved from which image.
fn loaded_lines(loaded: &[LoadedImage], moved: &HashMap<String, String>) -> String {
    let mut text = String::new();
    for image in loaded {
        if image.tags.is_empty() {
            text += &format!("Loaded image ID: {}\n", image.id);
        }
        for name in &image.tags {
            if let Some(old) = moved.get(name) {
                text += &format!(
                    "The image {name} already exists, renaming the old one with ID {old} to empty string\n"
                );
            }
            text += &format!("Loaded image: {name}\n");
        }
    }
    text
}

fn unpack(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let names = words.names()?;
    let options = UnpackOptions { replace: words.is_on("replace") };
    let directory = Path::new(&words.arguments[1]);
    Ok(context.engine()?.image_unpack(&names[0], directory, &options, &task_with_bars()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_images_are_announced_by_name_or_by_id_and_moved_names_first() {
        let image = |id: &str, tags: &[&str]| LoadedImage {
            id: format!("sha256:{id}"),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let moved = HashMap::from([("b:2".to_owned(), "sha256:old".to_owned())]);
        assert_eq!(
            loaded_lines(&[image("1", &["a:1", "b:2"]), image("2", &[])], &moved),
            "Loaded image: a:1\n\
             The image b:2 already exists, renaming the old one with ID sha256:old to empty string\n\
             Loaded image: b:2\n\
             Loaded image ID: sha256:2\n"
        );
    }
}
