//! Wildcards of one path, with the rules of Go's `filepath.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are
//! classes, a backslash escapes. For the sources of `COPY` and for filters.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, ErrorKind, Result};

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    Literal(char),
    /// Any character but a slash.
    Any,
    /// Any characters but slashes, or none.
    Star,
    /// One character of these ranges, or, when negated, none of them; a slash counts as a character here.
    Class {
        /// `[^…]`.
        negated: bool,
        /// First and last characters.
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    /// Whether it matches this character.
    pub fn takes(&self, c: char) -> bool {
        match self {
            Token::Literal(literal) => *literal == c,
            Token::Any | Token::Star => c != '/',
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated
            }
        }
    }
}

/// The next token of a pattern; `None` at its end. `Err` when the pattern is malformed.
pub fn next_token(chars: &mut Peekable<Chars<'_>>) -> Result<Option<Token>, Malformed> {
    Ok(Some(match chars.next() {
        None => return Ok(None),
        Some('*') => Token::Star,
        Some('?') => Token::Any,
        Some('\\') => Token::Literal(chars.next().ok_or(Malformed)?),
        Some('[') => {
            let negated = chars.next_if_eq(&'^').is_some();
            let mut ranges = Vec::new();
            while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                let first = class_character(chars)?;
                let last = if chars.next_if_eq(&'-').is_some() { class_character(chars)? } else { first };
                ranges.push((first, last));
            }
            Token::Class { negated, ranges }
        }
        Some(c) => Token::Literal(c),
    }))
}

/// A pattern that does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Malformed {
    /// The error, in Go's words.
    pub fn error(self, pattern: &str) -> Error {
        Error::new(ErrorKind::InvalidArgument, format!("syntax error in pattern: {pattern:?}"))
    }
}

fn class_character(chars: &mut Peekable<Chars<'_>>) -> Result<char, Malformed> {
    match chars.next() {
        None | Some('-' | ']') => Err(Malformed),
        Some('\\') => chars.next().ok_or(Malformed),
        Some(c) => Ok(c),
    }
}

/// Whether the whole name matches. `invalid_argument` when the pattern is malformed, whatever the name.
pub fn matches(pattern: &str, name: &str) -> Result<bool> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(token) = next_token(&mut chars).map_err(|error| error.error(pattern))? {
        tokens.push(token);
    }
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    // Where to go on when what follows the last star does not match: the star takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while token < tokens.len() || at < name.len() {
        match tokens.get(token) {
            Some(Token::Star) => {
                token += 1;
                retry = Some((token, at));
                continue;
            }
            Some(other) if name.get(at).is_some_and(|&c| other.takes(c)) => {
                token += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        match retry {
            Some((after_star, taken)) if name.get(taken).is_some_and(|&c| c != '/') => {
                retry = Some((after_star, taken + 1));
                (token, at) = (after_star, taken + 1);
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether a source of `COPY` is a pattern: it has a `*`, `?` or `[` that is not escaped.
pub fn has_wildcards(path: &str) -> bool {
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            (r"[\]a]", "]", true),
            (r"[x\-]", "-", true),
            (r"[x\-]", "z", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("a]", "a]", true),
        ] {
            assert_eq!(matches(pattern, name).unwrap(), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_malformed_pattern_is_an_error_whatever_the_name() {
        for pattern in
            ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "zzz[", "[a-", "[a-]"]
        {
            let error = matches(pattern, "a").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{pattern}");
        }
    }

    #[test]
    fn escaped_wildcards_are_none() {
        assert!(has_wildcards("a*") && has_wildcards("?") && has_wildcards("[a]"));
        assert!(!has_wildcards("a") && !has_wildcards(r"a\*\?\[") && !has_wildcards("\\"));
    }
}
