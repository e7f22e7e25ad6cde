//! Lists of containers, with Docker's filters.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{Object, sweep};
use super::options::ContainerListOptions;
use super::report::{ContainerMount, ContainerSummary};
use super::settings::shown;
use super::status;
use crate::container::{State, Status};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::reference::Reference;
use crate::spec::join;
use crate::store::{Sql, Store, check_filters, has_labels};

const FILTERS: [&str; 8] = ["id", "name", "label", "status", "ancestor", "exited", "before", "since"];
const STATUSES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/// The containers that the options ask for, newest first.
pub fn list(store: &Store, options: &ContainerListOptions) -> Result<Vec<ContainerSummary>> {
    sweep(store)?;
    let filters = Filters::new(store, options)?;
    let mut list = Vec::new();
    for object in Object::all(store)? {
        let Some(state) = known(object.state())? else { continue };
        if !filters.want(&object, &state)? {
            continue;
        }
        if let Some(summary) = known(summary(&object, &state, options.size))? {
            list.push(summary);
        }
        if options.limit.is_some_and(|limit| limit > 0 && list.len() >= limit as usize) {
            break;
        }
    }
    Ok(list)
}

/// What may be gone: removed since the list was begun.
fn known<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One container.
pub fn get(store: &Store, container: &str) -> Result<ContainerSummary> {
    let object = Object::find(store, container)?;
    summary(&object, &object.state()?, false)
}

fn summary(object: &Object<'_>, state: &State, size: bool) -> Result<ContainerSummary> {
    let settings = &object.settings;
    let created: Option<jiff::Timestamp> = settings.created.parse().ok();
    let (size_rw, size_root_fs) = match size {
        true => {
            let (own, all) = sizes(object)?;
            (Some(own), Some(all))
        }
        false => (None, None),
    };
    Ok(ContainerSummary {
        id: object.id.clone(),
        name: object.name.clone(),
        image: image_shown(object)?,
        image_id: object.image.to_string(),
        command: shown(&settings.command()),
        created: settings.created.clone(),
        created_unix: created.map_or(0, jiff::Timestamp::as_second),
        state: status::name(state.status).into(),
        status: status::sentence(state, jiff::Timestamp::now()),
        exit_code: state.code.filter(|_| state.status == Status::Exited),
        labels: settings.config.labels.clone(),
        ports: Vec::new(),
        mounts: mounts(object),
        network: match settings.network {
            super::ContainerNetwork::Host => "host".into(),
            super::ContainerNetwork::None => "none".into(),
        },
        size_rw,
        size_root_fs,
    })
}

/// Bytes that a container has written, and the same with those of its image.
pub fn sizes(object: &Object<'_>) -> Result<(u64, u64)> {
    let own = fs::tree_size(&object.upper())?;
    let store = object.store;
    let image = store.layers_of_container(&object.id)?.iter().try_fold(0, |sum, layer| {
        let sql = "SELECT content FROM layers WHERE diff_id = ?";
        Ok::<u64, Error>(sum + store.db().read(|db| db.number(sql, [layer.diff_id]))?)
    })?;
    Ok((own, own + image))
}

/// The image as it was asked for, as long as that still leads to it; else its ID.
fn image_shown(object: &Object<'_>) -> Result<String> {
    let asked = &object.settings.image;
    let found = object.store.db().read(|db| object.store.find(db, asked));
    Ok(match found {
        Ok(found) if found.id == object.image => asked.clone(),
        _ => object.image.short(),
    })
}

/// What is mounted in a container beside what every one has.
pub fn mounts(object: &Object<'_>) -> Vec<ContainerMount> {
    let settings = &object.settings;
    let mut mounts = Vec::new();
    for bind in &settings.binds {
        let mut parts = bind.split(':');
        let (Some(source), Some(destination)) = (parts.next(), parts.next()) else { continue };
        let options = parts.next().unwrap_or_default();
        mounts.push(ContainerMount {
            kind: "bind".into(),
            source: source.into(),
            destination: join("/", destination),
            rw: !options.split(',').any(|option| option == "ro"),
        });
    }
    for (n, destination) in settings.volumes().into_iter().enumerate() {
        let source = super::mounts::volume_folder(object, n).display().to_string();
        mounts.push(ContainerMount { kind: "volume".into(), source, destination, rw: true });
    }
    for (destination, options) in &settings.tmpfs {
        mounts.push(ContainerMount {
            kind: "tmpfs".into(),
            source: String::new(),
            destination: join("/", destination),
            rw: !options.split(',').any(|option| option == "ro"),
        });
    }
    mounts
}

/// Docker's filters, checked.
struct Filters<'a> {
    all: bool,
    values: &'a BTreeMap<String, Vec<String>>,
    exited: Vec<i32>,
    ancestors: Option<BTreeSet<Digest>>,
    before: Option<String>,
    since: Option<String>,
}

impl<'a> Filters<'a> {
    fn new(store: &Store, options: &'a ContainerListOptions) -> Result<Self> {
        let values = &options.filters;
        check_filters(values, &FILTERS)?;
        let of = |name: &str| values.get(name).map(Vec::as_slice).unwrap_or_default();
        let bad = |name: &str, value: &str| {
            Error::new(ErrorKind::InvalidArgument, format!("Invalid filter '{name}={value}'"))
        };
        if let Some(unknown) = of("status").iter().find(|value| !STATUSES.contains(&value.as_str())) {
            return Err(bad("status", unknown));
        }
        let code = |value: &String| value.parse::<i32>().map_err(|_| bad("exited", value));
        let exited = of("exited").iter().map(code).collect::<Result<Vec<_>>>()?;
        let created = |name: &str| -> Result<Option<String>> {
            let Some(container) = of(name).first() else { return Ok(None) };
            Ok(Some(Object::find(store, container)?.settings.created))
        };
        let (before, since) = (created("before")?, created("since")?);
        let ancestors = match of("ancestor") {
            [] => None,
            names => Some(descendants(store, names)?),
        };
        // As docker does: these are about containers that may have ended.
        let about_all = !of("status").is_empty() || !exited.is_empty() || before.is_some() || since.is_some();
        let all = options.all || options.limit.is_some_and(|limit| limit > 0) || about_all;
        Ok(Filters { all, values, exited, ancestors, before, since })
    }

    fn of(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn want(&self, object: &Object<'_>, state: &State) -> Result<bool> {
        let runs = matches!(state.status, Status::Running | Status::Paused);
        let (ids, names, statuses) = (self.of("id"), self.of("name"), self.of("status"));
        let created = &object.settings.created;
        Ok((self.all || runs)
            && (ids.is_empty() || ids.iter().any(|id| object.id.starts_with(id.as_str())))
            && (names.is_empty() || names.iter().any(|name| matches_name(name, &object.name)))
            && has_labels(&object.settings.config.labels, self.of("label"))
            && (statuses.is_empty() || statuses.iter().any(|one| one == status::name(state.status)))
            && (self.exited.is_empty()
                || state.status == Status::Exited
                    && state.code.is_some_and(|code| self.exited.contains(&code)))
            && self.ancestors.as_ref().is_none_or(|ancestors| ancestors.contains(&object.image))
            && self.before.as_ref().is_none_or(|before| created < before)
            && self.since.as_ref().is_none_or(|since| created > since))
    }
}

/// The images of these names and all that were built on them; of one that is not there, none.
fn descendants(store: &Store, names: &[String]) -> Result<BTreeSet<Digest>> {
    store.db().read(|db| {
        let mut found = BTreeSet::new();
        let mut next = Vec::new();
        for name in names {
            // Docker's way: an image that there is none of has no containers.
            match store.find(db, name) {
                Ok(record) => next.push(record.id),
                Err(_) if name.parse::<Reference>().is_ok() => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(id) = next.pop() {
            if found.insert(id) {
                next.extend(
                    db.rows("SELECT id FROM images WHERE parent = ?", [id], |row| row.get::<_, Digest>(0))?,
                );
            }
        }
        Ok(found)
    })
}

/// Whether a pattern of a `name` filter is in a name. Docker takes regular expressions; here they have letters, `.`, `*`, `^` and `$`. A slash
/// before the name counts as its beginning.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (pattern, from_start) = match pattern.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let (pattern, slash) = match pattern.strip_prefix('/') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let (pattern, to_end) = match pattern.strip_suffix('$') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let starts = if from_start || slash { 0..=0 } else { 0..=name.len() };
    starts.into_iter().any(|start| matches_here(pattern, &name[start..], to_end))
}

fn matches_here(pattern: &[u8], text: &[u8], to_end: bool) -> bool {
    let one = |wanted: u8, found: u8| wanted == b'.' || wanted == found;
    match pattern {
        [] => !to_end || text.is_empty(),
        [wanted, b'*', rest @ ..] => {
            let run = text.iter().take_while(|found| one(*wanted, **found)).count();
            (0..=run).any(|n| matches_here(rest, &text[n..], to_end))
        }
        [wanted, rest @ ..] => match text {
            [found, text @ ..] => one(*wanted, *found) && matches_here(rest, text, to_end),
            [] => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_filter_is_found_anywhere_unless_it_is_anchored() {
        for (pattern, name, wanted) in [
            ("web", "my_web_1", true),
            ("^web", "my_web_1", false),
            ("^web", "web_1", true),
            ("^/web$", "web", true),
            ("/web", "my/web", false),
            ("web$", "my_web", true),
            ("web$", "webs", false),
            ("w.b", "wxb", true),
            ("^w.*1$", "web_1", true),
            ("^w.*2$", "web_1", false),
            ("we*b", "wb", true),
            ("", "x", true),
        ] {
            assert_eq!(matches_name(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
