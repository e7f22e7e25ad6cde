use super::*;

fn lookup(name: &str) -> Option<String> {
    Some(
        match name {
            "PWD" => "/home",
            "SHELL" => "bash",
            "KOREAN" => "한국어",
            "NULL" => "",
            "FOO" => "xxyy",
            "WORDS" => " a  b ",
            "FILE" => "/foo*/*/*.txt",
            "TMP" => "/tmp/tmp/bar.txt",
            "NEEDLE" => "/tmp",
            "STARS" => "a***yy*",
            "SPECIAL" => r"()[]{}^$.*?|\x",
            "PATH_" => "/tmp/foo.txt",
            "URL" => "http://example.org",
            "SCHEME" => "http://",
            _ => return None,
        }
        .to_owned(),
    )
}

/// What a word expands to; `error: …` without the part that repeats the word.
fn expanded(word: &str) -> String {
    match expand(word, '\\', &lookup) {
        Ok(text) => text,
        Err(error) => format!("error: {}", error.to_string().split_once("\": ").unwrap().1),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (word, expected) in cases {
        assert_eq!(expanded(word), *expected, "{word}");
    }
}

#[test]
fn quotes_and_escapes_are_resolved() {
    check(&[
        ("hello", "hello"),
        ("he'll'o", "hello"),
        ("he'llo", "error: unexpected end of statement while looking for matching single-quote"),
        (r"he\'llo", "he'llo"),
        (r"abc\tdef", "abctdef"),
        (r#""abc\tdef""#, r"abc\tdef"),
        (r#""abc\\tdef""#, r"abc\tdef"),
        (r"'abc\tdef'", r"abc\tdef"),
        (r"hello\", "hello"),
        (r"hello\\", r"hello\"),
        ("\"hello", "error: unexpected end of statement while looking for matching double-quote"),
        (r#""hello\""#, "error: unexpected end of statement while looking for matching double-quote"),
        (r#""hel'lo""#, "hel'lo"),
        (r"'hello\'", r"hello\"),
        (r"'hello\\there'", r"hello\\there"),
        (r#""''""#, "''"),
        (r#"a"b c"'d e'"#, "ab cd e"),
        ("한'국'\"어\"", "한국어"),
    ]);
}

#[test]
fn variables_are_replaced_but_not_in_single_quotes() {
    check(&[
        ("$", "$"),
        ("$.", "$."),
        ("he$PWD", "he/home"),
        ("he$PWD.", "he/home."),
        ("'he$PWD'", "he$PWD"),
        ("\"he$PWD\"", "he/home"),
        (r"he\$PWD", "he$PWD"),
        (r#""he\$PWD""#, "he$PWD"),
        (r"he\\$PWD", r"he\/home"),
        ("$PWD/$SHELL", "/home/bash"),
        ("${PWD}x", "/homex"),
        ("$PWDx", ""),
        ("$KOREAN.${KOREAN}", "한국어.한국어"),
        ("he$1x", "hex"),
        ("he$12xx", "hexx"),
        ("$$x", "x"),
        ("${UNSET}", ""),
        ("${", "error: syntax error: missing '}'"),
        ("${PWD", "error: syntax error: missing '}'"),
        ("${}", "error: syntax error: bad substitution"),
        ("${{PWD}", "error: syntax error: bad substitution"),
        ("${:}", "error: syntax error: bad substitution"),
        ("${PWD!x}", "error: unsupported modifier (!) in substitution"),
        ("${PWD:5}", "error: unsupported modifier (:5) in substitution"),
        ("${PWD=x}", "error: unsupported modifier (=) in substitution (did you mean -?)"),
        ("${PWD:=x}", "error: unsupported modifier (:=) in substitution (did you mean :-?)"),
        ("${PWD:#x}", "error: unsupported modifier (:#) in substitution (did you mean #?)"),
        ("${PWD:%%x}", "error: unsupported modifier (:%) in substitution (did you mean %?)"),
    ]);
}

#[test]
fn defaults_alternatives_and_demands_know_empty_from_unset() {
    check(&[
        ("${FOO-a} ${NULL-b} ${UNSET-c}", "xxyy  c"),
        ("${FOO:-a} ${NULL:-b} ${UNSET:-c}", "xxyy b c"),
        ("${FOO+a} ${NULL+b} ${UNSET+c}", "a b "),
        ("${FOO:+a} ${NULL:+b} ${UNSET:+c}", "a  "),
        ("${FOO?m}${NULL?m}", "xxyy"),
        ("${UNSET?no $SHELL}", "error: UNSET: no bash"),
        ("${UNSET?}", "error: UNSET: is not allowed to be unset"),
        ("${NULL:?}", "error: NULL: is not allowed to be empty"),
        ("${UNSET:-$PWD/${UNSET:-'a b'}}", "/home/a b"),
        (r"${UNSET:-\}}", "}"),
        ("${UNSET:-\"}\"}", "}"),
        ("\"${UNSET:-'a'}\"", "a"),
    ]);
}

#[test]
fn prefixes_and_suffixes_are_cut() {
    check(&[
        ("${FOO#*x}", "xyy"),
        ("${FOO##*x}", "yy"),
        ("${FOO#*x*y}", "y"),
        ("${FOO#*}", "xxyy"),
        ("${FOO##*}", ""),
        ("${FOO#}${FOO%}${FOO##}${FOO%%}", "xxyyxxyyxxyyxxyy"),
        ("${FOO%y}", "xxy"),
        ("${FOO%y*}", "xxy"),
        ("${FOO%%y*}", "xx"),
        ("${FOO%x}", "xxyy"),
        ("${UNSET#x}${UNSET%x}", ""),
        ("${FOO#?}", "xyy"),
        (r"${STARS%%\**\*}", "a"),
        (r"${SPECIAL#()[]{\}^$.\*\?|\\}", "x"),
        (r"${FOO#\x}", r"error: invalid pattern (\x) in substitution: invalid escape '\x'"),
        ("${FOO#x", "error: syntax error: missing '}'"),
    ]);
}

#[test]
fn matches_are_replaced_once_or_everywhere() {
    check(&[
        ("${TMP/$NEEDLE/} ${TMP//$NEEDLE/}", "/tmp/bar.txt /bar.txt"),
        (r"${FILE/\*\//.} ${FILE//\*\//.}", "/foo.*/*.txt /foo..*.txt"),
        ("${URL/$SCHEME/https://}", "https://example.org"),
        (r"${PATH_//\//\/}", r"\/tmp\/foo.txt"),
        ("${FOO//x/ab}", "ababyy"),
        ("${FOO/x*/-}", "-"),
        ("${FOO/q/-}", "xxyy"),
        ("${FOO//*/-}", "-"),
        ("${FOO/$NULL/ww}", "wwxxyy"),
        ("${FOO//$NULL/.}", ".x.x.y.y."),
        ("${FOO///}", "xxyy"),
        ("${UNSET//x/y}", ""),
        ("${FOO//ww}", "error: syntax error: missing '/' in ${}"),
        ("${FOO/a/b", "error: syntax error: missing '}'"),
    ]);
}

#[test]
fn words_split_where_nothing_was_quoted() {
    for (word, expected) in [
        ("hello there", &["hello", "there"][..]),
        ("hello$WORDS.", &["hello", "a", "b", "."]),
        ("\"hello$WORDS.\"", &["hello a  b ."]),
        ("'a b'c d", &["a bc", "d"]),
        (r"a\ b  c", &["a b", "c"]),
        ("$UNSET", &[]),
        ("''", &[]),
        ("80 ${UNSET:-'81 82'}", &["80", "81", "82"]),
    ] {
        assert_eq!(expand_words(word, '\\', &lookup).unwrap(), expected, "{word}");
    }
}

#[test]
fn quotes_are_plain_in_the_body_of_a_heredoc() {
    let body = |text| expand_text(text, &lookup).unwrap();
    assert_eq!(body("don't '$SHELL' \"${PWD}\"\n\\$SHELL\n"), "don't 'bash' \"/home\"\n$SHELL\n");
}

#[test]
fn the_escape_character_can_be_a_backtick() {
    let expand = |word| expand(word, '`', &lookup).unwrap();
    assert_eq!(expand(r"C:\$SHELL`$PWD"), r"C:\bash$PWD");
    assert_eq!(expand("\"`\"\""), "\"");
}

#[test]
fn nesting_is_limited_rather_than_the_stack() {
    let deep = "${a:-".repeat(100_000);
    let message = expand(&deep, '\\', &lookup).unwrap_err().to_string();
    assert!(message.ends_with("substitutions are nested too deeply"));
}

#[test]
fn values_that_multiply_are_limited_rather_than_the_memory() {
    let nested = (0..60).fold("x".to_owned(), |inner, _| format!("${{FOO//x/{inner}}}"));
    assert!(expand(&nested, '\\', &lookup).unwrap_err().to_string().ends_with("is too long"));
    let long = "ab".repeat(1 << 16);
    let value = |_: &str| Some(long.clone());
    assert_eq!(expand("${a//a*c/}", '\\', &value).unwrap().len(), long.len());
    assert_eq!(expand("${a//a?/}", '\\', &value).unwrap(), "");
    assert_eq!(expand("${a##*b*a*b}", '\\', &value).unwrap(), "");
}
