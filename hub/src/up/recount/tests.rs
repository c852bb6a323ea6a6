use super::*;
use crate::sample::{Entry, Sample, SampleName};

fn as_record(entry: Entry) -> v1::Record {
    let event =
        ["accepted_on", "on", "listed_on", "from"].iter().find_map(|field| match entry.values.get(*field)?.kind {
            Some(Kind::Date(day)) => Some(day),
            _ => None,
        });
    v1::Record {
        ledger: entry.ledger.to_owned(),
        id: entry.id.to_string(),
        event_date: event.unwrap(),
        values: entry.values,
        unit: entry.unit.to_string(),
        ..Default::default()
    }
}

fn sample(name: SampleName) -> (Sample, Vec<v1::Record>) {
    let sample = Sample::new(name, "2025-11".parse().unwrap()).unwrap();
    let records = sample.entries().into_iter().map(as_record).collect();
    (sample, records)
}

fn asked(measure: &str, by: &[&str]) -> Question {
    *QUESTIONS.iter().find(|q| q.measure == measure && q.by == by).unwrap()
}

#[test]
fn the_recount_of_huangshi_makes_the_published_figures() {
    let (sample, records) = sample(SampleName::Huangshi);
    let sum = |measure, by: &[&str]| count(asked(measure, by), &records).values().sum::<i64>();
    assert_eq!(sum("mediation.accepted", &["source"]), 869);
    assert_eq!(sum("mediation.succeeded", &["dispute_type"]), 842);
    assert_eq!(sum("mediation.amount", &[]), 2_873_800_000);
    assert_eq!(count(asked("entries", &["ledger"]), &records), Answer::from([(vec!["mediation".to_owned()], 869)]));
    let people = count(asked("mediation.prevented_people", &["prevented"]), &records);
    assert_eq!(people, Answer::from([(vec!["群体上访".to_owned()], 15), (vec!["转刑事".to_owned()], 4)]));
    let workrooms = count(asked("mediation.accepted", &["workroom"]), &records);
    assert_eq!(workrooms.len(), sample.settings.workrooms.len());
    assert_eq!(years(&records), Some(("2016".to_owned(), "2016".to_owned())));
}

#[test]
fn every_question_divides_the_same_whole() {
    let (_, records) = sample(SampleName::Ju);
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for question in QUESTIONS {
        let sum = count(question, &records).values().sum();
        assert_eq!(*sums.entry(question.measure).or_insert(sum), sum, "{question:?}");
        assert!(sum > 0, "{question:?}");
    }
    let months = count(*QUESTIONS.iter().find(|q| q.grain == "month").unwrap(), &records);
    assert!(months.keys().all(|key| ("2025-11"..="2026-10").contains(&key[0].as_str())));
}

fn row(unit: &str, words: &[&str], amount: i64) -> v1::QueryReply {
    let figures = vec![v1::Figure { kind: Some(v1::figure::Kind::Amount(amount)) }];
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let row = v1::QueryRow { unit: unit.to_owned(), words, figures, ..Default::default() };
    v1::QueryReply { part: Some(v1::query_reply::Part::Row(row)) }
}

fn end(total: i64, in_transit: i64) -> v1::QueryReply {
    let totals = vec![v1::Figure { kind: Some(v1::figure::Kind::Amount(total)) }];
    let end = v1::QueryEnd { totals, in_transit: vec![v1::Figure::amount(in_transit)], ..v1::QueryEnd::default() };
    v1::QueryReply { part: Some(v1::query_reply::Part::End(end)) }
}

#[test]
fn a_figure_that_differs_is_named_with_both_values() {
    let question = asked("mediation.accepted", &["source"]);
    let counted = Answer::from([(vec!["主动调解".to_owned()], 455), (vec!["法院".to_owned()], 9)]);
    let equal = answer(vec![row("", &["主动调解"], 455), row("", &["法院"], 9), row("", &["公安"], 0), end(464, 0)]);
    assert!(differences(question, &counted, &equal).is_empty());
    let wrong = answer(vec![row("", &["主动调解"], 454), row("", &["信访"], 1), end(455, 0)]);
    let found = differences(question, &counted, &wrong);
    assert_eq!(found.len(), 3);
    assert!(found[0].contains("主动调解: the province says 454, the records make 455"), "{found:?}");
}

#[test]
fn a_total_beside_its_rows_and_amounts_in_transit_are_differences() {
    let question = asked("mediation.accepted", &["workroom"]);
    let counted = Answer::from([(vec!["371122001001".to_owned()], 5)]);
    for (replies, wanted) in [
        (vec![row("371122001001", &[], 5), end(6, 0)], "stated total"),
        (vec![row("371122001001", &[], 5), end(5, 2)], "in transit"),
    ] {
        let found = differences(question, &counted, &answer(replies));
        assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}");
    }
}
