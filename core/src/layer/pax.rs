//! PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"), with the extensions that layers use: `SCHILY.xattr.*`,
//! `SCHILY.dev*` and GNU's sparse files 0.0, 0.1 and 1.0.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::entry::Timestamp;
use super::header::Wrong;

/// What an extended header said. A field that is not there leaves the one of the header as it is.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub mtime: Option<Timestamp>,
    pub device: (Option<i64>, Option<i64>),
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
    pub sparse: Sparse,
}

/// What an extended header said of a sparse file.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// The size with holes.
    pub size: Option<u64>,
    /// The map of 0.0 and 0.1.
    pub map: Option<Vec<(u64, u64)>>,
    /// Whether the map stands before the content (1.0).
    pub map_in_content: bool,
    /// An offset of 0.0 whose length has not come yet.
    offset: Option<u64>,
    name: Option<Vec<u8>>,
}

const WRONG: Wrong = "its extended header is wrong";
const WRONG_MAP: Wrong = "its sparse map is wrong";

impl Pax {
    /// Reads the records of an extended header.
    pub fn parse(mut bytes: &[u8]) -> Result<Pax, Wrong> {
        let mut pax = Pax::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|&byte| byte == b' ').ok_or(WRONG)?;
            let length = usize::try_from(decimal(&bytes[..space]).ok_or(WRONG)?).map_err(|_| WRONG)?;
            // At least a key of one byte, the equals sign and the newline.
            if length > bytes.len() || length < space + 4 || bytes[length - 1] != b'\n' {
                return Err(WRONG);
            }
            let record = &bytes[space + 1..length - 1];
            let equals = record.iter().position(|&byte| byte == b'=').ok_or(WRONG)?;
            pax.record(&record[..equals], &record[equals + 1..])?;
            bytes = &bytes[length..];
        }
        if pax.sparse.offset.is_some() {
            return Err(WRONG_MAP);
        }
        // GNU puts a made-up path in `path` for sparse files, and the true one here.
        if let Some(name) = pax.sparse.name.take() {
            pax.path = Some(name);
        }
        Ok(pax)
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Wrong> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.insert(OsString::from_vec(name.to_vec()), value.to_vec());
            return Ok(());
        }
        let unsigned = || decimal(value).ok_or(WRONG);
        let id = || signed(value).ok_or(WRONG);
        // An empty value takes a record back.
        let some = |value: &[u8]| (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = some(value),
            b"linkpath" => self.link = some(value),
            b"size" if value.is_empty() => self.size = None,
            b"size" => self.size = Some(unsigned()?),
            b"uid" if value.is_empty() => self.uid = None,
            b"uid" => self.uid = Some(id()?),
            b"gid" if value.is_empty() => self.gid = None,
            b"gid" => self.gid = Some(id()?),
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(timestamp(value).ok_or("its time is wrong")?),
            b"SCHILY.devmajor" => self.device.0 = Some(id()?),
            b"SCHILY.devminor" => self.device.1 = Some(id()?),
            _ => return self.sparse.record(key, value),
        }
        Ok(())
    }
}

impl Sparse {
    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Wrong> {
        let unsigned = || decimal(value).ok_or(WRONG_MAP);
        match key {
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.size = Some(unsigned()?),
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"GNU.sparse.numblocks" => {
                self.map.get_or_insert_default();
            }
            b"GNU.sparse.offset" => match self.offset.replace(unsigned()?) {
                None => {}
                Some(_) => return Err(WRONG_MAP),
            },
            b"GNU.sparse.numbytes" => {
                let offset = self.offset.take().ok_or(WRONG_MAP)?;
                self.map.get_or_insert_default().push((offset, unsigned()?));
            }
            b"GNU.sparse.map" => self.map = Some(pairs(value)?),
            b"GNU.sparse.major" => match value {
                b"0" => {}
                b"1" => self.map_in_content = true,
                _ => return Err("its sparse format is unknown"),
            },
            b"GNU.sparse.minor" => {
                let known: &[&[u8]] = if self.map_in_content { &[b"0"] } else { &[b"0", b"1"] };
                if !known.contains(&value) {
                    return Err("its sparse format is unknown");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// `offset,length,offset,length`; an empty text has none.
fn pairs(text: &[u8]) -> Result<Vec<(u64, u64)>, Wrong> {
    let mut map = Vec::new();
    if text.is_empty() {
        return Ok(map);
    }
    let mut numbers = text.split(|&byte| byte == b',').map(|text| decimal(text).ok_or(WRONG_MAP));
    while let Some(offset) = numbers.next() {
        map.push((offset?, numbers.next().ok_or(WRONG_MAP)??));
    }
    Ok(map)
}

/// Decimal digits and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => i64::try_from(decimal(digits)?).ok().map(|value| -value),
        None => i64::try_from(decimal(text)?).ok(),
    }
}

/// Seconds with a fraction, which may be negative: -0.5 is half a second before 1970.
fn timestamp(text: &[u8]) -> Option<Timestamp> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { i64::try_from(decimal(whole)?).ok()? };
    // What is finer than nanoseconds falls away.
    let nanoseconds =
        (0..9).fold(0, |value, i| value * 10 + fraction.get(i).map_or(0, |digit| u32::from(digit - b'0')));
    Some(match (negative, nanoseconds) {
        (false, nanoseconds) => Timestamp { seconds, nanoseconds },
        (true, 0) => Timestamp { seconds: -seconds, nanoseconds: 0 },
        (true, nanoseconds) => Timestamp { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_by_their_length_not_by_what_they_hold() {
        let pax = Pax::parse(b"12 path=a\nb\n28 SCHILY.xattr.user.x=\0=\n2\n").unwrap();
        assert_eq!(pax.path.unwrap(), b"a\nb");
        assert_eq!(pax.xattrs["user.x".as_ref() as &std::ffi::OsStr], b"\0=\n2");
        for wrong in ["12 path=a", "3 =\n", "99 path=a\n", "x path=a\n", "9 path a\n", "path=a\n"] {
            Pax::parse(wrong.as_bytes()).unwrap_err();
        }
    }

    #[test]
    fn times_have_fractions_and_may_be_before_1970() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("1350244992.023960108", 1350244992, 23960108),
            ("1.5", 1, 500_000_000),
            ("-1", -1, 0),
            ("-0.5", -1, 500_000_000),
            ("-1.25", -2, 750_000_000),
            ("1.1234567899", 1, 123_456_789),
            ("7.", 7, 0),
        ] {
            assert_eq!(timestamp(text.as_bytes()), Some(Timestamp { seconds, nanoseconds }), "{text}");
        }
        for wrong in ["", "-", ".", "1.-5", "1e3", "--1", "1.2.3", "99999999999999999999"] {
            assert_eq!(timestamp(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
