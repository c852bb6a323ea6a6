//! Records of one workroom, counted for questions that no split answers.

use wuji_proto::stored::RecordHead;
use wuji_proto::v1::value::Kind;
use wuji_proto::{RecordId, Tier, period, v1};

use super::{Of, check, is_stored, rows};
use crate::catalogue::{Catalogue, Values};
use crate::index::memory::MemoryIndex;
use crate::index::{Index, Writes, keys};

const OWN: &str = "371122101201";

fn of() -> Of {
    Of { unit: OWN.parse().unwrap(), today: day("2026-03-01") }
}

fn day(text: &str) -> i32 {
    period::days(text.parse::<wuji_proto::Period>().unwrap().first_day())
}

fn put(index: &MemoryIndex, number: u8, date: &str, words: &[(&str, &str)], voided: bool) {
    let text = |word: &str| v1::Value { kind: Some(Kind::Text(word.to_owned())) };
    let mut facts: Values = words.iter().map(|(field, word)| ((*field).to_owned(), text(word))).collect();
    for date_field in ["mediated_on"] {
        if let Some(v1::Value { kind: Some(Kind::Text(text)) }) = facts.get(date_field).cloned() {
            facts.insert(date_field.to_owned(), v1::Value { kind: Some(Kind::Date(day(&text))) });
        }
    }
    let head = RecordHead { event_date: day(date), facts, voided, ..RecordHead::default() };
    let key = keys::record("mediation", RecordId::from_bytes([number; 16]));
    index.apply(&Writes::from([(key, Some(prost::Message::encode_to_vec(&head)))])).unwrap();
}

fn index() -> MemoryIndex {
    let index = MemoryIndex::default();
    put(&index, 1, "2026-01-05", &[("dispute_type", "邻里"), ("source", "法院")], false);
    put(
        &index,
        2,
        "2026-01-06",
        &[("dispute_type", "邻里"), ("source", "信访"), ("result", "成功"), ("mediated_on", "2026-02-03")],
        false,
    );
    put(&index, 3, "2026-02-01", &[("dispute_type", "合同")], false);
    put(&index, 4, "2026-01-05", &[("dispute_type", "邻里"), ("source", "法院")], true);
    put(
        &index,
        5,
        "2025-01-05",
        &[("dispute_type", "邻里"), ("source", "法院"), ("result", "不成功"), ("mediated_on", "2025-01-20")],
        false,
    );
    index
}

fn query(measures: &[&str], from: &str, to: &str, grain: &str, by: &[&str]) -> v1::QueryRequest {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    v1::QueryRequest {
        measures: words(measures),
        from: from.to_owned(),
        to: to.to_owned(),
        grain: grain.to_owned(),
        by: words(by),
        ..v1::QueryRequest::default()
    }
}

fn filter(field: &str, words: &[&str]) -> v1::Filter {
    v1::Filter { field: field.to_owned(), words: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn answered(question: &v1::QueryRequest) -> Vec<String> {
    let rows = rows(question, &Catalogue::embedded().unwrap(), &index(), of(), Tier::Province).unwrap();
    let figures = |figures: &[v1::Figure]| {
        let one = |figure: &v1::Figure| match figure.denominator() {
            None => figure.numerator().to_string(),
            Some(denominator) => format!("{}/{denominator}", figure.numerator()),
        };
        figures.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let row = |row: &v1::QueryRow| {
        let compared: Vec<String> =
            row.comparisons.iter().map(|one| format!(" | {} {}", one.period, figures(&one.figures))).collect();
        format!("{} {}: {}{}", row.period, row.words.join("|"), figures(&row.figures), compared.concat())
    };
    rows.iter().map(row).collect()
}

#[test]
fn flows_are_counted_by_words_and_month_and_voided_records_are_not() {
    let question = query(&["mediation.accepted"], "2026-01", "2026-02", "month", &["unit", "dispute_type", "source"]);
    assert_eq!(
        answered(&question),
        [
            "2026-01 合同|: 0",
            "2026-02 合同|: 1",
            "2026-01 邻里|信访: 1",
            "2026-02 邻里|信访: 0",
            "2026-01 邻里|法院: 1",
            "2026-02 邻里|法院: 0",
        ]
    );
}

#[test]
fn a_stock_is_what_is_open_at_each_end() {
    let question = query(&["mediation.open"], "2026-01", "2026-02", "month", &["dispute_type", "source"]);
    assert_eq!(
        answered(&question),
        [
            "2026-01 合同|: 0",
            "2026-02 合同|: 1",
            "2026-01 邻里|信访: 1",
            "2026-02 邻里|信访: 0",
            "2026-01 邻里|法院: 1",
            "2026-02 邻里|法院: 1",
        ]
    );
}

#[test]
fn filters_take_any_of_their_words_and_the_empty_one_is_what_was_left_out() {
    let mut question = query(&["mediation.accepted"], "2026-01", "2026-02", "", &["dispute_type"]);
    question.r#where = vec![filter("source", &["", "信访"])];
    assert_eq!(answered(&question), [" 合同: 1", " 邻里: 1"]);
    question.r#where.push(filter("result", &["成功"]));
    assert_eq!(answered(&question), [" 邻里: 1"]);
    question.by.clear();
    question.r#where = vec![filter("source", &["公安"])];
    assert_eq!(answered(&question), [" : 0"], "a zero is a figure");
}

#[test]
fn an_indicator_keeps_its_own_words_and_its_two_sums() {
    let question = query(&["mediation.success_rate"], "2026-01", "", "", &["source", "difficulty"]);
    assert_eq!(answered(&question), [" 信访|: 1/1", " 法院|: 0/1"]);
}

#[test]
fn comparisons_are_of_the_same_words() {
    let mut question = query(&["mediation.accepted"], "2026-01", "", "month", &["dispute_type", "source"]);
    question.compare = vec!["year-ago".to_owned(), "previous".to_owned()];
    assert_eq!(
        answered(&question),
        ["2026-01 邻里|信访: 1 | 2025-01 0 | 2025-12 0", "2026-01 邻里|法院: 1 | 2025-01 1 | 2025-12 0",]
    );
}

#[test]
fn every_field_beyond_its_ceiling_is_refused_by_name() {
    let catalogue = Catalogue::embedded().unwrap();
    // Every code field of class 0 of every ledger, asked by every tier.
    let mut refused = 0;
    for measure in catalogue.measures().iter().filter(|measure| measure.is_of_records()) {
        for field in catalogue.ledger(measure.ledger()).unwrap().fields() {
            if field.kind().words().is_empty() {
                continue;
            }
            for asker in Tier::ALL {
                let question = query(&[measure.id()], "2026", "", "", &[field.name()]);
                let checked = check(&question, &catalogue, of(), asker);
                let may = field.class() == 0 && field.ceiling() <= asker;
                assert_eq!(checked.is_ok(), may, "{} by {} for {asker}: {checked:?}", measure.id(), field.name());
                if let Err(error) = checked {
                    refused += 1;
                    assert!(error.to_string().contains(field.name()), "{error}");
                }
            }
        }
    }
    assert!(refused > 0, "the shipped catalogue has such fields");
    let mut filtered = query(&["mediation.accepted"], "2026", "", "", &[]);
    filtered.r#where = vec![filter("summary", &["x"])];
    assert!(check(&filtered, &catalogue, of(), Tier::Workroom).is_err(), "a filter asks as a division does");
}

#[test]
fn what_cells_answer_needs_no_records() {
    let catalogue = Catalogue::embedded().unwrap();
    let stored = |by: &[&str]| is_stored(&query(&["mediation.accepted"], "2026", "", "", by), &catalogue, of());
    assert!(stored(&["township", "dispute_type"]) && stored(&["source"]) && !stored(&["source", "dispute_type"]));
}
