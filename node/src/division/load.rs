//! The strict reader of directory files. Codes decide where figures are counted, so a file
//! with anything doubtful is refused whole, with the line.

use std::collections::BTreeMap;

use thiserror::Error;
use wuji_proto::{DivisionCode, Tier};

use super::{Row, Table};

/// The first line of every directory file.
pub const HEADER: &str = "code,tier,name,parent";

/// The longest name of a unit, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 300;

/// Why a directory cannot be read.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// A file does not unpack: the program itself is damaged.
    #[error("unpacking the division directory {file}: {source}; install the program again")]
    Unpack {
        /// The file.
        file: String,
        /// What zstd says.
        source: std::io::Error,
    },
    /// A line is not as it should be.
    #[error("reading the division directory {file}, line {line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// From 1; the header is line 1.
        line: usize,
        /// What is wrong and what to write.
        problem: String,
    },
}

/// Reads files into one table.
pub(super) fn table<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Table, DirectoryError> {
    let mut reading = Reading::default();
    for (file, text) in files {
        let refuse = |line: usize, problem: String| DirectoryError::Line { file: file.to_owned(), line, problem };
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(header, _)| header) != Some(HEADER) {
            return Err(refuse(1, format!("the header must be exactly `{HEADER}`")));
        }
        for (line, number) in lines {
            reading.take(line).map_err(|problem| refuse(number, problem))?;
        }
    }
    Ok(Table { rows: reading.rows.into_values().collect(), names: reading.names })
}

#[derive(Default)]
struct Reading {
    rows: BTreeMap<DivisionCode, Row>,
    names: String,
}

impl Reading {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let fields: Vec<&str> = line.split(',').collect();
        let &[code_text, tier, name, parent] = fields.as_slice() else {
            return Err(format!("{} fields where `{HEADER}` wants 4", fields.len()));
        };
        let code: DivisionCode = code_text.parse().map_err(|error| format!("{error}"))?;
        if code.as_str() != code_text {
            return Err(format!("{code_text} is not in its short form: write {code}"));
        }
        if tier != code.tier().name() {
            return Err(format!("{code} has {} digits, so its tier is {}, not {tier:?}", code_text.len(), code.tier()));
        }
        check_name(name)?;
        let parent = self.parent(code, parent)?;
        let name_at = u32::try_from(self.names.len()).map_err(|_| "more names than 4 GiB".to_owned())?;
        let name_bytes = u16::try_from(name.len()).map_err(|_| "the name is too long".to_owned())?;
        if self.rows.insert(code, Row { code, parent, name_at, name_bytes }).is_some() {
            return Err(format!("{code} is there a second time: every code is one unit"));
        }
        self.names.push_str(name);
        Ok(())
    }

    fn parent(&self, code: DivisionCode, text: &str) -> Result<Option<DivisionCode>, String> {
        match (code.tier(), text) {
            (Tier::Province, "") => return Ok(None),
            (Tier::Province, _) => return Err(format!("the province {code} has no parent: leave the field empty")),
            (_, "") => return Err(format!("{code} has no parent: only a province has none")),
            _ => {}
        }
        let parent: DivisionCode = text.parse().map_err(|error| format!("parent: {error}"))?;
        if !parent.can_parent(code) || !parent.contains(code) {
            return Err(format!("{parent} cannot be the parent of {code}: it is not above it"));
        }
        if !self.rows.contains_key(&parent) {
            return Err(format!("the parent {parent} of {code} is not known yet: write parents before children"));
        }
        Ok(Some(parent))
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.trim() != name {
        return Err(format!("the name {name:?} is empty or has spaces around it"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("the name has {} bytes, at most {NAME_BYTES_MAX} are allowed", name.len()));
    }
    if name.chars().any(|c| c.is_control() || c == '"') {
        return Err(format!("the name {name:?} has a quote or a control character: names are written plainly"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::division::Directory;

    #[test]
    fn a_wrong_line_is_refused_with_its_number_and_what_to_write() {
        let good = "code,tier,name,parent\n37,province,山东省,\n3711,city,日照市,37\n";
        for (line, wanted) in [
            ("371122,county,莒县", "3 fields"),
            ("371122,county,莒县,3711,x", "5 fields"),
            ("37112,county,莒县,3711", "digits"),
            ("371122000000,county,莒县,3711", "write 371122"),
            ("371122,city,莒县,3711", "tier is county"),
            ("371122,county,,3711", "empty"),
            ("371122,county, 莒县,3711", "spaces"),
            ("371122,county,\"莒县\",3711", "quote"),
            ("371122,county,莒县,", "no parent"),
            ("371122,county,莒县,3712", "not above it"),
            ("371122001,township,城阳街道,371122", "not known yet"),
            ("3711,city,日照市,37", "second time"),
            ("38,province,某省,37", "has no parent"),
            ("", "1 fields"),
        ] {
            let error = Directory::read([("test.csv", format!("{good}{line}\n").as_str())]).unwrap_err().to_string();
            assert!(error.contains("test.csv, line 4") && error.contains(wanted), "{line}: {error}");
        }
        assert_eq!(Directory::read([("test.csv", good)]).unwrap().len(), 2);
    }

    #[test]
    fn a_file_without_the_header_is_refused() {
        for text in ["", "37,province,山东省,\n", "\u{feff}code,tier,name,parent\n"] {
            let error = Directory::read([("test.csv", text)]).unwrap_err().to_string();
            assert!(error.contains("line 1") && error.contains("header"), "{error}");
        }
    }

    #[test]
    fn a_county_may_lie_directly_under_its_province() {
        let text = "code,tier,name,parent\n42,province,湖北省,\n429004,county,仙桃市,42\n";
        let directory = Directory::read([("test.csv", text)]).unwrap();
        assert_eq!(directory.children("42".parse().unwrap())[0].name, "仙桃市");
    }
}
