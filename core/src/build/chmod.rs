//! The value of `--chmod`: a mode in octal, or changes to one as chmod(1) has them.

use crate::error::{Error, ErrorKind, Result};

/// Read, write and execute of all three classes.
const ALL: u32 = 0o777;
const EXECUTE: u32 = 0o111;
const SET_IDS: u32 = 0o6000;
const STICKY: u32 = 0o1000;

/// A mode to be set, or changes to the mode that a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// This one, for files and directories alike.
    Octal(u32),
    /// One change after the other.
    Symbolic(Vec<Change>),
}

/// One operation of a clause: `u+rw`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bits of the classes that are meant.
    who: u32,
    op: char,
    perms: Vec<char>,
}

impl Mode {
    /// Reads a mode: up to 7777 in octal, or clauses such as `u=rwX,go=rX`. Classes that are left out are all of them, whatever
    /// the umask. `invalid_argument` for anything else.
    pub fn parse(text: &str) -> Result<Mode> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            let message = "it should be octal string and between 0 and 07777";
            return mode.map(Mode::Octal).ok_or_else(|| invalid(text, message));
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            let start = clause.find(|c| !"ugoa".contains(c)).unwrap_or(clause.len());
            let (who, mut rest) = clause.split_at(start);
            if rest.is_empty() {
                return Err(invalid(text, "a clause has classes, one of + - = and permissions"));
            }
            while let Some(op) = rest.chars().next() {
                if !"+-=".contains(op) {
                    return Err(invalid(text, &format!("{op:?} is no operation, class or permission")));
                }
                let end = rest[1..].find(|c| !"rwxXstugo".contains(c)).map_or(rest.len(), |end| end + 1);
                changes.push(Change { who: bits_of(who), op, perms: rest[1..end].chars().collect() });
                rest = &rest[end..];
            }
        }
        Ok(Mode::Symbolic(changes))
    }

    /// The mode of a file that had another.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Mode::Octal(mode) => *mode,
            Mode::Symbolic(changes) => {
                // `X` asks what the file was before all changes.
                let can_execute = is_directory || mode & EXECUTE != 0;
                changes.iter().fold(mode, |mode, change| change.apply(mode, can_execute))
            }
        }
    }
}

impl Change {
    fn apply(&self, mode: u32, can_execute: bool) -> u32 {
        let mut bits = 0;
        for perm in &self.perms {
            bits |= match perm {
                'r' => 0o444,
                'w' => 0o222,
                'x' => EXECUTE,
                'X' if can_execute => EXECUTE,
                's' => SET_IDS,
                't' => STICKY,
                'u' => (mode >> 6 & 7) * 0o111,
                'g' => (mode >> 3 & 7) * 0o111,
                'o' => (mode & 7) * 0o111,
                _ => 0,
            };
        }
        bits &= self.who;
        match self.op {
            '+' => mode | bits,
            '-' => mode & !bits,
            // The sticky bit goes only where it is named.
            _ => mode & !(self.who & !STICKY) | bits,
        }
    }
}

/// The bits that belong to classes; to all where none is named.
fn bits_of(who: &str) -> u32 {
    if who.is_empty() || who.contains('a') {
        return ALL | SET_IDS | STICKY;
    }
    who.chars().fold(0, |bits, class| {
        bits | match class {
            'u' => 0o4700 | STICKY,
            'g' => 0o2070 | STICKY,
            _ => 0o007,
        }
    })
}

fn invalid(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("invalid chmod parameter: '{text}'. {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_modes_change_what_a_file_has() {
        for (text, file, directory) in [
            ("644", 0o644, 0o644),
            ("4755", 0o4755, 0o4755),
            ("u=rwX,go=rX", 0o644, 0o755),
            ("+x", 0o751, 0o751),
            ("a-w", 0o440, 0o550),
            ("go=", 0o600, 0o700),
            ("g=u", 0o660, 0o770),
            ("u+s,o+t", 0o4640, 0o4750),
            ("+t", 0o1640, 0o1750),
            ("u-x+w", 0o640, 0o650),
            ("go-rwx,+X", 0o600, 0o711),
            ("=r", 0o444, 0o444),
            ("o=g-r", 0o640, 0o751),
        ] {
            let mode = Mode::parse(text).unwrap();
            assert_eq!(format!("{:o}", mode.apply(0o640, false)), format!("{file:o}"), "{text}");
            assert_eq!(format!("{:o}", mode.apply(0o750, true)), format!("{directory:o}"), "{text}");
        }
        assert_eq!(Mode::parse("u=rwX,go=rX").unwrap().apply(0o700, false), 0o755);
        assert_eq!(Mode::parse("=rw").unwrap().apply(0o4755, false), 0o666);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["8", "10000", "644x", "", "u", "rw", "u+q", "u=rw,", "u~x", "0o7"] {
            assert_eq!(Mode::parse(text).unwrap_err().kind(), ErrorKind::InvalidArgument, "{text:?}");
        }
    }
}
