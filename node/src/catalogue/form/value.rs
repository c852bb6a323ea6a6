//! Reads one value of a record into its field's own type.

use wuji_proto::v1::{self, value::Kind};
use wuji_proto::{DivisionCode, Tier};

use super::super::ledger::{Field, FieldKind, TextForm, Values};
use super::super::measuring::LAST_DAY;
use super::super::reading::{fold_width, print, read_date, read_flag, read_integer, read_money, read_rows, read_word};
use super::super::suggest::nearest;
use super::super::violation::{Refusal, Violation};

/// Where a value stands, for messages.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) title: String,
}

/// A violation has been noted.
pub(super) struct Refused;

/// The value in its field's own type; `None` for an empty one.
pub(super) fn read_value(
    field: &Field,
    value: v1::Value,
    place: &Place,
    violations: &mut Vec<Violation>,
) -> Result<Option<v1::Value>, Refused> {
    let Some(kind) = value.kind else { return Ok(None) };
    if let FieldKind::List { columns, max_rows } = &field.kind {
        return read_list(field, columns, *max_rows, kind, place, violations);
    }
    let kind = match kind {
        Kind::Text(text) if text.trim().is_empty() => return Ok(None),
        other => other,
    };
    read_scalar(&field.kind, &kind).map(|kind| Some(v1::Value { kind: Some(kind) })).map_err(|refusal| {
        let shown = (!field.sealed()).then(|| print(&field.kind, &v1::Value { kind: Some(kind) }));
        violations.push(Violation::new(&place.path, &place.title, shown.as_deref(), &refusal));
        Refused
    })
}

fn read_scalar(field: &FieldKind, kind: &Kind) -> Result<Kind, Refusal> {
    match (field, kind) {
        (FieldKind::Text { max_characters, form }, Kind::Text(text)) => read_text(text, *max_characters, *form),
        (FieldKind::Text { max_characters, form }, Kind::Integer(number)) => {
            read_text(&number.to_string(), *max_characters, *form)
        }
        (FieldKind::Code { words }, Kind::Text(text)) => match read_word(text, words) {
            Some(word) => Ok(Kind::Text(word.clone())),
            None => Err(Refusal::not_a_word(nearest(&fold_width(text), words.iter().map(String::as_str)), words)),
        },
        (FieldKind::Integer { min, max }, Kind::Text(text)) => within(read_integer(text)?, *min, *max, field),
        (FieldKind::Money { min, max }, Kind::Text(text)) => within(read_money(text)?, *min, *max, field),
        (FieldKind::Integer { min, max } | FieldKind::Money { min, max }, Kind::Integer(number)) => {
            within(*number, *min, *max, field)
        }
        (FieldKind::Date, Kind::Text(text)) => read_date(text).map(Kind::Date),
        (FieldKind::Date, Kind::Date(days)) => {
            let known = (0..=LAST_DAY).contains(days);
            known.then_some(Kind::Date(*days)).ok_or_else(Refusal::year_out_of_range)
        }
        (FieldKind::Flag, Kind::Text(text)) => read_flag(text).map(Kind::Flag),
        (FieldKind::Flag, Kind::Flag(flag)) => Ok(Kind::Flag(*flag)),
        _ => Err(Refusal::wrong_type(field.name())),
    }
}

fn within(number: i64, min: i64, max: i64, field: &FieldKind) -> Result<Kind, Refusal> {
    let shown = |limit: i64| print(field, &v1::Value { kind: Some(Kind::Integer(limit)) });
    if number < min {
        return Err(Refusal::too_small(&shown(min)));
    }
    if number > max {
        return Err(Refusal::too_large(&shown(max)));
    }
    Ok(Kind::Integer(number))
}

fn read_text(text: &str, max_characters: usize, form: TextForm) -> Result<Kind, Refusal> {
    let text = text.trim();
    let characters = text.chars().count();
    if characters > max_characters {
        return Err(Refusal::too_long(max_characters, characters));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Refusal::unprintable());
    }
    match form {
        TextForm::Free => Ok(Kind::Text(text.to_owned())),
        TextForm::IdentityNumber => {
            let number = fold_width(text).replace([' ', '-'], "").to_uppercase();
            if is_identity_number(&number) { Ok(Kind::Text(number)) } else { Err(Refusal::not_an_identity_number()) }
        }
        TextForm::VillageCode => {
            let code = fold_width(text).parse::<DivisionCode>().ok().filter(|code| code.tier() == Tier::Workroom);
            code.map(|code| Kind::Text(code.to_string())).ok_or_else(Refusal::not_a_village_code)
        }
    }
}

/// GB 11643: 17 digits and a check character of ISO 7064 MOD 11-2; numbers of the former kind
/// have 15 digits and no check.
fn is_identity_number(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &str = "10X98765432";
    let Some((digits, check)) = number.split_at_checked(17) else {
        return number.len() == 15 && number.bytes().all(|byte| byte.is_ascii_digit());
    };
    let values: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(10)).collect();
    let sum: u32 = values.unwrap_or_default().iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let wanted = CHECKS.chars().nth((sum % 11) as usize);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && check.len() == 1 && check.chars().next() == wanted
}

fn read_list(
    field: &Field,
    columns: &[Field],
    max_rows: usize,
    kind: Kind,
    place: &Place,
    violations: &mut Vec<Violation>,
) -> Result<Option<v1::Value>, Refused> {
    let rows = match kind {
        Kind::List(list) => list.rows,
        Kind::Text(text) => rows_of_text(columns, &text).map_err(|refusal| {
            let shown = (!field.sealed()).then_some(text.as_str());
            violations.push(Violation::new(&place.path, &place.title, shown, &refusal));
            Refused
        })?,
        _ => {
            violations.push(Violation::new(&place.path, &place.title, None, &Refusal::wrong_type("list")));
            return Err(Refused);
        }
    };
    if rows.len() > max_rows {
        let refusal = Refusal::too_many_rows(max_rows, rows.len());
        violations.push(Violation::new(&place.path, &place.title, None, &refusal));
        return Err(Refused);
    }
    let before = violations.len();
    let mut read = Vec::with_capacity(rows.len());
    for (number, row) in (1..).zip(rows) {
        let row = read_row(columns, row, number, place, violations);
        read.extend((!row.is_empty()).then_some(v1::Row { values: row }));
    }
    if violations.len() > before {
        return Err(Refused);
    }
    Ok((!read.is_empty()).then_some(v1::Value { kind: Some(Kind::List(v1::List { rows: read })) }))
}

fn rows_of_text(columns: &[Field], text: &str) -> Result<Vec<v1::Row>, Refusal> {
    let titles = || columns.iter().map(|column| column.title.zh.as_str()).collect::<Vec<_>>().join("/");
    let row = |cells: Vec<String>| {
        if cells.len() > columns.len() {
            return Err(Refusal::too_many_parts(&titles()));
        }
        let values = columns
            .iter()
            .zip(cells)
            .map(|(column, cell)| (column.name.clone(), v1::Value { kind: Some(Kind::Text(cell)) }));
        Ok(v1::Row { values: values.collect() })
    };
    read_rows(columns.len(), text).into_iter().map(row).collect()
}

fn read_row(
    columns: &[Field],
    mut row: v1::Row,
    number: usize,
    place: &Place,
    violations: &mut Vec<Violation>,
) -> Values {
    let mut read = Values::new();
    let before = violations.len();
    for column in columns {
        let place = Place {
            path: format!("{}[{number}].{}", place.path, column.name),
            title: format!("{}第{number}行{}", place.title, column.title.zh),
        };
        let value = row.values.remove(&column.name).unwrap_or_default();
        if let Ok(Some(value)) = read_value(column, value, &place, violations) {
            read.insert(column.name.clone(), value);
        }
    }
    let empty = read.is_empty() && violations.len() == before;
    for column in columns.iter().filter(|column| column.required && !empty && !read.contains_key(&column.name)) {
        let path = format!("{}[{number}].{}", place.path, column.name);
        if !violations.iter().any(|violation| violation.field == path) {
            let title = format!("{}第{number}行{}", place.title, column.title.zh);
            violations.push(Violation::new(&path, &title, None, &Refusal::missing()));
        }
    }
    for name in row.values.keys() {
        let near = nearest(name, columns.iter().map(|column| column.name.as_str()));
        let path = format!("{}[{number}].{name}", place.path);
        violations.push(Violation::new(&path, &place.title, Some(name), &Refusal::unknown_field(near)));
    }
    read
}
