//! `registry …`: what a registry can be asked and told without the store.

use layerkit::{
    CopyOptions, CopyReport, ManifestOptions, PingReport, ReferrersOptions, RegistryOptions, TagsOptions,
};

use super::inspect::indented;
use super::{Context, Verb, number};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::{task, task_with_bars};
use crate::render::units;

pub const PING: Verb = Verb {
    syntax: Syntax {
        name: "registry ping",
        usage: "[SERVER]",
        about: "Ask a registry whether it is there (default: Docker Hub)",
        flags: &[],
        arity: Arity::AtMost(1),
    },
    run: ping,
};

pub const TAGS: Verb = Verb {
    syntax: Syntax {
        name: "registry tags",
        usage: "[OPTIONS] REPOSITORY",
        about: "List the tags of a repository",
        flags: &[
            valued("last", ' ', "string", "Only show tags behind this one"),
            valued("limit", ' ', "int", "Max number of tags (default: all)"),
        ],
        arity: Arity::Exactly(1),
    },
    run: tags,
};

pub const MANIFEST: Verb = Verb {
    syntax: Syntax {
        name: "registry manifest",
        usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
        about: "Display a manifest or index",
        flags: &[
            valued("platform", ' ', "string", "Of an index, display the manifest of this platform"),
            switch("raw", ' ', "Display the bytes as the registry has them"),
        ],
        arity: Arity::Exactly(1),
    },
    run: manifest,
};

pub const REFERRERS: Verb = Verb {
    syntax: Syntax {
        name: "registry referrers",
        usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
        about: "List what refers to a manifest, one descriptor in JSON on each line",
        flags: &[valued("artifact-type", ' ', "string", "Only show those of this type")],
        arity: Arity::Exactly(1),
    },
    run: referrers,
};

pub const COPY: Verb = Verb {
    syntax: Syntax {
        name: "registry copy",
        usage: "[OPTIONS] SOURCE[:TAG|@DIGEST] TARGET[:TAG]",
        about: "Copy an image or an index from one name to another, without keeping it here",
        flags: &[
            valued("chunk-size", ' ', "bytes", "Send blobs in requests of so many bytes"),
            valued("concurrency", ' ', "int", "Blobs that are copied at once"),
            valued("platform", ' ', "string", "Of an index, copy the image of this platform alone"),
            switch("referrers", ' ', "Also copy what refers to it"),
        ],
        arity: Arity::Exactly(2),
    },
    run: copy,
};

pub const RM: Verb = Verb {
    syntax: Syntax {
        name: "registry rm",
        usage: "NAME[:TAG|@DIGEST]",
        about: "Delete a tag, or by digest a manifest with all its tags",
        flags: &[],
        arity: Arity::Exactly(1),
    },
    run: rm,
};

fn ping(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let server = words.names()?.pop().unwrap_or_default();
    let report = context.engine()?.registry_ping(&server, &RegistryOptions::default(), &task()?)?;
    Ok(output::text(&ping_lines(&report))?)
}

fn ping_lines(report: &PingReport) -> String {
    format!("URL: {}\nVersion: {}\nAuthentication: {}\n", report.url, report.version, report.auth)
}

fn tags(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options =
        TagsOptions { limit: number(syntax, words, "limit")?, last: words.text("last")?, auth: None };
    let tags = context.engine()?.registry_tags(&words.names()?[0], &options, &task()?)?;
    Ok(output::text(&tags.iter().map(|tag| format!("{tag}\n")).collect::<String>())?)
}

fn manifest(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = ManifestOptions { platform: words.text("platform")?, auth: None };
    let report = context.engine()?.registry_manifest(&words.names()?[0], &options, &task()?)?;
    match words.is_on("raw") {
        true => Ok(output::text(&report.raw)?),
        false => Ok(output::line(indented(&report.manifest)?)?),
    }
}

fn referrers(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = ReferrersOptions { artifact_type: words.text("artifact-type")?, auth: None };
    let descriptors = context.engine()?.registry_referrers(&words.names()?[0], &options, &task()?)?;
    for descriptor in descriptors {
        let json = serde_json::to_string(&descriptor).map_err(|error| Failure::Message(error.to_string()))?;
        output::line(json)?;
    }
    Ok(())
}

fn copy(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = CopyOptions {
        platform: words.text("platform")?,
        referrers: words.is_on("referrers"),
        concurrency: number(syntax, words, "concurrency")?,
        chunk_size: number(syntax, words, "chunk-size")?,
        source_auth: None,
        destination_auth: None,
    };
    let names = words.names()?;
    let engine = context.engine()?;
    let report = engine.registry_copy(&names[0], &names[1], &options, &task_with_bars()?)?;
    Ok(output::text(&copied_lines(&report))?)
}

fn copied_lines(report: &CopyReport) -> String {
    format!(
        "Manifests: {}\nCopied: {} ({})\nMounted: {}\nAlready there: {}\nDigest: {}\n",
        report.manifests,
        report.copied,
        units::precise_size(report.bytes),
        report.mounted,
        report.existed,
        report.digest
    )
}

fn rm(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let name = &words.names()?[0];
    context.engine()?.registry_delete(name, &RegistryOptions::default(), &task()?)?;
    Ok(output::line(format_args!("Deleted: {name}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_counts_what_it_moved_and_what_it_did_not_have_to() {
        let report = CopyReport {
            digest: "sha256:1".into(),
            manifests: 2,
            copied: 3,
            mounted: 1,
            existed: 4,
            bytes: 1_982_298,
        };
        assert_eq!(
            copied_lines(&report),
            "Manifests: 2\nCopied: 3 (1.982MB)\nMounted: 1\nAlready there: 4\nDigest: sha256:1\n"
        );
    }

    #[test]
    fn a_registry_that_answers_says_where_and_how() {
        let report = PingReport {
            url: "https://registry-1.docker.io".into(),
            version: "registry/2.0".into(),
            auth: "bearer".into(),
        };
        assert_eq!(
            ping_lines(&report),
            "URL: https://registry-1.docker.io\nVersion: registry/2.0\nAuthentication: bearer\n"
        );
    }
}
