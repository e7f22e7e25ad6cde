//! The shell's patterns in `${name#pattern}` and its kin: `*`, `?`, and a backslash that takes their meaning away.

use crate::dockerfile::lexer::syntax;
use crate::error::Result;

/// Bytes that a replacement may make of a value: it can multiply with every `${…}` around it.
const MAX_REPLACED: usize = 1 << 20;

/// What stands between two stars: characters, `None` for any one.
type Segment = Vec<Option<char>>;

/// A parsed pattern: at least one segment, with a star between each two.
#[derive(Debug)]
pub struct Pattern(Vec<Segment>);

/// Why nothing matches at a place.
enum Miss {
    /// Something may match further on.
    Here,
    /// Nothing does from here on.
    Beyond,
}

impl Pattern {
    /// Parses a pattern. Only `*`, `?`, `\`, and the `}` and `/` that would end it can be escaped.
    pub fn parse(text: &str) -> Result<Pattern> {
        let mut segments = vec![Segment::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' => {
                    segments.push(Segment::new());
                    continue;
                }
                '?' => None,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Some(c),
                    other => {
                        let escape: String = ['\\'].into_iter().chain(other).collect();
                        let message =
                            format!("invalid pattern ({text}) in substitution: invalid escape '{escape}'");
                        return Err(syntax(message));
                    }
                },
                c => Some(c),
            };
            segments.last_mut().into_iter().for_each(|segment| segment.push(token));
        }
        Ok(Pattern(segments))
    }

    /// The value without the shortest, or longest, start that matches.
    pub fn without_prefix(&self, value: &str, longest: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let end = self.matched_end(&chars, longest).unwrap_or(0);
        chars[end..].iter().collect()
    }

    /// The value without the shortest, or longest, end that matches.
    pub fn without_suffix(&self, value: &str, longest: bool) -> String {
        let segments = self.0.iter().rev().map(|segment| segment.iter().rev().copied().collect());
        let reversed: Vec<char> = value.chars().rev().collect();
        let end = Pattern(segments.collect()).matched_end(&reversed, longest).unwrap_or(0);
        reversed[end..].iter().rev().collect()
    }

    /// The value with the first, or every, match replaced: the leftmost, and of those the longest. `dockerfile_syntax` when that
    /// becomes too long.
    pub fn replaced(&self, value: &str, replacement: &str, all: bool) -> Result<String> {
        let chars: Vec<char> = value.chars().collect();
        let mut result = String::new();
        let mut at = 0;
        // An empty match right behind another match is none, as in Go's regular expressions.
        let mut behind_match = false;
        while at <= chars.len() {
            match self.matched_end(&chars[at..], true) {
                Ok(length) if length > 0 || !behind_match => {
                    result.push_str(replacement);
                    if result.len() > MAX_REPLACED {
                        return Err(syntax("the replacement makes a value that is too long"));
                    }
                    at += length;
                    if !all {
                        break;
                    }
                    behind_match = length > 0;
                    if behind_match {
                        continue;
                    }
                }
                Err(Miss::Beyond) => break,
                _ => behind_match = false,
            }
            result.extend(chars.get(at));
            at += 1;
        }
        result.extend(chars.get(at..).unwrap_or_default());
        Ok(result)
    }

    /// Where the shortest, or longest, match ends that begins at the start of the text.
    fn matched_end(&self, text: &[char], longest: bool) -> Result<usize, Miss> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        if first.len() > text.len() {
            return Err(Miss::Beyond);
        }
        if !fits(first, text) {
            return Err(Miss::Here);
        }
        let mut end = first.len();
        if let Some((last, middle)) = rest.split_last() {
            // The first place for each leaves the most room for the others.
            for segment in middle {
                let mut places = (end..=text.len()).filter(|at| fits(segment, &text[*at..]));
                end = places.next().ok_or(Miss::Beyond)? + segment.len();
            }
            let mut places = (end..=text.len()).filter(|at| fits(last, &text[*at..]));
            let place = if longest { places.next_back() } else { places.next() };
            end = place.ok_or(Miss::Beyond)? + last.len();
        }
        Ok(end)
    }
}

/// Whether a text begins with a segment.
fn fits(segment: &Segment, text: &[char]) -> bool {
    segment.len() <= text.len() && segment.iter().zip(text).all(|(token, c)| token.is_none_or(|t| t == *c))
}
