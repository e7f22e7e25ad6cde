//! The shell's patterns in `${name#pattern}` and its kin: `*`, `?`, and a backslash that takes their meaning away.

use crate::dockerfile::lexer::syntax;
use crate::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    Any,
    Star,
}

/// A parsed pattern.
#[derive(Debug)]
pub struct Pattern(Vec<Token>);

impl Pattern {
    /// Parses a pattern. Only `*`, `?`, `\`, and the `}` and `/` that would end it can be escaped.
    pub fn parse(text: &str) -> Result<Pattern> {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Token::Literal(c),
                    other => {
                        let escape: String = ['\\'].into_iter().chain(other).collect();
                        let message =
                            format!("invalid pattern ({text}) in substitution: invalid escape '{escape}'");
                        return Err(syntax(message));
                    }
                },
                c => Token::Literal(c),
            });
        }
        Ok(Pattern(tokens))
    }

    /// The value without the shortest, or longest, start that matches.
    pub fn without_prefix(&self, value: &str, longest: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let end = matched_end(self.0.iter(), &chars, longest).unwrap_or(0);
        chars[end..].iter().collect()
    }

    /// The value without the shortest, or longest, end that matches.
    pub fn without_suffix(&self, value: &str, longest: bool) -> String {
        let reversed: Vec<char> = value.chars().rev().collect();
        let end = matched_end(self.0.iter().rev(), &reversed, longest).unwrap_or(0);
        reversed[end..].iter().rev().collect()
    }

    /// The value with the first, or every, match replaced: the leftmost, and of those the longest.
    pub fn replaced(&self, value: &str, replacement: &str, all: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let mut result = String::new();
        let mut at = 0;
        // An empty match right behind another match is none, as in Go's regular expressions.
        let mut behind_match = false;
        while at <= chars.len() {
            match matched_end(self.0.iter(), &chars[at..], true) {
                Some(length) if length > 0 || !behind_match => {
                    result.push_str(replacement);
                    at += length;
                    if !all {
                        break;
                    }
                    behind_match = length > 0;
                    if behind_match {
                        continue;
                    }
                }
                _ => behind_match = false,
            }
            result.extend(chars.get(at));
            at += 1;
        }
        result.extend(chars.get(at..).unwrap_or_default());
        result
    }
}

/// Where the shortest, or longest, match ends that begins at the start of the text.
fn matched_end<'t>(tokens: impl Iterator<Item = &'t Token>, text: &[char], longest: bool) -> Option<usize> {
    // Which positions the tokens so far can end at.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for token in tokens {
        match token {
            Token::Star => {
                let first = ends.iter().position(|&end| end)?;
                ends[first..].fill(true);
            }
            Token::Any | Token::Literal(_) => {
                for at in (0..text.len()).rev() {
                    ends[at + 1] = ends[at] && (*token == Token::Any || *token == Token::Literal(text[at]));
                }
                ends[0] = false;
            }
        }
    }
    if longest { ends.iter().rposition(|&end| end) } else { ends.iter().position(|&end| end) }
}
