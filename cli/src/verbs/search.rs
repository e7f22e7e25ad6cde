//! `search`.

use std::cmp::Reverse;

use layerkit::{SearchOptions, SearchResult};
use serde_json::{Value, json};

use super::{Context, Verb, filters, number};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::listing::{ellipsis, listing};

pub const SEARCH: Verb = Verb {
    syntax: Syntax {
        name: "search",
        usage: "[OPTIONS] TERM",
        about: "Search the Docker Hub for images",
        flags: &[
            valued("filter", 'f', "filter", "Filter output based on conditions provided"),
            valued("format", ' ', "string", "Pretty-print search using a Go template"),
            valued("limit", ' ', "int", "Max number of search results (default 25)"),
            switch("no-trunc", ' ', "Don't truncate output"),
        ],
        arity: Arity::Exactly(1),
    },
    run: search,
};

const TABLE: &str =
    "table {{.Index}}\\t{{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}\\t{{.IsAutomated}}";

const HEADERS: &[(&str, &str)] = &[
    ("Description", "DESCRIPTION"),
    ("Index", "INDEX"),
    ("IsAutomated", "AUTOMATED"),
    ("IsOfficial", "OFFICIAL"),
    ("Name", "NAME"),
    ("StarCount", "STARS"),
];

/// Characters of a description that Docker shows.
const DESCRIPTION: usize = 45;

fn search(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = SearchOptions {
        limit: number(syntax, words, "limit")?,
        filters: filters(syntax, words)?,
        auth: None,
    };
    let format = words.text("format")?.filter(|format| !format.is_empty() && format != "table");
    let found = context.engine()?.images_search(&words.names()?[0], &options, &task()?)?;
    Ok(output::text(&listed(found, format.as_deref(), words.is_on("no-trunc"))?)?)
}

fn listed(mut found: Vec<SearchResult>, format: Option<&str>, whole: bool) -> Outcome<String> {
    found.sort_by_key(|result| Reverse(result.star_count));
    let json = format.is_some_and(|format| format.contains("json"));
    let rows: Vec<Value> = found
        .iter()
        .map(|result| {
            json!({
                "Description": description(&result.description, whole),
                "Index": result.index,
                "IsAutomated": shown(result.is_automated, json),
                "IsOfficial": shown(result.is_official, json),
                // The table names repositories with their index, as Docker did where there was more than one.
                "Name": if format.is_none() { with_index(result) } else { result.name.clone() },
                "StarCount": result.star_count.to_string(),
            })
        })
        .collect();
    listing(format.unwrap_or(TABLE), HEADERS, &rows)
}

fn with_index(result: &SearchResult) -> String {
    let (index, name) = (&result.index, &result.name);
    match name.strip_prefix(index.as_str()).is_some_and(|rest| rest.starts_with('/')) {
        true => name.clone(),
        false => format!("{index}/{name}"),
    }
}

/// On one line, and cut unless it is wanted whole.
fn description(text: &str, whole: bool) -> String {
    let line = text.replace(['\n', '\r'], " ");
    if whole { line } else { ellipsis(&line, DESCRIPTION) }
}

/// What is true in Docker's tables, and in its JSON.
fn shown(value: bool, json: bool) -> &'static str {
    match (value, json) {
        (true, true) => "true",
        (false, true) => "false",
        (true, false) => "[OK]",
        (false, false) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Vec<SearchResult> {
        let result = |name: &str, description: &str, star_count, official, automated| SearchResult {
            index: "docker.io".into(),
            name: name.into(),
            description: description.into(),
            star_count,
            is_official: official,
            is_automated: automated,
        };
        vec![
            result("addle/ubuntu-16.04", "Ubuntu 16.04 LTS (Xenial Xerus)", 0, false, false),
            result(
                "seresearch/opendavinci-ubuntu-16.04",
                "Docker image with all Ubuntu 16.04 dependencies\nfor OpenDaVINCI",
                1,
                false,
                true,
            ),
            result("cdbishop89/docker-ubuntu-16.04", "Base Ubuntu 16.04 Image", 0, false, true),
            result("ubuntu", "Ubuntu", 20, true, false),
        ]
    }

    #[test]
    fn what_was_found_stands_in_dockers_columns_under_its_stars() {
        assert_eq!(
            listed(found(), None, false).unwrap(),
            "INDEX       NAME                                            DESCRIPTION                                     STARS     OFFICIAL   AUTOMATED\n\
             docker.io   docker.io/ubuntu                                Ubuntu                                          20        [OK]       \n\
             docker.io   docker.io/seresearch/opendavinci-ubuntu-16.04   Docker image with all Ubuntu 16.04 dependenc…   1                    [OK]\n\
             docker.io   docker.io/addle/ubuntu-16.04                    Ubuntu 16.04 LTS (Xenial Xerus)                 0                    \n\
             docker.io   docker.io/cdbishop89/docker-ubuntu-16.04        Base Ubuntu 16.04 Image                         0                    [OK]\n"
        );
    }

    #[test]
    fn a_template_has_the_fields_as_they_are() {
        let format = "{{.Index}} {{.Name}} {{.StarCount}} {{.IsOfficial}}{{.IsAutomated}}";
        let text = listed(found(), Some(format), false).unwrap();
        assert_eq!(text.lines().next(), Some("docker.io ubuntu 20 [OK]"));
        let text = listed(found(), Some("{{.Description}}"), true).unwrap();
        assert_eq!(
            text.lines().nth(1),
            Some("Docker image with all Ubuntu 16.04 dependencies for OpenDaVINCI")
        );
        let text = listed(found(), Some("{{json .IsOfficial}}"), true).unwrap();
        assert_eq!(text, "\"true\"\n\"false\"\n\"false\"\n\"false\"\n");
    }

    #[test]
    fn a_name_is_given_its_index_once() {
        let mut result = found().remove(0);
        result.index = "hub.c.163.com".into();
        result.name = "hub.c.163.com/public/logo".into();
        assert_eq!(with_index(&result), "hub.c.163.com/public/logo");
    }
}
