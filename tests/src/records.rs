//! Entries to write, and the values in them.

use std::collections::BTreeMap;

use wuji_proto::v1::value::Kind;
use wuji_proto::v1::{List, Row, Value};
use wuji_proto::{Period, RecordId, period};

/// Field names and values.
pub type Values = BTreeMap<String, Value>;

/// A record to write, with the id that makes a repeated submission the same.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its ledger.
    pub ledger: &'static str,
    /// Its id.
    pub id: RecordId,
    /// Its values.
    pub values: Values,
}

impl Entry {
    /// With a new id.
    pub fn new(ledger: &'static str, values: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let values = values.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        Self { ledger, id: RecordId::now(), values }
    }

    /// With another value of a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.values.insert(field.to_owned(), value);
        self
    }

    /// Without a value of a field.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.values.remove(field);
        self
    }
}

/// A text, a code word, or any other value as people write it.
pub fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::Text(text.into())) }
}

/// A number; of money, 分.
pub const fn integer(number: i64) -> Value {
    Value { kind: Some(Kind::Integer(number)) }
}

/// Days since 1900-01-01 of a day as `2025-03-04`.
pub fn day(text: &str) -> anyhow::Result<i32> {
    Ok(period::days(text.parse::<Period>()?.first_day()))
}

/// A list of one row with one column.
fn row(column: &str, value: Value) -> Value {
    let row = Row { values: BTreeMap::from([(column.to_owned(), value)]) };
    Value { kind: Some(Kind::List(List { rows: vec![row] })) }
}

/// A mediation case, open, of the day it was accepted; `number` varies what it is divided by.
pub fn case(number: usize, accepted_on: &str) -> Entry {
    let pick = |words: &[&'static str]| text(words.get(number % words.len()).copied().unwrap_or_default());
    let number = i64::try_from(number).unwrap_or_default();
    Entry::new(
        "mediation",
        [
            ("case_no", text(format!("调字{}", RecordId::now()))),
            ("accepted_on", text(accepted_on)),
            ("dispute_type", pick(&["婚姻家庭", "邻里", "合同"])),
            ("source", pick(&["当事人申请", "主动调解", "法院", "信访"])),
            ("difficulty", pick(&["简单", "一般"])),
            ("form", pick(&["口头", "书面", "书面"])),
            ("people_count", integer(number % 7 + 1)),
            ("amount", integer(number * 1_000 + 1)),
            ("mediators", row("name", text("王建国"))),
            ("summary", text("宅基地边界纠纷")),
        ],
    )
}

/// How a case ended, and when.
pub fn closed(case: Entry, result: &str, on: &str) -> Entry {
    case.with("result", text(result)).with("mediated_on", text(on))
}

/// A screening that found so many disputes.
pub fn screening(on: &str, found: i64) -> Entry {
    Entry::new("screening", [("on", text(on)), ("found", integer(found)), ("risk", text("黄"))])
}

/// A member of staff from a day on.
pub fn staff(name: &str, from: &str) -> Entry {
    Entry::new(
        "staff",
        [
            ("name", text(name)),
            ("role", text("调解员")),
            ("full_time", text("专")),
            ("source", text("人民调解员")),
            ("from", text(from)),
        ],
    )
}

/// The dates since which a workroom has 3111 and 六统一.
pub const STANDARD: [&str; 12] = [
    "mediation_room_on",
    "service_room_on",
    "office_room_on",
    "square_on",
    "window_on",
    "hall_on",
    "signage_on",
    "duties_on",
    "rules_on",
    "process_on",
    "support_on",
    "ledgers_on",
];

/// A workroom's register entry: built, and with all of 3111 and 六统一 since a day.
pub fn register(village: &str, listed_on: &str, standard_on: &str) -> Entry {
    let entry = Entry::new(
        "workroom",
        [
            ("name", text("司法行政工作室")),
            ("listed_on", text(listed_on)),
            ("build_status", text("已建")),
            ("built_on", text(listed_on)),
            ("covered_villages", row("code", text(village))),
        ],
    );
    STANDARD.iter().fold(entry, |entry, field| entry.with(field, text(standard_on)))
}
