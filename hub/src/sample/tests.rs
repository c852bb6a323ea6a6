use std::collections::{BTreeMap, BTreeSet};

use v1::value::Kind;
use wuji_node::division::Directory;
use wuji_proto::Tier;
use wuji_proto::period::days;

use super::*;

fn sample(name: SampleName) -> Sample {
    Sample::new(name, "2025-11".parse().unwrap()).unwrap()
}

fn word(entry: &Entry, field: &str) -> String {
    match entry.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn number(entry: &Entry, field: &str) -> i64 {
    match entry.values.get(field).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Integer(number)) => *number,
        Some(Kind::Date(day)) => i64::from(*day),
        _ => 0,
    }
}

fn count(entries: &[Entry], field: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(word(entry, field)).or_default() += 1;
    }
    counts
}

#[test]
fn the_huangshi_entries_sum_to_every_published_figure() {
    let sample = sample(SampleName::Huangshi);
    let (entries, published) = (sample.entries(), &sample.published);
    assert_eq!(entries.len() as u64, published.accepted);
    assert_eq!(count(&entries, "dispute_type"), published.types.iter().cloned().collect());
    let sources = count(&entries, "source");
    for (name, wanted) in &published.sources {
        let words = mix::SOURCES.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(words.iter().map(|word| sources[*word]).sum::<u64>(), *wanted, "{name}");
    }
    assert_eq!(count(&entries, "result")["成功"], published.succeeded);
    assert_eq!(entries.iter().map(|e| number(e, "amount")).sum::<i64>(), 2_873_800_000);
    for prevented in &published.prevented {
        let word_of = mix::PREVENTED.iter().find(|(name, _)| *name == prevented.name).unwrap().1;
        let of: Vec<&Entry> = entries.iter().filter(|e| word(e, "prevented") == word_of).collect();
        assert_eq!(of.len() as u64, prevented.cases);
        assert_eq!(
            of.iter().map(|e| number(e, "prevented_people")).sum::<i64>(),
            i64::try_from(prevented.people).unwrap()
        );
    }
}

#[test]
fn every_case_runs_forward_in_time_within_the_sample() {
    for sample in [sample(SampleName::Ju), sample(SampleName::Huangshi)] {
        let (first, last) = (days(sample.first.first_day()), days(sample.last.last_day()));
        for entry in sample.entries().iter().filter(|entry| entry.ledger == "mediation") {
            let accepted = number(entry, "accepted_on");
            let (mediated, agreed) = (number(entry, "mediated_on"), number(entry, "agreed_on"));
            assert!(i64::from(first) <= accepted && accepted <= mediated && mediated <= i64::from(last));
            assert_eq!(agreed > 0, word(entry, "result") == "成功");
            assert!(agreed == 0 || mediated <= agreed && agreed <= i64::from(last));
            assert!(agreed > 0 || number(entry, "amount") == 0);
        }
    }
}

#[test]
fn the_units_are_real_and_lie_where_they_should() {
    let directory = Directory::embedded().unwrap();
    for (name, tiers) in [(SampleName::Ju, [1, 1, 1, 3, 6]), (SampleName::Huangshi, [1, 1, 4, 4, 12])] {
        let mut units = BTreeSet::new();
        for workroom in &sample(name).settings.workrooms {
            let path = directory.path(*workroom);
            assert_eq!(path.len(), 5, "{workroom}");
            assert!(path[4].name.contains("社区") || path[4].name.contains("新村"));
            units.extend(path.into_iter().map(|unit| unit.code));
        }
        assert_eq!(Tier::ALL.map(|tier| units.iter().filter(|code| code.tier() == tier).count()), tiers);
    }
}

#[test]
fn the_same_sample_is_the_same_to_the_id_and_ids_and_case_numbers_are_unique() {
    for name in [SampleName::Ju, SampleName::Huangshi] {
        let entries = sample(name).entries();
        assert_eq!(entries, sample(name).entries());
        let ids: BTreeSet<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
        assert_eq!(ids.len(), entries.len());
        assert!(ids.iter().all(|id| id.parse::<RecordId>().is_ok()), "ids are of version 7");
        let cases = entries.iter().filter(|entry| entry.ledger == "mediation");
        let numbers: Vec<(DivisionCode, String)> = cases.map(|entry| (entry.unit, word(entry, "case_no"))).collect();
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    }
}

#[test]
fn the_generated_year_keeps_the_published_proportions() {
    let sample = sample(SampleName::Ju);
    let entries = sample.entries();
    let cases: Vec<Entry> = entries.iter().filter(|e| e.ledger == "mediation").cloned().collect();
    let (base, dealt) = (sample.published.accepted, cases.len() as u64);
    assert_eq!(dealt, 72 * 6);
    // Cross-multiplied: a count differs from its exact share by at most one case.
    let near = |count: u64, published: u64| (count * base).abs_diff(published * dealt) <= base;
    let types = count(&cases, "dispute_type");
    for (word, published) in &sample.published.types {
        assert!(near(types.get(word).copied().unwrap_or(0), *published), "{word}");
    }
    assert!(near(count(&cases, "result")["成功"], sample.published.succeeded));
    let amount = cases.iter().map(|entry| number(entry, "amount")).sum::<i64>().unsigned_abs();
    let exact = sample.published.amount_fen * dealt / base;
    assert!(amount.abs_diff(exact) < 10_000 * 2, "{amount} where {exact} is the share");
    let ledgers: BTreeSet<&str> = entries.iter().map(|entry| entry.ledger).collect();
    assert_eq!(ledgers.len(), 8);
    assert!((2_000..6_000).contains(&entries.len()), "{}", entries.len());
}

#[test]
fn the_year_before_a_day_is_its_twelve_whole_months_before() {
    let first = Sample::year_before(jiff::civil::date(2026, 11, 23));
    assert_eq!(first.to_string(), "2025-11");
    assert_eq!(Sample::new(SampleName::Ju, first).unwrap().last.to_string(), "2026-10");
    let huangshi = Sample::new(SampleName::Huangshi, first).unwrap();
    assert_eq!((huangshi.first, huangshi.last), ("2016-08".parse().unwrap(), "2016-08".parse().unwrap()));
}
