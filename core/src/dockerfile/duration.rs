//! Durations in Go's syntax (`1m30s`, `1.5h`, `250ms`), which `HEALTHCHECK` takes.

use crate::error::{Error, ErrorKind, Result};

/// Nanoseconds of one unit.
fn unit_nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Parses a duration into nanoseconds. `dockerfile_syntax` with Go's message when it is none.
pub fn parse(text: &str) -> Result<i64> {
    let fail =
        |what: &str| Error::new(ErrorKind::DockerfileSyntax, format!("time: {what} duration {text:?}"));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(fail("invalid"));
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        rest = tail;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(fail("invalid"));
        }
        if unit.is_empty() {
            return Err(fail("missing unit in"));
        }
        let Some(nanoseconds) = unit_nanoseconds(unit) else {
            return Err(fail(&format!("unknown unit {unit:?} in")));
        };
        // Eighteen digits of each part are more than an i64 of nanoseconds can tell apart.
        let whole: i128 = match whole.trim_start_matches('0') {
            "" => 0,
            digits if digits.len() > 19 => return Err(fail("invalid")),
            digits => digits.parse().map_err(|_| fail("invalid"))?,
        };
        total += whole * nanoseconds;
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            let value: i128 = fraction.parse().map_err(|_| fail("invalid"))?;
            total += value * nanoseconds / 10_i128.pow(fraction.len() as u32);
        }
        if total > i128::from(i64::MAX) {
            return Err(fail("invalid"));
        }
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).map_err(|_| fail("invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("-0", 0),
            ("1ns", 1),
            ("5us", 5_000),
            ("5\u{b5}s", 5_000),
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("-1.5h", -5_400_000_000_000),
            ("+5s", 5_000_000_000),
            ("1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("2562047h47m16.854775807s", i64::MAX),
            ("0.3333333333333333333h", 1_200_000_000_000 - 1),
        ] {
            assert_eq!(parse(text).unwrap(), nanoseconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("s", "time: invalid duration \"s\""),
            (".s", "time: invalid duration \".s\""),
            ("3", "time: missing unit in duration \"3\""),
            ("3d", "time: unknown unit \"d\" in duration \"3d\""),
            ("1.2.3s", "time: invalid duration \"1.2.3s\""),
            ("9999999999h", "time: invalid duration \"9999999999h\""),
            ("99999999999999999999999s", "time: invalid duration \"99999999999999999999999s\""),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }
}
