//! Sizes and ages in the words of Docker (docker/go-units).

/// Decimal units.
const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/// A size with three digits, as `images` and `history` show it: `128MB`.
pub fn size(bytes: u64) -> String {
    with_digits(bytes, 3)
}

/// A size with four digits, as `system df` and `prune` show it: `1.982MB`.
pub fn precise_size(bytes: u64) -> String {
    with_digits(bytes, 4)
}

/// Go's `%.<digits>g` and the unit. Where Docker would write `1e+03MB`, this goes on to the next unit.
fn with_digits(bytes: u64, digits: usize) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && (value >= 1000.0 || general(value, digits) == "1000") {
        value /= 1000.0;
        unit += 1;
    }
    format!("{}{}", general(value, digits), UNITS[unit])
}

/// So many significant digits, without trailing zeros.
fn general(value: f64, digits: usize) -> String {
    let whole = if value < 1.0 { 1 } else { value.log10().floor() as usize + 1 };
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A span of time in words: `About an hour`, `11 days`.
pub fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    let hours = (seconds + HOUR / 2) / HOUR;
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if seconds / MINUTE == 1 => "About a minute".to_owned(),
        _ if seconds / MINUTE < 60 => format!("{} minutes", seconds / MINUTE),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / HOUR / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_docker_shows_them() {
        for (bytes, three, four) in [
            (0, "0B", "0B"),
            (3, "3B", "3B"),
            (585, "585B", "585B"),
            (1000, "1kB", "1kB"),
            (3584, "3.58kB", "3.584kB"),
            (1_982_298, "1.98MB", "1.982MB"),
            (128_100_000, "128MB", "128.1MB"),
            (999_999_999, "1GB", "1GB"),
            (1_500_000_000_000, "1.5TB", "1.5TB"),
            (u64::MAX, "18.4EB", "18.45EB"),
        ] {
            assert_eq!((size(bytes).as_str(), precise_size(bytes).as_str()), (three, four), "{bytes}");
        }
    }

    #[test]
    fn ages_read_as_docker_shows_them() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, text) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (46 * 60, "46 minutes"),
            (HOUR, "About an hour"),
            (HOUR + HOUR / 2, "2 hours"),
            (47 * HOUR, "47 hours"),
            (2 * DAY, "2 days"),
            (11 * DAY, "11 days"),
            (14 * DAY, "2 weeks"),
            (21 * DAY, "3 weeks"),
            (120 * DAY, "4 months"),
            (800 * DAY, "2 years"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }
}
