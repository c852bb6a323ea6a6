//! The format as it was on the first day: a file that must be readable for ever, and what
//! this program writes for the same entries.

use super::*;

const GOLDEN: &str = include_str!("../golden/format-1.hex");
const GOLDEN_KEY: &str = include_str!("../golden/format-1.key.hex");

/// Sixteen bytes a line; the zeros that were written ahead are left out.
fn to_hex(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    let line = |bytes: &[u8]| {
        let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
        digits.chain(['\n']).collect::<String>()
    };
    bytes[..end.next_multiple_of(8)].chunks(16).map(line).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The key's bytes come from the seed of [`env`], as those of every test here.
fn written() -> DoubleDisk {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    opened.writer.append(&[record("first", ""), record("second", "李四")]).unwrap();
    opened.writer.append(&[stopped()]).unwrap();
    disk
}

#[test]
fn what_is_written_is_the_golden_file() {
    let disk = written();
    let hex = to_hex(&disk.content(&segment(1)));
    let key = to_hex(&disk.content(&directory().join("node.key")));
    if std::env::var_os("WUJI_WRITE_GOLDEN").is_some() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/journal/golden");
        std::fs::write(golden.join("format-1.hex"), &hex).unwrap();
        std::fs::write(golden.join("format-1.key.hex"), &key).unwrap();
    }
    assert_eq!(
        (hex.as_str(), key.as_str()),
        (GOLDEN, GOLDEN_KEY),
        "the format has changed: give it a new version, and keep reading this one"
    );
}

#[test]
fn the_golden_file_is_read() {
    let disk = DoubleDisk::default();
    disk.set_content(&directory().join("node.key"), from_hex(GOLDEN_KEY));
    disk.set_content(&segment(1), from_hex(GOLDEN));
    let opened = open_on(&disk);
    assert_eq!(appended(&opened.reader), [record("first", ""), record("second", "李四"), stopped()]);
    assert!(opened.recovery.clean_stop);
    assert_eq!(verify(&opened.reader).unwrap().sealed, 1);
}
