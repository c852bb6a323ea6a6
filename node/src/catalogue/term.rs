//! Terms: what a filter of a measure, or a rule of a form, asks of one field.

use wuji_proto::v1;
use wuji_proto::v1::value::Kind;

use super::document::{Node, Section};
use super::ledger::{Field, FieldKind};
use super::suggest::suggestion;

/// One field and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) field: String,
    pub(super) test: Test,
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A code field has one of these words.
    Words(Vec<String>),
    /// A flag field says this; an empty flag is no.
    Flag(bool),
    /// A number lies between these.
    Between { min: Option<i64>, max: Option<i64> },
    /// The field has a value, or has none.
    Present(bool),
}

impl Test {
    pub(super) fn holds(&self, value: Option<&v1::Value>) -> bool {
        let kind = value.and_then(|value| value.kind.as_ref());
        match self {
            Self::Words(words) => matches!(kind, Some(Kind::Text(word)) if words.contains(word)),
            Self::Flag(wanted) => matches!(kind, Some(Kind::Flag(true))) == *wanted,
            Self::Between { min, max } => {
                matches!(kind, Some(Kind::Integer(number))
                    if min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max))
            }
            Self::Present(wanted) => kind.is_some() == *wanted,
        }
    }

    /// The canonical text, part of a measure's definition.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Words(words) => format!("in {}", words.join("/")),
            Self::Flag(flag) => format!("is {flag}"),
            Self::Between { min, max } => {
                let part = |sign: &str, limit: Option<i64>| limit.map(|limit| format!("{sign}{limit}"));
                [part(">=", *min), part("<=", *max)].into_iter().flatten().collect::<Vec<_>>().join(" and ")
            }
            Self::Present(true) => "is filled in".to_owned(),
            Self::Present(false) => "is empty".to_owned(),
        }
    }
}

impl Term {
    /// The canonical text, part of a measure's definition.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.field, self.test.text())
    }

    /// Reads the terms of a table such as `{ result = ["成功"], found = { min = 1 } }`.
    pub(super) fn read_all(section: &Section<'_>, fields: &[Field]) -> Vec<Self> {
        let names = fields.iter().map(|field| field.name.as_str());
        let mut terms = Vec::new();
        for (name, node) in section.entries() {
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                let what = format!("there is no field `{name}`");
                section.report.add(&node.at, what, suggestion(&name, names.clone()));
                continue;
            };
            if let Some(test) = read_test(section, field, &node) {
                terms.push(Self { field: name, test });
            }
        }
        if terms.is_empty() && section.entries().is_empty() {
            section.wrong("there is no condition in { }", "name a field, such as { result = [\"成功\"] }");
        }
        terms
    }
}

fn read_test(section: &Section<'_>, field: &Field, node: &Node<'_>) -> Option<Test> {
    if node.is_array() {
        return Some(Test::Words(words(section, field, node)));
    }
    if node.is_flag() {
        if !matches!(field.kind, FieldKind::Flag) {
            section.report.add(
                &node.at,
                format!("`{}` is of type {} and cannot be compared with true or false", field.name, field.kind.name()),
                "give a list of words for a code field, { min = … } for a number, { present = true } for any",
            );
            return None;
        }
        return node.flag().map(Test::Flag);
    }
    let table = node.section()?;
    let number = |key| table.get(key).and_then(|node| node.integer());
    let (min, max) = (number("min"), number("max"));
    let present = table.get("present").and_then(|node| node.flag());
    table.finish();
    if let Some(present) = present {
        return Some(Test::Present(present));
    }
    if min.is_none() && max.is_none() {
        table.wrong(
            format!("nothing is asked of `{}`", field.name),
            "write { min = … }, { max = … } or { present = true }",
        );
        return None;
    }
    if !matches!(field.kind, FieldKind::Integer { .. } | FieldKind::Money { .. }) {
        table.wrong(
            format!("`{}` is of type {} and has no smallest or largest", field.name, field.kind.name()),
            "min and max are for integer and money fields",
        );
        return None;
    }
    Some(Test::Between { min, max })
}

/// The words of a list, checked against the field's code set.
pub(super) fn words(section: &Section<'_>, field: &Field, node: &Node<'_>) -> Vec<String> {
    if !matches!(field.kind, FieldKind::Code { .. }) {
        section.report.add(
            &node.at,
            format!("`{}` is of type {} and has no words", field.name, field.kind.name()),
            "lists of words are for code fields",
        );
        return Vec::new();
    }
    chosen(section, &field.name, field.kind.words(), node)
}

/// The words of a list, checked against those that `field` can have.
pub(super) fn chosen(section: &Section<'_>, field: &str, known: &[String], node: &Node<'_>) -> Vec<String> {
    let texts = node.texts();
    if texts.is_empty() {
        section.report.add(&node.at, format!("no word is listed for `{field}`"), "list at least one");
    }
    for (word, at) in &texts {
        if !known.contains(word) {
            let what = format!("`{word}` is not a word of `{field}`");
            section.report.add(at, what, suggestion(word, known.iter().map(String::as_str)));
        }
    }
    texts.into_iter().map(|(word, _)| word).collect()
}
