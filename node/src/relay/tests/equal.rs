//! Relayed answers are what the asked node would say itself, and what a recount gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wuji_proto::v1;
use wuji_proto::v1::value::Kind;

use super::world::{Whole, World, Written, case, query, rows, shown};

const WRITERS: [&str; 5] = ["371122101201", "371122101202", "371302101201", "371122101", "371302"];
const TYPES: [&str; 3] = ["邻里", "合同", "其他"];
const SOURCES: [&str; 2] = ["法院", "信访"];
const RESULTS: [&str; 3] = ["", "成功", "不成功"];
const DAYS: [&str; 5] = ["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28"];

fn written() -> impl Strategy<Value = Vec<Written>> {
    let one = (0..WRITERS.len(), 0..DAYS.len(), 0..TYPES.len(), 0..SOURCES.len(), 0..RESULTS.len(), any::<bool>());
    let one = one.prop_map(|(writer, day, kind, source, result, voided)| {
        let mut words = vec![("dispute_type", TYPES[kind]), ("source", SOURCES[source])];
        if !RESULTS[result].is_empty() {
            words.push(("result", RESULTS[result]));
        }
        let mut written = case(WRITERS[writer], DAYS[day], &words);
        if !RESULTS[result].is_empty() {
            let mediated_on = v1::Value { kind: Some(Kind::Date(written.date + 20)) };
            written.values.insert("mediated_on".to_owned(), mediated_on);
        }
        Written { voided: voided && day == 0, ..written }
    });
    prop::collection::vec(one, 0..40)
}

/// Rows with anything in them.
fn nonzero(answer: &Whole) -> Vec<String> {
    rows(answer).into_iter().filter(|row| counts(row)).collect()
}

fn counts(row: &str) -> bool {
    let figures = row.rsplit(": ").next().unwrap_or_default();
    figures.chars().any(|digit| ('1'..='9').contains(&digit))
}

/// Every row with who was expected and has reported in it.
fn told(answer: &Whole) -> Vec<(String, Option<v1::Reporting>)> {
    rows(answer).into_iter().zip(answer.rows.iter().map(|row| row.reporting)).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Who is asked about whom.
fn asked() -> impl Strategy<Value = (&'static str, &'static str)> {
    let far = [("37", "3711"), ("37", "371302"), ("37", "371122101"), ("371122101", "371122101202")];
    let own = ["37", "3711", "371122", "371122101"].map(|node| (node, ""));
    prop::sample::select(own.into_iter().chain(far).collect::<Vec<_>>())
}

const UNITS: [&str; 6] = ["", "unit", "city", "county", "township", "workroom"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_held_and_relayed_alike_is_the_same(
        records in written(),
        measure in prop::sample::select(vec!["mediation.accepted", "mediation.succeeded", "mediation.open", "mediation.open_over_30_days", "mediation.people", "mediation.success_rate"]),
        field in prop::sample::select(vec!["", "dispute_type", "source"]),
        units in prop::sample::select(UNITS.to_vec()),
        grain in prop::sample::select(vec!["", "month", "day"]),
        (node, scope) in asked(),
    ) {
        let world = World::new(&records);
        let by: Vec<&str> = [units, field].into_iter().filter(|word| !word.is_empty()).collect();
        let question = query(scope, &[measure], "2026-01", "2026-02", grain, &by);
        let Ok(local) = world.local(node, &question) else { return Ok(()) };
        let relayed = block_on(world.relayed(node, &question)).unwrap();
        prop_assert_eq!(told(&relayed), told(&local));
        prop_assert_eq!(shown(&relayed.end.totals), shown(&local.end.totals));
        prop_assert_eq!(&relayed.head.columns, &local.head.columns);
        if scope.is_empty() && !units.is_empty() {
            prop_assert_eq!(shown(&relayed.end.in_transit), shown(&local.end.in_transit));
        }
    }

    #[test]
    fn what_a_node_states_of_its_children_is_in_relayed_rows(
        (measure, units) in prop::sample::select(vec![("expected", "unit"), ("expected", ""), ("received", "unit"), ("received", "workroom"), ("reported", "workroom")]),
        grain in prop::sample::select(vec!["", "month", "day"]),
        node in prop::sample::select(vec!["37", "3711", "371122101", "371302101"]),
    ) {
        let world = World::new(&[case("371122101201", "2026-01-05", &[])]);
        let by: Vec<&str> = [units].into_iter().filter(|word| !word.is_empty()).collect();
        let question = query("", &[measure], "2026-01", "2026-02", grain, &by);
        let Ok(local) = world.local(node, &question) else { return Ok(()) };
        prop_assert_eq!(told(&block_on(world.relayed(node, &question)).unwrap()), told(&local));
    }

    #[test]
    fn rows_added_up_of_several_children_say_who_has_reported_as_undivided_ones_do(
        records in written(),
        units in prop::sample::select(UNITS.to_vec()),
        grain in prop::sample::select(vec!["", "month", "day"]),
        limit in 0..2_u32,
        (node, scope) in asked(),
    ) {
        let world = World::new(&records);
        let by: Vec<&str> = [units].into_iter().filter(|word| !word.is_empty()).collect();
        let ask = |by: &[&str]| query(scope, &["mediation.accepted"], "2026-01", "2026-02", grain, by);
        let Ok(local) = world.local(node, &ask(&by)) else { return Ok(()) };
        let reporting = |row: &v1::QueryRow| ((row.unit.clone(), row.period.clone()), row.reporting);
        let wanted: BTreeMap<_, _> = local.rows.iter().map(reporting).collect();
        let divided = v1::QueryRequest { limit: limit * 1_000, ..ask(&[&by[..], &["dispute_type", "source"]].concat()) };
        for (of, told) in block_on(world.relayed(node, &divided)).unwrap().rows.iter().map(reporting) {
            prop_assert_eq!(told, wanted[&of], "{:?}", of);
        }
    }

    #[test]
    fn a_division_that_is_not_stored_is_a_recount_of_the_records(records in written(), scope in prop::sample::select(vec!["", "3711", "371302", "371122101", "371122101201"])) {
        let world = World::new(&records);
        let question = query(scope, &["mediation.accepted", "mediation.open"], "2026-01", "2026-02", "month", &["dispute_type", "source"]);
        let relayed = block_on(world.relayed("37", &question)).unwrap();
        prop_assert_eq!(nonzero(&relayed), recount(&records, scope));
        prop_assert!(relayed.end.in_transit.iter().all(v1::Figure::is_zero) || !scope.is_empty());
    }
}

/// Counted from what was written, without the catalogue.
fn recount(records: &[Written], scope: &str) -> Vec<String> {
    let months = [("2026-01", "2026-01-01", "2026-01-31"), ("2026-02", "2026-02-01", "2026-02-28")];
    let mut counted: BTreeMap<(String, String, &str), (i64, i64)> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.voided && record.unit.starts_with(scope)) {
        let word = |field: &str| match record.values.get(field).and_then(|value| value.kind.clone()) {
            Some(Kind::Text(word)) => word,
            _ => String::new(),
        };
        let ended = if word("result").is_empty() { i32::MAX } else { record.date + 20 };
        for (month, first, last) in months {
            let (first, last) = (super::world::day(first), super::world::day(last));
            let sums = counted.entry((word("dispute_type"), word("source"), month)).or_default();
            sums.0 += i64::from((first..=last).contains(&record.date));
            sums.1 += i64::from(record.date <= last && ended > last);
        }
    }
    let some = counted.into_iter().filter(|(_, sums)| *sums != (0, 0));
    some.map(|((kind, source, month), (accepted, open))| format!("{month} {kind} {source}: {accepted} {open}"))
        .collect()
}
