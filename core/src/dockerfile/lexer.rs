//! From bytes to logical lines: the byte order mark, line ends, directives, comments, continuations, bodies of heredocs.
//!
//! Knows nothing of instructions. The rules are those of BuildKit's parser.

use crate::error::{Error, ErrorKind, Result};

/// An instruction's text on one line, and where it begins.
pub struct LogicalLine {
    /// The first line, counted from 1.
    pub number: u32,
    /// The column of its first character there, counted from 1.
    pub column: u32,
    /// Continuations joined, comments dropped, trimmed.
    pub text: String,
    /// The comment on the line before, if it says something.
    pub comment: Option<String>,
}

/// The parser directives at the top of a Dockerfile.
#[derive(Debug, Default)]
pub struct Directives {
    /// `# syntax=`, without arguments.
    pub syntax: Option<String>,
    /// `# check=`.
    pub check: Option<String>,
    /// The line of `# check=`.
    pub check_line: u32,
    /// `# escape=`.
    pub escape: Option<char>,
}

/// Reads logical lines.
pub struct Lexer<'a> {
    rest: &'a [u8],
    number: u32,
    in_directives: bool,
    /// The directives, complete once the first logical line is read.
    pub directives: Directives,
    /// Empty lines in the middle of instructions, with the instructions.
    pub empty_continuations: Vec<(u32, String)>,
    comment: Option<String>,
}

/// An error at a place, in the words of Docker's.
pub fn located(error: Error, line: u32, column: u32) -> Error {
    let known = error.field("line").is_some();
    let error = error.with("line", i64::from(line)).with("column", i64::from(column));
    if known { error } else { error.context(format!("Dockerfile parse error line {line}")) }
}

/// A syntax error that does not know its line yet.
pub fn syntax(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::DockerfileSyntax, message)
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of a text.
    pub fn new(text: &'a [u8]) -> Self {
        Lexer {
            rest: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text),
            number: 0,
            in_directives: true,
            directives: Directives::default(),
            empty_continuations: Vec::new(),
            comment: None,
        }
    }

    /// The line that was read last, counted from 1.
    pub fn line(&self) -> u32 {
        self.number
    }

    /// The escape character in force.
    pub fn escape(&self) -> char {
        self.directives.escape.unwrap_or('\\')
    }

    /// The next instruction's text; `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<LogicalLine>> {
        while let Some(raw) = self.next_raw() {
            if is_comment(raw) {
                self.comment(raw)?;
                continue;
            }
            self.in_directives = false;
            let comment = self.comment.take();
            let whole = self.decode(raw)?;
            let line = whole.trim_start();
            if line.is_empty() {
                continue;
            }
            let number = self.number;
            let column = column_after(&whole[..whole.len() - line.len()]);
            let (start, mut continues) = cut_continuation(line, self.escape());
            let mut text = start.to_owned();
            let mut first_empty = None;
            while continues {
                let Some(raw) = self.next_raw() else { break };
                if is_comment(raw) {
                    continue;
                }
                let line = self.decode(raw)?;
                if line.trim_start().is_empty() {
                    first_empty.get_or_insert(self.number);
                    continue;
                }
                let (part, more) = cut_continuation(line, self.escape());
                text.push_str(part);
                continues = more;
            }
            let text = text.trim().to_owned();
            if let Some(empty) = first_empty {
                self.empty_continuations.push((empty, text.clone()));
            }
            return Ok(Some(LogicalLine { number, column, text, comment }));
        }
        Ok(None)
    }

    /// The lines up to one that is `terminator`, line ends kept; `strip_tabs` drops the leading tabs of each.
    pub fn heredoc_body(&mut self, terminator: &str, strip_tabs: bool) -> Result<String> {
        let mut body = String::new();
        while let Some(raw) = self.next_raw() {
            self.decode(raw)?;
            let mut line = std::str::from_utf8(raw).unwrap_or_default();
            if strip_tabs {
                line = line.trim_start_matches('\t');
            }
            if line.trim_end_matches(['\r', '\n']) == terminator {
                return Ok(body);
            }
            body.push_str(line);
        }
        Err(syntax("unterminated heredoc"))
    }

    /// The next line as it stands, its line end included.
    fn next_raw(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number = self.number.saturating_add(1);
        Some(line)
    }

    /// A line as text, without its line end.
    fn decode(&self, raw: &'a [u8]) -> Result<&'a str> {
        match std::str::from_utf8(raw) {
            Ok(line) => Ok(line.trim_end_matches(['\r', '\n'])),
            Err(error) => {
                let before = String::from_utf8_lossy(&raw[..error.valid_up_to()]);
                Err(located(syntax("the line is not UTF-8"), self.number, column_after(&before)))
            }
        }
    }

    /// Takes a directive from a comment, as long as nothing else stood before it but a line for the system (`#!`).
    fn comment(&mut self, raw: &'a [u8]) -> Result<()> {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        let found = if self.in_directives { directive(text) } else { None };
        let Some((key, value)) = found else {
            self.in_directives &= self.number == 1 && raw.starts_with(b"#!");
            let said = text.trim().trim_start_matches('#').trim();
            self.comment = (!said.is_empty()).then(|| said.to_owned());
            return Ok(());
        };
        let repeated = match key.as_str() {
            "syntax" => {
                let frontend = value.split(' ').next().unwrap_or_default();
                self.directives.syntax.replace(frontend.to_owned()).is_some()
            }
            "check" => {
                self.directives.check_line = self.number;
                self.directives.check.replace(value.to_owned()).is_some()
            }
            _ => {
                let escape = match value {
                    "\\" => '\\',
                    "`" => '`',
                    _ => {
                        let message = format!("invalid escape token '{value}' does not match ` or \\");
                        return Err(located(syntax(message), self.number, 1));
                    }
                };
                self.directives.escape.replace(escape).is_some()
            }
        };
        if repeated {
            let message = format!("only one {key} parser directive can be used");
            return Err(located(syntax(message), self.number, 1));
        }
        Ok(())
    }
}

/// `# key = value` with a key that is known, in lower case.
fn directive(comment: &str) -> Option<(String, &str)> {
    let (key, value) = comment.trim_start().strip_prefix('#')?.split_once('=')?;
    let key = key.trim().to_ascii_lowercase();
    let value = value.trim();
    (matches!(key.as_str(), "syntax" | "escape" | "check") && !value.is_empty()).then_some((key, value))
}

fn is_comment(raw: &[u8]) -> bool {
    raw.trim_ascii_start().first() == Some(&b'#')
}

/// The column of what follows a text at the start of a line: its characters and one.
fn column_after(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Cuts an escape character off the end of a line: it continues on the next one. A doubled one is an ordinary character.
fn cut_continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(start) if !start.ends_with(escape) => (start, true),
        _ => (line, false),
    }
}
