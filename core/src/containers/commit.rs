//! An image of a container: one more layer, and the container's config.

use super::changes::{Changed, at_rest};
use super::object::Object;
use super::options::CommitOptions;
use super::settings::inherit;
use super::start::no_image;
use crate::archive::{created, written};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::layer::LayerWriter;
use crate::media_type;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, History, Manifest, RunConfig};
use crate::store::{NewImage, Store};
use crate::task::Task;

/// Docker stops at this many layers ("max depth exceeded").
const MAX_LAYERS: usize = 125;
/// What an image's config says of what made it: not true of what is made of it.
const OF_THE_PARENT: [&str; 5] = ["container", "container_config", "docker_version", "id", "parent"];

/// Makes an image of a container and gives its ID.
pub fn commit(store: &Store, container: &str, options: &CommitOptions, task: &Task) -> Result<String> {
    let name = name(options)?;
    let object = Object::find(store, container)?;
    let config = changed_config(&object, options)?;
    let epoch = match options.source_date_epoch {
        Some(epoch) => Some(epoch),
        None => config::source_date_epoch()?,
    };
    // Nobody takes the image away while it gets a child.
    let lease = store.lease();
    let (record, parsed) = {
        let record = store.db().write_relaxed(|db| {
            let record = store.record(db, object.image)?.ok_or_else(|| no_image(&object))?;
            lease.image(db, record.id)?;
            Ok(record)
        })?;
        let manifest: Manifest =
            spec::parse(&store.document(record.manifest)?, &format!("manifest {}", record.manifest))?;
        (record, manifest)
    };
    let mut image = store.config(record.id)?;
    task.check()?;
    let changed = Changed::of(&object, task)?;
    let mut writer = LayerWriter::new(store.blob_writer(), options.compression.into())?;
    let toc = at_rest(&object, options.pause, || changed.write(epoch, false, &mut writer, task))?;
    let layer = if toc.entries.is_empty() { None } else { Some(written(writer, toc)?) };

    for key in OF_THE_PARENT {
        image.extra.remove(key);
    }
    let lines = image.history.iter().filter(|line| !line.empty_layer).count();
    for _ in lines..image.rootfs.diff_ids.len() {
        image.history.push(History { comment: "not told by the base image".into(), ..History::default() });
    }
    let time = created(epoch)?;
    let author = options.author.clone().unwrap_or_default();
    image.created = Some(time.clone());
    image.author = author.clone();
    image.config = config;
    image.history.push(History {
        created: Some(time),
        created_by: object.settings.config.cmd.as_deref().unwrap_or_default().join(" "),
        author,
        comment: options.message.clone().unwrap_or_default(),
        empty_layer: layer.is_none(),
        ..History::default()
    });
    let mut layers: Vec<Descriptor> = parsed
        .layers
        .iter()
        .map(|layer| Descriptor::new(media_type::oci_layer(&layer.media_type), layer.digest, layer.size))
        .collect();
    if let Some((blob, layer)) = &layer {
        if layers.len() >= MAX_LAYERS {
            return Err(Error::new(ErrorKind::InvalidArgument, "max depth exceeded"));
        }
        image.rootfs.diff_ids.push(layer.diff_id);
        layers.push(Descriptor::new(&layer.media_type, blob.digest, blob.size));
    }
    let new = NewImage::of_config(spec::to_bytes(&image)?, layers, Some(record.id))?;
    task.check()?;
    let (id, moved) = store.db().write(|db| {
        store.add_layers(db, layer.into_iter().collect())?;
        let (id, manifest) = store.add_image(db, new)?;
        let moved = match &name {
            Some(name) => store.set_name(db, name, id, manifest, None)?,
            None => None,
        };
        Ok((id, moved))
    })?;
    if let Some(name) = name {
        let name = name.to_string();
        if let Some(old) = moved {
            task.announce(&Event::TagMoved { name: name.clone(), old_id: old.to_string() });
        }
        task.announce(&Event::Tagged { name });
    }
    Ok(id.to_string())
}

/// The name that the image gets.
fn name(options: &CommitOptions) -> Result<Option<Reference>> {
    let repository = options.repository.as_deref().filter(|repository| !repository.is_empty());
    match (repository, options.tag.as_deref().filter(|tag| !tag.is_empty())) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(Error::new(ErrorKind::InvalidArgument, "a tag without a repository names no image"))
        }
        (Some(repository), None) => Reference::for_tagging(repository).map(Some),
        (Some(repository), Some(tag)) => {
            let bare: Reference = repository.parse()?;
            if bare.tag().is_some() {
                let message = format!("the repository {repository:?} has a tag, and another one is given");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            Reference::for_tagging(&format!("{repository}:{tag}")).map(Some)
        }
    }
}

/// The config of the image: what the changes say, and for the rest the container's, its overrides among it.
fn changed_config(object: &Object<'_>, options: &CommitOptions) -> Result<RunConfig> {
    let own = &object.settings.config;
    let mut config = RunConfig::default();
    // Docker begins with nothing, and lets the container fill what is left open. Variables are those of the container.
    spec::apply_changes_with(&mut config, &options.changes, &own.env)?;
    inherit(&mut config, own);
    // What only takes a variable out is nothing that an image could say.
    config.env.retain(|pair| pair.contains('='));
    Ok(config)
}
