//! `ps`: the containers in Docker's columns.

use layerkit::{ContainerListOptions, ContainerSummary};
use serde_json::{Value, json};

use super::super::images::{ago, local_time, now};
use super::super::{Context, Verb, filters, number};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::render::listing::{ellipsis, listing, shown_id};
use crate::render::units;

pub const LIST: Verb = Verb {
    syntax: Syntax {
        name: "ps",
        usage: "[OPTIONS]",
        about: "List containers",
        flags: &[
            switch("all", 'a', "Show all containers (default shows just running)"),
            valued("filter", 'f', "filter", "Filter output based on conditions provided"),
            valued("format", ' ', "string", "Pretty-print containers using a Go template"),
            valued("last", 'n', "int", "Show n last created containers (includes all states)"),
            switch("latest", 'l', "Show the latest created container (includes all states)"),
            switch("no-trunc", ' ', "Don't truncate output"),
            switch("quiet", 'q', "Only display container IDs"),
            switch("size", 's', "Display total file sizes"),
        ],
        arity: Arity::Exactly(0),
    },
    run: list,
};

const TABLE: &str =
    "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}";

const HEADERS: &[(&str, &str)] = &[
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Labels", "LABELS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Mounts", "MOUNTS"),
    ("Names", "NAMES"),
    ("Networks", "NETWORKS"),
    ("Ports", "PORTS"),
    ("RunningFor", "CREATED"),
    ("Size", "SIZE"),
    ("State", "STATE"),
    ("Status", "STATUS"),
];

/// Characters of a command that a table shows.
const COMMAND: usize = 20;

fn list(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let last = number::<i64>(syntax, words, "last")?.and_then(|count| u32::try_from(count).ok());
    let limit = if words.is_on("latest") { Some(1) } else { last.filter(|count| *count > 0) };
    let given = words.text("format")?.filter(|format| !format.is_empty() && format != "table");
    let size = words.is_on("size");
    let format = match given {
        Some(format) if !words.is_on("quiet") => format,
        _ if words.is_on("quiet") => "{{.ID}}".to_owned(),
        _ if size => format!("{TABLE}\\t{{{{.Size}}}}"),
        _ => TABLE.to_owned(),
    };
    let options = ContainerListOptions {
        all: words.is_on("all") || limit.is_some(),
        limit,
        size: size || format.contains(".Size"),
        filters: filters(syntax, words)?,
    };
    let (whole, now) = (words.is_on("no-trunc"), now());
    let containers = context.engine()?.containers_list(&options)?;
    let rows: Vec<Value> = containers.iter().map(|container| row(container, whole, now)).collect();
    Ok(output::text(&listing(&format, HEADERS, &rows)?)?)
}

fn row(container: &ContainerSummary, whole: bool, now: i64) -> Value {
    let command = if whole { container.command.clone() } else { ellipsis(&container.command, COMMAND) };
    let labels: Vec<String> = container.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mounts: Vec<&str> = container.mounts.iter().map(|mount| mount.source.as_str()).collect();
    let volumes = container.mounts.iter().filter(|mount| mount.kind == "volume").count();
    json!({
        "Command": format!("{command:?}"),
        "CreatedAt": local_time(container.created_unix, "%Y-%m-%d %H:%M:%S %z %Z"),
        "ID": shown_id(&container.id, whole),
        "Image": shown_id(&container.image, whole),
        "Labels": labels.join(","),
        "LocalVolumes": volumes.to_string(),
        "Mounts": mounts.join(","),
        "Names": container.name,
        "Networks": container.network,
        "Ports": container.ports.join(", "),
        "RunningFor": ago(now, container.created_unix),
        "Size": shown_size(container),
        "State": container.state,
        "Status": container.status,
    })
}

fn shown_size(container: &ContainerSummary) -> String {
    let written = units::size(container.size_rw.unwrap_or_default());
    match container.size_root_fs {
        Some(all) => format!("{written} (virtual {})", units::size(all)),
        None => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_as_docker_shows_it() {
        let container = ContainerSummary {
            id: "267d3bd0a41f".repeat(5) + "aaaa",
            name: "quiet_harbor".into(),
            image: "ubuntu:16.04".into(),
            image_id: "sha256:1".into(),
            command: "/bin/bash".into(),
            created: String::new(),
            created_unix: 100,
            state: "exited".into(),
            status: "Exited (0) 21 seconds ago".into(),
            exit_code: Some(0),
            labels: Default::default(),
            ports: Vec::new(),
            mounts: Vec::new(),
            network: "host".into(),
            size_rw: Some(5),
            size_root_fs: Some(1005),
        };
        let rows = [row(&container, false, 100 + 21 * 60)];
        assert_eq!(
            listing(TABLE, HEADERS, &rows).unwrap_or_default(),
            "CONTAINER ID   IMAGE          COMMAND       CREATED          STATUS                      PORTS     NAMES\n\
             267d3bd0a41f   ubuntu:16.04   \"/bin/bash\"   21 minutes ago   Exited (0) 21 seconds ago             quiet_harbor\n"
        );
        assert_eq!(shown_size(&container), "5B (virtual 1kB)");
    }
}
