//! A catalogue file as a tree whose every value knows its line, and whose unread keys are
//! reported: a misspelt key must never be skipped in silence.

use std::cell::RefCell;
use std::sync::Arc;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, value::Datetime};
use wuji_proto::period;

use super::problem::{At, Report};
use super::suggest::suggestion;

/// One file of a catalogue.
#[derive(Clone, Debug)]
pub(super) struct Source {
    name: Arc<str>,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        // Editors on Windows put a mark in front that TOML does not know.
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, line_starts }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file as a tree; what is not TOML is reported.
    pub(super) fn parse(&self, report: &Report) -> Spanned<DeTable<'_>> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let at = self.at(error.span().map_or(0, |span| span.start));
            report.add(&at, format!("not TOML: {}", error.message()), "mend the file's syntax");
        }
        table
    }

    fn at(&self, offset: usize) -> At {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        At { file: self.name.clone(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node<'a> {
    source: &'a Source,
    report: &'a Report,
    value: &'a DeValue<'a>,
    /// The key that it stands under.
    key: String,
    pub(super) at: At,
}

impl<'a> Node<'a> {
    fn wrong(&self, wanted: &str) {
        let what = format!("`{}` is of type {}", self.key, self.value.type_str());
        self.report.add(&self.at, what, format!("write {wanted}"));
    }

    pub(super) fn is_array(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_flag(&self) -> bool {
        self.value.is_bool()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(super) fn text(&self) -> Option<String> {
        let text = self.value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong("a text in quotes");
        }
        text
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong("true or false");
        }
        flag
    }

    pub(super) fn integer(&self) -> Option<i64> {
        let integer =
            self.value.as_integer().and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok());
        if integer.is_none() {
            self.wrong("a whole number");
        }
        integer
    }

    /// An integer from 0 to the type's end.
    pub(super) fn unsigned<T: TryFrom<i64>>(&self) -> Option<T> {
        let number = T::try_from(self.integer()?).ok();
        if number.is_none() {
            self.report.add(&self.at, format!("`{}` is out of range", self.key), "write a smaller number, not below 0");
        }
        number
    }

    /// A date, as days since 1900-01-01.
    pub(super) fn date(&self) -> Option<i32> {
        let date = self.value.as_datetime().and_then(civil_date);
        if date.is_none() {
            self.wrong("a date such as 2017-06-30, without quotes, from 1900 to 2200");
        }
        date
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Vec<Node<'a>> {
        let Some(array) = self.value.as_array() else {
            self.wrong("a list in [ ]");
            return Vec::new();
        };
        array.iter().map(|element| self.child(element.get_ref(), element.span().start, &self.key)).collect()
    }

    /// The elements of an array of texts.
    pub(super) fn texts(&self) -> Vec<(String, At)> {
        self.elements().into_iter().filter_map(|node| node.text().map(|text| (text, node.at))).collect()
    }

    pub(super) fn section(&self) -> Option<Section<'a>> {
        let Some(table) = self.value.as_table() else {
            self.wrong("a table in { }");
            return None;
        };
        Some(Section {
            source: self.source,
            report: self.report,
            table,
            at: self.at.clone(),
            asked: RefCell::default(),
        })
    }

    fn child(&self, value: &'a DeValue<'a>, offset: usize, key: &str) -> Self {
        Self { source: self.source, report: self.report, value, key: key.to_owned(), at: self.source.at(offset) }
    }
}

fn civil_date(value: &Datetime) -> Option<i32> {
    let date = value.date.filter(|_| value.time.is_none())?;
    let date =
        Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()?;
    period::check_date(date).ok().map(period::days)
}

/// A table whose keys are known. [`finish`](Self::finish) reports those that nobody asked for.
pub(super) struct Section<'a> {
    source: &'a Source,
    pub(super) report: &'a Report,
    table: &'a DeTable<'a>,
    pub(super) at: At,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn root(source: &'a Source, table: &'a DeTable<'a>, report: &'a Report) -> Self {
        Self { source, report, table, at: source.at(0), asked: RefCell::default() }
    }

    /// Reports a problem with this table.
    pub(super) fn wrong(&self, what: impl Into<String>, suggestion: impl Into<String>) {
        self.report.add(&self.at, what, suggestion);
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(key);
        let (_, value) = self.table.get_key_value(key)?;
        Some(self.node(key, value))
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str) -> Option<Node<'a>> {
        let node = self.get(key);
        if node.is_none() {
            self.wrong(format!("`{key}` is missing"), format!("add `{key} = …`"));
        }
        node
    }

    /// A text that must be there and not be empty; a refused one reads as empty.
    pub(super) fn need_text(&self, key: &'static str) -> (String, At) {
        let Some(node) = self.need(key) else { return (String::new(), self.at.clone()) };
        let text = node.text();
        if text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            self.report.add(&node.at, format!("`{key}` is empty"), "write a text");
        }
        (text.unwrap_or_default(), node.at)
    }

    pub(super) fn flag(&self, key: &'static str) -> bool {
        self.get(key).and_then(|node| node.flag()).unwrap_or(false)
    }

    /// The tables of an array of tables `[[key]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let nodes = self.get(key).map(|node| node.elements()).unwrap_or_default();
        nodes.iter().filter_map(Node::section).collect()
    }

    /// All keys, for a table whose keys are names of the catalogue itself. In the order of the file.
    pub(super) fn entries(&self) -> Vec<(String, Node<'a>)> {
        let mut entries: Vec<_> = self.table.iter().map(|(key, value)| (key.span().start, key, value)).collect();
        entries.sort_by_key(|(start, ..)| *start);
        entries
            .into_iter()
            .map(|(_, key, value)| (key.get_ref().to_string(), self.node(key.get_ref(), value)))
            .collect()
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, node) in self.entries() {
            if !asked.contains(&key.as_str()) {
                let what = format!("`{key}` is not known here");
                self.report.add(&node.at, what, suggestion(&key, asked.iter().copied()));
            }
        }
    }

    fn node(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Node<'a> {
        Node {
            source: self.source,
            report: self.report,
            value: value.get_ref(),
            key: key.to_owned(),
            at: self.source.at(value.span().start),
        }
    }
}

const TAG_TEXT: u8 = 1;
const TAG_OTHER: u8 = 2;
const TAG_ARRAY: u8 = 3;
const TAG_TABLE: u8 = 4;

/// Feeds a tree to a hash in a form that comments, spaces and the order of keys do not change.
pub(super) fn hash_table(table: &DeTable<'_>, hasher: &mut blake3::Hasher) {
    hasher.update(&[TAG_TABLE]);
    hasher.update(&(table.len() as u64).to_le_bytes());
    for (key, value) in table {
        hash_text(TAG_TEXT, key.get_ref(), hasher);
        hash_value(value.get_ref(), hasher);
    }
}

fn hash_value(value: &DeValue<'_>, hasher: &mut blake3::Hasher) {
    match value {
        DeValue::String(text) => hash_text(TAG_TEXT, text, hasher),
        DeValue::Integer(number) => hash_text(TAG_OTHER, &number.to_string(), hasher),
        DeValue::Float(number) => hash_text(TAG_OTHER, &number.to_string(), hasher),
        DeValue::Boolean(flag) => hash_text(TAG_OTHER, &flag.to_string(), hasher),
        DeValue::Datetime(time) => hash_text(TAG_OTHER, &time.to_string(), hasher),
        DeValue::Array(array) => {
            hasher.update(&[TAG_ARRAY]);
            hasher.update(&(array.len() as u64).to_le_bytes());
            array.iter().for_each(|element| hash_value(element.get_ref(), hasher));
        }
        DeValue::Table(table) => hash_table(table, hasher),
    }
}

fn hash_text(tag: u8, text: &str, hasher: &mut blake3::Hasher) {
    hasher.update(&[tag]);
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}
