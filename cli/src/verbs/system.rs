//! `version`, `info`, `system df` and `system verify`.

use layerkit::{DiskUsage, Info, Usage, VerifyOptions, VerifyReport};
use serde_json::{Value, json};

use super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, PROGRAM, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::listing::listing;
use crate::render::template::Template;
use crate::render::units;

pub const VERSION: Verb = Verb {
    syntax: Syntax {
        name: "version",
        usage: "",
        about: "Show the version",
        flags: &[],
        arity: Arity::Exactly(0),
    },
    run: version,
};

pub const INFO: Verb = Verb {
    syntax: Syntax {
        name: "info",
        usage: "[OPTIONS]",
        about: "Display what the engine is and where it works",
        flags: &[valued("format", 'f', "string", "Format the output using the given Go template")],
        arity: Arity::Exactly(0),
    },
    run: info,
};

pub const DF: Verb = Verb {
    syntax: Syntax {
        name: "system df",
        usage: "[OPTIONS]",
        about: "Show disk usage",
        flags: &[valued("format", ' ', "string", "Pretty-print the usage using a Go template")],
        arity: Arity::Exactly(0),
    },
    run: df,
};

pub const VERIFY: Verb = Verb {
    syntax: Syntax {
        name: "system verify",
        usage: "[OPTIONS]",
        about: "Read the whole store and check it",
        flags: &[switch("repair", ' ', "Take away what is broken")],
        arity: Arity::Exactly(0),
    },
    run: verify,
};

/// What `--version` prints.
pub fn version_line() -> String {
    format!("{PROGRAM} version {}", env!("CARGO_PKG_VERSION"))
}

fn version(_context: &Context, _syntax: &Syntax, _words: &Words) -> Outcome {
    Ok(output::line(version_line())?)
}

fn info(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let template = words.text("format")?.map(|format| Template::parse(&format)).transpose()?;
    let info = context.engine()?.system_info()?;
    match template {
        Some(template) => {
            let value = serde_json::to_value(&info).map_err(|error| Failure::Message(error.to_string()))?;
            Ok(output::line(template.render(&value)?)?)
        }
        None => Ok(output::text(&info_lines(&info))?),
    }
}

fn info_lines(info: &Info) -> String {
    let mut text = format!(
        "Version: {}\nRoot: {}\nPlatform: {}\nImages: {}\nContainers: {}\nSchema: {}\nJournal: {}\nRun Mode: {}\n",
        info.version,
        info.root,
        info.platform,
        info.images,
        info.containers,
        info.schema,
        info.journal,
        info.run_mode
    );
    if !info.run_reason.is_empty() {
        text += &format!(" Reason: {}\n", info.run_reason);
    }
    text
}

const DF_TABLE: &str = "table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}";
const DF_HEADERS: &[(&str, &str)] = &[
    ("Active", "ACTIVE"),
    ("Reclaimable", "RECLAIMABLE"),
    ("Size", "SIZE"),
    ("TotalCount", "TOTAL"),
    ("Type", "TYPE"),
];

fn df(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let format = words.text("format")?.unwrap_or_else(|| DF_TABLE.to_owned());
    let usage = context.engine()?.system_df()?;
    Ok(output::text(&listing(&format, DF_HEADERS, &df_rows(&usage))?)?)
}

fn df_rows(usage: &DiskUsage) -> Vec<Value> {
    let row = |kind: &str, usage: &Usage| {
        let mut reclaimable = units::precise_size(usage.reclaimable);
        if let Some(percent) = usage.reclaimable.saturating_mul(100).checked_div(usage.size) {
            reclaimable += &format!(" ({percent}%)");
        }
        json!({
            "Active": usage.active.to_string(),
            "Reclaimable": reclaimable,
            "Size": units::precise_size(usage.size),
            "TotalCount": usage.count.to_string(),
            "Type": kind,
        })
    };
    vec![
        row("Images", &usage.images),
        row("Containers", &usage.containers),
        row("Snapshots", &usage.snapshots),
        row("Build Cache", &usage.build_cache),
    ]
}

/// Fails when the store is not whole, also after a repair that was not asked to, or could not, mend all of it.
fn verify(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = VerifyOptions { repair: words.is_on("repair") };
    let report = context.engine()?.system_verify(&options, &task()?)?;
    output::text(&verify_lines(&report))?;
    if report.problems.iter().all(|problem| problem.repaired) { Ok(()) } else { Err(Failure::Said) }
}

fn verify_lines(report: &VerifyReport) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let repaired = if problem.repaired { " (repaired)" } else { "" };
        text += &format!("{}: {}: {}{repaired}\n", problem.kind, problem.subject, problem.message);
    }
    let problems = match report.problems.len() {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    text + &format!(
        "Checked {} images and {} blobs, {}: {problems}\n",
        report.images,
        report.blobs,
        units::precise_size(report.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerkit::Problem;

    #[test]
    fn disk_use_is_shown_in_dockers_columns() {
        let used = Usage { count: 5, active: 1, size: 1_982_298, reclaimable: 1_982_000 };
        let usage = DiskUsage { images: used, ..DiskUsage::default() };
        assert_eq!(
            listing(DF_TABLE, DF_HEADERS, &df_rows(&usage)).unwrap_or_default(),
            "TYPE          TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
             Images        5         1         1.982MB   1.982MB (99%)\n\
             Containers    0         0         0B        0B\n\
             Snapshots     0         0         0B        0B\n\
             Build Cache   0         0         0B        0B\n"
        );
    }

    #[test]
    fn a_verification_names_each_problem() {
        let problem = |repaired| Problem {
            kind: "blob_corrupt".into(),
            subject: "sha256:1".into(),
            message: "its digest is sha256:2".into(),
            repaired,
        };
        let report =
            VerifyReport { blobs: 3, images: 1, bytes: 2000, problems: vec![problem(false), problem(true)] };
        assert_eq!(
            verify_lines(&report),
            "blob_corrupt: sha256:1: its digest is sha256:2\n\
             blob_corrupt: sha256:1: its digest is sha256:2 (repaired)\n\
             Checked 1 images and 3 blobs, 2kB: 2 problems\n"
        );
    }
}
