//! `login` and `logout`.

use std::io::{self, IsTerminal, Read};

use layerkit::{Engine, ErrorKind, LoginOptions, LoginReport, LogoutReport, Task};

use super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::prompt::{ask, ask_secret};

pub const LOGIN: Verb = Verb {
    syntax: Syntax {
        name: "login",
        usage: "[OPTIONS] [SERVER]",
        about: "Log in to a Docker registry (default: Docker Hub)",
        flags: &[
            valued("password", 'p', "string", "Password"),
            switch("password-stdin", ' ', "Take the password from stdin"),
            valued("username", 'u', "string", "Username"),
        ],
        arity: Arity::AtMost(1),
    },
    run: login,
};

pub const LOGOUT: Verb = Verb {
    syntax: Syntax {
        name: "logout",
        usage: "[SERVER]",
        about: "Log out from a Docker registry (default: Docker Hub)",
        flags: &[],
        arity: Arity::AtMost(1),
    },
    run: logout,
};

const HINT: &str = "Login with your Docker ID to push and pull images from Docker Hub. If you don't have a Docker ID, \
                    head over to https://hub.docker.com to create one.";

/// What the servers are called that are Docker Hub.
const HUB: [&str; 3] = ["", "docker.io", "https://index.docker.io/v1/"];

fn login(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let given = given(words)?;
    let server = words.names()?.pop().unwrap_or_default();
    let engine = context.engine()?;
    let task = task()?;
    let stored = match given == LoginOptions::default() {
        true => with_stored(&engine, &server, &task)?,
        false => None,
    };
    let report = match stored {
        Some(report) => report,
        None if given.password.is_none() && !io::stdin().is_terminal() => {
            return Err(Failure::Message(
                "Cannot perform an interactive login from a non TTY device".to_owned(),
            ));
        }
        None => {
            let options = completed(given, &server, |question, secret| match secret {
                true => ask_secret(question, &task),
                false => ask(question, &task),
            })?;
            engine.registry_login(&server, &options, &task)?
        }
    };
    if report.plain {
        output::complain(unencrypted(&report));
    }
    Ok(output::line("Login Succeeded")?)
}

/// What the command line says of user and password.
fn given(words: &Words) -> Outcome<LoginOptions> {
    let text = |long| Ok::<_, Failure>(words.text(long)?.filter(|text| !text.is_empty()));
    let mut options =
        LoginOptions { username: text("username")?, password: text("password")?, identity_token: None };
    let from_stdin = words.is_on("password-stdin");
    if options.password.is_some() {
        output::complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        if from_stdin {
            return Err(Failure::Message(
                "--password and --password-stdin are mutually exclusive".to_owned(),
            ));
        }
    }
    if from_stdin {
        if options.username.is_none() {
            return Err(Failure::Message("Must provide --username with --password-stdin".to_owned()));
        }
        let mut password = String::new();
        io::stdin()
            .lock()
            .read_to_string(&mut password)
            .map_err(|error| Failure::Message(format!("standard input: {error}")))?;
        options.password = Some(without_line_end(&password).to_owned()).filter(|text| !text.is_empty());
    }
    Ok(options)
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Tries what is stored. None when nothing is, or the registry does not take it any more.
fn with_stored(engine: &Engine, server: &str, task: &Task) -> Outcome<Option<LoginReport>> {
    let result = engine.registry_login(server, &LoginOptions::default(), task);
    let kind = result.as_ref().err().map(|error| error.kind());
    if matches!(kind, None | Some(ErrorKind::Unauthorized)) {
        output::line("Authenticating with existing credentials...")?;
    }
    match (result, kind) {
        (Ok(report), _) => Ok(Some(report)),
        (_, Some(ErrorKind::NotFound)) => Ok(None),
        (_, Some(ErrorKind::Unauthorized)) => {
            output::complain("Stored credentials invalid or expired");
            Ok(None)
        }
        // Nothing that somebody could type helps here.
        (Err(error), _) => Err(error.into()),
    }
}

/// Asks for what is missing; `ask` is told whether the answer is a secret.
fn completed(
    mut options: LoginOptions,
    server: &str,
    mut ask: impl FnMut(&str, bool) -> Outcome<String>,
) -> Outcome<LoginOptions> {
    if options.username.is_none() {
        let hint = if HUB.contains(&server) { format!("{HINT}\n") } else { String::new() };
        let username = ask(&format!("{hint}Username: "), false)?.trim().to_owned();
        if username.is_empty() {
            return Err(Failure::Message("Non-null Username Required".to_owned()));
        }
        options.username = Some(username);
    }
    if options.password.is_none() {
        let password = ask("Password: ", true)?;
        if password.is_empty() {
            return Err(Failure::Message("Password Required".to_owned()));
        }
        options.password = Some(password);
    }
    Ok(options)
}

fn unencrypted(report: &LoginReport) -> String {
    format!(
        "WARNING! Your password will be stored unencrypted in {}.\n\
         Configure a credential helper to remove this warning. See\n\
         https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n",
        report.stored
    )
}

fn logout(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let server = words.names()?.pop().unwrap_or_default();
    let report = context.engine()?.registry_logout(&server, &task()?)?;
    Ok(output::line(logged_out(&report))?)
}

fn logged_out(report: &LogoutReport) -> String {
    match report.removed {
        true => format!("Removing login credentials for {}", report.server),
        false => format!("Not logged in to {}", report.server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was asked, and what came of the answers.
    fn asked(
        options: LoginOptions,
        server: &str,
        answers: &[&str],
    ) -> (Vec<(String, bool)>, Outcome<LoginOptions>) {
        let (mut questions, mut answers) = (Vec::new(), answers.iter());
        let completed = completed(options, server, |question, secret| {
            questions.push((question.to_owned(), secret));
            Ok((*answers.next().unwrap()).to_owned())
        });
        (questions, completed)
    }

    fn options(username: Option<&str>, password: Option<&str>) -> LoginOptions {
        let text = |text: Option<&str>| text.map(str::to_owned);
        LoginOptions { username: text(username), password: text(password), identity_token: None }
    }

    #[test]
    fn only_what_is_missing_is_asked_for_and_the_password_in_secret() {
        let (questions, completed) = asked(options(None, None), "localhost:5000", &[" me ", " se cret "]);
        assert_eq!(questions, [("Username: ".to_owned(), false), ("Password: ".to_owned(), true)]);
        assert_eq!(completed.unwrap(), options(Some("me"), Some(" se cret ")));

        let (questions, completed) = asked(options(Some("me"), None), "", &["secret"]);
        assert_eq!(questions, [("Password: ".to_owned(), true)]);
        assert_eq!(completed.unwrap(), options(Some("me"), Some("secret")));

        let (questions, _) = asked(options(Some("me"), Some("secret")), "", &[]);
        assert_eq!(questions, []);
    }

    #[test]
    fn whoever_logs_in_to_docker_hub_is_told_where_its_ids_come_from() {
        for server in HUB {
            let (questions, _) = asked(options(None, Some("x")), server, &["me"]);
            assert!(
                questions[0].0.starts_with("Login with your Docker ID to push and pull images"),
                "{server}"
            );
            assert!(questions[0].0.ends_with("to create one.\nUsername: "), "{server}");
        }
    }

    #[test]
    fn empty_answers_are_refused() {
        for (answers, why) in
            [(&["  "][..], "Non-null Username Required"), (&["me", ""], "Password Required")]
        {
            match asked(options(None, None), "", answers).1 {
                Err(Failure::Message(message)) => assert_eq!(message, why),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_password_from_a_pipe_loses_one_line_end() {
        for (piped, password) in [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("x", "x"), (" ", " ")] {
            assert_eq!(without_line_end(piped), password);
        }
    }

    #[test]
    fn reports_read_as_docker_writes_them() {
        let report = LoginReport {
            server: "x".into(),
            username: "me".into(),
            stored: "/home/me/.docker/config.json".into(),
            plain: true,
        };
        assert_eq!(
            unencrypted(&report).lines().next(),
            Some("WARNING! Your password will be stored unencrypted in /home/me/.docker/config.json.")
        );
        let report = |removed| LogoutReport { server: "https://index.docker.io/v1/".into(), removed };
        assert_eq!(logged_out(&report(true)), "Removing login credentials for https://index.docker.io/v1/");
        assert_eq!(logged_out(&report(false)), "Not logged in to https://index.docker.io/v1/");
    }
}
