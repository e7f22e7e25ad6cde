//! Where a build's result goes: the store, directories, tars and archives, and the files that tell of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{BuildOptions, BuildOutput, platforms};
use crate::archive::{self, FileSystem, Package, SaveFormat, Target, WholeIndex};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::{self, AtomicFile};
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::{NewIndex, Store, StoredLayer};
use crate::task::Task;

/// The image of one platform.
pub struct Made {
    /// Its platform.
    pub platform: Platform,
    /// Its ID.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its layers, lowest first.
    pub layers: Vec<StoredLayer>,
}

/// What is made of the result beside the store.
enum Kind {
    Local,
    Tar,
    Archive(SaveFormat),
}

/// The outputs of a build, checked.
pub struct Outputs {
    outputs: Vec<(Kind, Target)>,
    /// Whether the names are set in the store.
    pub image: bool,
    iidfile: Option<PathBuf>,
    metadata_file: Option<PathBuf>,
}

impl Outputs {
    /// Reads what is asked for, before anything is built. `invalid_argument` for a type that there is not, a destination that is
    /// missing or does not fit, and for an archive that cannot hold several platforms. A file for the ID that an earlier build
    /// left goes, so that it is never taken for this one's.
    pub fn open(options: &BuildOptions, mut stream: Option<Target>, platforms: usize) -> Result<Outputs> {
        let given = stream.is_some();
        let mut outputs = Vec::new();
        for output in &options.outputs {
            let kind = match output.kind.as_str() {
                "image" if output.dest.is_some() => {
                    return Err(invalid("an image output goes to the store: it has no dest"));
                }
                "image" => continue,
                "local" => Kind::Local,
                "tar" => Kind::Tar,
                "docker" if platforms > 1 => {
                    return Err(invalid(
                        "docker exporter does not currently support exporting manifest lists",
                    ));
                }
                "docker" => Kind::Archive(SaveFormat::Docker),
                "oci" => Kind::Archive(SaveFormat::OciArchive),
                other => {
                    return Err(invalid(format!(
                        "unknown output type {other:?}: image, local, tar, docker or oci is wanted"
                    )));
                }
            };
            let target = destination(output, &kind, &mut stream, given)?;
            outputs.push((kind, target));
        }
        if stream.is_some() {
            return Err(invalid("a stream for an output was given, but every output has a dest"));
        }
        for file in [&options.iidfile, &options.metadata_file].into_iter().flatten() {
            check_file(file)?;
        }
        if let Some(file) = &options.iidfile {
            fs::remove_file(file)?;
        }
        Ok(Outputs {
            outputs,
            image: options.outputs.is_empty() || options.outputs.iter().any(|output| output.kind == "image"),
            iidfile: options.iidfile.clone(),
            metadata_file: options.metadata_file.clone(),
        })
    }

    /// Writes every output but the store's. What was written stays when a later one fails.
    pub fn write(
        &mut self,
        store: &Store,
        made: &[Made],
        index: Option<&[u8]>,
        tags: &[Reference],
        task: &Task,
    ) -> Result<()> {
        for (kind, target) in std::mem::take(&mut self.outputs) {
            match (kind, target) {
                (Kind::Local, Target::Path(path)) => {
                    archive::export_directory(store, &systems(made), &path, task)
                }
                (Kind::Local | Kind::Tar, target) => archive::export_tar(store, &systems(made), target, task),
                (Kind::Archive(format), target) => {
                    let package = package(store, made, index, tags)?;
                    archive::pack(store, &[package], target, format, task)
                }
            }
            .context(|| "export the result")?;
        }
        Ok(())
    }

    /// Writes the files that tell of the result under temporary names: they get their own once that is what it is.
    pub fn tell(&self, made: &[Made], index: Option<&[u8]>, tags: &[Reference]) -> Result<Vec<AtomicFile>> {
        let Some(local) = platforms::local(made) else { return Ok(Vec::new()) };
        let (media_type, digest, size) = match index {
            Some(index) => (media_type::OCI_INDEX, Digest::of(index), index.len() as u64),
            None => (media_type::OCI_MANIFEST, local.manifest, local.size),
        };
        let mut files = Vec::new();
        if let Some(path) = &self.iidfile {
            // Of several platforms there is no one image that it could name.
            let id = if index.is_some() { digest } else { local.id };
            files.push(written(path, id.to_string().as_bytes())?);
        }
        if let Some(path) = &self.metadata_file {
            let mut told = json!({
                "containerimage.descriptor": { "mediaType": media_type, "digest": digest, "size": size },
                "containerimage.digest": digest,
            });
            if index.is_none() {
                told["containerimage.config.digest"] = json!(local.id);
            }
            if !tags.is_empty() {
                let names: Vec<String> = tags.iter().map(Reference::canonical).collect();
                told["image.name"] = Value::String(names.join(","));
            }
            let text = serde_json::to_vec_pretty(&told)
                .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
            files.push(written(path, &text)?);
        }
        Ok(files)
    }
}

/// Names the result in the store. Atomic.
pub fn set_names(store: &Store, made: &[Made], index: Option<Vec<u8>>, tags: &[Reference]) -> Result<()> {
    let Some(local) = platforms::local(made).filter(|_| !tags.is_empty()) else { return Ok(()) };
    let index = match index {
        Some(bytes) => {
            let whole = WholeIndex::new(store, media_type::OCI_INDEX, bytes.clone())?;
            let blobs = Some(whole.blobs().collect());
            Some(NewIndex { bytes, media_type: media_type::OCI_INDEX.into(), blobs })
        }
        None => None,
    };
    store.db().write(|db| {
        let via = index.map(|index| store.add_index(db, index)).transpose()?;
        for tag in tags {
            store.set_name(db, tag, local.id, local.manifest, via)?;
        }
        Ok(())
    })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Where an output goes: its `dest`, or the stream.
fn destination(
    output: &BuildOutput,
    kind: &Kind,
    stream: &mut Option<Target>,
    given: bool,
) -> Result<Target> {
    let name = &output.kind;
    match (&output.dest, kind) {
        (Some(path), Kind::Local) => {
            if fs::stat(path)?.is_some() && !fs::is_directory(path) {
                return Err(invalid(format!("destination directory {} is a file", path.display())));
            }
            Ok(Target::Path(path.clone()))
        }
        (None, Kind::Local) => {
            Err(invalid("output directory is required for local exporter: `dest` is missing"))
        }
        (Some(path), _) => {
            check_file(path)?;
            Ok(Target::Path(path.clone()))
        }
        (None, _) => stream.take().ok_or_else(|| match given {
            true => invalid(format!("the stream takes one output: `dest` of the {name} exporter is missing")),
            false => {
                invalid(format!("output file or stream is required for {name} exporter: `dest` is missing"))
            }
        }),
    }
}

/// Refuses what cannot become a file, before the work and not after it.
fn check_file(path: &Path) -> Result<()> {
    if fs::is_directory(path) {
        return Err(invalid(format!("destination file {} is a directory", path.display())));
    }
    let folder = fs::parent(path);
    if !fs::is_directory(folder) {
        return Err(Error::new(ErrorKind::NotFound, format!("no such directory: {}", folder.display())));
    }
    Ok(())
}

fn written(path: &Path, bytes: &[u8]) -> Result<AtomicFile> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).context(|| format!("write {}", path.display()))?;
    Ok(file)
}

/// The file systems: each of several platforms in a folder of its own.
fn systems(made: &[Made]) -> Vec<FileSystem> {
    let folder = |made: &Made| PathBuf::from(made.platform.to_string().replace('/', "_"));
    let several = made.len() > 1;
    made.iter()
        .map(|made| FileSystem {
            folder: if several { folder(made) } else { PathBuf::new() },
            layers: made.layers.clone(),
        })
        .collect()
}

fn package(store: &Store, made: &[Made], index: Option<&[u8]>, tags: &[Reference]) -> Result<Package> {
    let local =
        platforms::local(made).ok_or_else(|| Error::new(ErrorKind::Internal, "a build without an image"))?;
    let package = store.db().read(|db| Package::new(store, db, (local.id, local.manifest), tags.to_vec()))?;
    let index = index.map(|bytes| WholeIndex::new(store, media_type::OCI_INDEX, bytes.to_vec()));
    Ok(package.with_index(index.transpose()?))
}
