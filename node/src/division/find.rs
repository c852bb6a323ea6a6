//! Search as people type: a code or its beginning, a name or a part of one, or the words of
//! a path: 莒县 店子集 finds 店子集街道 under 莒县, and not its namesakes elsewhere.

use wuji_proto::{DivisionCode, Tier};

use super::{Row, Table};

/// How well a unit answers the search; the first is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    Prefix,
    Substring,
}

/// The units that `text` may mean: those that it names exactly come first, then those whose
/// code or name begins with it, then those whose name holds it; among equals the higher tier,
/// then the lower code.
pub(super) fn rows<'a>(table: &'a Table, text: &str, limit: usize) -> Vec<&'a Row> {
    let text: String = text.chars().map(plain_digit).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((last, above)) = words.split_last() else { return Vec::new() };
    let mut found: Vec<(Fit, Tier, DivisionCode, &Row)> = table
        .rows
        .iter()
        .filter_map(|row| Some((fit(table, row, last)?, row)))
        .filter(|(_, row)| lies_under(table, row, above))
        .map(|(fit, row)| (fit, row.code.tier(), row.code, row))
        .collect();
    found.sort_unstable_by_key(|(fit, tier, code, _)| (*fit, *tier, *code));
    found.into_iter().take(limit).map(|(.., row)| row).collect()
}

fn fit(table: &Table, row: &Row, word: &str) -> Option<Fit> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let full = || word.parse::<DivisionCode>().is_ok_and(|code| code == row.code);
        let begins = row.code.as_str().starts_with(word);
        return if full() { Some(Fit::Exact) } else { begins.then_some(Fit::Prefix) };
    }
    let name = table.name(row);
    match name.find(word)? {
        0 if name.len() == word.len() => Some(Fit::Exact),
        0 => Some(Fit::Prefix),
        _ => Some(Fit::Substring),
    }
}

/// Whether the unit has, on its way up, an ancestor for each word, the last word's lowest.
fn lies_under(table: &Table, row: &Row, words: &[&str]) -> bool {
    let mut wanted = words.iter().rev().peekable();
    let mut at = row;
    while let Some(word) = wanted.peek() {
        let Some(parent) = at.parent.and_then(|parent| table.row(parent)) else { return false };
        if fit(table, parent, word).is_some() {
            wanted.next();
        }
        at = parent;
    }
    true
}

/// Digits typed with a Chinese input method are wide ones.
fn plain_digit(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use crate::division::Directory;

    fn codes(text: &str, limit: usize) -> Vec<String> {
        let found = Directory::embedded().unwrap().find(text, limit);
        found.into_iter().map(|unit| unit.code.to_string()).collect()
    }

    #[test]
    fn the_unit_that_is_meant_comes_first() {
        for (text, first) in [
            ("莒县", "371122"),
            ("山东省", "37"),
            ("黄石市", "4202"),
            ("371122", "371122"),
            ("371122000000", "371122"),
            ("３７１１２２", "371122"),
            ("莒县 店子集", "371122002"),
            ("日照 莒县 东关社区", "371122001001"),
            ("3711 城阳街道", "371122001"),
            ("  莒县\u{3000}城阳  ", "371122001"),
        ] {
            assert_eq!(codes(text, 5).first().map(String::as_str), Some(first), "{text}");
        }
    }

    #[test]
    fn exact_names_precede_beginnings_and_those_precede_parts() {
        let text = "code,tier,name,parent\n37,province,山东省,\n3701,city,新山东市,37\n3702,city,山东,37\n";
        let directory = Directory::read([("test.csv", text)]).unwrap();
        let names: Vec<String> = directory.find("山东", 9).into_iter().map(|unit| unit.name).collect();
        assert_eq!(names, ["山东", "山东省", "新山东市"]);
    }

    #[test]
    fn a_beginning_of_a_code_lists_from_the_top() {
        assert_eq!(codes("37112", 4), ["371121", "371122", "371121001", "371121002"]);
        assert_eq!(codes("3711", 2), ["3711", "371102"]);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for text in ["", "   ", "不存在的县", "99", "黄石市 莒县", "城阳街道 莒县"] {
            assert_eq!(codes(text, 5), Vec::<String>::new(), "{text:?}");
        }
        assert!(codes("村", 0).is_empty());
    }
}
