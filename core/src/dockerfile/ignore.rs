//! `.dockerignore`, and the patterns of `--exclude`: which paths of a context are left out.
//!
//! Knows nothing of files: it is asked about paths relative to the context. The rules are those of Docker's pattern matcher:
//! the last pattern that matches wins, one that matches a parent counts, `!` takes a path back in, `**` spans directories.

use std::path::Path;

use crate::dockerfile::glob::{self, Malformed};
use crate::dockerfile::lexer::syntax;
use crate::error::Result;

/// A parsed ignore file.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    takes_back: bool,
    /// How everything begins that it matches, and what it contains: most paths are told apart by these.
    start: String,
    contains: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
enum Token {
    Plain(glob::Token),
    /// The start of `**/`: the next token, or what follows it.
    MaybeDirectories,
    /// The rest of `**/`: anything up to a slash.
    Directories,
    /// `**` at the end, or before a plain name at the start: anything.
    Anything,
}

impl Ignore {
    /// Parses an ignore file: a pattern a line, comments begin with `#` in the first column. `dockerfile_syntax`, with the
    /// line, for a pattern that is malformed.
    pub fn parse(text: &str) -> Result<Ignore> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut ignore = Ignore::default();
        for (index, line) in text.lines().enumerate() {
            if !line.starts_with('#') {
                let number = index as i64 + 1;
                ignore.add(line).map_err(|error| {
                    error.context(format!("ignore file line {number}")).with("line", number)
                })?;
            }
        }
        Ok(ignore)
    }

    /// The patterns of a list, such as the values of `--exclude`.
    pub fn from_patterns<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Ignore> {
        let mut ignore = Ignore::default();
        for pattern in patterns {
            ignore.add(pattern.as_ref())?;
        }
        Ok(ignore)
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let line = line.trim();
        let (pattern, takes_back) = match line.strip_prefix('!') {
            Some(rest) => (rest.trim(), true),
            None => (line, false),
        };
        if pattern.is_empty() {
            return if takes_back { Err(syntax("illegal exclusion pattern: \"!\"")) } else { Ok(()) };
        }
        let cleaned = clean(pattern);
        let tokens =
            compile(&cleaned).map_err(|_| syntax(format!("syntax error in pattern: {pattern:?}")))?;
        let literal = |token: &Token| match token {
            Token::Plain(glob::Token::Literal(c)) => Some(*c),
            _ => None,
        };
        let start = tokens.iter().map_while(literal).collect();
        let runs = tokens.split(|token| literal(token).is_none());
        let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
        let contains = longest.iter().filter_map(literal).collect();
        self.patterns.push(Pattern { takes_back, start, contains, tokens });
        Ok(())
    }

    /// Whether a path, relative to the context, is left out. Directories and files match alike.
    pub fn excluded(&self, path: &Path) -> bool {
        if self.is_empty() {
            return false;
        }
        let path = clean(&path.to_string_lossy());
        let mut excluded = false;
        for pattern in &self.patterns {
            // Only a pattern that would change the answer is looked at.
            if pattern.takes_back == excluded && pattern.covers(&path) {
                excluded = !pattern.takes_back;
            }
        }
        excluded
    }

    /// Whether a pattern could match something below a directory.
    pub fn may_match_below(&self, directory: &Path) -> bool {
        let directory = clean(&directory.to_string_lossy());
        self.patterns.iter().any(|pattern| pattern.may_match_below(&directory))
    }

    /// Whether a directory need not be walked: it is left out, and nothing below it can be taken back in.
    pub fn may_skip_directory(&self, path: &Path) -> bool {
        let path = clean(&path.to_string_lossy());
        // The last pattern that leaves out the directory leaves out all below it, whatever came before.
        let last = self.patterns.iter().rposition(|pattern| !pattern.takes_back && pattern.covers(&path));
        last.is_some_and(|last| {
            let mut after = self.patterns[last + 1..].iter().filter(|pattern| pattern.takes_back);
            !after.any(|pattern| pattern.covers(&path) || pattern.may_match_below(&path))
        })
    }
}

impl Pattern {
    /// Whether it matches a path or one of its parents.
    fn covers(&self, path: &str) -> bool {
        // The context itself is never left out.
        if path == "." || !path.starts_with(&self.start) || !path.contains(&self.contains) {
            return false;
        }
        let mut states = States::start(&self.tokens);
        for c in path.chars() {
            if states.active.is_empty() || (c == '/' && states.accepting()) {
                break;
            }
            states.step(c);
        }
        states.accepting()
    }

    /// Whether it could match something below a directory.
    fn may_match_below(&self, directory: &str) -> bool {
        let mut states = States::start(&self.tokens);
        for c in directory.chars().chain(['/']) {
            states.step(c);
        }
        !states.active.is_empty()
    }
}

/// Where in a pattern a path can be: the tokens that may come next, and one more for the pattern's end.
struct States<'p> {
    tokens: &'p [Token],
    active: Vec<usize>,
    next: Vec<usize>,
    /// By token, the step in which it was last entered.
    entered: Vec<usize>,
    steps: usize,
}

impl<'p> States<'p> {
    fn start(tokens: &'p [Token]) -> Self {
        let entered = vec![0; tokens.len() + 1];
        let mut states = States { tokens, active: Vec::new(), next: Vec::new(), entered, steps: 1 };
        states.enter(0);
        states.settle();
        states
    }

    /// Whether the pattern may end here.
    fn accepting(&self) -> bool {
        self.entered[self.tokens.len()] == self.steps
    }

    fn step(&mut self, c: char) {
        self.steps += 1;
        let mut active = std::mem::take(&mut self.active);
        for index in active.drain(..) {
            match self.tokens.get(index) {
                Some(Token::Plain(glob::Token::Star)) if c != '/' => self.enter(index),
                Some(Token::Plain(glob::Token::Star) | Token::MaybeDirectories) | None => {}
                Some(Token::Plain(token)) if token.takes(c) => self.enter(index + 1),
                Some(Token::Plain(_)) => {}
                Some(Token::Anything) => self.enter(index),
                Some(Token::Directories) => {
                    self.enter(index);
                    if c == '/' {
                        self.enter(index + 1);
                    }
                }
            }
        }
        self.active = active;
        self.settle();
    }

    fn enter(&mut self, index: usize) {
        if self.entered[index] != self.steps {
            self.entered[index] = self.steps;
            self.next.push(index);
        }
    }

    /// Passes the tokens that may match nothing, and makes what was entered active.
    fn settle(&mut self) {
        let mut seen = 0;
        while let Some(&index) = self.next.get(seen) {
            match self.tokens.get(index) {
                Some(Token::Plain(glob::Token::Star) | Token::Anything) => self.enter(index + 1),
                Some(Token::MaybeDirectories) => {
                    self.enter(index + 1);
                    self.enter(index + 2);
                }
                _ => {}
            }
            seen += 1;
        }
        std::mem::swap(&mut self.active, &mut self.next);
    }
}

fn compile(pattern: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("**") {
            let at_start = tokens.is_empty();
            rest = after.strip_prefix('/').unwrap_or(after);
            // `**name` is any path that ends so; followed by wildcards it is `**/name` for Docker, and so it is here.
            let ending = at_start && rest.len() == after.len() && !rest.contains(['*', '?', '[', ']', '\\']);
            if rest.is_empty() || ending {
                tokens.push(Token::Anything);
            } else {
                tokens.extend([Token::MaybeDirectories, Token::Directories]);
            }
            continue;
        }
        let mut chars = rest.chars().peekable();
        if let Some(token) = glob::next_token(&mut chars)? {
            tokens.push(Token::Plain(token));
        }
        let left: usize = chars.map(char::len_utf8).sum();
        rest = &rest[rest.len() - left..];
    }
    Ok(tokens)
}

/// The shortest path that means the same, as of Go's `filepath.Clean`, without a leading slash; `.` for nothing.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignore(text: &str) -> Ignore {
        Ignore::parse(text).unwrap()
    }

    fn excluded(text: &str, path: &str) -> bool {
        ignore(text).excluded(Path::new(path))
    }

    #[test]
    fn patterns_match_paths_and_what_is_below_them() {
        for (pattern, path, expected) in [
            ("**", "file", true),
            ("**/", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("dir/**", "dir", false),
            ("**/dir", "dir", true),
            ("**/dir", "dir/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir3/file", true),
            ("**file", "file", true),
            ("**file", "dir/file", true),
            ("**file", "dir/a-file", true),
            ("**/file", "dir/a-file", false),
            ("**/file", "dir/dir/file", true),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("**/file*.txt*", "dir/dir/file.txt", true),
            ("**/**/*.txt", "dir/dir/file.txt", true),
            ("**/**/*.txt2", "dir/dir/file.txt", false),
            ("**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a/*.txt", "a/file.txt", true),
            ("a/*.txt**", "a/file.txt", true),
            ("a[b-d]e", "ae", false),
            ("a[b-d]e", "ace", true),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("abc/**", "abc/def/ghi", true),
            ("**/.foo", "bar.foo", false),
            ("a(b)c/def", "a(b)c/def", true),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("*", "a/b", true),
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "temporary.txt", false),
            ("temp?", "tempa", true),
            ("/foo", "foo", true),
            ("./foo/../bar/", "bar/x", true),
            ("foo", "x/foo", false),
            (".", "a", false),
            ("*", ".", false),
        ] {
            assert_eq!(excluded(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_matches_wins() {
        assert!(!excluded("*.md\n!README.md", "README.md"));
        assert!(excluded("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
        assert!(!excluded("*.md\nREADME-secret.md\n!README*.md", "README-secret.md"));
        assert!(!excluded("docs\n!docs/README.md", "docs/README.md"));
        assert!(excluded("docs\n!docs/README.md", "docs/other.md"));
        assert!(excluded("!file\n*", "file"));
        assert!(!excluded("**\n!util/docker/web", "util/docker/web/foo"));
        assert!(excluded("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo"));
    }

    #[test]
    fn comments_blanks_and_marks_are_read_as_docker_reads_them() {
        let text = "\u{feff}# comment\n\n  # no comment \r\n  spaced  \n! /kept\nkept\n!kept\n";
        let ignore = ignore(text);
        assert_eq!(ignore.patterns.len(), 5);
        assert!(ignore.excluded(Path::new("# no comment")));
        assert!(ignore.excluded(Path::new("spaced")));
        assert!(!ignore.excluded(Path::new("kept")));
        assert!(Ignore::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_malformed_pattern_names_its_line() {
        let error = Ignore::parse("ok\n[").unwrap_err();
        assert_eq!(error.to_string(), "ignore file line 2: syntax error in pattern: \"[\"");
        assert_eq!(error.field("line"), Some(&2.into()));
        let error = Ignore::parse("!").unwrap_err();
        assert_eq!(error.to_string(), "ignore file line 1: illegal exclusion pattern: \"!\"");
        assert!(Ignore::from_patterns(["a\\"]).is_err());
    }

    #[test]
    fn a_directory_is_skipped_only_when_nothing_below_can_come_back() {
        for (text, directory, expected) in [
            ("dir", "dir", true),
            ("dir", "other", false),
            ("dir", "dir/sub", true),
            ("dir/*", "dir", false),
            ("dir/*", "dir/sub", true),
            ("dir\n!dir/keep", "dir", false),
            ("dir\n!dir/keep", "dir/sub", true),
            ("dir\n!dir/keep", "dir/keep", false),
            ("dir\n!other/keep", "dir", true),
            ("dir\n!**/keep", "dir", false),
            ("dir\n!*.md", "dir", true),
            ("dir\n!*/*.md", "dir", false),
            ("dir\n!*/*.md", "dir/sub", true),
            ("!dir/keep\ndir", "dir", true),
            ("*\n!src", "src", false),
            ("*\n!src\nsrc/gen", "src/gen", true),
            ("**\n!a/b/c", "a", false),
            ("**\n!a/b/c", "a/b", false),
            ("**\n!a/b/c", "b", true),
            ("*", ".", false),
        ] {
            assert_eq!(
                ignore(text).may_skip_directory(Path::new(directory)),
                expected,
                "{text:?} {directory}"
            );
        }
    }
}
