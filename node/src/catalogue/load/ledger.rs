//! Reads a ledger's file.

use super::super::columns::heading;
use super::super::document::{Node, Section};
use super::super::ledger::{Deadline, FIELDS_MAX, Field, FieldKind, Ledger, UniqueRule};
use super::super::suggest::suggestion;
use super::field::{read_field, read_rules};
use super::{read_name, read_title};

/// Reads everything but the measures.
pub(super) fn read(section: &Section<'_>, name: &str) -> Ledger {
    let id = read_name(section, "id");
    if id != name && !id.is_empty() {
        section.wrong(format!("the file is named after ledger `{name}` and says `{id}`"), "make both the same");
    }
    let title = read_title(section);
    let sections = section.sections("field");
    let mut fields: Vec<Field> = Vec::new();
    for one in &sections {
        let field = read_field(one);
        if fields.iter().any(|other| other.name == field.name) {
            one.wrong(format!("field `{}` is defined twice", field.name), "rename or remove one");
        }
        let other = fields
            .iter()
            .find(|other| alike(&other.title.zh, &field.title.zh) || alike(&other.title.en, &field.title.en));
        if let Some(other) = other {
            let what = format!("fields `{}` and `{}` have the same title", other.name, field.name);
            one.wrong(what, "a column of a file could mean either: rename one");
        }
        fields.push(field);
    }
    if fields.is_empty() || fields.len() > FIELDS_MAX {
        section.wrong(format!("the ledger has {} fields", fields.len()), format!("give it 1 to {FIELDS_MAX}"));
    }
    let rules: Vec<_> = sections
        .iter()
        .zip(&fields)
        .map(|(one, field)| {
            let rules = read_rules(one, field, &fields);
            one.finish();
            rules
        })
        .collect();
    for (field, rules) in fields.iter_mut().zip(rules) {
        field.rules = rules;
    }
    let mut facts: Vec<String> =
        fields.iter().filter(|field| field.is_fact()).map(|field| field.name.clone()).collect();
    facts.sort_unstable();
    let event_date = read_event_date(section, &fields);
    let unique = read_unique(section, &fields);
    let deadlines = section.sections("deadline").iter().filter_map(|one| read_deadline(one, &fields)).collect();
    Ledger { id: name.to_owned(), title, event_date, fields, unique, facts, deadlines }
}

fn read_event_date(section: &Section<'_>, fields: &[Field]) -> String {
    let Some(node) = section.need("event_date") else { return String::new() };
    let name = node.text().unwrap_or_default();
    if let Some(field) = find_field(section, fields, &name, &node)
        && !(field.required && field.class == 0 && field.kind == FieldKind::Date)
    {
        let what = format!("`{name}` cannot be the event date");
        section.report.add(&node.at, what, "the event date is a required date field of class 0");
    }
    name
}

fn read_unique(section: &Section<'_>, fields: &[Field]) -> Vec<UniqueRule> {
    let mut unique = Vec::new();
    if section.flag("one_live_record") {
        unique.push(UniqueRule { fields: Vec::new(), within_year: false });
    }
    for one in section.sections("unique") {
        let names = one.need("fields").map(|node| (node.texts(), node));
        let Some((names, node)) = names else { continue };
        for (name, _) in &names {
            let Some(field) = find_field(section, fields, name, &node) else { continue };
            if field.class > 0 || matches!(field.kind, FieldKind::List { .. }) {
                let what = format!("`{name}` is of class {} and cannot be in a unique rule", field.class);
                section.report.add(
                    &node.at,
                    what,
                    "unique keys are kept in the clear: use fields of class 0, no lists",
                );
            }
        }
        if names.is_empty() {
            one.wrong("the unique rule has no fields", "name some; for one live record use `one_live_record = true`");
        }
        let fields = names.into_iter().map(|(name, _)| name).collect();
        unique.push(UniqueRule { fields, within_year: one.flag("within_year") });
        one.finish();
    }
    unique
}

fn read_deadline(section: &Section<'_>, fields: &[Field]) -> Option<Deadline> {
    let id = read_name(section, "id");
    let node = section.need("field")?;
    let field = find_field(section, fields, &node.text()?, &node)?;
    if field.class > 0 || !matches!(field.kind, FieldKind::Code { .. }) {
        let what = format!("`{}` is of type {} and class {}", field.name, field.kind.name(), field.class);
        section.report.add(&node.at, what, "deadlines are by the words of a code field of class 0");
    }
    let table = section.need("dates").and_then(|node| node.section())?;
    let mut dates = Vec::new();
    for (word, node) in table.entries() {
        let known = field.kind.words();
        if !known.contains(&word) {
            let what = format!("`{word}` is not a word of `{}`", field.name);
            section.report.add(&node.at, what, suggestion(&word, known.iter().map(String::as_str)));
        }
        dates.extend(node.date().map(|day| (word, day)));
    }
    section.finish();
    Some(Deadline { id, field: field.name.clone(), dates })
}

/// Finds a field by name, or reports it.
pub(super) fn find_field<'f>(
    section: &Section<'_>,
    fields: &'f [Field],
    name: &str,
    node: &Node<'_>,
) -> Option<&'f Field> {
    let found = fields.iter().find(|field| field.name == name);
    if found.is_none() && !name.is_empty() {
        let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        section.report.add(&node.at, format!("there is no field `{name}`"), suggestion(name, known));
    }
    found
}

fn alike(a: &str, b: &str) -> bool {
    !a.is_empty() && heading(a) == heading(b)
}
