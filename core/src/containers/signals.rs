//! Signals by name and number, as Docker takes them.

use crate::error::{Error, ErrorKind, Result};

/// SIGKILL.
pub const KILL: i32 = 9;
/// SIGTERM.
pub const TERM: i32 = 15;

/// Names without `SIG`, by number; aliases after them.
const NAMES: [(&str, i32); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("IOT", 6),
    ("CLD", 17),
    ("POLL", 29),
    ("UNUSED", 31),
];

/// The first and the last real-time signal that programs get (glibc keeps two for itself).
const REAL_TIME: (i32, i32) = (34, 64);

/// The number of a signal: `SIGHUP`, `hup`, `RTMIN+3`, `9`. `invalid_argument` for what is none.
pub fn number(signal: &str) -> Result<i32> {
    let upper = signal.trim().to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let (first, last) = REAL_TIME;
    let found = match name.parse::<i32>() {
        Ok(number) => Some(number),
        Err(_) => NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number).or_else(|| {
            let (from, sign, rest) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
                (Some(rest), _) => (first, '+', rest),
                (_, Some(rest)) => (last, '-', rest),
                _ => return None,
            };
            let distance: i32 = match rest {
                "" => 0,
                rest => {
                    rest.strip_prefix(sign)?.parse().ok().filter(|distance| (0..=15).contains(distance))?
                }
            };
            Some(if sign == '+' { from + distance } else { from - distance })
        }),
    };
    found
        .filter(|number| (1..=last).contains(number))
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("Invalid signal: {signal}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_a_name_with_or_without_its_prefix_or_a_number() {
        for (text, wanted) in
            [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("rtmin", 34)]
        {
            assert_eq!(number(text).unwrap(), wanted, "{text}");
        }
        for bad in ["", "0", "65", "-1", "NOPE", "SIG", "RTMIN-1", "RTMIN+16", "RTMAX+1"] {
            let error = number(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
            assert_eq!(error.to_string(), format!("Invalid signal: {bad}"));
        }
    }
}
