//! The 512-byte header of a tar entry (POSIX ustar, v7, GNU, star), as it stands: no PAX, no meaning.

use std::path::Path;

/// Bytes of a header, and what contents are padded to.
pub(super) const BLOCK: usize = 512;

/// One header block.
pub(super) struct Header<'a>(pub &'a [u8; BLOCK]);

/// What is wrong with a header.
pub(super) type Wrong = &'static str;

impl Header<'_> {
    /// Whether the sum that the header carries is that of its bytes. Old tars summed signed bytes.
    pub fn checksum_holds(&self) -> bool {
        let Ok(expected) = number(&self.0[148..156]) else { return false };
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (i, &byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&i) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        expected == unsigned || expected == signed
    }

    pub fn typeflag(&self) -> u8 {
        self.0[156]
    }

    /// The name, with ustar's prefix.
    pub fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = match &self.0[257..265] {
            // star: times stand where the prefix would end.
            b"ustar\x0000" if &self.0[508..512] == b"tar\0" => text(&self.0[345..476]),
            b"ustar\x0000" => text(&self.0[345..500]),
            // GNU's magic has other things there, v7 has nothing. Some writers leave the version out.
            [b'u', b's', b't', b'a', b'r', 0, ..] => text(&self.0[345..500]),
            _ => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub fn mode(&self) -> Result<i64, Wrong> {
        number(&self.0[100..108])
    }

    pub fn uid(&self) -> Result<i64, Wrong> {
        number(&self.0[108..116])
    }

    pub fn gid(&self) -> Result<i64, Wrong> {
        number(&self.0[116..124])
    }

    pub fn size(&self) -> Result<u64, Wrong> {
        u64::try_from(number(&self.0[124..136])?).map_err(|_| "its size is negative")
    }

    pub fn mtime(&self) -> Result<i64, Wrong> {
        number(&self.0[136..148])
    }

    pub fn device(&self) -> Result<(i64, i64), Wrong> {
        Ok((number(&self.0[329..337])?, number(&self.0[337..345])?))
    }

    /// Old GNU sparse: the size with holes.
    pub fn sparse_size(&self) -> Result<u64, Wrong> {
        u64::try_from(number(&self.0[483..495])?).map_err(|_| "its size is negative")
    }

    /// Old GNU sparse: the segments in the header, and whether a block with more follows.
    pub fn sparse_segments(&self, into: &mut Vec<(u64, u64)>) -> Result<bool, Wrong> {
        sparse_segments(&self.0[386..482], into)?;
        Ok(self.0[482] != 0)
    }

    /// The name for messages.
    pub fn display(&self) -> String {
        super::entry::display(Path::new(&String::from_utf8_lossy(&self.name()).into_owned()))
    }
}

/// Old GNU sparse: the segments in a block that follows a header, and whether another one comes.
pub(super) fn sparse_extension(block: &[u8; BLOCK], into: &mut Vec<(u64, u64)>) -> Result<bool, Wrong> {
    sparse_segments(&block[..504], into)?;
    Ok(block[504] != 0)
}

fn sparse_segments(bytes: &[u8], into: &mut Vec<(u64, u64)>) -> Result<(), Wrong> {
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 && pair[12] == 0 {
            break;
        }
        let field = |bytes| u64::try_from(number(bytes)?).map_err(|_| "its sparse map is wrong");
        into.push((field(&pair[..12])?, field(&pair[12..])?));
    }
    Ok(())
}

/// A field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// A number: octal digits between spaces and NULs, or GNU's base 256, which is told by its first bit.
fn number(field: &[u8]) -> Result<i64, Wrong> {
    const WRONG: Wrong = "a number in its header is wrong";
    if field[0] & 0x80 != 0 {
        // The bit above is the sign, and the rest is two's complement.
        let negative = field[0] & 0x40 != 0;
        let mut value: i128 = if negative { -1 } else { 0 };
        for (i, &byte) in field.iter().enumerate() {
            let byte = if i == 0 && !negative { byte & 0x7f } else { byte };
            value = (value << 8) | i128::from(byte);
        }
        return i64::try_from(value).map_err(|_| WRONG);
    }
    let mut value: i64 = 0;
    let mut digits = field.iter().skip_while(|&&byte| byte == b' ');
    for &byte in digits.by_ref() {
        match byte {
            b'0'..=b'7' => {
                value = value.checked_mul(8).ok_or(WRONG)? + i64::from(byte - b'0');
            }
            b' ' | 0 => break,
            _ => return Err(WRONG),
        }
    }
    // What stands behind the end is padding.
    if digits.any(|byte| !matches!(byte, b' ' | 0)) {
        return Err(WRONG);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        for (field, value) in [
            (&b"0000644\0"[..], 0o644),
            (b"   644 \0", 0o644),
            (b"\0\0\0\0\0\0\0\0", 0),
            (b"77777777", 0o77777777),
            (b"\x80\0\0\0\0\0\x01\0", 256),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", 1 << 33),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0", -256),
        ] {
            assert_eq!(number(field), Ok(value), "{field:?}");
        }
        for field in
            [&b"00x0644\0"[..], b"9       ", b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"1 2"]
        {
            number(field).unwrap_err();
        }
    }
}
