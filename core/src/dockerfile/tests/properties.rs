//! What holds for every input.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::dockerfile::glob;

/// Bytes that are close to a Dockerfile: pieces of the grammar in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "FROM ", "RUN ", "COPY ", "ADD ", "ENV ", "LABEL ", "ARG ", "ONBUILD ", "HEALTHCHECK ", "CMD ", "SHELL ",
            "VOLUME ", "EXPOSE ", "MAINTAINER ", "# escape=`\n", "--from=x ", "--link ", "--interval=1s ", "<<EOF ",
            "<<-'E' ", "EOF\n", "E\n", " AS ", "[\"a\", \"b\"]", "a=b ", "$x", "${x:-", "}", "'", "\"", "\\", "`", "\n",
            "\r\n", "\t", " ", "#", "**", "/", "!", "[", "a", "\u{fc}", "\u{a0}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What an instruction asks for, wherever it stands.
fn meaning(instruction: &Instruction) -> &Command {
    match &instruction.command {
        Command::Onbuild(trigger) => &trigger.command,
        command => command,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn parsing_never_panics_and_its_errors_say_so(text in pieces()) {
        for text in [text.clone(), format!("FROM a\n{text}")] {
            if let Err(error) = parse(text.as_bytes()) {
                prop_assert_eq!(error.kind(), ErrorKind::DockerfileSyntax);
            }
        }
        if let Err(error) = parse_change(&text) {
            prop_assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        let _ = parse_onbuild(&text);
    }

    #[test]
    fn any_bytes_can_be_parsed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    /// The source of an instruction parses to the same instruction.
    #[test]
    fn an_instruction_survives_its_source(text in pieces()) {
        if let Ok(dockerfile) = parse(format!("FROM a\n{text}").as_bytes()) {
            for instruction in dockerfile.stages.iter().flat_map(|stage| &stage.instructions) {
                let source = instruction.source();
                // A blank that is none for continuations was trimmed, and the escape before it now stands last.
                if source.ends_with('\\') {
                    continue;
                }
                let again = parse(format!("FROM a\n{source}").as_bytes());
                prop_assert!(again.is_ok(), "{source:?}");
                let again = again.unwrap();
                let last = again.stages.last().and_then(|stage| stage.instructions.last());
                prop_assert_eq!(last.map(meaning), Some(meaning(instruction)));
            }
        }
    }

    #[test]
    fn expansion_never_panics(word in pieces(), value in prop::option::of(pieces())) {
        for escape in ['\\', '`'] {
            let lookup = |_: &str| value.clone();
            let whole = expand(&word, escape, &lookup);
            let words = expand_words(&word, escape, &lookup);
            prop_assert_eq!(whole.is_ok(), words.is_ok());
        }
    }

    #[test]
    fn a_word_in_single_quotes_is_itself(word in "[^']*") {
        let expanded = expand(&format!("'{word}'"), '\\', &|_| None).unwrap();
        prop_assert_eq!(expanded, word);
    }

    #[test]
    fn patterns_never_panic(pattern in pieces(), name in pieces()) {
        let _ = glob::matches(&pattern, &name);
        if let Ok(ignore) = Ignore::parse(&pattern) {
            ignore.excluded(Path::new(&name));
            ignore.may_skip_directory(Path::new(&name));
        }
    }

    /// Nothing below a directory that may be skipped is taken back in.
    #[test]
    fn skipping_a_directory_loses_nothing(
        patterns in prop::collection::vec("!?[ab*]{1,2}(/[ab*]{1,2}){0,2}", 1..5),
        directory in "[ab](/[ab]){0,1}",
        below in "[ab](/[ab]){0,1}",
    ) {
        let ignore = Ignore::from_patterns(&patterns).unwrap();
        if ignore.may_skip_directory(Path::new(&directory)) {
            let path = format!("{directory}/{below}");
            prop_assert!(ignore.excluded(Path::new(&path)), "{patterns:?} {path}");
        }
    }
}
