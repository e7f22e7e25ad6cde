//! Expansion of words: quotes, escapes, `$name`, `${name}` and its modifiers.
//!
//! Knows nothing of where values come from. The rules are those of BuildKit's shell lexer; a name that is unset is empty.

use std::iter::Peekable;
use std::str::Chars;

use crate::dockerfile::lexer::syntax;
use crate::dockerfile::pattern::Pattern;
use crate::error::Result;

/// How deep `${a:-${b:-…}}` may go.
const MAX_DEPTH: u32 = 64;

/// Bytes that a text may expand to, a heredoc included, and those within `${…}`, where they can multiply.
const MAX_EXPANDED: usize = 16 << 20;
const MAX_NESTED: usize = 1 << 20;

/// Where values come from: `None` for a name that is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Expands a word into one string, without its quotes. `dockerfile_syntax` for what does not parse, for a modifier that does
/// not exist, and for `${name:?message}` of a name without a value.
pub fn expand(word: &str, escape: char, lookup: Lookup<'_>) -> Result<String> {
    Ok(process(word, escape, lookup)?.0.text)
}

/// Expands a word, and lists the names in it that are not set and that no modifier (`-`, `+`, `?`) provides for.
pub fn expand_noting(word: &str, escape: char, lookup: Lookup<'_>) -> Result<(String, Vec<String>)> {
    process(word, escape, lookup).map(|(output, missing)| (output.text, missing))
}

/// Expands a word and splits the result at blanks that neither were quoted nor came from a quoted variable.
pub fn expand_words(word: &str, escape: char, lookup: Lookup<'_>) -> Result<Vec<String>> {
    Ok(process(word, escape, lookup)?.0.words.finish())
}

/// Expands a text whose quotes are its own: the body of a heredoc. The escape is always a backslash.
pub fn expand_text(text: &str, lookup: Lookup<'_>) -> Result<String> {
    text_noting(text, lookup).map(|(text, _)| text)
}

/// The same, with the names that [`expand_noting`] lists.
pub fn text_noting(text: &str, lookup: Lookup<'_>) -> Result<(String, Vec<String>)> {
    let chars = text.chars().peekable();
    let mut expander = Expander { chars, escape: '\\', lookup, quotes: false, depth: 0, missing: Vec::new() };
    let output = expander.until(None, false)?;
    Ok((output.text, expander.missing))
}

fn process(word: &str, escape: char, lookup: Lookup<'_>) -> Result<(Output, Vec<String>)> {
    let chars = word.chars().peekable();
    let mut expander = Expander { chars, escape, lookup, quotes: true, depth: 0, missing: Vec::new() };
    match expander.until(None, false) {
        Ok(output) => Ok((output, expander.missing)),
        Err(error) => Err(error.context(format!("failed to process {word:?}"))),
    }
}

/// An expanded text, whole and in words.
#[derive(Default)]
struct Output {
    text: String,
    words: Words,
}

impl Output {
    /// Text that splits at its blanks.
    fn splitting(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            match c.is_whitespace() {
                true if !self.words.current.is_empty() => {
                    self.words.done.push(std::mem::take(&mut self.words.current));
                }
                true => {}
                false => self.words.current.push(c),
            }
        }
    }

    /// Text that was quoted.
    fn whole(&mut self, text: &str) {
        self.text.push_str(text);
        self.words.current.push_str(text);
    }
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    current: String,
}

impl Words {
    fn finish(mut self) -> Vec<String> {
        if !self.current.is_empty() {
            self.done.push(self.current);
        }
        self.done
    }
}

struct Expander<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    lookup: Lookup<'a>,
    /// Whether quotes quote.
    quotes: bool,
    depth: u32,
    /// Names without a value that nothing provides for.
    missing: Vec<String>,
}

impl Expander<'_> {
    /// Reads up to `stop`, or to the end. With `raw` escapes stay, for a pattern to see them.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result<Output> {
        let mut output = Output::default();
        let limit = if self.depth == 0 { MAX_EXPANDED } else { MAX_NESTED };
        while let Some(&c) = self.chars.peek() {
            if output.text.len() > limit {
                return Err(syntax("the expanded text is too long"));
            }
            if Some(c) == stop {
                self.chars.next();
                return Ok(output);
            }
            match c {
                '\'' if self.quotes => output.whole(&self.single_quoted()?),
                '"' if self.quotes => output.whole(&self.double_quoted(raw)?),
                '$' => output.splitting(&self.dollar()?),
                _ => {
                    self.chars.next();
                    if c != self.escape {
                        output.splitting(c.encode_utf8(&mut [0; 4]));
                        continue;
                    }
                    if raw {
                        output.whole(c.encode_utf8(&mut [0; 4]));
                    }
                    // An escape at the very end stands for nothing.
                    if let Some(next) = self.chars.next() {
                        output.whole(next.encode_utf8(&mut [0; 4]));
                    }
                }
            }
        }
        match stop {
            None => Ok(output),
            Some('/') => Err(syntax("syntax error: missing '/' in ${}")),
            Some(stop) => Err(syntax(format!("syntax error: missing '{stop}'"))),
        }
    }

    fn single_quoted(&mut self) -> Result<String> {
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.next() {
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
                None => {
                    return Err(syntax(
                        "unexpected end of statement while looking for matching single-quote",
                    ));
                }
            }
        }
    }

    /// Inside double quotes only `"`, `$` and the escape itself can be escaped.
    fn double_quoted(&mut self, raw: bool) -> Result<String> {
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.peek() {
                Some('"') => {
                    self.chars.next();
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(&c) => {
                    self.chars.next();
                    if c != self.escape {
                        text.push(c);
                        continue;
                    }
                    let escape = self.escape;
                    if raw {
                        text.push(c);
                    }
                    match self.chars.next_if(|&next| next == '"' || next == '$' || next == escape) {
                        Some(next) => text.push(next),
                        None if self.chars.peek().is_some() => text.push(c),
                        None => {}
                    }
                }
                None => {
                    return Err(syntax(
                        "unexpected end of statement while looking for matching double-quote",
                    ));
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String> {
        self.chars.next();
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { "$".into() } else { self.value(&name) });
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(syntax("substitutions are nested too deeply"));
        }
        let value = self.braced()?;
        self.depth -= 1;
        Ok(value)
    }

    /// A value, or nothing, which is noted.
    fn value(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.missing.push(name.to_owned());
            String::new()
        })
    }

    /// What follows `${`, its `}` included.
    fn braced(&mut self) -> Result<String> {
        match self.chars.peek() {
            None => return Err(syntax("syntax error: missing '}'")),
            Some('{' | '}' | ':') => return Err(syntax("syntax error: bad substitution")),
            Some(_) => {}
        }
        let name = self.name();
        let Some(first) = self.chars.next() else { return Err(syntax("syntax error: missing '}'")) };
        if first == '}' {
            return Ok(self.value(&name));
        }
        if first == '/' {
            return self.replaced(&name);
        }
        let empty_is_unset = first == ':';
        let modifier = if empty_is_unset { self.chars.next().unwrap_or(':') } else { first };
        // Patterns do not tell empty from unset.
        let known = matches!(modifier, '+' | '-' | '?') || (matches!(modifier, '#' | '%') && !empty_is_unset);
        if !known {
            let colon = if empty_is_unset { ":" } else { "" };
            let hint = match modifier {
                '=' => format!(" (did you mean {colon}-?)"),
                '#' | '%' => format!(" (did you mean {modifier}?)"),
                _ => String::new(),
            };
            return Err(syntax(format!("unsupported modifier ({colon}{modifier}) in substitution{hint}")));
        }
        let word = self.until(Some('}'), matches!(modifier, '#' | '%'))?.text;
        let value = (self.lookup)(&name);
        let present = value.as_ref().is_some_and(|value| !(empty_is_unset && value.is_empty()));
        match modifier {
            '-' if present => Ok(value.unwrap_or_default()),
            '-' => Ok(word),
            '+' if present => Ok(word),
            '+' => Ok(String::new()),
            '?' if present => Ok(value.unwrap_or_default()),
            '?' if !word.is_empty() => Err(syntax(format!("{name}: {word}"))),
            '?' if value.is_some() => Err(syntax(format!("{name}: is not allowed to be empty"))),
            '?' => Err(syntax(format!("{name}: is not allowed to be unset"))),
            _ => {
                let (word, longest) = match word.strip_prefix(modifier) {
                    Some(rest) => (rest, true),
                    None => (word.as_str(), false),
                };
                let pattern = Pattern::parse(word)?;
                let value = value.unwrap_or_else(|| self.value(&name));
                Ok(match modifier {
                    '#' => pattern.without_prefix(&value, longest),
                    _ => pattern.without_suffix(&value, longest),
                })
            }
        }
    }

    /// `${name/pattern/replacement}`, or with two slashes for every match.
    fn replaced(&mut self, name: &str) -> Result<String> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let pattern = self.until(Some('/'), true)?.text;
        let replacement = self.until(Some('}'), true)?.text;
        let pattern = Pattern::parse(&pattern)?;
        let value = self.value(name);
        pattern.replaced(&value, &replacement, all)
    }

    /// Letters, digits and underscores; or digits alone; or one of the shell's special parameters; or nothing.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.chars.peek() {
            Some(c) if c.is_numeric() => {
                while let Some(digit) = self.chars.next_if(|c| c.is_numeric()) {
                    name.push(digit);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.chars.next()),
            _ => {
                while let Some(c) = self.chars.next_if(|&c| c.is_alphanumeric() || c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }
}

#[cfg(test)]
mod tests;
