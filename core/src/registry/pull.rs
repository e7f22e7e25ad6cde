//! Pull: what a name leads to becomes an image of the store.

use std::collections::BTreeSet;

use super::client::Client;
use super::download::{Told, download};
use super::http::Http;
use super::manifests::{self, Fetched, MAX_NESTING};
use super::options::{Auth, PullOptions, PulledImage};
use super::tags;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Document, ImageConfig, Manifest};
use crate::store::{Lease, NewImage, NewIndex, PendingBlob, Sql, Store};

const OCTETS: &str = "application/octet-stream";

/// Pulls a name, or every tag of a repository.
pub fn pull(store: &Store, http: &Http<'_>, name: &str, options: &PullOptions) -> Result<Vec<PulledImage>> {
    let reference: Reference = name.parse()?;
    if reference.host() == crate::reference::DEFAULT_HOST && reference.path() == "library/scratch" {
        return Err(Error::new(ErrorKind::InvalidReference, "'scratch' is a reserved name"));
    }
    let order = Order {
        platform: options.platform.as_deref().map(str::parse).transpose()?,
        expect: options.expect.as_deref().map(str::parse).transpose()?,
        all_platforms: options.all_platforms,
        for_build: false,
        threads: threads(options.concurrency, http)?,
    };
    let client = Client::new(http, &reference, options.auth.as_ref())?;
    if !options.all_tags {
        return Ok(vec![pull_one(store, &client, &store.lease(), &reference.with_default_tag(), &order)?]);
    }
    if reference.tag().is_some() || reference.digest().is_some() {
        return Err(Error::new(ErrorKind::InvalidArgument, "tag can't be used with --all-tags/-a"));
    }
    if order.expect.is_some() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "a digest cannot be expected of all tags at once",
        ));
    }
    let tags = tags::all(&client)?;
    tags.iter()
        .map(|tag| pull_one(store, &client, &store.lease(), &reference.with_tag(tag)?, &order))
        .collect()
}

/// Pulls the image of a platform for a build, leased, and returns its ID. A name that leads to another platform's image stays
/// where it is.
pub fn pull_base(
    store: &Store,
    http: &Http<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    platform: &Platform,
    auth: Option<&Auth>,
) -> Result<Digest> {
    let order = Order {
        platform: Some(platform.clone()),
        expect: None,
        all_platforms: false,
        for_build: true,
        threads: threads(None, http)?,
    };
    let pulled = pull_one(store, &Client::new(http, name, auth)?, lease, name, &order)?;
    pulled.id.parse()
}

/// How many layers are transferred at once.
pub fn threads(given: Option<u32>, http: &Http<'_>) -> Result<usize> {
    let threads = given.unwrap_or(http.config().concurrency);
    if !(1..=64).contains(&threads) {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("concurrency is 1 to 64, not {threads}")));
    }
    Ok(threads as usize)
}

/// What is asked of a pull.
struct Order {
    platform: Option<Platform>,
    expect: Option<Digest>,
    all_platforms: bool,
    /// The name is not the user's to move: see [`pull_base`].
    for_build: bool,
    threads: usize,
}

/// What a name leads to in the store.
struct Known {
    image: Digest,
    digest: Digest,
    /// Whether all that the order asks for is there.
    fits: bool,
}

fn pull_one(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    order: &Order,
) -> Result<PulledImage> {
    let task = client.http().runtime().task();
    task.emit(&Event::Resolving { name: name.to_string() })?;
    let known = known(store, name, order)?;
    let reference = manifests::reference_of(name);
    if let Some(known) = known.as_ref().filter(|known| known.fits)
        && (name.digest().is_some() || manifests::head(client, &reference, "pull")? == Some(known.digest))
    {
        check_expected(name, order, known.digest)?;
        let (image, digest) = (known.image, known.digest);
        store.db().write_relaxed(|db| lease.image(db, image))?;
        return Ok(told(client, name, image, digest, false));
    }
    let fetched = manifests::get(client, &reference)?;
    check_expected(name, order, fetched.digest)?;
    let digest = fetched.digest;
    let pulled = take(store, client, lease, name, fetched, order)?;
    let new = known.is_none_or(|known| known.digest != digest || known.image != pulled);
    Ok(told(client, name, pulled, digest, new))
}

fn told(client: &Client<'_>, name: &Reference, image: Digest, digest: Digest, new: bool) -> PulledImage {
    let (id, name, digest) = (image.to_string(), name.to_string(), digest.to_string());
    client.http().runtime().task().announce(&Event::Pulled {
        name: name.clone(),
        id: id.clone(),
        digest: digest.clone(),
        new,
    });
    PulledImage { id, name, digest, new }
}

fn known(store: &Store, name: &Reference, order: &Order) -> Result<Option<Known>> {
    let row = store.db().read(|db| {
        let row = db.first(
            "SELECT image, coalesce(via, manifest) FROM names WHERE name = ?",
            [name.canonical()],
            |row| Ok((row.get::<_, Digest>(0)?, row.get::<_, Digest>(1)?)),
        )?;
        Ok((row, store.index_of(db, name)?))
    })?;
    let (Some((image, digest)), index) = row else { return Ok(None) };
    let platform = store.config(image)?.platform();
    let wanted = order.platform.clone().unwrap_or_else(Platform::host);
    // An image that is for one platform only is what the name leads to, whatever this host is.
    let fits = match (&order.platform, &index) {
        (None, None) => true,
        // Of an index another image may fit better.
        (_, Some(_)) => wanted.normal() == platform.normal(),
        (Some(_), None) => wanted.fits(&platform),
    } && (!order.all_platforms || index.is_none_or(|index| index.whole));
    Ok(Some(Known { image, digest, fits }))
}

/// Whether a name leads to an image of another platform than the one that is pulled.
fn leads_elsewhere(store: &Store, name: &Reference, order: &Order) -> Result<bool> {
    let image = store.db().read(|db| {
        db.first("SELECT image FROM names WHERE name = ?", [name.canonical()], |row| row.get::<_, Digest>(0))
    })?;
    let Some(image) = image else { return Ok(false) };
    let platform = store.config(image)?.platform();
    Ok(order.platform.as_ref().is_some_and(|wanted| wanted.normal() != platform.normal()))
}

/// The seam of verification: what the name leads to has to be what the caller says.
fn check_expected(name: &Reference, order: &Order, found: Digest) -> Result<()> {
    match order.expect {
        Some(expect) if expect != found => Err(Error::new(
            ErrorKind::DigestMismatch,
            format!("{name} leads to {found}, not to {expect} as expected"),
        )
        .with("host", name.host())
        .with("repository", name.path())),
        _ => Ok(()),
    }
}

/// The manifest that is to become an image, and the index that led to it.
struct Chosen {
    manifest: Fetched,
    image: Manifest,
    index: Option<Fetched>,
    /// Everything that the index leads to, when all of it is wanted.
    rest: Option<Rest>,
}

/// What an index leads to.
#[derive(Default)]
struct Rest {
    /// Manifests and indexes. Registries have them apart from the blobs.
    documents: Vec<Fetched>,
    /// Configs and layers.
    blobs: Vec<Descriptor>,
}

fn take(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    fetched: Fetched,
    order: &Order,
) -> Result<Digest> {
    let chosen = choose(client, name, fetched, order)?;
    let what = format!("{name} ({})", chosen.manifest.digest);
    let image = &chosen.image;
    check_kind(image, &what)?;
    let mut wanted = vec![(&image.config, false)];
    let mut seen = BTreeSet::from([image.config.digest]);
    wanted.extend(image.layers.iter().filter(|layer| seen.insert(layer.digest)).map(|layer| (layer, true)));
    let rest = chosen.rest.iter().flat_map(|rest| &rest.blobs);
    wanted.extend(rest.filter(|blob| seen.insert(blob.digest)).map(|blob| (blob, true)));
    let runtime = client.http().runtime();
    runtime.each(order.threads, wanted, |(descriptor, is_layer)| {
        let told = match is_layer {
            true => Told::new("pull", descriptor, runtime.task()),
            false => Told::silent(descriptor, runtime.task()),
        };
        download(store, client, lease, descriptor, told)?;
        if !is_layer {
            // What an index said of the platform counts, not what configs of older builders leave out.
            let platform = order.platform.as_ref().filter(|_| chosen.index.is_none());
            check_config(store, image, platform, &what)
                .map_err(|error| error.with("host", name.host()).with("repository", name.path()))?;
        }
        Ok(())
    })?;
    runtime.task().check()?;
    let keeps_name = order.for_build && leads_elsewhere(store, name, order)?;
    commit(store, lease, name, chosen, keeps_name)
}

/// Follows indexes to the manifest of the platform; with all platforms wanted, also to everything else.
fn choose(client: &Client<'_>, name: &Reference, fetched: Fetched, order: &Order) -> Result<Chosen> {
    let platform = order.platform.clone().unwrap_or_else(Platform::host);
    let index = matches!(fetched.document, Document::Index(_)).then(|| fetched.clone());
    let manifest = manifests::for_platform(client, fetched, &platform, name)?;
    let mut rest = None;
    if let Some(index) = index.as_ref().filter(|_| order.all_platforms) {
        everything(client, index, 0, rest.insert(Rest::default()))?;
    }
    match &manifest.document {
        Document::Manifest(image) => {
            let image = (**image).clone();
            Ok(Chosen { manifest, image, index, rest })
        }
        Document::Index(_) => Err(manifests::nested_too_deep(manifest.digest)),
    }
}

/// Finds everything an index leads to.
fn everything(client: &Client<'_>, index: &Fetched, depth: u32, found: &mut Rest) -> Result<()> {
    if depth > MAX_NESTING {
        return Err(manifests::nested_too_deep(index.digest));
    }
    let Document::Index(listed) = &index.document else { return Ok(()) };
    for descriptor in &listed.manifests {
        let child = manifests::get_described(client, descriptor)?;
        match &child.document {
            Document::Manifest(manifest) => {
                found.blobs.push(manifest.config.clone());
                found.blobs.extend(manifest.layers.iter().cloned());
            }
            Document::Index(_) => everything(client, &child, depth + 1, found)?,
        }
        found.documents.push(child);
    }
    Ok(())
}

/// Refuses what is no image: its config would be read as one.
fn check_kind(manifest: &Manifest, what: &str) -> Result<()> {
    let config = manifest.config.media_type.as_str();
    // The last three are of old images, whose registry did not know better (distribution#1621).
    let known =
        [media_type::OCI_CONFIG, media_type::DOCKER_CONFIG, "", OCTETS, "application/json", "text/html"];
    if !known.contains(&config) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{what} is no image but an artifact: its config is {config}"),
        ));
    }
    Ok(())
}

/// The config is here: whether it belongs to the manifest and is for the platform.
fn check_config(store: &Store, manifest: &Manifest, platform: Option<&Platform>, what: &str) -> Result<()> {
    let bytes = store.document(manifest.config.digest)?;
    let config: ImageConfig = spec::parse(&bytes, &format!("the config of {what}"))?;
    config.validate()?;
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!(
                "{what} has {} layers, but its config has {} DiffIDs",
                manifest.layers.len(),
                config.rootfs.diff_ids.len()
            ),
        ));
    }
    match platform {
        Some(wanted) if !wanted.fits(&config.platform()) => Err(Error::new(
            ErrorKind::NotFound,
            format!("{what} is for platform {}, not for {wanted}", config.platform()),
        )),
        _ => Ok(()),
    }
}

/// Makes an image of what is here. Atomic.
fn commit(
    store: &Store,
    lease: &Lease<'_>,
    name: &Reference,
    chosen: Chosen,
    keeps_name: bool,
) -> Result<Digest> {
    let Chosen { manifest, image, index, rest } = chosen;
    let config = store.document(image.config.digest)?;
    let top = index.as_ref().map_or(manifest.digest, |index| index.digest);
    store.db().write(|db| {
        let image = NewImage {
            config,
            media_type: manifest.media_type,
            manifest: manifest.bytes,
            parent: None,
            made: false,
        };
        let (id, manifest) = store.add_image(db, image)?;
        let via = match index {
            Some(index) => {
                let blobs = match rest {
                    Some(rest) => {
                        let mut blobs: Vec<Digest> = rest.blobs.iter().map(|blob| blob.digest).collect();
                        for document in rest.documents {
                            blobs.push(document.digest);
                            store.add_blob(db, PendingBlob::document(document.bytes))?;
                        }
                        Some(blobs)
                    }
                    None => None,
                };
                let (bytes, media_type) = (index.bytes, index.media_type);
                Some(store.add_index(db, NewIndex { bytes, media_type, blobs })?)
            }
            None => None,
        };
        lease.image(db, id)?;
        if keeps_name {
            return Ok(id);
        }
        if name.digest().is_none() {
            store.set_name(db, name, id, manifest, via)?;
        }
        store.set_name(db, &name.with_digest(top), id, manifest, via)?;
        Ok(id)
    })
}
