//! Platforms: `os/architecture[/variant]` in the words of the OCI image specification.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Architecture in Go's names, such as `amd64`.
    pub architecture: String,
    /// Variant of the architecture, such as `v7`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Platform {
    /// The platform of this process.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Platform { os: "linux".into(), architecture: architecture.into(), variant: String::new() }
    }

    /// The same platform in the form in which two can be compared: `arm64/v8` is `arm64`, `arm` is `arm/v7`.
    pub fn normal(&self) -> Platform {
        let variant = match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "v8") | ("amd64", "v1") => "",
            ("arm", "") => "v7",
            (_, variant) => variant,
        };
        Platform { variant: variant.to_owned(), ..self.clone() }
    }

    /// Whether what is for `other` runs here: the same, or a lower variant of the same architecture.
    pub fn fits(&self, other: &Platform) -> bool {
        let (mine, theirs) = (self.normal(), other.normal());
        mine.os == theirs.os
            && mine.architecture == theirs.architecture
            && (theirs.variant.is_empty() || theirs.variant <= mine.variant)
    }
}

impl FromStr for Platform {
    type Err = Error;

    /// Parses `os/architecture[/variant]`, or an architecture alone; common other names (`x86_64`, `aarch64`, `armhf`) are
    /// taken for Go's. `invalid_argument` otherwise.
    fn from_str(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let valid = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let (os, architecture, variant) = match parts.as_slice() {
            [architecture] => ("linux", *architecture, ""),
            [os, architecture] => (*os, *architecture, ""),
            [os, architecture, variant] => (*os, *architecture, *variant),
            _ => ("", "", ""),
        };
        if !parts.iter().all(valid) || os.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} is not a platform: os/architecture[/variant] is wanted"),
            ));
        }
        let (architecture, variant) = match (architecture, variant) {
            ("x86_64" | "x86-64", v) => ("amd64", v),
            ("i386", v) => ("386", v),
            ("aarch64", v) => ("arm64", v),
            ("armhf", "") => ("arm", "v7"),
            ("armel", "") => ("arm", "v6"),
            other => other,
        };
        let variant = if (architecture, variant) == ("arm64", "v8") { "" } else { variant };
        Ok(Platform { os: os.into(), architecture: architecture.into(), variant: variant.into() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_runs_what_is_for_itself_and_for_lower_variants() {
        let fits = |one: &str, other: &str| {
            one.parse::<Platform>().unwrap().fits(&other.parse::<Platform>().unwrap())
        };
        assert!(fits("linux/arm/v7", "linux/arm/v6") && !fits("linux/arm/v6", "linux/arm/v7"));
        assert!(fits("linux/arm", "linux/arm/v7") && fits("linux/amd64", "linux/amd64"));
        assert!(!fits("linux/amd64", "linux/amd64/v3") && !fits("linux/amd64", "windows/amd64"));
        // As it stands in an index.
        let written = Platform { os: "linux".into(), architecture: "arm64".into(), variant: "v8".into() };
        assert!(
            fits("linux/arm64", "linux/arm64") && "linux/arm64".parse::<Platform>().unwrap().fits(&written)
        );
    }

    #[test]
    fn other_names_of_a_platform_become_gos() {
        for (text, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("armhf", "linux/arm/v7"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
        }
        for bad in ["", "/", "linux/", "a/b/c/d", "linux/am d64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
