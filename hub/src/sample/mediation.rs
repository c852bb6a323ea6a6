//! Mediation cases as entries of the ledger 人民调解.

use std::collections::BTreeMap;

use wuji_proto::period::{date, days};
use wuji_proto::{DivisionCode, Period, RecordId, v1};

use super::Entry;
use super::mix::{Case, Mix, PREVENTED_NOTHING};
use super::random::Random;

/// Family names with 某: nobody in a sample is somebody.
pub(super) const PEOPLE: [&str; 12] =
    ["王某", "李某", "张某", "刘某", "陈某", "杨某", "赵某", "孙某", "周某", "徐某", "马某", "于某"];

/// 09:00 at UTC+8, in milliseconds of a UTC day: when sample entries say they were written.
const WRITTEN_AT_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The sample's first and last day, as days since 1900-01-01.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// First day.
    pub first: i32,
    /// Last day, included.
    pub last: i32,
}

impl Span {
    /// From the first month's first day to the last month's last day.
    pub fn of(first: Period, last: Period) -> Self {
        Self { first: days(first.first_day()), last: days(last.last_day()) }
    }

    /// A day in it.
    pub fn day(self, random: &mut Random) -> i32 {
        random.between(self.first, self.last)
    }

    /// Up to `most` days after `day`, but not after the end.
    pub fn soon_after(self, day: i32, most: i32, random: &mut Random) -> i32 {
        (day + random.between(0, most)).min(self.last)
    }
}

/// The mix's cases over the workrooms and days, each workroom's in the order of days.
pub(super) fn entries(mix: &Mix, workrooms: &[DivisionCode], span: Span, random: &mut Random) -> Vec<Entry> {
    let mut dealt: BTreeMap<DivisionCode, Vec<(i32, Case)>> = BTreeMap::new();
    for (case, unit) in mix.deal(random).into_iter().zip(workrooms.iter().cycle()) {
        dealt.entry(*unit).or_default().push((span.day(random), case));
    }
    let mut entries = Vec::new();
    for (unit, mut cases) in dealt {
        cases.sort_by_key(|(day, _)| *day);
        for ((day, case), number) in cases.into_iter().zip(1..) {
            let values = values(&case, day, number, span, random);
            entries.push(Entry { unit, ledger: "mediation", id: id(day, random), values });
        }
    }
    entries
}

fn values(case: &Case, day: i32, number: u32, span: Span, random: &mut Random) -> BTreeMap<String, v1::Value> {
    let mediated = span.soon_after(day, 6, random);
    let people = u64::try_from(random.between(2, 5)).unwrap_or(2);
    let (prevented, prevented_people) = case.prevented.unwrap_or((PREVENTED_NOTHING, 0));
    let year = date(day).year();
    let mut values = fields([
        ("case_no", text(&format!("〔{year}〕人调字第{number:04}号"))),
        ("accepted_on", date_value(day)),
        ("mediated_on", date_value(mediated)),
        ("dispute_type", text(&case.dispute_type)),
        ("source", text(case.source)),
        ("difficulty", text(random.pick(&["简单", "简单", "简单", "一般", "一般", "重大", "疑难"]))),
        ("form", text(if case.amount_fen.is_some() { "书面" } else { random.pick(&["口头", "口头", "书面"]) })),
        ("result", text(if case.succeeded { "成功" } else { "不成功" })),
        ("people_count", integer(people.max(prevented_people))),
        ("prevented", text(prevented)),
        ("parties", parties(random)),
        ("summary", text(&summary(case))),
        ("mediators", rows(vec![fields([("name", text(random.pick(&PEOPLE)))])])),
    ]);
    if case.succeeded {
        let agreed = span.soon_after(mediated, 2, random);
        values.insert("agreed_on".to_owned(), date_value(agreed));
        values.insert("performance".to_owned(), text(random.pick(&["履行", "履行", "履行", "履行", "司法确认"])));
    }
    if let Some(fen) = case.amount_fen {
        values.insert("amount".to_owned(), integer(fen));
    }
    if case.prevented.is_some() {
        values.insert("prevented_people".to_owned(), integer(prevented_people));
    }
    values
}

fn parties(random: &mut Random) -> v1::Value {
    let first = usize::try_from(random.below(6)).unwrap_or(0);
    let party = |at: usize| {
        let name = PEOPLE.get(at).copied().unwrap_or_default();
        fields([("name", text(name)), ("kind", text("自然人"))])
    };
    rows(vec![party(first), party(first + 6)])
}

fn summary(case: &Case) -> String {
    let outcome = if case.succeeded { "双方达成协议" } else { "未能达成协议，已告知其他途径" };
    format!("（示例数据）{}纠纷，{}；经调解，{outcome}。", case.dispute_type, case.source)
}

/// A UUID of version 7 of the day, the rest from the sample's random numbers.
pub(super) fn id(day: i32, random: &mut Random) -> RecordId {
    let since_1970 = i64::from(day - days(jiff::civil::Date::constant(1970, 1, 1)));
    let at_ms = u64::try_from(since_1970 * DAY_MS + WRITTEN_AT_MS).unwrap_or(0);
    let mut bytes = [0; 10];
    for (to, from) in bytes.iter_mut().zip([random.next(), random.next()].into_iter().flat_map(u64::to_le_bytes)) {
        *to = from;
    }
    RecordId::from_bytes(uuid::Builder::from_unix_timestamp_millis(at_ms, &bytes).into_uuid().into_bytes())
}

pub(super) fn fields<const N: usize>(fields: [(&str, v1::Value); N]) -> BTreeMap<String, v1::Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn text(text: &str) -> v1::Value {
    v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) }
}

pub(super) fn integer(number: u64) -> v1::Value {
    v1::Value { kind: Some(v1::value::Kind::Integer(i64::try_from(number).unwrap_or(i64::MAX))) }
}

pub(super) fn date_value(day: i32) -> v1::Value {
    v1::Value { kind: Some(v1::value::Kind::Date(day)) }
}

pub(super) fn rows(rows: Vec<BTreeMap<String, v1::Value>>) -> v1::Value {
    let rows = rows.into_iter().map(|values| v1::Row { values }).collect();
    v1::Value { kind: Some(v1::value::Kind::List(v1::List { rows })) }
}
