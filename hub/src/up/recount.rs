//! Counts every raw record again, in plain code that shares nothing with the nodes' own
//! counting, and compares the province's statistics with it, figure by figure.

use std::collections::BTreeMap;

use tokio_stream::StreamExt;
use wuji_proto::period::date;
use wuji_proto::v1::value::Kind;
use wuji_proto::{DivisionCode, Grain, Period, Tier, v1};

use super::connect::{Connection, Connections, to};
use super::load::list;

/// Figures by their key: the period, the unit, the words, as far as the question has them.
pub type Answer = BTreeMap<Vec<String>, i64>;

/// A question that both the province and the raw records can answer.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The measure's id.
    pub measure: &'static str,
    /// As in a query: fields, `ledger`, or a tier.
    pub by: &'static [&'static str],
    /// As in a query; empty for the whole time.
    pub grain: &'static str,
}

const fn question(measure: &'static str, by: &'static [&'static str]) -> Question {
    Question { measure, by, grain: "" }
}

/// What is compared.
pub const QUESTIONS: [Question; 14] = [
    question("entries", &["ledger"]),
    question("entries", &["workroom"]),
    question("mediation.accepted", &["dispute_type", "result"]),
    question("mediation.accepted", &["source"]),
    question("mediation.accepted", &["difficulty", "form"]),
    question("mediation.accepted", &["workroom"]),
    Question { measure: "mediation.accepted", by: &[], grain: "month" },
    question("mediation.succeeded", &["dispute_type"]),
    question("mediation.amount", &[]),
    question("mediation.amount", &["workroom"]),
    question("mediation.people", &[]),
    question("mediation.people", &["workroom"]),
    question("mediation.prevented", &["prevented"]),
    question("mediation.prevented_people", &["prevented"]),
];

/// What the comparison found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Raw records, voided ones included.
    pub records: usize,
    /// Figures compared.
    pub figures: usize,
    /// Where the province differs, in words.
    pub differences: Vec<String>,
}

/// All records of all ledgers at all workrooms, voided ones included: an acknowledged entry is
/// never gone.
pub async fn records(connections: &Connections, province: DivisionCode) -> anyhow::Result<Vec<v1::Record>> {
    let get = |connection: Connection| async move { connection.catalogue().get(v1::GetCatalogueRequest {}).await };
    let catalogue = to(connections, province)?.call("reading the catalogue", get).await?.into_inner();
    let mut records = Vec::new();
    for (code, connection) in connections.iter().filter(|(code, _)| code.tier() == Tier::Workroom) {
        for ledger in &catalogue.ledgers {
            for mut record in list(connection, &ledger.id, v1::RecordState::Unspecified).await? {
                record.unit = code.to_string();
                record.ledger.clone_from(&ledger.id);
                records.push(record);
            }
        }
    }
    Ok(records)
}

/// Compares the province with the records, over all the years that they speak of.
pub async fn verify(province: &Connection, records: &[v1::Record]) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict { records: records.len(), ..Verdict::default() };
    let live: Vec<v1::Record> =
        records.iter().filter(|record| record.state() == v1::RecordState::Live).cloned().collect();
    let Some((from, to)) = years(records) else { return Ok(verdict) };
    for question in QUESTIONS {
        let asked = ask(province, question, &from, &to).await?;
        let counted = count(question, &live);
        verdict.figures += counted.len().max(asked.len());
        verdict.differences.extend(differences(question, &counted, &asked));
    }
    Ok(verdict)
}

/// The years of the first and the last date in any record: which date a measure counts by does
/// not matter to a total over them.
fn years(records: &[v1::Record]) -> Option<(String, String)> {
    let days = records.iter().flat_map(|record| {
        let fields = record.values.values().filter_map(|value| match value.kind {
            Some(Kind::Date(day)) => Some(day),
            _ => None,
        });
        fields.chain([record.event_date])
    });
    let (first, last) = days.fold(None, |range, day| match range {
        None => Some((day, day)),
        Some((first, last)) => Some((day.min(first), day.max(last))),
    })?;
    let year = |day| Period::of(date(day), Grain::Year).to_string();
    Some((year(first), year(last)))
}

/// The raw records' answer. Figures of 0 are left out.
fn count(question: Question, records: &[v1::Record]) -> Answer {
    let mut answer = Answer::new();
    for record in records {
        let amount = amount(question.measure, record);
        if amount != 0 {
            *answer.entry(key(question, record)).or_default() += amount;
        }
    }
    answer.retain(|_, amount| *amount != 0);
    answer
}

/// What a record adds to a measure.
fn amount(measure: &str, record: &v1::Record) -> i64 {
    let mediation = record.ledger == "mediation";
    let prevented = mediation && !matches!(word(record, "prevented").as_str(), "" | "无");
    match measure {
        "entries" => 1,
        "mediation.accepted" if mediation => 1,
        "mediation.succeeded" if mediation => i64::from(word(record, "result") == "成功"),
        "mediation.amount" if mediation => integer(record, "amount"),
        "mediation.people" if mediation => integer(record, "people_count"),
        "mediation.prevented" if prevented => 1,
        "mediation.prevented_people" if prevented => integer(record, "prevented_people"),
        _ => 0,
    }
}

fn key(question: Question, record: &v1::Record) -> Vec<String> {
    let mut key = Vec::new();
    if let Ok(grain) = question.grain.parse::<Grain>() {
        key.push(Period::of(date(record.event_date), grain).to_string());
    }
    key.extend(question.by.iter().map(|by| match *by {
        "workroom" => record.unit.clone(),
        "ledger" => record.ledger.clone(),
        field => word(record, field),
    }));
    key
}

fn word(record: &v1::Record, field: &str) -> String {
    match record.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn integer(record: &v1::Record, field: &str) -> i64 {
    match record.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Integer(number)) => *number,
        _ => 0,
    }
}

/// The province's answer. Figures of 0 are left out. The total is under its own key, so that a
/// total that is not the sum of its rows is a difference as well.
pub async fn ask(connection: &Connection, question: Question, from: &str, to: &str) -> anyhow::Result<Answer> {
    let request = v1::QueryRequest {
        scope: String::new(),
        measures: vec![question.measure.to_owned()],
        from: from.to_owned(),
        to: to.to_owned(),
        grain: question.grain.to_owned(),
        by: question.by.iter().map(|by| (*by).to_owned()).collect(),
        ..v1::QueryRequest::default()
    };
    let call = |connection: Connection| {
        let request = request.clone();
        async move {
            let replies = connection.statistics().query(request).await?.into_inner();
            replies.collect::<Result<Vec<v1::QueryReply>, tonic::Status>>().await
        }
    };
    let replies = connection.call(&format!("asking for {}", question.measure), call).await?;
    Ok(answer(replies))
}

fn answer(replies: Vec<v1::QueryReply>) -> Answer {
    let mut answer = Answer::new();
    let mut sum = 0;
    for reply in replies {
        match reply.part {
            Some(v1::query_reply::Part::Row(row)) => {
                let amount = first_amount(&row.figures);
                sum += amount;
                let outer = [row.period, row.unit].into_iter().filter(|text| !text.is_empty());
                *answer.entry(outer.chain(row.words).collect()).or_default() += amount;
            }
            Some(v1::query_reply::Part::End(end)) => {
                let total = first_amount(&end.totals);
                if total != sum {
                    answer.insert(vec!["the stated total less the rows".to_owned()], total - sum);
                }
                let transit = end.in_transit.first().map_or(0, v1::Figure::numerator);
                if transit != 0 {
                    answer.insert(vec!["in transit".to_owned()], transit);
                }
            }
            Some(v1::query_reply::Part::Head(_)) | None => {}
        }
    }
    answer.retain(|_, amount| *amount != 0);
    answer
}

fn first_amount(figures: &[v1::Figure]) -> i64 {
    match figures.first().and_then(|figure| figure.kind.as_ref()) {
        Some(v1::figure::Kind::Amount(amount)) => *amount,
        _ => 0,
    }
}

fn differences(question: Question, counted: &Answer, asked: &Answer) -> Vec<String> {
    let keys: std::collections::BTreeSet<&Vec<String>> = counted.keys().chain(asked.keys()).collect();
    let figure = |answer: &Answer, key: &[String]| answer.get(key).copied().unwrap_or(0);
    keys.into_iter()
        .filter(|key| figure(counted, key) != figure(asked, key))
        .map(|key| {
            format!(
                "{} {}: the province says {}, the records make {}",
                question.measure,
                key.join(" "),
                figure(asked, key),
                figure(counted, key)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
