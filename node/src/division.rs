//! The division directory 区划目录: which units exist, by code, name and parent.
//!
//! It ships with the program, compressed (`config/divisions/`). It names units for people
//! (`wuji division find 莒县`) and plans samples; who is let into a federation is decided by
//! each parent's own registry, never by this directory.
//!
//! * [`load`]: the strict reader of directory files.
//! * [`find`]: search by code and by name.

pub mod find;
pub mod load;

use std::io::Read;
use std::sync::{Arc, OnceLock};

use wuji_proto::{DivisionCode, Tier};

pub use load::DirectoryError;

/// The trees that ship with the program: the name for errors, and the zstd file.
const EMBEDDED: [(&str, &[u8]); 2] = [
    ("config/divisions/shandong.csv.zst", include_bytes!("../../config/divisions/shandong.csv.zst")),
    ("config/divisions/huangshi.csv.zst", include_bytes!("../../config/divisions/huangshi.csv.zst")),
];

/// More than any directory file has, uncompressed: the country's 660,000 units are 40 MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// One unit of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Its code.
    pub code: DivisionCode,
    /// Its name as published, like 莒县 or 东关社区居委会.
    pub name: String,
    /// The unit above it; `None` for a province.
    pub parent: Option<DivisionCode>,
}

/// A directory of units. Cloning is cheap: clones share one table.
#[derive(Clone, Debug)]
pub struct Directory {
    table: Arc<Table>,
}

/// All units in the order of codes. Names lie in one text, since 65,000 small strings would
/// take twice the memory of this.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    names: String,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    code: DivisionCode,
    parent: Option<DivisionCode>,
    name_at: u32,
    name_bytes: u16,
}

impl Directory {
    /// The directory that ships with the program: all of 山东省, and 黄石市 under 湖北省.
    ///
    /// It is unpacked at the first call (some 30 ms, 4 MiB) and shared from then on, so a
    /// node that never asks for it does not carry it.
    pub fn embedded() -> Result<Self, DirectoryError> {
        static SHARED: OnceLock<Directory> = OnceLock::new();
        if let Some(directory) = SHARED.get() {
            return Ok(directory.clone());
        }
        let mut texts = Vec::new();
        for (file, compressed) in EMBEDDED {
            texts.push((file, unpack(file, compressed)?));
        }
        let directory = Self::read(texts.iter().map(|(file, text)| (*file, text.as_str())))?;
        Ok(SHARED.get_or_init(|| directory).clone())
    }

    /// Reads directory files, given as name (for errors) and CSV text.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, DirectoryError> {
        load::table(files).map(|table| Self { table: Arc::new(table) })
    }

    /// How many units it has.
    pub fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.table.rows.is_empty()
    }

    /// How many units of `tier` lie in the subtree of `scope`, itself included.
    pub fn count(&self, scope: DivisionCode, tier: Tier) -> usize {
        self.table.subtree(scope).iter().filter(|row| row.code.tier() == tier).count()
    }

    /// The unit with this code.
    pub fn get(&self, code: DivisionCode) -> Option<Division> {
        self.table.row(code).map(|row| self.table.division(row))
    }

    /// The units directly under `code`, in the order of codes; none if it is not known.
    pub fn children(&self, code: DivisionCode) -> Vec<Division> {
        let below = self.table.subtree(code).iter().filter(|row| row.parent == Some(code));
        below.map(|row| self.table.division(row)).collect()
    }

    /// The units from the province down to `code`, itself last; empty if it is not known.
    pub fn path(&self, code: DivisionCode) -> Vec<Division> {
        let upward = std::iter::successors(self.table.row(code), |row| self.table.row(row.parent?));
        let mut path: Vec<Division> = upward.map(|row| self.table.division(row)).collect();
        path.reverse();
        path
    }

    /// The units that `text` may mean, the likeliest first, at most `limit`: see [`find`].
    pub fn find(&self, text: &str, limit: usize) -> Vec<Division> {
        find::rows(&self.table, text, limit).into_iter().map(|row| self.table.division(row)).collect()
    }
}

impl Table {
    fn row(&self, code: DivisionCode) -> Option<&Row> {
        let at = self.rows.binary_search_by_key(&code, |row| row.code).ok()?;
        self.rows.get(at)
    }

    /// `scope` and the units under it: one run, since codes order as text.
    fn subtree(&self, scope: DivisionCode) -> &[Row] {
        let from = self.rows.partition_point(|row| row.code < scope);
        let below = self.rows.get(from..).unwrap_or_default();
        below.get(..below.partition_point(|row| scope.contains(row.code))).unwrap_or_default()
    }

    fn name(&self, row: &Row) -> &str {
        let from = row.name_at as usize;
        self.names.get(from..from + usize::from(row.name_bytes)).unwrap_or_default()
    }

    fn division(&self, row: &Row) -> Division {
        Division { code: row.code, name: self.name(row).to_owned(), parent: row.parent }
    }
}

fn unpack(file: &'static str, compressed: &[u8]) -> Result<String, DirectoryError> {
    let mut text = String::new();
    let unpacked = zstd::stream::read::Decoder::new(compressed)
        .and_then(|decoder| decoder.take(FILE_BYTES_MAX).read_to_string(&mut text));
    unpacked.map_err(|source| DirectoryError::Unpack { file: file.to_owned(), source })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> DivisionCode {
        text.parse().unwrap()
    }

    #[test]
    fn the_shipped_trees_have_every_published_unit() {
        let directory = Directory::embedded().unwrap();
        for (scope, counts) in [("37", [1, 16, 151, 1_853, 62_074]), ("42", [1, 1, 6, 57, 1_040])] {
            assert_eq!(Tier::ALL.map(|tier| directory.count(code(scope), tier)), counts, "{scope}");
        }
        assert_eq!(directory.len(), 64_095 + 1_105);
    }

    #[test]
    fn a_unit_is_found_by_its_code_with_its_path_and_children() {
        let directory = Directory::embedded().unwrap();
        let community = directory.get(code("371122001001")).unwrap();
        assert_eq!((community.name.as_str(), community.parent), ("东关社区居委会", Some(code("371122001"))));
        let names: Vec<String> = directory.path(community.code).into_iter().map(|unit| unit.name).collect();
        assert_eq!(names, ["山东省", "日照市", "莒县", "城阳街道", "东关社区居委会"]);
        assert_eq!(directory.children(code("371122")).len(), 21);
        assert_eq!(directory.children(code("42")).len(), 1);
        assert!(directory.get(code("371199")).is_none() && directory.path(code("371199")).is_empty());
        assert!(directory.children(code("371122001001")).is_empty());
    }

    #[test]
    fn every_unit_but_a_province_has_a_known_parent_above_it() {
        let directory = Directory::embedded().unwrap();
        for row in &directory.table.rows {
            match row.parent {
                None => assert_eq!(row.code.tier(), Tier::Province),
                Some(parent) => assert!(parent.can_parent(row.code) && directory.table.row(parent).is_some()),
            }
        }
    }
}
