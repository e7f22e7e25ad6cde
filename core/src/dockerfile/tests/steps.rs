//! Steps as data, and the Dockerfile that they are.

use serde_json::{Value, json};

use super::*;

fn written(steps: Value) -> Result<String> {
    from_steps(&serde_json::from_value::<Vec<BuildStep>>(steps).unwrap())
}

/// One step after `FROM scratch`, as it is written.
#[track_caller]
fn step(instruction: &str, args: Value) -> String {
    written(json!([{"instruction": instruction, "args": args}])).unwrap().trim_end().to_owned()
}

#[track_caller]
fn refused(step: Value) -> String {
    let error = written(json!([{"instruction": "FROM", "args": "scratch"}, step])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    error.to_string().strip_prefix("step 2: ").unwrap().to_owned()
}

#[test]
fn steps_are_written_as_one_would_write_them() {
    for (instruction, args, expected) in [
        ("from", json!("debian AS build"), "FROM debian AS build"),
        ("RUN", json!("make && make install"), "RUN make && make install"),
        ("RUN", json!(["make", "a b"]), r#"RUN ["make", "a b"]"#),
        ("COPY", json!(["a", "b", "/c/"]), "COPY a b /c/"),
        ("COPY", json!(["a b", "/c"]), r#"COPY ["a b", "/c"]"#),
        ("COPY", json!(["'a'", "/c"]), r#"COPY ["\\'a\\'", "/c"]"#),
        ("ENV", json!({"A": "1", "B": "two words", "C": "$A"}), r#"ENV A=1 B="two words" C=$A"#),
        ("ENV", json!(["A=1", "B=x y"]), r#"ENV A=1 B="x y""#),
        ("ENV", json!("A=1 B=2"), "ENV A=1 B=2"),
        ("LABEL", json!({"a b": "c\"d'e\\f"}), r#"LABEL "a b"="c\"d'e\\f""#),
        ("ARG", json!({"A": null, "B": "x", "N": 3}), "ARG A B=x N=3"),
        ("EXPOSE", json!(["80", "53/udp"]), "EXPOSE 80 53/udp"),
        ("VOLUME", json!(["/a", "/b c"]), r#"VOLUME ["/a", "/b c"]"#),
        ("CMD", json!([]), "CMD []"),
        ("HEALTHCHECK", json!(["curl", "x"]), r#"HEALTHCHECK CMD ["curl", "x"]"#),
        ("HEALTHCHECK", json!("NONE"), "HEALTHCHECK NONE"),
        ("ONBUILD", json!({"instruction": "RUN", "args": ["a"]}), r#"ONBUILD RUN ["a"]"#),
        ("RUN", json!("--help me"), "RUN -- --help me"),
    ] {
        assert_eq!(step(instruction, args), expected);
    }
}

#[test]
fn flags_are_words_of_their_own() {
    let text = written(json!([{
        "instruction": "RUN",
        "flags": {"mount": ["type=cache,target=/c", "type=bind,target=/a b"], "network": "none", "device": null},
        "args": "true",
    }]));
    let expected = r#"RUN --mount=type=cache,target=/c --mount="type=bind,target=/a b" --network=none true"#;
    assert_eq!(text.unwrap().trim_end(), expected);
    let text = written(json!([{
        "instruction": "COPY", "flags": {"link": true, "parents": false, "chown": "a\\\"b"}, "args": ["x", "y"],
    }]));
    assert_eq!(text.unwrap().trim_end(), r#"COPY --chown=a\\\"b --link --parents=false x y"#);
}

#[test]
fn a_script_of_several_lines_is_a_heredoc() {
    assert_eq!(step("RUN", json!("set -e\necho $HOME\n")), "RUN <<'EOF'\nset -e\necho $HOME\nEOF");
    assert_eq!(step("RUN", json!("cat <<EOF\na\nEOF")), "RUN <<'EOF_'\ncat <<EOF\na\nEOF\nEOF_");
    let text = step("ONBUILD", json!({"instruction": "RUN", "args": "a\nb"}));
    assert_eq!(text, "ONBUILD RUN <<'EOF'\na\nb\nEOF");
}

#[test]
fn values_mean_what_they_say() {
    for value in ["a b", "a\\b", "\"'", "\\\\", "x\\", " ", "", "a=b", "#", "\u{a0}"] {
        let text = step("ENV", json!({"A": value}));
        let Command::Env(pairs) = command(&text) else { panic!("an ENV") };
        assert_eq!(expand(&pairs[0].1, '\\', &|_| None).unwrap(), value, "{text}");
    }
    let text = step("ENV", json!({"A": "\\$B $B"}));
    let Command::Env(pairs) = command(&text) else { panic!("an ENV") };
    assert_eq!(expand(&pairs[0].1, '\\', &|_| Some("v".into())).unwrap(), "$B v");
}

#[test]
fn what_no_dockerfile_can_say_names_its_step() {
    for (step, message) in [
        (json!({"instruction": "RUNN"}), "unknown instruction: RUNN (did you mean RUN?)"),
        (json!({"instruction": "RUN"}), "RUN requires at least one argument"),
        (json!({"instruction": "RUN", "args": {}}), "the args of RUN are of the wrong type"),
        (json!({"instruction": "RUN", "args": [1]}), "the list of RUN holds texts only"),
        (
            json!({"instruction": "COPY", "flags": {"lnk": true}, "args": ["a", "b"]}),
            "unknown flag: --lnk (did you mean --link?)",
        ),
        (
            json!({"instruction": "ENV", "args": {"A": "x\ny"}}),
            "an argument of ENV has a line end, which no Dockerfile can say",
        ),
        (json!({"instruction": "ENV", "args": {"A B": "x"}}), "\"A B\" is no name for ENV"),
        (json!({"instruction": "RUN", "args": "a \\"}), "the text of RUN ends with a backslash"),
        (json!({"instruction": "WORKDIR", "args": ["/a"]}), "the args of WORKDIR are a text"),
        (json!({"instruction": "EXPOSE", "args": ["80 81"]}), "a port of EXPOSE has no blanks"),
        (
            json!({"instruction": "ENV", "args": "A=1\nRUN x"}),
            "an argument of ENV has a line end, which no Dockerfile can say",
        ),
    ] {
        assert_eq!(refused(step), message);
    }
}

#[test]
fn a_report_has_every_instruction_with_its_place() {
    let text = "# syntax=x\nARG A=1\nFROM a AS B\n  RUN --mount=type=cache --network=none <<EOF\nx\nEOF\n\
                HEALTHCHECK --interval=1s CMD a\nONBUILD COPY --link a /b\n";
    let report = serde_json::to_value(report(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(report["directives"], json!({"syntax": "x", "escape": null, "check": null}));
    assert_eq!(report["escape"], "\\");
    assert_eq!(report["meta_args"][0]["arguments"], json!({"pairs": [{"name": "A", "value": "1"}]}));
    assert_eq!(report["stages"][0]["name"], "b");
    let instructions = &report["stages"][0]["instructions"];
    assert_eq!(instructions[0]["arguments"], json!({"image": "a", "name": "b"}));
    assert_eq!(
        instructions[1],
        json!({
            "name": "RUN", "line": 4, "end_line": 6, "column": 3,
            "text": "RUN --mount=type=cache --network=none <<EOF",
            "flags": {"mount": ["type=cache"], "network": "none"},
            "arguments": {"command": "<<EOF"},
            "heredocs": [{"name": "EOF", "content": "x\n", "expand": true}],
        })
    );
    assert_eq!(instructions[2]["arguments"], json!({"test": ["CMD-SHELL", "a"]}));
    assert_eq!(instructions[3]["arguments"]["instruction"]["flags"], json!({"link": true}));
    assert_eq!(
        report["warnings"],
        json!([{"rule": "StageNameCasing", "message": "Stage name 'B' should be lowercase", "line": 3, "column": 1}])
    );
}
