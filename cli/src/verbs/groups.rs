//! Which verbs there are, by themselves and behind `container`, `image` and other nouns.

use std::ffi::OsString;

use super::{
    Context, GLOBAL, Verb, build, builder, containers, dockerfile, files, images, inspect, login, pull, push,
    registry, remove, run_verb, search, system, transfer,
};
use crate::failure::{Failure, Outcome};
use crate::flags::{PROGRAM, flag_table};
use crate::output;

/// Verbs that share a first word.
struct Group {
    name: &'static str,
    about: &'static str,
    verbs: &'static [(&'static str, &'static Verb)],
}

/// The verbs that stand by themselves.
const VERBS: &[(&str, &Verb)] = &[
    ("attach", &containers::ATTACH),
    ("build", &build::BUILD),
    ("cat", &files::CAT),
    ("commit", &containers::COMMIT),
    ("cp", &containers::COPY),
    ("create", &containers::CREATE),
    ("diff", &files::DIFF),
    ("exec", &containers::EXEC),
    ("export", &containers::EXPORT),
    ("history", &inspect::HISTORY),
    ("images", &images::IMAGES),
    ("import", &transfer::IMPORT),
    ("info", &system::INFO),
    ("inspect", &inspect::INSPECT),
    ("kill", &containers::KILL),
    ("load", &transfer::LOAD),
    ("login", &login::LOGIN),
    ("logout", &login::LOGOUT),
    ("logs", &containers::LOGS),
    ("ls", &files::LS),
    ("pause", &containers::PAUSE),
    ("ps", &containers::LIST),
    ("pull", &pull::PULL),
    ("push", &push::PUSH),
    ("rename", &containers::RENAME),
    ("restart", &containers::RESTART),
    ("rm", &containers::REMOVE),
    ("rmi", &remove::RMI),
    ("run", &containers::RUN),
    ("save", &transfer::SAVE),
    ("search", &search::SEARCH),
    ("start", &containers::START),
    ("stop", &containers::STOP),
    ("tag", &images::TAG),
    ("top", &containers::TOP),
    ("unpack", &transfer::UNPACK),
    ("unpause", &containers::UNPAUSE),
    ("version", &system::VERSION),
    ("wait", &containers::WAIT),
];

const GROUPS: &[Group] = &[
    Group {
        name: "builder",
        about: "Manage what builds keep",
        verbs: &[
            ("build", &build::BUILD),
            ("export", &builder::EXPORT),
            ("import", &builder::IMPORT),
            ("ls", &builder::LIST),
            ("prune", &builder::PRUNE),
        ],
    },
    Group {
        name: "container",
        about: "Manage containers",
        verbs: &[
            ("attach", &containers::ATTACH),
            ("commit", &containers::COMMIT),
            ("cp", &containers::COPY),
            ("create", &containers::CREATE),
            ("diff", &files::DIFF),
            ("exec", &containers::EXEC),
            ("export", &containers::EXPORT),
            ("inspect", &containers::INSPECT),
            ("kill", &containers::KILL),
            ("list", &containers::LIST),
            ("logs", &containers::LOGS),
            ("ls", &containers::LIST),
            ("pause", &containers::PAUSE),
            ("prune", &containers::PRUNE),
            ("ps", &containers::LIST),
            ("remove", &containers::REMOVE),
            ("rename", &containers::RENAME),
            ("restart", &containers::RESTART),
            ("rm", &containers::REMOVE),
            ("run", &containers::RUN),
            ("start", &containers::START),
            ("stop", &containers::STOP),
            ("top", &containers::TOP),
            ("unpause", &containers::UNPAUSE),
            ("wait", &containers::WAIT),
        ],
    },
    Group { name: "dockerfile", about: "Look at Dockerfiles", verbs: &[("parse", &dockerfile::PARSE)] },
    Group {
        name: "image",
        about: "Manage images",
        verbs: &[
            ("build", &build::BUILD),
            ("cat", &files::CAT),
            ("diff", &files::DIFF),
            ("files", &files::LS),
            ("history", &inspect::HISTORY),
            ("import", &transfer::IMPORT),
            ("inspect", &inspect::INSPECT),
            ("load", &transfer::LOAD),
            ("ls", &images::IMAGES),
            ("list", &images::IMAGES),
            ("prune", &remove::IMAGE_PRUNE),
            ("pull", &pull::PULL),
            ("push", &push::PUSH),
            ("rm", &remove::RMI),
            ("remove", &remove::RMI),
            ("save", &transfer::SAVE),
            ("tag", &images::TAG),
            ("unpack", &transfer::UNPACK),
        ],
    },
    Group {
        name: "registry",
        about: "Talk to registries",
        verbs: &[
            ("copy", &registry::COPY),
            ("login", &login::LOGIN),
            ("logout", &login::LOGOUT),
            ("manifest", &registry::MANIFEST),
            ("ping", &registry::PING),
            ("referrers", &registry::REFERRERS),
            ("rm", &registry::RM),
            ("tags", &registry::TAGS),
        ],
    },
    Group {
        name: "system",
        about: "Manage the store",
        verbs: &[
            ("df", &system::DF),
            ("info", &system::INFO),
            ("prune", &remove::SYSTEM_PRUNE),
            ("verify", &system::VERIFY),
        ],
    },
];

/// Names that mean another name of the same group, and are not listed beside it.
const ALIASES: &[&str] = &["list", "ps", "remove"];

/// Runs the verb with this first word.
pub fn dispatch(context: &Context, first: &str, words: Vec<OsString>) -> Outcome {
    if let Some((_, verb)) = VERBS.iter().find(|(name, _)| *name == first) {
        return run_verb(context, verb, words);
    }
    let group = GROUPS.iter().find(|group| group.name == first);
    if let Some(group) = group {
        return dispatch_in(context, group, words);
    }
    if first == "help" {
        return Ok(output::text(&help())?);
    }
    Err(unknown(first, VERBS.iter().map(|(name, _)| *name).chain(GROUPS.iter().map(|group| group.name)), ""))
}

fn dispatch_in(context: &Context, group: &Group, words: Vec<OsString>) -> Outcome {
    let mut words = words.into_iter();
    let Some(second) = words.next() else { return Ok(output::text(&group.help())?) };
    let second = second.to_string_lossy();
    if let Some((_, verb)) = group.verbs.iter().find(|(name, _)| *name == second) {
        return run_verb(context, verb, words.collect());
    }
    if matches!(&*second, "--help" | "-h" | "help") {
        return Ok(output::text(&group.help())?);
    }
    Err(unknown(&second, group.listed().map(|(name, _)| name), group.name))
}

fn unknown(word: &str, known: impl Iterator<Item = &'static str>, group: &str) -> Failure {
    let command = [PROGRAM, group].join(" ").trim_end().to_owned();
    let known = known.collect::<Vec<_>>().join(", ");
    Failure::Usage {
        text: format!(
            "{command}: '{word}' is not a {command} command. There are: {known}\nSee '{command} --help'"
        ),
        code: 1,
    }
}

impl Group {
    fn listed(&self) -> impl Iterator<Item = (&'static str, &'static Verb)> {
        self.verbs.iter().copied().filter(|(name, _)| !ALIASES.contains(name))
    }

    fn help(&self) -> String {
        let mut text = format!("\nUsage:  {PROGRAM} {} COMMAND\n\n{}\n\nCommands:\n", self.name, self.about);
        text += &table(self.listed().map(|(name, verb)| (name, verb.syntax.about)));
        text + &format!("\nRun '{PROGRAM} {} COMMAND --help' for more information on a command.\n", self.name)
    }
}

fn table(rows: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    rows.map(|(name, about)| format!("  {name:11} {about}\n")).collect()
}

/// The help on all of it.
pub fn help() -> String {
    let mut text = format!("\nUsage:  {PROGRAM} {}\n\n{}\n\nOptions:\n", GLOBAL.usage, GLOBAL.about);
    text += &flag_table(GLOBAL.flags);
    text += "\nManagement Commands:\n";
    text += &table(GROUPS.iter().map(|group| (group.name, group.about)));
    text += "\nCommands:\n";
    text += &table(VERBS.iter().map(|(name, verb)| (*name, verb.syntax.about)));
    text + &format!("\nRun '{PROGRAM} COMMAND --help' for more information on a command.\n")
}
