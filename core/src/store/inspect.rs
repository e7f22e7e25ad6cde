//! An image in Docker's JSON shape, and its history.

use serde_json::{Map, Value, json};

use super::Store;
use super::db::Sql;
use super::images::unix;
use super::report::HistoryEntry;
use crate::error::Result;
use crate::reference::Reference;
use crate::spec;

/// What Docker shows of a container config that does not say otherwise.
fn config_defaults() -> Value {
    json!({
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
        "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null,
        "Image": "", "Volumes": null, "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": null,
    })
}

impl Store {
    /// An image in Docker's JSON shape (Engine API, "ImageInspect").
    pub fn inspect(&self, image: &str) -> Result<Value> {
        let (record, names, size, unread) = self.db.read(|db| {
            let record = self.find(db, image)?;
            let unread = db.number(
                "SELECT count(*) FROM image_layers WHERE image = ? AND diff_id NOT IN (SELECT diff_id FROM layers)",
                [record.id],
            )?;
            Ok((record.clone(), self.names(db, record.id)?, self.size(db, &record)?, unread))
        })?;
        let raw: Map<String, Value> =
            spec::parse(&self.document(record.id)?, &format!("the config of image {}", record.id))?;
        let text = |key: &str| raw.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let shown = |digests: bool| -> Vec<String> {
            names.iter().filter(|name| name.digest().is_some() == digests).map(Reference::to_string).collect()
        };
        let mut config = config_defaults();
        if let (Some(config), Some(Value::Object(found))) = (config.as_object_mut(), raw.get("config")) {
            config.extend(found.clone());
        }
        let comment = raw
            .get("history")
            .and_then(Value::as_array)
            .and_then(|history| history.last())
            .and_then(|last| last.get("comment"))
            .and_then(Value::as_str)
            .map_or_else(|| text("comment"), str::to_owned);
        let layers = raw.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).cloned().unwrap_or_default();
        let mut inspected = json!({
            "Id": record.id,
            "RepoTags": shown(false),
            "RepoDigests": shown(true),
            "Parent": record.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            "Comment": comment,
            "Created": text("created"),
            "DockerVersion": text("docker_version"),
            "Author": text("author"),
            "Config": config,
            "Architecture": text("architecture"),
            "Os": text("os"),
            "Size": size,
            "VirtualSize": size,
            "RootFS": { "Type": "layers", "Layers": layers },
            "Descriptor": { "digest": record.manifest },
        });
        if let Some(object) = inspected.as_object_mut()
            && unread > 0
        {
            // Of these layers the stored size counts, since it is not known what is in them.
            object.insert("UnreadLayers".into(), unread.into());
        }
        if let (Some(object), variant) = (inspected.as_object_mut(), text("variant"))
            && !variant.is_empty()
        {
            object.insert("Variant".into(), variant.into());
        }
        Ok(inspected)
    }

    /// The history of an image, newest first; the IDs of its parents as far as they are known.
    pub fn history(&self, image: &str) -> Result<Vec<HistoryEntry>> {
        self.db.read(|db| {
            let record = self.find(db, image)?;
            let config = self.config_in(db, record.id)?;
            let mut layers = config.rootfs.diff_ids.iter().enumerate();
            let mut entries = Vec::new();
            for line in &config.history {
                let layer = if line.empty_layer { None } else { layers.next() };
                let size = match layer {
                    Some((position, _)) => self.layer_size(db, &record, position as i64)?,
                    None => 0,
                };
                let created = line.created.clone().unwrap_or_default();
                entries.push(HistoryEntry {
                    id: "<missing>".into(),
                    created_unix: unix(&created).unwrap_or_default(),
                    created,
                    created_by: line.created_by.clone(),
                    size,
                    comment: line.comment.clone(),
                    tags: Vec::new(),
                });
            }
            entries.reverse();
            let mut step = Some(record);
            for entry in &mut entries {
                let Some(image) = step else { break };
                entry.id = image.id.to_string();
                entry.tags = self
                    .names(db, image.id)?
                    .iter()
                    .filter(|name| name.digest().is_none())
                    .map(Reference::to_string)
                    .collect();
                step = match image.parent {
                    Some(parent) => self.record(db, parent)?,
                    None => None,
                };
            }
            Ok(entries)
        })
    }
}
