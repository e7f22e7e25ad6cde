//! How the arguments of an instruction fall apart: flags, words, pairs, JSON arrays. Nothing is expanded here, and
//! quotes stay where expansion has to see them.

use crate::dockerfile::lexer::syntax;
use crate::error::Result;

/// What separates words that cannot be quoted.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// The first word and the rest.
pub fn split_first(text: &str) -> (&str, &str) {
    match text.find(is_blank) {
        Some(at) => (&text[..at], text[at..].trim_start_matches(is_blank)),
        None => (text, ""),
    }
}

/// Words between blanks; quotes mean nothing.
pub fn split_blanks(text: &str) -> Vec<String> {
    text.split(is_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Takes the leading words that begin with `--`, up to one that is only that. Their quotes and backslashes are resolved.
pub fn take_flags(text: &str) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (word, after) = flag_word(rest);
        rest = after.trim_start();
        if word == "--" {
            break;
        }
        flags.push(word);
    }
    (flags, rest.trim_end())
}

/// One word with its quotes and backslashes resolved, and what follows it.
fn flag_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.extend(chars.next().map(|(_, c)| c)),
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => return (word, &text[at..]),
            (c, _) => word.push(c),
        }
    }
    (word, "")
}

/// Words that may be quoted; quotes and escapes are kept in them. An empty pair of quotes is a word.
pub fn split_quoted(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        if c == escape && quote != Some('\'') {
            // An escape at the very end stands for nothing.
            if let Some(next) = chars.next() {
                word.extend([c, next]);
            }
            continue;
        }
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `name=value …`, or the old form `name value`, where the value is the rest of the line.
pub fn pairs(instruction: &str, text: &str, escape: char) -> Result<Vec<(String, String)>> {
    let words = split_quoted(text, escape);
    let Some(first) = words.first() else {
        return Err(syntax(format!("{instruction} requires at least one argument")));
    };
    let mut pairs = Vec::with_capacity(words.len());
    if first.contains('=') {
        for word in &words {
            let Some((name, value)) = word.split_once('=') else {
                let message =
                    format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value");
                return Err(syntax(message));
            };
            pairs.push((name.to_owned(), value.to_owned()));
        }
    } else {
        let (name, value) = split_first(text);
        if value.is_empty() {
            return Err(syntax(format!("{instruction} must have two arguments")));
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        return Err(syntax(format!("{instruction} names can not be blank")));
    }
    Ok(pairs)
}

/// The strings of a JSON array; `None` for anything that is no JSON array, an error for one that holds something else.
pub fn json_strings(text: &str) -> Result<Option<Vec<String>>> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else {
        return Ok(None);
    };
    let strings = values.into_iter().map(|value| match value {
        serde_json::Value::String(string) => Some(string),
        _ => None,
    });
    match strings.collect() {
        Some(strings) => Ok(Some(strings)),
        None => Err(syntax("when using JSON array syntax, arrays must be comprised of strings only")),
    }
}
