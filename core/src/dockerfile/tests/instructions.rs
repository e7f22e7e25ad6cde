//! Every instruction: what it takes, and what it refuses.

use super::*;

#[test]
fn commands_have_a_shell_form_and_an_exec_form() {
    for (text, expected) in [
        ("CMD echo $HOME 'a b'", shell("echo $HOME 'a b'")),
        (r#"CMD ["echo", "a b", "\u0041\n"]"#, exec(&["echo", "a b", "A\n"])),
        (r#"CMD   [ "echo" ]  "#, exec(&["echo"])),
        ("CMD []", exec(&[])),
        ("CMD", shell("")),
        // What looks like JSON and is not is a shell's command.
        ("CMD ['echo']", shell("['echo']")),
        (r#"CMD ["echo"] && true"#, shell(r#"["echo"] && true"#)),
        ("CMD [ -f x ] || exit 1", shell("[ -f x ] || exit 1")),
        (r#"CMD ["a",]"#, shell(r#"["a",]"#)),
    ] {
        assert_eq!(command(text), Command::Cmd(expected.clone()), "{text}");
        let text = text.replacen("CMD", "ENTRYPOINT", 1);
        assert_eq!(command(&text), Command::Entrypoint(expected), "{text}");
    }
}

#[test]
fn a_json_array_holds_strings_only() {
    for text in ["CMD [1]", r#"RUN ["a", null]"#, r#"COPY ["a", ["b"]]"#, "VOLUME [{}]", "SHELL [true]"] {
        assert_eq!(
            complaint(text),
            "when using JSON array syntax, arrays must be comprised of strings only",
            "{text}"
        );
    }
}

#[test]
fn run_takes_its_flags_before_the_command() {
    let text = "RUN --mount=type=cache,target=/a --mount='type=secret,id=x y' --network=none --security=insecure \
                --device=gpu -- --x \"y\"";
    let Command::Run { command, mounts, network, security, devices, heredocs } = command(text) else {
        panic!("a RUN")
    };
    assert_eq!(command, shell("--x \"y\""));
    assert_eq!(mounts, ["type=cache,target=/a", "type=secret,id=x y"]);
    assert_eq!((network.as_deref(), security.as_deref()), (Some("none"), Some("insecure")));
    assert_eq!(devices, ["gpu"]);
    assert_eq!(heredocs, []);
    assert_eq!(super::command("RUN echo --mount=x"), run(shell("echo --mount=x")));
    assert_eq!(complaint("RUN"), "RUN requires at least one argument");
    assert_eq!(complaint("RUN []"), "RUN requires at least one argument");
    assert_eq!(complaint("RUN --network=lan x"), "invalid network mode \"lan\"");
    assert_eq!(complaint("RUN --security=x x"), "security \"x\" is not valid");
}

#[test]
fn copy_has_sources_a_destination_and_flags() {
    assert_eq!(command("COPY a b/ c/"), Command::Copy(copy(&["a", "b/"], "c/")));
    assert_eq!(command(r#"COPY ["a b", "c d"]"#), Command::Copy(copy(&["a b"], "c d")));
    // Only JSON keeps blanks together.
    assert_eq!(command(r#"COPY "a b" c"#), Command::Copy(copy(&["\"a", "b\""], "c")));
    let text =
        "COPY --from=base --chown=1:$GID --chmod=0755 --link --parents=TRUE --exclude=*.o --exclude=x a b";
    let expected = CopyArgs {
        from: Some("base".into()),
        chown: Some("1:$GID".into()),
        chmod: Some("0755".into()),
        link: true,
        parents: true,
        exclude: strings(&["*.o", "x"]),
        ..copy(&["a"], "b")
    };
    assert_eq!(command(text), Command::Copy(expected));
    assert_eq!(command("COPY --from= --link=false a b"), Command::Copy(copy(&["a"], "b")));
    for text in ["COPY", "COPY a", "ADD a", r#"COPY ["a"]"#, "COPY []"] {
        let name = text.split(' ').next().unwrap();
        let message =
            "requires at least two arguments, but only one was provided. Destination could not be determined";
        assert_eq!(complaint(text), format!("{name} {message}"), "{text}");
    }
}

#[test]
fn add_has_flags_of_its_own() {
    let text = "ADD --checksum=sha256:0 --keep-git-dir --unpack=false --link https://example.org/x /y";
    let expected = CopyArgs {
        checksum: Some("sha256:0".into()),
        keep_git_dir: true,
        unpack: Some(false),
        link: true,
        ..copy(&["https://example.org/x"], "/y")
    };
    assert_eq!(command(text), Command::Add(expected));
}

#[test]
fn flags_are_checked() {
    for (text, message) in [
        ("COPY --chwon=1 a b", "unknown flag: --chwon (did you mean --chown?)"),
        ("COPY --checksum=x a b", "unknown flag: --checksum"),
        ("ADD --from=x a b", "unknown flag: --from"),
        ("COPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown"),
        ("COPY --from a b", "missing a value on flag: --from"),
        ("COPY --link= a b", "missing a value on flag: --link"),
        ("COPY --link=1 a b", "expecting boolean value for flag --link, not: 1"),
        ("RUN --mount x", "missing a value on flag: --mount"),
        ("MAINTAINER --boo joe@example.com", "unknown flag: --boo"),
        ("CMD --x", "unknown flag: --x"),
        ("ENV --x=1 a=b", "unknown flag: --x"),
        ("ARG --x=1 a=b", "unknown flag: --x"),
        ("STOPSIGNAL --x 9", "unknown flag: --x"),
        ("FROM --plattform=x y", "unknown flag: --plattform (did you mean --platform?)"),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
    let error = failure("FROM a\n\nCOPY --x a b");
    assert_eq!(error.field("instruction"), Some(&Field::Text("COPY".into())));
    assert_eq!(error.field("line"), Some(&Field::Int(3)));
}

#[test]
fn from_takes_an_image_and_perhaps_a_name() {
    for (text, name) in [("x", None), ("x AS y", Some("y")), ("x as A1-b_c.d", Some("a1-b_c.d"))] {
        assert_eq!(dockerfile(&format!("FROM {text}")).stages[0].name.as_deref(), name);
    }
    for (text, message) in [
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a IS b", "FROM requires either one or three arguments"),
        ("FROM a AS", "FROM requires either one or three arguments"),
        ("FROM a AS b c", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1",
            "invalid name for build stage: \"1\", name can't start with a number or contain symbols",
        ),
        (
            "FROM a AS b$",
            "invalid name for build stage: \"b$\", name can't start with a number or contain symbols",
        ),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
}

#[test]
fn env_and_label_take_pairs_and_the_old_form() {
    for (text, expected) in [
        ("a=b", &[("a", "b")][..]),
        ("a=b c=\"d e\" f='g h'", &[("a", "b"), ("c", "\"d e\""), ("f", "'g h'")]),
        (r"a=b\ c d=", &[("a", r"b\ c"), ("d", "")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a=\"b 'c\" d=$e", &[("a", "\"b 'c\""), ("d", "$e")]),
        ("a b", &[("a", "b")]),
        ("a   b c=d  \"e\"", &[("a", "b c=d  \"e\"")]),
        ("\"a b\"=c", &[("\"a b\"", "c")]),
        ("a=b\\", &[("a", "b")]),
    ] {
        assert_eq!(command(&format!("ENV {text}")), Command::Env(pairs(expected)), "{text}");
        assert_eq!(command(&format!("LABEL {text}")), Command::Label(pairs(expected)), "{text}");
    }
    for (text, message) in [
        ("ENV", "ENV requires at least one argument"),
        ("LABEL ", "LABEL requires at least one argument"),
        ("ENV a", "ENV must have two arguments"),
        ("ENV =a", "ENV names can not be blank"),
        ("LABEL a=b =c", "LABEL names can not be blank"),
        ("ENV a=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value"),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
}

#[test]
fn arg_takes_names_with_and_without_defaults() {
    let arg = |name: &str, default: Option<&str>| (name.to_owned(), default.map(str::to_owned));
    let expected = vec![arg("a", None), arg("b", Some("\"c d\"")), arg("e", Some(""))];
    assert_eq!(command("ARG a b=\"c d\" e="), Command::Arg(expected));
    assert_eq!(complaint("ARG"), "ARG requires at least one argument");
    assert_eq!(complaint("ARG =a"), "ARG names can not be blank");
}

#[test]
fn instructions_of_one_argument_take_the_rest_of_the_line() {
    assert_eq!(command("WORKDIR /a b"), Command::Workdir("/a b".into()));
    assert_eq!(command("USER a:b"), Command::User("a:b".into()));
    assert_eq!(command("STOPSIGNAL SIGTERM"), Command::StopSignal("SIGTERM".into()));
    assert_eq!(command("MAINTAINER A <a@b>"), Command::Maintainer("A <a@b>".into()));
    for name in ["WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER"] {
        assert_eq!(complaint(name), format!("{name} requires exactly one argument"));
    }
}

#[test]
fn expose_and_volume_take_lists() {
    assert_eq!(command("EXPOSE 80  443/tcp $P"), Command::Expose(strings(&["80", "443/tcp", "$P"])));
    assert_eq!(command("VOLUME /a /b"), Command::Volume(strings(&["/a", "/b"])));
    assert_eq!(command(r#"VOLUME ["/a b", "/c"]"#), Command::Volume(strings(&["/a b", "/c"])));
    assert_eq!(complaint("EXPOSE"), "EXPOSE requires at least one argument");
    assert_eq!(complaint("VOLUME"), "VOLUME requires at least one argument");
    assert_eq!(complaint("VOLUME []"), "VOLUME requires at least one argument");
    assert_eq!(complaint(r#"VOLUME ["/a", " "]"#), "VOLUME specified can not be an empty string");
}

#[test]
fn shell_takes_json_only() {
    assert_eq!(command(r#"SHELL ["/bin/bash", "-c"]"#), Command::Shell(strings(&["/bin/bash", "-c"])));
    assert_eq!(complaint("SHELL /bin/bash -c"), "SHELL requires the arguments to be in JSON form");
    assert_eq!(complaint("SHELL []"), "SHELL requires at least one argument");
    assert_eq!(complaint("SHELL"), "SHELL requires at least one argument");
}

#[test]
fn a_health_check_has_a_command_and_times() {
    assert_eq!(command("HEALTHCHECK NONE"), Command::Healthcheck(Healthcheck::None));
    let check = |test: &[&str]| Healthcheck::Check {
        test: strings(test),
        interval: 0,
        timeout: 0,
        start_period: 0,
        start_interval: 0,
        retries: 0,
    };
    assert_eq!(
        command("HEALTHCHECK cmd curl -f x || exit 1"),
        Command::Healthcheck(check(&["CMD-SHELL", "curl -f x || exit 1"]))
    );
    assert_eq!(
        command(r#"HEALTHCHECK --timeout=0s CMD ["a", "b"]"#),
        Command::Healthcheck(check(&["CMD", "a", "b"]))
    );
    let text =
        "HEALTHCHECK --interval=1m30s --timeout=5s --start-period=1ms --start-interval=2s --retries=3 CMD a";
    assert_eq!(
        command(text),
        Command::Healthcheck(Healthcheck::Check {
            test: strings(&["CMD-SHELL", "a"]),
            interval: 90_000_000_000,
            timeout: 5_000_000_000,
            start_period: 1_000_000,
            start_interval: 2_000_000_000,
            retries: 3,
        })
    );
    for (text, message) in [
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK echo", "Unknown type \"ECHO\" in HEALTHCHECK (try CMD)"),
        ("HEALTHCHECK --interval=50ns CMD a", "Interval \"interval\" cannot be less than 1ms"),
        ("HEALTHCHECK --timeout=-1s CMD a", "Interval \"timeout\" cannot be less than 1ms"),
        ("HEALTHCHECK --interval=5 CMD a", "time: missing unit in duration \"5\""),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        ("HEALTHCHECK --retries=x CMD a", "--retries wants a number, not \"x\""),
        ("HEALTHCHECK --retry=1 CMD a", "unknown flag: --retry"),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
}

#[test]
fn onbuild_holds_an_instruction() {
    let Command::Onbuild(trigger) = command("ONBUILD  run echo  a") else { panic!("an ONBUILD") };
    assert_eq!(trigger.name, "RUN");
    assert_eq!(trigger.text, "run echo  a");
    assert_eq!(trigger.line, 2);
    assert_eq!(trigger.command, run(shell("echo  a")));
    for (text, message) in [
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD MAINTAINER x", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD --x RUN y", "unknown flag: --x"),
        ("ONBUILD COPI a b", "unknown instruction: COPI (did you mean COPY?)"),
        (
            "ONBUILD COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
}

#[test]
fn the_trigger_of_an_image_is_one_instruction() {
    assert_eq!(parse_onbuild("COPY . /app").unwrap().command, Command::Copy(copy(&["."], "/app")));
    for (text, message) in [
        ("", "an ONBUILD trigger is one instruction"),
        ("RUN a\nRUN b", "an ONBUILD trigger is one instruction"),
        ("FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ] {
        let error = parse_onbuild(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DockerfileSyntax);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_nearest_value_of_a_flag_is_offered() {
    for (text, message) in [
        ("RUN --network=nnoe x", "invalid network mode \"nnoe\" (did you mean none?)"),
        ("RUN --network=bridge x", "invalid network mode \"bridge\""),
        ("RUN --security=insecur x", "security \"insecur\" is not valid (did you mean insecure?)"),
        ("COPY --link=ture a b", "expecting boolean value for flag --link, not: ture (did you mean true?)"),
    ] {
        assert_eq!(complaint(text), message, "{text}");
    }
}
