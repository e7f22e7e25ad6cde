//! Import: a root file system becomes an image of one layer.

use super::ingest::{self, Progress};
use super::stream::open_source;
use super::{ImportOptions, Source};
use crate::config;
use crate::digest::Digest;
use crate::error::{Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::layer::Compression;
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, History, ImageConfig, Manifest};
use crate::store::{NewImage, Store};
use crate::task::Task;

/// Makes an image of one layer from a tar, plain or compressed, and returns its ID. Atomic: a failure leaves no image.
pub fn import(store: &Store, source: Source, options: &ImportOptions, task: &Task) -> Result<Digest> {
    let name = options.name.as_deref().map(Reference::for_tagging).transpose()?;
    let platform = match &options.platform {
        Some(text) => text.parse()?,
        None => Platform::host(),
    };
    let mut config = ImageConfig::new(&platform);
    spec::apply_changes(&mut config.config, &options.changes)?;
    let created = created(options.source_date_epoch)?;
    task.check()?;
    let what = match &source {
        Source::Path(path) => path.display().to_string(),
        Source::Fd(_) | Source::Stream(_) => "-".into(),
    };
    let (reader, total) = open_source(source, task)?;
    let (compression, reader) = ingest::detect(reader)?;
    let progress = Progress { operation: "import", id: what.clone(), total, task };
    let wanted = match (options.compression, compression) {
        (Some(wanted), _) => wanted.into(),
        (None, Compression::Bzip2 | Compression::Xz) => Compression::Gzip,
        (None, as_it_comes) => as_it_comes,
    };
    let (blob, layer) = if wanted == compression {
        ingest::keep(store, reader, &progress)
    } else {
        ingest::recompress(store, reader, wanted, &progress)
    }
    .context(|| format!("import {what}"))?;
    progress.emit(LayerState::Done, total)?;

    config.created = Some(created.clone());
    config.rootfs.diff_ids = vec![layer.diff_id];
    config.history = vec![History {
        created: Some(created),
        comment: options.message.clone().unwrap_or_else(|| "Imported from -".into()),
        ..History::default()
    }];
    let config = spec::to_bytes(&config)?;
    let manifest = Manifest::new(
        Descriptor::of(media_type::OCI_CONFIG, &config),
        vec![Descriptor::new(&layer.media_type, blob.digest, blob.size)],
    );
    let image = NewImage {
        manifest: spec::to_bytes(&manifest)?,
        config,
        media_type: media_type::OCI_MANIFEST.into(),
        parent: None,
        made: true,
    };
    task.check()?;
    let (id, moved) = store.db().write(|db| {
        store.add_layers(db, vec![(blob, layer)])?;
        let (id, manifest) = store.add_image(db, image)?;
        let moved = match &name {
            Some(name) => store.set_name(db, name, id, manifest, None)?,
            None => None,
        };
        Ok((id, moved))
    })?;
    let name = name.map(|name| name.to_string()).unwrap_or_default();
    if let Some(old) = moved {
        task.announce(&Event::TagMoved { name: name.clone(), old_id: old.to_string() });
    }
    task.announce(&Event::ImageLoaded { id: id.to_string(), name });
    Ok(id)
}

/// The time that new things of an image get: `epoch`, or `SOURCE_DATE_EPOCH`, or now.
pub fn created(epoch: Option<i64>) -> Result<String> {
    let seconds = match epoch {
        Some(seconds) => Some(seconds),
        None => config::source_date_epoch()?,
    };
    let time = match seconds {
        None => jiff::Timestamp::now(),
        Some(seconds) => jiff::Timestamp::from_second(seconds).map_err(|_| {
            crate::error::Error::new(
                crate::error::ErrorKind::InvalidArgument,
                format!("{seconds} seconds since 1970 is no time"),
            )
        })?,
    };
    Ok(time.to_string())
}
