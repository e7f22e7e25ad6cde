//! Names of containers: what may be one, and ones that are made up.

use crate::error::{Error, ErrorKind, Result};
use crate::fs;

/// How many names are made up before a number is put behind them.
const PLAIN: u32 = 8;
/// How many are tried at all.
const TRIES: u32 = 1000;

const ADJECTIVES: [&str; 96] = [
    "amber", "ample", "azure", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "cheerful",
    "clear", "clever", "coastal", "cobalt", "cosy", "crimson", "crisp", "curious", "dapper", "daring",
    "deft", "dusky", "eager", "early", "earnest", "easy", "fair", "fancy", "fleet", "fluent", "fond",
    "frank", "fresh", "frosty", "gentle", "gilded", "glad", "golden", "grand", "green", "handy", "happy",
    "hardy", "hazel", "hearty", "honest", "humble", "icy", "ideal", "jolly", "jovial", "keen", "kind",
    "lively", "loyal", "lucid", "lucky", "lunar", "mellow", "merry", "mild", "misty", "modest", "neat",
    "nimble", "noble", "olive", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet", "rapid",
    "ready", "robust", "rosy", "rustic", "sage", "serene", "sharp", "silver", "sleek", "smooth", "solid",
    "spry", "steady", "stout", "sunny", "swift", "tidy", "vivid", "warm", "witty",
];

const NOUNS: [&str; 120] = [
    "acorn", "anchor", "anvil", "arch", "aspen", "badger", "bamboo", "banner", "barley", "basin", "beacon",
    "beaver", "bell", "birch", "bison", "bridge", "brook", "butter", "cabin", "canal", "candle", "canoe",
    "canyon", "castle", "cedar", "cherry", "chisel", "clover", "cobble", "comet", "compass", "copper",
    "coral", "cricket", "crane", "delta", "dune", "eagle", "ember", "falcon", "fern", "ferry", "fiddle",
    "finch", "fjord", "flint", "forest", "fossil", "garden", "garnet", "geyser", "ginger", "glacier",
    "granite", "grove", "gull", "hammer", "harbour", "hazelnut", "hedge", "heron", "hill", "island", "ivy",
    "jasper", "juniper", "kayak", "kettle", "kite", "lagoon", "lantern", "lark", "lemon", "lichen", "lily",
    "linden", "lobster", "maple", "marble", "meadow", "mill", "moss", "nettle", "oak", "oasis", "orchard",
    "otter", "owl", "paddle", "pebble", "pepper", "pine", "plum", "pond", "poplar", "prairie", "quarry",
    "quartz", "quill", "rabbit", "raven", "reef", "ridge", "river", "robin", "rudder", "saddle", "sparrow",
    "spruce", "stone", "summit", "thistle", "tulip", "tundra", "valley", "violet", "walnut", "willow",
    "wren", "zephyr",
];

/// The name that is asked for, without the slash that Docker allows before it. `invalid_argument`, in Docker's words, for what cannot be
/// one.
pub fn check(name: &str) -> Result<&str> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut bytes = bare.bytes();
    let begins = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    if begins && bare.len() > 1 && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return Ok(bare);
    }
    let message = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

/// Makes names up: an adjective and a noun, and after some attempts a number behind them. `None` when it is time to give up.
pub fn made_up(attempt: u32) -> Result<Option<String>> {
    let mut random = [0u8; 6];
    fs::random(&mut random)?;
    let pick = |low: u8, high: u8| usize::from(u16::from_le_bytes([low, high]));
    let adjective = ADJECTIVES[pick(random[0], random[1]) % ADJECTIVES.len()];
    let noun = NOUNS[pick(random[2], random[3]) % NOUNS.len()];
    Ok(match attempt {
        0..PLAIN => Some(format!("{adjective}_{noun}")),
        PLAIN..TRIES => Some(format!("{adjective}_{noun}{}", pick(random[4], random[5]))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_docker_takes_for_one() {
        for (name, bare) in [("web", "web"), ("/web", "web"), ("a1", "a1"), ("0_.-", "0_.-")] {
            assert_eq!(check(name).unwrap(), bare);
        }
        for bad in ["", "a", "/", "_a", "-a", ".a", "a b", "a/b", "//a", "ä1"] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
            let wanted =
                format!("Invalid container name ({bad}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
            assert_eq!(error.to_string(), wanted);
        }
    }

    #[test]
    fn names_that_are_made_up_are_names_and_end_some_day() {
        for attempt in [0, 7, 8, 999] {
            let name = made_up(attempt).unwrap().unwrap();
            assert_eq!(check(&name).unwrap(), name);
            let digits = name.ends_with(|c: char| c.is_ascii_digit());
            assert_eq!(digits, attempt >= PLAIN, "{name}");
        }
        assert_eq!(made_up(TRIES).unwrap(), None);
        let distinct: std::collections::BTreeSet<_> = ADJECTIVES.iter().chain(&NOUNS).collect();
        assert_eq!(distinct.len(), ADJECTIVES.len() + NOUNS.len());
    }
}
