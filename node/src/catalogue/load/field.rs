//! Reads a field of a ledger and its rules.

use wuji_proto::{AMOUNT_MAX, Tier};

use super::super::document::{Node, Section};
use super::super::ledger::{
    CLASS_MAX, CODE_WORD_BYTES_MAX, CODE_WORDS_MAX, FIELDS_MAX, Field, FieldKind, FieldRules, INTEGER_DEFAULT_MAX,
    LIST_ROWS_DEFAULT, LIST_ROWS_MAX, MONEY_DEFAULT_MAX_FEN, TEXT_CHARACTERS_DEFAULT, TEXT_CHARACTERS_MAX, TextForm,
};
use super::super::suggest::suggestion;
use super::super::term::Term;
use super::ledger::find_field;
use super::{read_name, read_title};

const TYPES: [&str; 7] = ["text", "code", "integer", "money", "date", "flag", "list"];
const FORMS: [(&str, TextForm); 3] =
    [("free", TextForm::Free), ("identity_number", TextForm::IdentityNumber), ("village_code", TextForm::VillageCode)];

/// The highest tier that may see a value, by class: staff's names stop at the county,
/// personal values at the township's judicial office.
const HIGHEST_CEILINGS: [Tier; CLASS_MAX as usize + 1] = [Tier::Province, Tier::County, Tier::Township, Tier::Township];

/// Reads a field without the rules that name other fields.
pub(super) fn read_field(section: &Section<'_>) -> Field {
    read(section, true)
}

fn read(section: &Section<'_>, may_be_list: bool) -> Field {
    let name = read_name(section, "name");
    let title = read_title(section);
    let kind = read_kind(section, may_be_list);
    let class = match &kind {
        FieldKind::List { columns, .. } => columns.iter().map(|column| column.class).max().unwrap_or(0),
        _ => read_class(section),
    };
    let ceiling = read_ceiling(section, class);
    Field { name, title, kind, required: section.flag("required"), class, ceiling, rules: FieldRules::default() }
}

fn read_kind(section: &Section<'_>, may_be_list: bool) -> FieldKind {
    let (kind, at) = section.need_text("type");
    match kind.as_str() {
        "text" => read_text(section),
        "code" => FieldKind::Code { words: read_words(section) },
        "integer" => {
            let (min, max) = read_limits(section, INTEGER_DEFAULT_MAX);
            FieldKind::Integer { min, max }
        }
        "money" => {
            let (min, max) = read_limits(section, MONEY_DEFAULT_MAX_FEN);
            FieldKind::Money { min, max }
        }
        "date" => FieldKind::Date,
        "flag" => FieldKind::Flag,
        "list" if may_be_list => read_list(section),
        "list" => {
            section.report.add(&at, "a list cannot have a list as a column", "make it a ledger of its own");
            FieldKind::Flag
        }
        other => {
            if !other.is_empty() {
                section.report.add(&at, format!("`{other}` is not a type"), suggestion(other, TYPES));
            }
            FieldKind::Flag
        }
    }
}

fn read_text(section: &Section<'_>) -> FieldKind {
    let max_characters = read_size(section, "max_characters", TEXT_CHARACTERS_DEFAULT, TEXT_CHARACTERS_MAX);
    let form = section.get("form").and_then(|node| {
        let name = node.text()?;
        let form = FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form);
        if form.is_none() {
            let what = format!("`{name}` is not a form of text");
            section.report.add(&node.at, what, suggestion(&name, FORMS.map(|(known, _)| known)));
        }
        form
    });
    FieldKind::Text { max_characters, form: form.unwrap_or(TextForm::Free) }
}

fn read_words(section: &Section<'_>) -> Vec<String> {
    let Some(node) = section.need("words") else { return Vec::new() };
    let texts = node.texts();
    if texts.is_empty() || texts.len() > CODE_WORDS_MAX {
        let what = format!("the code set has {} words", texts.len());
        section.report.add(&node.at, what, format!("give it 1 to {CODE_WORDS_MAX}"));
    }
    let mut words: Vec<String> = Vec::new();
    for (word, at) in texts {
        // Such characters separate words in files and in the keys of cells.
        let unfit = |c: char| c.is_control() || c.is_whitespace() || "/／;；,，".contains(c);
        if word.is_empty() || word.len() > CODE_WORD_BYTES_MAX || word.contains(unfit) {
            let advice =
                format!("use 1 to {CODE_WORD_BYTES_MAX} bytes without spaces, separators and control characters");
            section.report.add(&at, format!("`{}` cannot be a code word", word.escape_debug()), advice);
        }
        if words.contains(&word) {
            section.report.add(&at, format!("code word `{word}` is listed twice"), "remove one");
        } else {
            words.push(word);
        }
    }
    words
}

fn read_limits(section: &Section<'_>, default_max: i64) -> (i64, i64) {
    let number = |key| section.get(key).and_then(|node: Node<'_>| node.integer());
    let min = number("min").unwrap_or(0);
    let max = number("max").unwrap_or(default_max.max(min));
    if min > max {
        section.wrong(format!("min {min} is more than max {max}"), "exchange them");
    }
    if min < -AMOUNT_MAX || max > AMOUNT_MAX {
        section.wrong("a limit is beyond 2^53", "numbers up to 9,007,199,254,740,992 are exact everywhere");
    }
    (min, max)
}

fn read_list(section: &Section<'_>) -> FieldKind {
    let sections = section.sections("columns");
    let mut columns: Vec<Field> = Vec::new();
    for one in &sections {
        let column = read(one, false);
        one.finish();
        if columns.iter().any(|other| other.name == column.name) {
            one.wrong(format!("column `{}` is defined twice", column.name), "rename or remove one");
        }
        columns.push(column);
    }
    if columns.is_empty() || columns.len() > FIELDS_MAX {
        section.wrong(format!("the list has {} columns", columns.len()), format!("give it 1 to {FIELDS_MAX}"));
    }
    FieldKind::List { columns, max_rows: read_size(section, "max_rows", LIST_ROWS_DEFAULT, LIST_ROWS_MAX) }
}

fn read_size(section: &Section<'_>, key: &'static str, default: usize, max: usize) -> usize {
    let Some(node) = section.get(key) else { return default };
    let size = node.unsigned::<usize>().unwrap_or(default);
    if size == 0 || size > max {
        section.report.add(&node.at, format!("`{key}` is {size}"), format!("use 1 to {max}"));
    }
    size
}

fn read_class(section: &Section<'_>) -> u8 {
    let Some(node) = section.need("class") else { return CLASS_MAX };
    let class = node.unsigned::<u8>().unwrap_or(CLASS_MAX);
    if class > CLASS_MAX {
        let what = format!("class {class} does not exist");
        section.report.add(&node.at, what, "use 0 none, 1 staff, 2 personal or 3 sensitive");
    }
    class
}

fn read_ceiling(section: &Section<'_>, class: u8) -> Tier {
    let Some(node) = section.need("ceiling") else { return Tier::Workroom };
    let text = node.text().unwrap_or_default();
    let Ok(ceiling) = text.parse::<Tier>() else {
        let what = format!("`{text}` is not a tier");
        section.report.add(&node.at, what, suggestion(&text, Tier::ALL.map(Tier::name)));
        return Tier::Workroom;
    };
    if let Some(highest) = HIGHEST_CEILINGS.get(usize::from(class))
        && ceiling < *highest
    {
        let what = format!("a value of class {class} with ceiling {ceiling}");
        section.report.add(&node.at, what, format!("values of class {class} go up to the {highest} at most"));
    }
    ceiling
}

/// Reads the rules of a field that name other fields of the ledger.
pub(super) fn read_rules(section: &Section<'_>, field: &Field, fields: &[Field]) -> FieldRules {
    let mut rules = FieldRules::default();
    if let Some(table) = section.get("required_when").and_then(|node| node.section()) {
        rules.required_when = Term::read_all(&table, fields);
    }
    match field.kind {
        FieldKind::Date => {
            rules.not_before = read_other_date(section, "not_before", field, fields);
            rules.past_only = section.flag("past_only");
        }
        FieldKind::Integer { .. } => rules.same_year_as = read_other_date(section, "same_year_as", field, fields),
        _ => {}
    }
    rules
}

fn read_other_date(section: &Section<'_>, key: &'static str, field: &Field, fields: &[Field]) -> Option<String> {
    let node = section.get(key)?;
    let name = node.text()?;
    let other = find_field(section, fields, &name, &node)?;
    if other.kind != FieldKind::Date || other.name == field.name {
        section.report.add(&node.at, format!("`{name}` does not fit `{key}`"), "name another field of type date");
    }
    Some(name)
}
