//! What was made in an overlay's upper directory only to be mounted upon.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, utimensat};
use rustix::io::Errno;

use super::rooted::{self, Root, file_type};
use crate::error::{Result, ResultExt};

/// Removes those of these paths that are empty, as BuildKit does: directories without entries, files without content. What is
/// around them keeps its times. No symlink is followed: the command may have put one in the way.
pub fn remove_stubs(upper: &Path, stubs: &[PathBuf]) -> Result<()> {
    let root = Root::open(upper).context(|| format!("open {}", upper.display()))?;
    let mut stubs: Vec<&PathBuf> = stubs.iter().collect();
    stubs.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    for stub in stubs {
        remove(&root, stub).context(|| format!("remove the mount point /{}", stub.display()))?;
    }
    Ok(())
}

fn remove(root: &Root, stub: &Path) -> rustix::io::Result<()> {
    let (Some(parent), Some(name)) = (stub.parent(), stub.file_name()) else { return Ok(()) };
    let directory = match root.locate(parent, None) {
        Ok((directory, path)) if path == parent => directory,
        Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(error) => return Err(error),
    };
    let flags = match rooted::stat(&directory, name)? {
        Some(found) if file_type(&found) == FileType::Directory => AtFlags::REMOVEDIR,
        Some(found) if file_type(&found) == FileType::RegularFile && found.st_size == 0 => AtFlags::empty(),
        _ => return Ok(()),
    };
    // By a descriptor that is more than a path.
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&directory, ".", open, Mode::empty())?;
    let before = rustix::fs::fstat(&directory)?;
    match rustix::fs::unlinkat(&directory, name, flags) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(()),
        other => other?,
    }
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(before.st_atime as _, before.st_atime_nsec as _),
        last_modification: time(before.st_mtime as _, before.st_mtime_nsec as _),
    };
    utimensat(&directory, ".", &times, AtFlags::empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn only_what_is_empty_goes_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (upper, outside) = (folder.path().join("upper"), folder.path().join("outside"));
        for path in ["upper/a/b/c", "upper/full", "outside/x"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(upper.join("full/file"), "").unwrap();
        fs::write(upper.join("used"), "x").unwrap();
        symlink("../outside", upper.join("link")).unwrap();
        let before = fs::metadata(&upper).unwrap();
        let stubs = ["a", "a/b", "a/b/c", "full", "used", "link/x", "none/x", "link"].map(PathBuf::from);
        remove_stubs(&upper, &stubs).unwrap();
        let left = crate::fs::list(&upper).unwrap();
        assert_eq!(left, ["full", "link", "used"]);
        assert!(outside.join("x").is_dir());
        let after = fs::metadata(&upper).unwrap();
        assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    }
}
