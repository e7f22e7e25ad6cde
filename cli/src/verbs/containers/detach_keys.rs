//! The keys that leave a container alone with itself: Docker's `--detach-keys`.

use crate::failure::{Failure, Outcome};

/// What Docker has when nothing is said.
pub const DEFAULT: &str = "ctrl-p,ctrl-q";

/// Looks for a sequence of keys in what is typed.
pub struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were just typed.
    typed: usize,
}

impl DetachKeys {
    /// Keys by their names, with commas between them: `a`, `ctrl-a`, `ctrl-[`.
    pub fn parse(text: &str) -> Outcome<Self> {
        let invalid = || Failure::Message(format!("Invalid detach keys ({text}) provided"));
        let key = |name: &str| match name.strip_prefix("ctrl-").unwrap_or(name).as_bytes() {
            [byte] if name.len() == 1 => Some(*byte),
            [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
            [sign @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(sign - b'@'),
            _ => None,
        };
        let keys = text.split(',').map(key).collect::<Option<Vec<u8>>>().ok_or_else(invalid)?;
        Ok(DetachKeys { keys, typed: 0 })
    }

    /// Takes what was typed, and returns what of it is for the container, and whether the keys were typed.
    pub fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if *byte == self.keys[self.typed] {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    return (passed, true);
                }
                continue;
            }
            // What looked like the beginning was not.
            passed.extend_from_slice(&self.keys[..self.typed]);
            self.typed = usize::from(*byte == self.keys[0] && self.keys.len() > 1);
            if self.typed == 0 {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_across_reads_and_everything_else_passes() {
        let mut keys = DetachKeys::parse(DEFAULT).unwrap();
        assert_eq!(keys.pass(b"ab"), (b"ab".to_vec(), false));
        assert_eq!(keys.pass(b"c\x10"), (b"c".to_vec(), false));
        assert_eq!(keys.pass(b"d"), (b"\x10d".to_vec(), false));
        assert_eq!(keys.pass(b"e\x10\x10"), (b"e\x10".to_vec(), false));
        assert_eq!(keys.pass(b"\x11f"), (Vec::new(), true));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "ctrl-1", "ab", "ctrl-p,"] {
            assert!(DetachKeys::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(DetachKeys::parse("ctrl-[,a").unwrap().keys, [0x1b, b'a']);
    }
}
