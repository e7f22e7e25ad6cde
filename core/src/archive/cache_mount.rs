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
