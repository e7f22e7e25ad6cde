//! Cache mounts of builds as tars, so that one machine can begin with what another one has.

use std::io::BufWriter;

use super::stream::{Sink, open_source};
use super::{Source, Target};
use crate::error::{ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Lower, Tree};
use crate::store::Store;
use crate::task::Task;

/// Writes a cache mount as a plain tar, sorted. Nobody uses it meanwhile: `conflict` when somebody does, `not_found` when there is
/// none. Atomic for a path.
pub fn export_cache(store: &Store, id: &str, target: Target, task: &Task) -> Result<()> {
    task.check()?;
    let cache = store.existing_cache(id)?;
    let mut sink = Sink::open(target, task)?;
    let nothing = Lower { tree: &Tree::default(), unpacked: &[] };
    let out = BufWriter::with_capacity(fs::COPY_BUFFER, &mut sink);
    layer::diff_overlay(&cache.path, nothing, None, out, task)
        .context(|| format!("export cache mount {id}"))?;
    sink.commit()
}

/// Makes the contents of a tar, plain or compressed, the cache mount of an ID, in place of what there was: `conflict` when that is in
/// use, `invalid_argument` for what is no tar. Atomic.
pub fn import_cache(store: &Store, id: &str, source: Source, task: &Task) -> Result<()> {
    task.check()?;
    let folder = store.temporary_directory()?;
    let data = folder.path().join("data");
    fs::create_dir(&data)?;
    fs::set_mode(&data, 0o755)?;
    let (source, _) = open_source(source, task)?;
    let (_, tar) = layer::decoder(source, store.limits())?;
    layer::apply_flat(&data, tar, store.limits(), task)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidImage => error.as_kind(ErrorKind::InvalidArgument),
            _ => error,
        })
        .context(|| format!("import cache mount {id}"))?;
    store.replace_cache(id, folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;
    use crate::config::Limits;
    use crate::store::CacheSharing;

    #[test]
    fn what_is_exported_can_be_imported_under_another_id() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("store"), Limits::default()).unwrap();
        let task = Task::new().unwrap();
        let get = |id| store.cache_mount(id, "", CacheSharing::Locked, &task, &mut |_| Ok(())).unwrap();
        let first = get("a");
        std::fs::create_dir(first.path.join("d")).unwrap();
        std::fs::write(first.path.join("d/f"), "content").unwrap();
        let tar = root.path().join("a.tar");
        let busy = export_cache(&store, "a", Target::Path(tar.clone()), &task).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Conflict);
        drop(first);
        export_cache(&store, "a", Target::Path(tar.clone()), &task).unwrap();
        let old = get("b").path.clone();
        import_cache(&store, "b", Source::Path(tar.clone()), &task).unwrap();
        let second = get("b");
        assert_ne!(second.path, old);
        assert!(!old.exists());
        assert_eq!(std::fs::read_to_string(second.path.join("d/f")).unwrap(), "content");
        let busy = import_cache(&store, "b", Source::Path(tar), &task).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Conflict);
        let none = export_cache(&store, "none", Target::Path(root.path().join("n")), &task).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
        std::fs::write(root.path().join("text"), "no tar at all, but long enough to look at".repeat(20))
            .unwrap();
        let odd = import_cache(&store, "b2", Source::Path(root.path().join("text")), &task).unwrap_err();
        assert_eq!(odd.kind(), ErrorKind::InvalidArgument);
    }
}
