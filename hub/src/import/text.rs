//! Bytes to text, and text back to the same bytes for the side file.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::{FILE_BYTES_MAX, ImportError};

const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a file's text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark, as Excel's "CSV UTF-8". Also what UTF-16 is answered with.
    Utf8Marked,
    /// GB18030, as Excel's "CSV" in China.
    Gb18030,
}

impl Encoding {
    /// What a file of this encoding begins with.
    pub const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8Marked => UTF_8_MARK,
            Self::Utf8 | Self::Gb18030 => b"",
        }
    }

    /// Text in this encoding. GB18030 has every character.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Gb18030 => GB18030.encode(text).0,
            Self::Utf8 | Self::Utf8Marked => Cow::Borrowed(text.as_bytes()),
        }
    }
}

/// Reads a file whole.
pub fn read(path: &Path) -> Result<(String, Encoding), ImportError> {
    let failed = |source| ImportError::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge { bytes });
    }
    decode(fs::read(path).map_err(failed)?)
}

/// The text of a file. Valid UTF-8 is UTF-8: Chinese text in GB18030 practically never is.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), ImportError> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(ImportError::Workbook);
    }
    if let Some(rest) = bytes.strip_prefix(UTF_8_MARK) {
        let text = std::str::from_utf8(rest).map_err(|error| undecodable(rest, error.valid_up_to()))?;
        return Ok((text.to_owned(), Encoding::Utf8Marked));
    }
    for utf_16 in [UTF_16LE, UTF_16BE] {
        let mark: &[u8] = if utf_16 == UTF_16LE { b"\xff\xfe" } else { b"\xfe\xff" };
        if let Some(rest) = bytes.strip_prefix(mark) {
            let text = utf_16.decode_without_bom_handling_and_without_replacement(rest);
            return Ok((text.ok_or(ImportError::Undecodable { line: 1 })?.into_owned(), Encoding::Utf8Marked));
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, Encoding::Utf8)),
        Err(error) => match GB18030.decode_without_bom_handling_and_without_replacement(error.as_bytes()) {
            Some(text) => Ok((text.into_owned(), Encoding::Gb18030)),
            None => Err(first_undecodable(error.as_bytes())),
        },
    }
}

/// Line feeds are line feeds in GB18030 too: no character has one as its second byte.
fn first_undecodable(bytes: &[u8]) -> ImportError {
    let bad = |line: &[u8]| GB18030.decode_without_bom_handling_and_without_replacement(line).is_none();
    let line = bytes.split(|byte| *byte == b'\n').position(bad).unwrap_or(0);
    ImportError::Undecodable { line: line as u64 + 1 }
}

fn undecodable(bytes: &[u8], at: usize) -> ImportError {
    let before = bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
    ImportError::Undecodable { line: before as u64 + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_encoding_of_excel_is_understood() {
        let text = "日期,主题\n2016-08-15,禁毒𠮷\n";
        let utf_16 = |mark: u16, order: fn(u16) -> [u8; 2]| {
            std::iter::once(mark).chain(text.encode_utf16()).flat_map(order).collect::<Vec<u8>>()
        };
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            ([UTF_8_MARK, text.as_bytes()].concat(), Encoding::Utf8Marked),
            (GB18030.encode(text).0.into_owned(), Encoding::Gb18030),
            (utf_16(0xfeff, u16::to_le_bytes), Encoding::Utf8Marked),
            (utf_16(0xfeff, u16::to_be_bytes), Encoding::Utf8Marked),
        ] {
            assert_eq!(decode(bytes).unwrap(), (text.to_owned(), encoding));
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let error = decode(b"a,b\n1,2\n\xff\xff,3\n".to_vec()).unwrap_err();
        assert!(matches!(error, ImportError::Undecodable { line: 3 }), "{error}");
        let marked = [UTF_8_MARK, b"a\n\xff"].concat();
        assert!(matches!(decode(marked).unwrap_err(), ImportError::Undecodable { line: 2 }));
        assert!(matches!(decode(b"PK\x03\x04...".to_vec()).unwrap_err(), ImportError::Workbook));
    }

    proptest! {
        #[test]
        fn any_text_survives_gb18030_as_valid_text(text in "\\PC{0,40}") {
            let bytes = Encoding::Gb18030.encode(&text).into_owned();
            let back = GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
            prop_assert_eq!(back.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(bytes);
        }
    }
}
