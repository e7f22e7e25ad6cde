//! `images` and `tag`.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use layerkit::{ImageSummary, ListOptions};
use serde_json::{Value, json};

use super::{Context, Verb, filters};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::render::listing::{listing, shown_id};
use crate::render::units;

pub const IMAGES: Verb = Verb {
    syntax: Syntax {
        name: "images",
        usage: "[OPTIONS] [REPOSITORY[:TAG]]",
        about: "List images",
        flags: &[
            switch("all", 'a', "Show all images (default hides intermediate images)"),
            switch("digests", ' ', "Show digests"),
            valued("filter", 'f', "filter", "Filter output based on conditions provided"),
            valued("format", ' ', "string", "Pretty-print images using a Go template"),
            switch("no-trunc", ' ', "Don't truncate output"),
            switch("quiet", 'q', "Only show image IDs"),
        ],
        arity: Arity::AtMost(1),
    },
    run: images,
};

pub const TAG: Verb = Verb {
    syntax: Syntax {
        name: "tag",
        usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        flags: &[],
        arity: Arity::Exactly(2),
    },
    run: tag,
};

const TABLE: &str = "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}";
const TABLE_WITH_DIGESTS: &str =
    "table {{.Repository}}\\t{{.Tag}}\\t{{.Digest}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}";

const HEADERS: &[(&str, &str)] = &[
    ("Containers", "CONTAINERS"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedSince", "CREATED"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("SharedSize", "SHARED SIZE"),
    ("Size", "SIZE"),
    ("Tag", "TAG"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("VirtualSize", "SIZE"),
];

/// What stands where there is no name, tag or digest.
const NONE: &str = "<none>";

fn images(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options =
        ListOptions { all: words.is_on("all"), name: words.names()?.pop(), filters: filters(syntax, words)? };
    let digests = words.is_on("digests");
    let given = words.text("format")?.filter(|format| !format.is_empty() && format != "table");
    let format = match given {
        // As in Docker, --quiet makes a table of the user's a list of IDs, and leaves other templates alone.
        Some(format) if !words.is_on("quiet") || !format.starts_with("table ") => format,
        _ if words.is_on("quiet") => "{{.ID}}".to_owned(),
        _ if digests => TABLE_WITH_DIGESTS.to_owned(),
        _ => TABLE.to_owned(),
    };
    let shown =
        Shown { digests: digests || format.contains(".Digest"), whole: words.is_on("no-trunc"), now: now() };
    let images = context.engine()?.images_list(&options)?;
    let rows: Vec<Value> = images.iter().flat_map(|image| shown.rows(image)).collect();
    Ok(output::text(&listing(&format, HEADERS, &rows)?)?)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// How long ago, in words.
pub fn ago(now: i64, then: i64) -> String {
    format!("{} ago", units::duration(now.saturating_sub(then)))
}

/// How a list of images is shown.
struct Shown {
    /// One line for each digest too.
    digests: bool,
    /// IDs in full.
    whole: bool,
    now: i64,
}

impl Shown {
    /// The lines of an image: one for each of its names.
    fn rows(&self, image: &ImageSummary) -> Vec<Value> {
        self.names(image).into_iter().map(|name| self.row(image, name)).collect()
    }

    /// Repository, tag and digest of each line.
    fn names<'a>(&self, image: &'a ImageSummary) -> Vec<(&'a str, &'a str, &'a str)> {
        let mut digests = BTreeMap::<&str, Vec<&str>>::new();
        for name in &image.digests {
            if let Some((repository, digest)) = name.split_once('@') {
                digests.entry(repository).or_default().push(digest);
            }
        }
        let mut rows = Vec::new();
        let mut tagged = Vec::new();
        for name in &image.tags {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, NONE));
            tagged.push(repository);
            match digests.get(repository).filter(|_| self.digests) {
                Some(digests) => rows.extend(digests.iter().map(|digest| (repository, tag, *digest))),
                None => rows.push((repository, tag, NONE)),
            }
        }
        for (repository, digests) in digests.iter().filter(|(repository, _)| !tagged.contains(repository)) {
            match self.digests {
                true => rows.extend(digests.iter().map(|digest| (*repository, NONE, *digest))),
                false => rows.push((repository, NONE, NONE)),
            }
        }
        if rows.is_empty() {
            rows.push((NONE, NONE, NONE));
        }
        rows
    }

    fn row(&self, image: &ImageSummary, (repository, tag, digest): (&str, &str, &str)) -> Value {
        json!({
            "Containers": "N/A",
            "CreatedAt": local_time(image.created_unix, "%Y-%m-%d %H:%M:%S %z %Z"),
            "CreatedSince": ago(self.now, image.created_unix),
            "Digest": digest,
            "ID": shown_id(&image.id, self.whole),
            "Repository": repository,
            "SharedSize": "N/A",
            "Size": units::size(image.size),
            "Tag": tag,
            "UniqueSize": "N/A",
            "VirtualSize": units::precise_size(image.size),
        })
    }
}

/// A time in the time zone of the machine, in this form of strftime.
pub fn local_time(seconds: i64, form: &str) -> String {
    let Ok(time) = Timestamp::from_second(seconds) else { return seconds.to_string() };
    time.to_zoned_datetime(TimeZone::system()).strftime(form).to_string()
}

fn tag(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let names = words.names()?;
    Ok(context.engine()?.image_tag(&names[0], &names[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(tags: &[&str], digests: &[&str]) -> ImageSummary {
        ImageSummary {
            id: "sha256:e4415b714b624040f19f45994b51daed5cbdb00e0eb9a07221ff0bd6bcf55ed7".into(),
            parent: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            digests: digests.iter().map(|digest| (*digest).to_owned()).collect(),
            created: "1970-01-01T00:00:00Z".into(),
            created_unix: 0,
            size: 128_100_000,
            labels: BTreeMap::new(),
            manifest_digest: String::new(),
            platform: "linux/amd64".into(),
        }
    }

    fn shown(format: &str, digests: bool, images: &[ImageSummary]) -> String {
        let shown = Shown { digests, whole: false, now: 11 * 24 * 3600 };
        let rows: Vec<_> = images.iter().flat_map(|image| shown.rows(image)).collect();
        match listing(format, HEADERS, &rows) {
            Ok(text) => text,
            Err(failure) => panic!("{failure:?}"),
        }
    }

    #[test]
    fn an_image_has_a_line_for_each_name() {
        let images = [image(&["docker.io/ubuntu:16.04", "docker.io/ubuntu:latest"], &[]), image(&[], &[])];
        assert_eq!(
            shown(TABLE, false, &images),
            "REPOSITORY         TAG       IMAGE ID       CREATED       SIZE\n\
             docker.io/ubuntu   16.04     e4415b714b62   11 days ago   128MB\n\
             docker.io/ubuntu   latest    e4415b714b62   11 days ago   128MB\n\
             <none>             <none>    e4415b714b62   11 days ago   128MB\n"
        );
    }

    #[test]
    fn digests_stand_beside_the_tags_of_their_repository_or_by_themselves() {
        let images = [image(&["a:1"], &["a@sha256:1", "b@sha256:2"])];
        let format = "{{.Repository}} {{.Tag}} {{.Digest}}";
        assert_eq!(shown(format, true, &images), "a 1 sha256:1\nb <none> sha256:2\n");
        assert_eq!(shown(format, false, &images), "a 1 <none>\nb <none> <none>\n");
    }
}
