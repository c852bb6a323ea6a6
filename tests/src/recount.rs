//! What all raw records add up to, in plain code that shares nothing with the nodes' own
//! counting; and whether every tier says the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use wuji_proto::v1::value::Kind;
use wuji_proto::{DivisionCode, Grain, Period, Tier, period, v1};

use crate::client::Client;
use crate::federation::Federation;

/// Figures by what they are divided by: period, unit, words; without zeros.
pub type Answer = BTreeMap<Vec<String>, i64>;

/// A question to a node, about flows.
#[derive(Clone, Copy, Debug)]
struct Question {
    measure: &'static str,
    by: &'static [&'static str],
    grain: &'static str,
}

const fn question(measure: &'static str, grain: &'static str, by: &'static [&'static str]) -> Question {
    Question { measure, by, grain }
}

/// Each is asked of every tier. All records of tests lie in these years.
const YEARS: (&str, &str) = ("2024", "2026");

const QUESTIONS: [Question; 15] = [
    question("entries", "", &["ledger"]),
    question("entries", "day", &[]),
    question("mediation.accepted", "", &["dispute_type", "result"]),
    question("mediation.accepted", "month", &["source"]),
    question("mediation.accepted", "", &["difficulty", "form"]),
    question("mediation.accepted", "day", &[]),
    question("mediation.accepted", "quarter", &[]),
    question("mediation.accepted", "year", &["workroom"]),
    question("mediation.succeeded", "", &["dispute_type"]),
    question("mediation.people", "month", &["unit"]),
    question("mediation.amount", "", &["workroom"]),
    question("mediation.amount", "half-year", &[]),
    question("screening.reports", "month", &[]),
    question("screening.zero_reports", "", &[]),
    question("screening.found", "", &["risk"]),
];

/// Compares every node's answers with the records of the workrooms under it.
pub async fn verify(federation: &Federation) -> anyhow::Result<()> {
    let records = records(federation).await?;
    let mut differences = Vec::new();
    for (client, _) in federation.clients() {
        let below: Vec<&v1::Record> = records.iter().filter(|record| lies_under(record, client.code)).collect();
        for question in QUESTIONS.iter().filter(|question| fits(question, client.code.tier())) {
            let counted = count(question, client.code, &below)?;
            let asked = ask(client, question.measure, question.grain, question.by, YEARS).await?;
            differences.extend(differ(&format!("{} {question:?}", client.code), &counted, &asked));
        }
    }
    ensure!(differences.is_empty(), "not what the {} records make:\n{}", records.len(), differences.join("\n"));
    Ok(())
}

/// All records of all workrooms, voided ones included.
pub async fn records(federation: &Federation) -> anyhow::Result<Vec<v1::Record>> {
    let mut records = Vec::new();
    for (client, _) in federation.clients().filter(|(client, _)| client.code.tier() == Tier::Workroom) {
        for record in client.records().await? {
            ensure!(record.unit == client.code.as_str(), "{} lists a record of {}", client.code, record.unit);
            records.push(record);
        }
    }
    Ok(records)
}

/// What a node answers; a total that is not the sum of its rows has a key of its own.
pub async fn ask(
    client: &Client,
    measure: &str,
    grain: &str,
    by: &[&str],
    (from, to): (&str, &str),
) -> anyhow::Result<Answer> {
    let request = v1::QueryRequest {
        scope: String::new(),
        measures: vec![measure.to_owned()],
        from: from.to_owned(),
        to: to.to_owned(),
        grain: grain.to_owned(),
        by: by.iter().map(|by| (*by).to_owned()).collect(),
        ..v1::QueryRequest::default()
    };
    let (mut answer, mut sum) = (Answer::new(), 0);
    for reply in client.query(request).await? {
        match reply.part {
            Some(v1::query_reply::Part::Row(row)) => {
                let amount = amount(&row.figures);
                sum += amount;
                let outer = [row.period, row.unit].into_iter().filter(|text| !text.is_empty());
                *answer.entry(outer.chain(row.words).collect()).or_default() += amount;
            }
            Some(v1::query_reply::Part::End(end)) => {
                answer.insert(vec!["total less rows".to_owned()], amount(&end.totals) - sum);
                answer.insert(vec!["in transit".to_owned()], end.in_transit.first().map_or(0, v1::Figure::numerator));
            }
            Some(v1::query_reply::Part::Head(_)) | None => {}
        }
    }
    answer.retain(|_, amount| *amount != 0);
    Ok(answer)
}

/// One undivided figure; of a stock, at the end of `at`.
pub async fn total(client: &Client, measure: &str, at: &str) -> anyhow::Result<i64> {
    Ok(ask(client, measure, "", &[], (at, at)).await?.get(&Vec::new()).copied().unwrap_or(0))
}

/// A workroom has no units below, but is one.
fn fits(question: &Question, tier: Tier) -> bool {
    tier != Tier::Workroom || !question.by.contains(&"unit")
}

fn lies_under(record: &v1::Record, scope: DivisionCode) -> bool {
    record.unit.starts_with(scope.as_str())
}

fn count(question: &Question, scope: DivisionCode, records: &[&v1::Record]) -> anyhow::Result<Answer> {
    let mut answer = Answer::new();
    for record in records.iter().filter(|record| record.state() == v1::RecordState::Live) {
        let mut key = Vec::new();
        if !question.grain.is_empty() {
            let grain: Grain = question.grain.parse()?;
            key.push(Period::of(period::date(record.event_date), grain).to_string());
        }
        for by in question.by {
            key.push(match *by {
                "workroom" => record.unit.clone(),
                "unit" => child_of(scope, &record.unit),
                "ledger" => record.ledger.clone(),
                field => word(record, field),
            });
        }
        *answer.entry(key).or_default() += adds(question.measure, record);
    }
    answer.retain(|_, amount| *amount != 0);
    Ok(answer)
}

/// In the federations of the tests every tier is there.
fn child_of(scope: DivisionCode, unit: &str) -> String {
    let below = Tier::ALL.into_iter().find(|tier| *tier > scope.tier()).unwrap_or(Tier::Workroom);
    unit.chars().take(below.digits()).collect()
}

/// What a record adds to a measure.
fn adds(measure: &str, record: &v1::Record) -> i64 {
    match (measure, record.ledger.as_str()) {
        ("entries", _) | ("mediation.accepted", "mediation") | ("screening.reports", "screening") => 1,
        ("mediation.succeeded", "mediation") => i64::from(word(record, "result") == "成功"),
        ("mediation.people", "mediation") => number(record, "people_count"),
        ("mediation.amount", "mediation") => number(record, "amount"),
        ("screening.zero_reports", "screening") => i64::from(number(record, "found") == 0),
        ("screening.found", "screening") => number(record, "found"),
        _ => 0,
    }
}

/// The word of a code field; empty if it is not filled in.
pub fn word(record: &v1::Record, field: &str) -> String {
    match record.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// A number; 0 if it is not filled in.
pub fn number(record: &v1::Record, field: &str) -> i64 {
    match record.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Integer(number)) => *number,
        _ => 0,
    }
}

/// Days since 1900-01-01; `None` if it is not filled in.
pub fn date(record: &v1::Record, field: &str) -> Option<i32> {
    match record.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Date(day)) => Some(*day),
        _ => None,
    }
}

fn amount(figures: &[v1::Figure]) -> i64 {
    match figures.first().and_then(|figure| figure.kind.as_ref()) {
        Some(v1::figure::Kind::Amount(amount)) => *amount,
        _ => 0,
    }
}

fn differ(what: &str, counted: &Answer, asked: &Answer) -> Vec<String> {
    let keys: BTreeSet<&Vec<String>> = counted.keys().chain(asked.keys()).collect();
    let figure = |answer: &Answer, key: &[String]| answer.get(key).copied().unwrap_or(0);
    let of = |key: &Vec<String>| (figure(counted, key), figure(asked, key));
    let wrong = keys.into_iter().map(|key| (key, of(key))).filter(|(_, (counted, asked))| counted != asked);
    wrong.map(|(key, (counted, asked))| format!("{what} {key:?}: says {asked}, records make {counted}")).collect()
}
