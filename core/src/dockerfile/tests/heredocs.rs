//! Heredocs: where they are found, where they end, what becomes of them.

use super::*;

/// The heredocs of the only instruction.
#[track_caller]
fn heredocs(text: &str) -> Vec<Heredoc> {
    command(text).heredocs().to_vec()
}

#[test]
fn a_heredoc_ends_at_its_word() {
    for (text, expected) in [
        ("RUN <<EMPTY\nEMPTY", heredoc("EMPTY", "", true)),
        ("RUN 3<<EMPTY2\nEMPTY2", heredoc("EMPTY2", "", true)),
        ("RUN <<INDENT\n\tfoo\n\tbar\nINDENT", heredoc("INDENT", "\tfoo\n\tbar\n", true)),
        ("RUN <<-UNINDENT\n\tbaz\n\t\tquux\n\tUNINDENT", heredoc("UNINDENT", "baz\nquux\n", true)),
        ("RUN <<-'NO'\n\tdon't expand $NAME\nNO", heredoc("NO", "don't expand $NAME\n", false)),
        ("RUN <<C\n# internal\necho a # b\n\nC", heredoc("C", "# internal\necho a # b\n\n", true)),
        ("RUN <<C\na \\\nC", heredoc("C", "a \\\n", true)),
        ("RUN --mount=type=cache,target=/foo <<M\necho\nM", heredoc("M", "echo\n", true)),
        ("RUN <<COMPLEX python3\nprint()\nCOMPLEX", heredoc("COMPLEX", "print()\n", true)),
        ("RUN <<eo'f'\necho\neof", heredoc("eof", "echo\n", false)),
        ("RUN <<eo\\'f\necho\neo'f", heredoc("eo'f", "echo\n", true)),
        ("RUN <<'e'o\\'f\necho\neo'f", heredoc("eo'f", "echo\n", false)),
        ("RUN <<'one two'\necho\none two", heredoc("one two", "echo\n", false)),
        ("RUN <<\"EOF\"\necho\nEOF", heredoc("EOF", "echo\n", false)),
        ("RUN <<$EOF\n$EOF", heredoc("$EOF", "", true)),
        ("RUN <<  EOF  > foo\nEOF", heredoc("EOF", "", true)),
        ("RUN <<- EOF\nEOF", heredoc("EOF", "", true)),
        ("RUN << -EOF\n-EOF", heredoc("-EOF", "", true)),
        ("RUN <<EOF\r\na\r\nEOF\r\n", heredoc("EOF", "a\r\n", true)),
        ("RUN cat \\\n <<EOF\na\nEOF", heredoc("EOF", "a\n", true)),
    ] {
        assert_eq!(heredocs(text), [expected], "{text}");
    }
}

#[test]
fn several_bodies_follow_in_order() {
    let text = "COPY <<FILE1 <<-FILE2 x /dest\ncontent 1\nFILE2\nFILE1\n\tcontent 2\nFILE1\nFILE2\n";
    let expected = CopyArgs {
        heredocs: vec![
            heredoc("FILE1", "content 1\nFILE2\n", true),
            heredoc("FILE2", "content 2\nFILE1\n", true),
        ],
        ..copy(&["x"], "/dest")
    };
    assert_eq!(command(text), Command::Copy(expected));
    let commands = commands("COPY <<X <<Y /dest\nY\nX\nX\nY\nUSER a");
    assert_eq!(commands[0].heredocs(), [heredoc("X", "Y\n", true), heredoc("Y", "X\n", true)]);
    assert_eq!(commands[1], Command::User("a".into()));
}

#[test]
fn what_only_looks_like_a_heredoc_is_none() {
    for text in [
        "RUN \"<<EOF\"",
        "RUN '<<EOF'",
        r"RUN \<<EOF",
        "RUN [\"<<EOF\"]",
        "RUN [\"<<'EOF'\"]",
        "RUN cat <<<EOF",
        "RUN echo <<",
        "RUN echo <<-",
        "RUN echo x<<EOF",
        "RUN echo $((1<<3))",
        "RUN echo 'a <<EOF",
        "USER <<EOF",
        "CMD <<EOF",
        "ENV a <<EOF",
        "COPY [\"<<EOF\", \"/x\"]",
    ] {
        assert_eq!(heredocs(text), [], "{text}");
    }
}

#[test]
fn a_heredoc_without_an_end_or_in_the_wrong_place_is_an_error() {
    assert_eq!(complaint("RUN <<EOF\necho"), "unterminated heredoc");
    assert_eq!(complaint("RUN <<EOF"), "unterminated heredoc");
    assert_eq!(complaint("RUN <<EOF\n\tEOF"), "unterminated heredoc");
    assert_eq!(complaint("COPY <<A <<B /x\nA"), "unterminated heredoc");
    assert_eq!(complaint("COPY /foo <<EOF\nEOF"), "COPY cannot accept a heredoc as a destination");
    assert_eq!(complaint("COPY <<EOF 'x\nEOF"), "the heredoc \"EOF\" has no body");
}

#[test]
fn lines_are_counted_through_bodies() {
    let dockerfile = dockerfile("FROM a\nRUN <<EOF\nx\nEOF\nUSER b\n");
    let [run, user] = dockerfile.stages[0].instructions.as_slice() else { panic!("two instructions") };
    assert_eq!((run.line, run.end_line, run.text.as_str()), (2, 4, "RUN <<EOF"));
    assert_eq!((user.line, user.end_line), (5, 5));
    let error = failure("FROM a\nRUN <<EOF\nx\nEOF\nUSER");
    assert_eq!(error.field("line"), Some(&Field::Int(5)));
}

#[test]
fn what_a_run_executes_depends_on_its_heredocs() {
    let script = |text: &str| command(text).run_script();
    let line = |line: &str| Some(RunScript::Command(shell(line)));
    assert_eq!(script("RUN echo a"), line("echo a"));
    assert_eq!(script("RUN [\"a\"]"), Some(RunScript::Command(exec(&["a"]))));
    assert_eq!(script("RUN <<EOF\na\nb\nEOF"), line("a\nb\n"));
    assert_eq!(script("RUN --network=none <<-'EOF'\n\ta\nEOF"), line("a\n"));
    assert_eq!(
        script("RUN <<EOF\n#!/usr/bin/python\nx\nEOF"),
        Some(RunScript::Program { name: "EOF".into(), content: "#!/usr/bin/python\nx\n".into() })
    );
    assert_eq!(script("RUN cat <<'A' 3<<B\na\nA\nb\nB"), line("cat <<'A' 3<<B\na\nA\nb\nB"));
    assert_eq!(script("RUN <<A <<B\na\nA\nb\nB"), line("<<A <<B\na\nA\nb\nB"));
    assert_eq!(script("USER a"), None);
}

#[test]
fn a_trigger_keeps_its_heredocs() {
    let text = "ONBUILD COPY <<-A <<'B' /x\n\ta\nA\nb\nB\nUSER c";
    let dockerfile = dockerfile(&format!("FROM scratch\n{text}"));
    let [onbuild, user] = dockerfile.stages[0].instructions.as_slice() else { panic!("two instructions") };
    let Command::Onbuild(trigger) = &onbuild.command else { panic!("an ONBUILD") };
    assert_eq!(trigger.source(), "COPY <<-A <<'B' /x\na\nA\nb\nB");
    assert_eq!(parse_onbuild(&trigger.source()).unwrap().command, trigger.command);
    assert_eq!(user.line, 7);
}
