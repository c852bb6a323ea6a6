//! What workrooms write, and what it adds to which measures.

use std::collections::BTreeMap;

use wuji_node::catalogue::Catalogue;
use wuji_proto::v1::value::Kind;
use wuji_proto::v1::{List, Row, Value};
use wuji_proto::{MeasureId, Part, period};

use crate::dice::Dice;

/// Field names and values.
pub type Values = BTreeMap<String, Value>;

/// Amounts by measure, day and part of a split.
pub type Parts = BTreeMap<(MeasureId, i32, Part), i64>;

/// A personal value: it must be found in no index and no feed.
pub const SEALED: &str = "王调解员";

/// What a record says.
#[derive(Clone, Debug)]
pub struct Content {
    pub ledger: &'static str,
    pub values: Values,
}

fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::Text(text.into())) }
}

const fn integer(number: i64) -> Value {
    Value { kind: Some(Kind::Integer(number)) }
}

/// A day on which things happen; few, so that many entries meet in one cell.
fn day(dice: &Dice) -> String {
    format!("2026-0{}-1{}", dice.between(8, 9), dice.below(3))
}

/// A screening or, less often, a mediation case with personal values; `number` is in it.
pub fn content(dice: &Dice, number: u64) -> Content {
    if dice.percent(80) { screening(dice, number) } else { case(dice, number) }
}

/// What a record says after an amendment.
pub fn amended(dice: &Dice, ledger: &str, number: u64) -> Content {
    if ledger == "screening" { screening(dice, number) } else { case(dice, number) }
}

pub fn screening(dice: &Dice, number: u64) -> Content {
    let values = [
        ("on", text(day(dice))),
        ("place", text(format!("第{number}组"))),
        ("found", integer(i64::try_from(dice.below(5)).unwrap())),
        ("risk", text(*dice.pick(&["红", "黄"]))),
    ];
    of("screening", values)
}

fn case(dice: &Dice, number: u64) -> Content {
    let mediator = Row { values: [("name".to_owned(), text(SEALED))].into() };
    let values = [
        ("case_no", text(format!("调字{number}"))),
        ("accepted_on", text(day(dice))),
        ("dispute_type", text(*dice.pick(&["邻里", "合同"]))),
        ("source", text("主动调解")),
        ("difficulty", text("简单")),
        ("form", text(*dice.pick(&["口头", "书面"]))),
        ("people_count", integer(2)),
        ("amount", integer(i64::try_from(dice.below(9)).unwrap() * 100)),
        ("mediators", Value { kind: Some(Kind::List(List { rows: vec![mediator] })) }),
        ("summary", text(format!("{SEALED}调解"))),
    ];
    of("mediation", values)
}

fn of(ledger: &'static str, values: impl IntoIterator<Item = (&'static str, Value)>) -> Content {
    Content { ledger, values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}

/// A screening's cells in the order of [`COLUMNS`], as a row of a file.
pub fn row(content: &Content) -> Vec<String> {
    let cell = |name: &str| match content.values[name].kind.clone().unwrap() {
        Kind::Text(text) => text,
        Kind::Integer(number) => number.to_string(),
        other => panic!("no cell for {other:?}"),
    };
    COLUMNS.iter().map(|name| cell(name)).collect()
}

/// Columns of a file of screenings.
pub const COLUMNS: [&str; 4] = ["on", "place", "found", "risk"];

/// What a record adds to each measure.
pub fn parts(catalogue: &Catalogue, content: &Content) -> Parts {
    let ledger = catalogue.ledger(content.ledger).unwrap();
    let today = period::days("2026-11-20".parse().unwrap());
    let checked = ledger.check(content.values.clone(), today).unwrap();
    let mut parts = Parts::new();
    catalogue.contributions(content.ledger, &ledger.facts(&checked.public), checked.event_date, &mut |part| {
        *parts.entry((part.measure, part.day, part.part)).or_insert(0) += part.amount;
    });
    parts
}

/// Adds `sign` times.
pub fn add(to: &mut Parts, parts: &Parts, sign: i64) {
    for (key, amount) in parts {
        *to.entry(key.clone()).or_insert(0) += amount * sign;
    }
}
