//! Lines, directives, stages, and what is wrong with a file as a whole.

use super::*;

#[test]
fn the_seeds_dockerfile_parses() {
    let dockerfile = dockerfile(
        "# This is a comment\nFROM ubuntu:16.04\nMAINTAINER Docker Newbee <newbee@docker.com>\n\
         RUN apt-get -qq update\nRUN apt-get -qqy install ruby ruby-dev\nADD myApp /var/www\nEXPOSE 80\n\
         CMD [\"/usr/sbin/apachectl\", \"-D\", \"FOREGROUND\"]\n",
    );
    let [stage] = dockerfile.stages.as_slice() else { panic!("one stage") };
    assert_eq!(stage.base, "ubuntu:16.04");
    assert_eq!(stage.from.line, 2);
    let texts: Vec<&str> = stage.instructions.iter().map(|i| i.text.as_str()).collect();
    assert_eq!(texts[0], "MAINTAINER Docker Newbee <newbee@docker.com>");
    assert_eq!(texts[3], "ADD myApp /var/www");
    assert_eq!(stage.instructions[4].command, Command::Expose(strings(&["80"])));
    assert_eq!(
        stage.instructions[5].command,
        Command::Cmd(exec(&["/usr/sbin/apachectl", "-D", "FOREGROUND"]))
    );
}

#[test]
fn stages_have_bases_names_and_platforms() {
    let dockerfile = dockerfile(
        "ARG TAG=1\nARG BARE\nFROM --platform=$BUILDPLATFORM golang:$TAG AS Build\nRUN make\nfrom build as last\n",
    );
    assert_eq!(dockerfile.meta_args.len(), 2);
    assert_eq!(dockerfile.meta_args[0].command, Command::Arg(vec![("TAG".into(), Some("1".into()))]));
    let [build, last] = dockerfile.stages.as_slice() else { panic!("two stages") };
    assert_eq!(build.name.as_deref(), Some("build"));
    assert_eq!(build.base, "golang:$TAG");
    assert_eq!(build.platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(last.from.name, "FROM");
    assert_eq!(last.from.text, "from build as last");
    assert_eq!(last.name.as_deref(), Some("last"));
}

#[test]
fn a_file_needs_an_instruction_and_a_stage() {
    for (text, message) in [
        ("", "the Dockerfile cannot be empty"),
        ("\n\n  # only a comment\n", "file with no instructions"),
        ("ARG a=1\n", "dockerfile contains no stages to build"),
        ("RUN true\nFROM x", "Dockerfile parse error line 1: no build stage in current context"),
        ("ARG a\n\nENV a=b", "Dockerfile parse error line 3: no build stage in current context"),
    ] {
        assert_eq!(failure(text).to_string(), message);
    }
    let error = failure("\nRUN true");
    assert_eq!(error.field("line"), Some(&Field::Int(2)));
    assert_eq!(error.field("instruction"), Some(&Field::Text("RUN".into())));
}

#[test]
fn an_unknown_instruction_is_named_and_the_nearest_offered() {
    for (text, message) in [
        ("RUNN true", "unknown instruction: RUNN (did you mean RUN?)"),
        ("runn true", "unknown instruction: runn (did you mean run?)"),
        ("ENTRYPINT x", "unknown instruction: ENTRYPINT (did you mean ENTRYPOINT?)"),
        ("FOOBAR x", "unknown instruction: FOOBAR"),
        ("[\"a\"]", "unknown instruction: [\"a\"]"),
    ] {
        assert_eq!(complaint(text), message);
    }
    let error = failure("FROM x\nRUNN true");
    assert_eq!(error.field("instruction"), Some(&Field::Text("RUNN".into())));
}

#[test]
fn continued_lines_are_joined_as_they_stand() {
    let dockerfile = dockerfile(
        "FROM scratch\nRUN apt-get update \\\n    && apt-get install -y \\\n# a comment\n  # another\n      nginx \\  \n\\\n  # last\n && true\nENV a=b\\\nc\n",
    );
    let [run, env] = dockerfile.stages[0].instructions.as_slice() else { panic!("two instructions") };
    let line = "apt-get update     && apt-get install -y       nginx  && true";
    assert_eq!(run.command, super::run(shell(line)));
    assert_eq!(run.text, format!("RUN {line}"));
    assert_eq!((run.line, run.end_line), (2, 9));
    assert_eq!(env.command, Command::Env(pairs(&[("a", "bc")])));
    assert_eq!((env.line, env.end_line), (10, 11));
    assert_eq!(dockerfile.empty_continuations, []);
}

#[test]
fn a_doubled_escape_continues_nothing() {
    assert_eq!(commands("RUN echo a\\\\\nRUN b"), [run(shell("echo a\\\\")), run(shell("b"))]);
    assert_eq!(commands("RUN echo a \\\n"), [run(shell("echo a"))]);
    assert_eq!(commands("RUN echo a\\"), [run(shell("echo a"))]);
}

#[test]
fn an_empty_line_in_a_continuation_is_skipped_and_warned_of() {
    let dockerfile = dockerfile("FROM a\nRUN x \\\n\n   \n y \\\n\n z\nRUN b\n");
    assert_eq!(dockerfile.empty_continuations, [(3, "RUN x  y  z".to_owned())]);
    assert_eq!(dockerfile.stages[0].instructions.len(), 2);
}

#[test]
fn windows_line_ends_and_the_byte_order_mark_are_no_part_of_the_text() {
    let dockerfile = dockerfile("\u{feff}# escape=\\\r\nFROM a\r\nRUN b \\\r\n  c\r\n\r\nUSER d\r\n");
    let [run, user] = dockerfile.stages[0].instructions.as_slice() else { panic!("two instructions") };
    assert_eq!(run.text, "RUN b   c");
    assert_eq!(user.command, Command::User("d".into()));
    assert_eq!(user.line, 6);
}

#[test]
fn names_may_be_written_in_any_case_and_indented() {
    let dockerfile = dockerfile("  fRoM a\n\tCopy b c\n");
    let copy_ = &dockerfile.stages[0].instructions[0];
    assert_eq!(copy_.name, "COPY");
    assert_eq!(copy_.text, "Copy b c");
    assert_eq!(copy_.command, Command::Copy(copy(&["b"], "c")));
}

#[test]
fn directives_stand_before_everything_else() {
    let dockerfile = dockerfile(
        "# Syntax = docker/dockerfile:1 --x\n#escape=`\n# check=skip=all\nFROM a\nRUN b `\n c\\\nUSER d\n",
    );
    assert_eq!(dockerfile.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!(dockerfile.check.as_deref(), Some("skip=all"));
    assert_eq!(dockerfile.escape, '`');
    assert_eq!(dockerfile.stages[0].instructions[0].text, "RUN b  c\\");
    for text in [
        "\n# escape=`\nFROM a",
        "# comment\n# escape=`\nFROM a",
        "# other=x\n# escape=`\nFROM a",
        "FROM a\n# escape=`\n",
        "#escape\n# escape=`\nFROM a",
        "#escape=\n# escape=`\nFROM a",
    ] {
        assert_eq!(super::dockerfile(text).escape, '\\', "{text:?}");
    }
}

#[test]
fn a_directive_that_is_repeated_or_wrong_is_an_error() {
    for (text, message) in [
        ("# escape=`\n# Escape=\\\nFROM a", "line 2: only one escape parser directive can be used"),
        (
            "# syntax=a\n# escape=`\n# syntax=b\nFROM a",
            "line 3: only one syntax parser directive can be used",
        ),
        ("# escape=x\nFROM a", "line 1: invalid escape token 'x' does not match ` or \\"),
    ] {
        assert_eq!(failure(text).to_string(), format!("Dockerfile parse error {message}"));
    }
}

#[test]
fn bytes_that_are_no_text_are_allowed_in_comments_only() {
    assert!(parse(b"# \xff\nFROM a\nRUN b \\\n # \xfe\n c\n").is_ok());
    let error = parse(b"FROM a\nRUN b \\\n \xff\n").unwrap_err();
    assert_eq!(error.to_string(), "Dockerfile parse error line 3: the line is not UTF-8");
    assert_eq!(error.field("line"), Some(&Field::Int(3)));
}

#[test]
fn instructions_and_errors_have_a_column() {
    let dockerfile = dockerfile("FROM a\n \t\u{fc}\n".replace('\u{fc}', "RUN b").as_str());
    let run = &dockerfile.stages[0].instructions[0];
    assert_eq!((run.line, run.column), (2, 3));
    for (text, line, column) in [
        ("FROM a\n  RUNN b", 2, 3),
        ("FROM a\n\tONBUILD RUNN b", 2, 2),
        (" RUN a", 1, 2),
        ("# escape=x\nFROM a", 1, 1),
        ("\u{feff}RUN a", 1, 1),
    ] {
        let error = failure(text);
        assert_eq!(error.field("line"), Some(&Field::Int(line)), "{text}");
        assert_eq!(error.field("column"), Some(&Field::Int(column)), "{text}");
    }
    let error = parse("FROM a\nRUN \u{fc} \\\n\u{fc}".bytes().chain([0xff]).collect::<Vec<_>>().as_slice());
    assert_eq!(error.unwrap_err().field("column"), Some(&Field::Int(2)));
}

#[test]
fn directives_may_follow_a_line_for_the_system() {
    let dockerfile = dockerfile("#!/usr/bin/env build\n# escape=`\nFROM a\n");
    assert_eq!(dockerfile.escape, '`');
    assert_eq!(super::dockerfile("# escape=`\n#!x\n# syntax=y\nFROM a").syntax, None);
}

#[test]
fn directives_are_written_with_blanks_anywhere() {
    for text in ["  #  escape  =  `  \nFROM a", "#ESCAPE=`\r\nFROM a", "\t# Escape =`\nFROM a"] {
        assert_eq!(dockerfile(text).escape, '`', "{text:?}");
    }
}

#[test]
fn the_comment_above_an_instruction_is_kept() {
    let dockerfile = dockerfile(
        "# check=skip=all\n# a is b\nARG a\n# x\n\nFROM a\n# y\n#\nRUN b\n# z  \nRUN c \\\n# w\n d\n",
    );
    let comment = |instruction: &Instruction| instruction.comment.clone();
    assert_eq!(comment(&dockerfile.meta_args[0]).as_deref(), Some("a is b"));
    assert_eq!(comment(&dockerfile.stages[0].from), None);
    assert_eq!(comment(&dockerfile.stages[0].instructions[0]), None);
    assert_eq!(comment(&dockerfile.stages[0].instructions[1]).as_deref(), Some("z"));
}

#[test]
fn a_change_is_one_of_the_instructions_that_change_a_config() {
    let change = parse_change("cmd [\"a\"]").unwrap();
    assert_eq!((change.name.as_str(), change.command), ("CMD", Command::Cmd(exec(&["a"]))));
    assert_eq!(parse_change(" ENV a=b c=d\n").unwrap().text, "ENV a=b c=d");
    for (text, message) in [
        ("RUN true", "run is not a valid change command"),
        ("From x", "from is not a valid change command"),
        ("nonsense", "nonsense is not a valid change command"),
        ("", "a change is one instruction"),
        ("# comment", "a change is one instruction"),
        ("USER a\nUSER b", "a change is one instruction"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
    ] {
        let error = parse_change(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
        assert_eq!(error.to_string(), message);
    }
}
