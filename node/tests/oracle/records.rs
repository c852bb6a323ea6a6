//! Random records of any ledger, as its form in the catalogue's documents wants them.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::Value as Json;
use toml::Table;
use wuji_proto::v1;

use super::random::Random;
use super::standard::{tables, text, texts};

/// Days at which calendars go wrong.
const SPECIAL: [Date; 11] = [
    date(2015, 2, 28),
    date(2016, 2, 28),
    date(2016, 2, 29),
    date(2016, 3, 1),
    date(2015, 12, 31),
    date(2016, 1, 1),
    date(2016, 1, 3),
    date(2016, 1, 4),
    date(2017, 2, 28),
    date(2016, 12, 31),
    date(2017, 1, 1),
];

/// A record's values: dates as ISO text, money in 分.
pub type Record = BTreeMap<String, Json>;

/// A day of 2015 to 2018.
pub fn day(random: &mut Random) -> Date {
    if random.percent(20) {
        return *random.pick(&SPECIAL);
    }
    date(2015, 1, 1).saturating_add(random.between(0, 1_460).days())
}

/// A record of the ledger with this form. `serial` makes its numbers unique.
pub fn record(random: &mut Random, form: &Table, serial: u32) -> Record {
    let filled = *random.pick(&[30, 60, 100]);
    let mut record = Record::new();
    let codes = |field: &&Table| text(field, "type") == "code";
    for field in tables(form, "field").filter(codes) {
        if wanted(random, field, &record, filled) {
            record.insert(text(field, "name").to_owned(), random.pick(&texts(field.get("words"))).as_str().into());
        }
    }
    for field in tables(form, "field").filter(|field| !codes(field)) {
        if wanted(random, field, &record, filled) {
            let value = value(random, field, &record, serial);
            record.insert(text(field, "name").to_owned(), value);
        }
    }
    record
}

fn wanted(random: &mut Random, field: &Table, record: &Record, filled: usize) -> bool {
    let flag = |name| field.get(name).is_some_and(|flag| flag.as_bool() == Some(true));
    let because = field.get("required_when").and_then(toml::Value::as_table).is_some_and(|terms| {
        terms.iter().all(|(other, words)| {
            record.get(other).and_then(Json::as_str).is_some_and(|word| texts(Some(words)).iter().any(|w| w == word))
        })
    });
    let countable = text(field, "type") != "list";
    flag("required") || because || (countable && random.percent(filled))
}

fn value(random: &mut Random, field: &Table, record: &Record, serial: u32) -> Json {
    let day_of = |name: &str| record.get(name)?.as_str()?.parse::<Date>().ok();
    let other = |rule: &str| field.get(rule).and_then(toml::Value::as_str).and_then(day_of);
    let limit = |name: &str, usual: i64| field.get(name).and_then(toml::Value::as_integer).unwrap_or(usual);
    match text(field, "type") {
        "date" => match other("not_before").filter(|_| random.percent(80)) {
            // Most things last some weeks, and a few no day at all.
            Some(before) => before.saturating_add(random.between(0, 60).days()).to_string().into(),
            None => day(random).max(other("not_before").unwrap_or(Date::MIN)).to_string().into(),
        },
        "integer" => match other("same_year_as") {
            Some(day) => day.year().into(),
            None => random.between(limit("min", 0), limit("max", 9).min(9)).into(),
        },
        "money" => random.between(0, 10_000_000).into(),
        "text" if field.get("form").is_some_and(|form| form.as_str() == Some("identity_number")) => {
            "110101800101001".into()
        }
        "list" => if tables(field, "columns").count() == 1 { "王五" } else { "371122101201" }.into(),
        _ => format!("no {serial}").into(),
    }
}

/// The same values as a caller submits them.
pub fn submitted(record: &Record, form: &Table) -> wuji_node::catalogue::Values {
    let value = |(name, value): (&String, &Json)| {
        let field = tables(form, "field").find(|field| text(field, "name") == name).unwrap();
        let text = match value {
            Json::Number(fen) if text(field, "type") == "money" => format!("{fen}分"),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        (name.clone(), v1::Value { kind: Some(v1::value::Kind::Text(text)) })
    };
    record.iter().map(value).collect()
}
