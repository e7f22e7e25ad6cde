//! What is mounted in a container, and what was made only to be mounted upon.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::object::Object;
use crate::config::Isolation;
use crate::container::{Mount, MountSource, parse_tmpfs, parse_volume};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::Overlaid;
use crate::spec;

/// The file of a container's folder that lists what was made to be mounted upon.
const STUBS: &str = "stubs";
/// More than such a list has, in bytes.
const LIMIT: u64 = 16 << 20;

/// The folder of a container's volume.
pub fn volume_folder(object: &Object<'_>, number: usize) -> PathBuf {
    object.folder.join("volumes").join(number.to_string())
}

/// The mounts of a container that is about to start. `view` is its file system; `work` an empty directory that goes with this run.
pub fn prepare(
    object: &Object<'_>,
    isolation: Isolation,
    lowers: &[PathBuf],
    view: &Overlaid,
    work: &Path,
) -> Result<Vec<Mount>> {
    let settings = &object.settings;
    let mut mounts = settings.binds.iter().map(|bind| parse_volume(bind)).collect::<Result<Vec<_>>>()?;
    if isolation == Isolation::Overlay {
        for (number, path) in settings.volumes().iter().enumerate() {
            mounts.push(volume(object, number, path, lowers, view, work)?);
        }
    }
    for (path, options) in &settings.tmpfs {
        mounts.push(parse_tmpfs(path, options)?);
    }
    // What lies in another mount comes after it.
    mounts.sort_by_key(|mount| mount.target.components().count());
    Ok(mounts)
}

/// A volume of the container's own: it shows what the image has at its path, and what is written goes into a directory apart from the
/// container's changes, so that no image made of it has that.
fn volume(
    object: &Object<'_>,
    number: usize,
    path: &str,
    lowers: &[PathBuf],
    view: &Overlaid,
    work: &Path,
) -> Result<Mount> {
    let folder = volume_folder(object, number);
    fs::create_dir_all(&folder)?;
    let make = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        if fs::stat(&path)?.is_none() {
            fs::create_dir(&path)?;
            fs::set_mode(&path, 0o755)?;
        }
        Ok(path)
    };
    let place = view.find(Path::new(path), true)?;
    let source = match place {
        Some(place) if !place.is_directory() => {
            return Err(Error::new(
                ErrorKind::ContainerFailed,
                format!("cannot mount volume over existing file, file exists {path}"),
            ));
        }
        Some(place) if !lowers.is_empty() => {
            let work = work.join(format!("volume-{number}"));
            fs::create_dir(&work)?;
            MountSource::Overlay { lowers: lowers.to_vec(), upper: make("upper")?, work, path: place.path }
        }
        _ => MountSource::Bind(make("data")?),
    };
    Ok(Mount { target: path.into(), source, read_only: false })
}

/// Notes what of these mounts' places is in neither the layers nor the upper directory, and will therefore be made to be mounted upon.
pub fn note_stubs(object: &Object<'_>, view: &Overlaid, mounts: &[Mount]) -> Result<()> {
    let mut stubs = stubs(object)?;
    let before = stubs.len();
    for mount in mounts {
        let mut path = mount.target.strip_prefix("/").unwrap_or(&mount.target).to_owned();
        // Links on the way are followed as far as there is a way.
        let mut missing = PathBuf::new();
        let above = loop {
            match view.find(&path, true)? {
                Some(place) => break place.path,
                None => {
                    let Some(name) = path.file_name().map(ToOwned::to_owned) else { break PathBuf::new() };
                    missing = if missing.as_os_str().is_empty() {
                        name.into()
                    } else {
                        Path::new(&name).join(&missing)
                    };
                    path.pop();
                }
            }
        };
        let mut stub = above;
        for name in missing.iter() {
            stub.push(name);
            stubs.insert(stub.clone());
        }
    }
    if stubs.len() == before {
        return Ok(());
    }
    use std::io::Write;
    let texts: Vec<String> = stubs.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut file = fs::AtomicFile::create_private(&object.folder.join(STUBS))?;
    file.write_all(&spec::to_bytes(&texts)?).context(|| "note mount points")?;
    file.place()
}

/// What was made in a container to be mounted upon, relative to its root.
pub fn stubs(object: &Object<'_>) -> Result<BTreeSet<PathBuf>> {
    let Some(bytes) = fs::read_optional(&object.folder.join(STUBS), LIMIT)? else {
        return Ok(BTreeSet::new());
    };
    let texts: Vec<String> = spec::parse(&bytes, "the mount points of a container")?;
    Ok(texts.into_iter().map(PathBuf::from).collect())
}
