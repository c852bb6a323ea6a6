//! Who has reported, how, and in time: stated once for each day of a workroom by the first
//! node above it, by that node's own clock, whatever is cut, lost or wrong below.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Act, Federation};
use wuji_node::catalogue::{ADOPTED, Catalogue, RECEIVED, RECEIVED_MONTHS};
use wuji_node::statistics::adoption::revision_for;
use wuji_node::statistics::directory::Directory;
use wuji_proto::{Period, RecordId, period};

/// A township and its two workrooms.
const TOWNSHIP: usize = 1;
const WORKROOM: usize = 3;
const OTHER: usize = 4;

/// The shipped catalogue, changed.
fn catalogue(change: impl Fn(&str, String) -> String) -> Arc<Catalogue> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(shipped).unwrap() {
        let file = file.unwrap();
        let (name, text) = (file.file_name(), std::fs::read_to_string(file.path()).unwrap());
        std::fs::write(copy.path().join(&name), change(name.to_str().unwrap(), text)).unwrap();
    }
    Arc::new(Catalogue::load(copy.path()).unwrap())
}

/// With another rule on reporting.
fn ruled(line: &'static str) -> Arc<Catalogue> {
    let key = line.split(' ').next().unwrap();
    catalogue(|name, text| {
        let change = |old: &str| if name == "catalogue.toml" && old.starts_with(key) { line } else { old }.to_owned();
        text.lines().map(change).collect::<Vec<_>>().join("\n")
    })
}

/// A case of a day.
async fn enter(federation: &mut Federation, leaf: usize, on: &str) -> RecordId {
    let id = RecordId::now();
    let mut values = support::values(1, 0);
    for (field, value) in [("accepted_on", on), ("case_no", &id.to_string())] {
        let kind = Some(wuji_proto::v1::value::Kind::Text(value.to_owned()));
        values.insert(field.to_owned(), wuji_proto::v1::Value { kind });
    }
    values.remove("result");
    values.remove("mediated_on");
    let ledgers = &federation.state(leaf).ledgers;
    let submission = ledgers.check("mediation", id, values).unwrap();
    ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
    federation.note_reported(leaf);
    id
}

/// Comes back to a parent on a day of the parent's, and shows a complete mark.
async fn call(federation: &mut Federation, day: &str) {
    for node in [0, 1, 2] {
        federation.set_clock(node, day);
    }
    for node in 1..6 {
        federation.act(Act::Cut { node }).await;
    }
    federation.settle().await;
}

/// What was stated of a leaf, by day: `2026-11-20 报送 按时`.
fn stated(federation: &Federation, leaf: usize) -> Vec<String> {
    let mut stamps = federation.stamps(leaf);
    stamps.sort_by_key(|stamp| stamp.day);
    let words = |by_report, on_time| wuji_node::catalogue::Reporting::words(by_report, on_time).join(" ");
    let line = |stamp: &wuji_proto::stored::DayReceived| {
        format!("{} {}", period::date(stamp.day), words(stamp.by_report, stamp.on_time))
    };
    stamps.iter().map(line).collect()
}

/// A scope's total of a measure at the county in a month, by words.
fn at_county(federation: &Federation, scope: usize, measure: wuji_proto::MeasureId) -> i64 {
    let scope = federation.code(scope);
    let cells = federation.items(0);
    cells.iter().filter(|(cell, _)| cell.scope == scope && cell.measure == measure).map(|(_, amount)| amount).sum()
}

#[test]
fn a_report_is_in_time_until_the_days_allowed_are_over_by_the_parents_clock() {
    support::block_on(async {
        let mut federation = Federation::start_with(ruled("connection = false")).await;
        enter(&mut federation, WORKROOM, "2026-11-20").await;
        enter(&mut federation, OTHER, "2026-11-20").await;
        federation.set_clock(TOWNSHIP, "2026-11-23");
        federation.act(Act::Push { node: WORKROOM, frames: 500 }).await;
        federation.state(TOWNSHIP).stamp().await;
        call(&mut federation, "2026-11-24").await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-20 报送 按时"]);
        assert_eq!(stated(&federation, OTHER), ["2026-11-20 报送 迟报"]);
        let county = |scope, measure| at_county(&federation, scope, measure);
        assert_eq!((county(0, RECEIVED), county(TOWNSHIP, RECEIVED), county(OTHER, RECEIVED)), (2, 2, 1));
        assert_eq!((county(0, RECEIVED_MONTHS), county(WORKROOM, RECEIVED_MONTHS)), (2, 1));
    });
}

#[test]
fn a_workroom_that_was_connected_after_a_days_end_has_reported_it_without_a_word() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        call(&mut federation, "2026-11-20").await;
        assert_eq!(stated(&federation, WORKROOM), [""; 0], "the day has not ended");
        enter(&mut federation, OTHER, "2026-11-20").await;
        // The workroom itself believes that the day goes on; nobody asks it.
        call(&mut federation, "2026-11-21").await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-20 在线 按时"]);
        assert_eq!(stated(&federation, OTHER), ["2026-11-20 报送 按时"], "an entry says more");
        // Away for some days: by then some are late.
        call(&mut federation, "2026-11-26").await;
        let wanted = [
            "2026-11-20 在线 按时",
            "2026-11-21 在线 迟报",
            "2026-11-22 在线 迟报",
            "2026-11-23 在线 按时",
            "2026-11-24 在线 按时",
            "2026-11-25 在线 按时",
        ];
        assert_eq!(stated(&federation, WORKROOM), wanted);
        // An entry for a day that is stated already changes nothing of how it was received.
        federation.set_clock(WORKROOM, "2026-11-26");
        enter(&mut federation, WORKROOM, "2026-11-23").await;
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), wanted);
        federation.check();
    });
}

#[test]
fn a_connection_speaks_for_no_day_before_the_first_and_none_long_ago() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        call(&mut federation, "2026-11-20").await;
        call(&mut federation, "2027-11-20").await;
        let stated = stated(&federation, WORKROOM);
        assert_eq!((stated.len(), stated[0].as_str()), (92, "2027-08-20 在线 迟报"));
    });
}

#[test]
fn the_clock_of_a_workroom_does_not_matter() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        federation.set_clock(WORKROOM, "2031-05-05");
        call(&mut federation, "2026-11-20").await;
        enter(&mut federation, WORKROOM, "2026-11-20").await;
        // A day that has not come anywhere else.
        enter(&mut federation, WORKROOM, "2026-11-22").await;
        federation.set_clock(OTHER, "1999-01-01");
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-20 报送 按时"]);
        call(&mut federation, "2026-11-22").await;
        let both = ["2026-11-20 报送 按时", "2026-11-21 在线 按时", "2026-11-22 报送 按时"];
        assert_eq!(stated(&federation, WORKROOM), both, "the day has come");
        assert_eq!(stated(&federation, OTHER), ["2026-11-20 在线 按时", "2026-11-21 在线 按时"]);
    });
}

#[test]
fn a_day_stays_received_when_its_entry_is_voided_and_was_never_if_nobody_saw_it() {
    support::block_on(async {
        let mut federation = Federation::start_with(ruled("connection = false")).await;
        let seen = enter(&mut federation, WORKROOM, "2026-11-19").await;
        federation.settle().await;
        let unseen = enter(&mut federation, WORKROOM, "2026-11-18").await;
        for id in [seen, unseen] {
            federation.state(WORKROOM).ledgers.void("mediation", id, 1, "twice", "test").await.unwrap();
        }
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-19 报送 按时"]);
    });
}

#[test]
fn the_catalogue_says_what_makes_a_day_a_reported_one() {
    for (line, entered, zero) in
        [("connection = false", true, true), ("zero_reports = false", true, false), ("entries = false", false, true)]
    {
        support::block_on(async {
            let mut federation = Federation::start_with(ruled(line)).await;
            enter(&mut federation, WORKROOM, "2026-11-18").await;
            let day = |text: &str| period::days(text.parse().unwrap());
            let ledgers = federation.state(WORKROOM).ledgers.clone();
            let zeros = ledgers.zero_report(day("2026-11-18"), day("2026-11-19"), "test").await.unwrap();
            assert_eq!(zeros.0, 1, "the day with an entry is reported");
            federation.settle().await;
            let stated = stated(&federation, WORKROOM);
            let has = |day: &str| stated.contains(&format!("{day} 报送 按时"));
            assert_eq!((has("2026-11-18"), has("2026-11-19")), (entered, zero), "{line}: {stated:?}");
        });
    }
}

#[test]
fn days_before_a_workroom_was_expected_are_not_stated() {
    support::block_on(async {
        let mut federation = Federation::start_with(ruled("connection = false")).await;
        let from = period::days("2026-11-18".parse().unwrap());
        let ledgers = federation.state(TOWNSHIP).ledgers.clone();
        ledgers.register_child(federation.code(WORKROOM), "later".to_owned(), from, "test").await.unwrap();
        for day in ["2026-11-17", "2026-11-18", "2026-10-01"] {
            enter(&mut federation, WORKROOM, day).await;
        }
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-18 报送 按时"]);
    });
}

#[test]
fn what_a_crash_kept_from_the_journal_is_stated_after_it_and_an_index_built_anew_states_nothing_twice() {
    support::block_on(async {
        let mut federation = Federation::start().await;
        enter(&mut federation, WORKROOM, "2026-11-20").await;
        // Held by the township, and lost before it was journalled.
        federation.act(Act::Push { node: WORKROOM, frames: 500 }).await;
        federation.act(Act::Crash { node: TOWNSHIP }).await;
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-20 报送 按时"]);
        // Asked twice before the first is written.
        enter(&mut federation, WORKROOM, "2026-11-19").await;
        federation.act(Act::Push { node: WORKROOM, frames: 500 }).await;
        let township = federation.state(TOWNSHIP);
        assert_eq!(tokio::join!(township.stamp(), township.stamp()), (1, 1));
        federation.settle().await;
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-19 报送 按时", "2026-11-20 报送 按时"]);
        for harm in [Act::LoseIndex { node: TOWNSHIP }, Act::Crash { node: TOWNSHIP }, Act::Restart { node: TOWNSHIP }]
        {
            federation.act(harm).await;
            federation.settle().await;
        }
        assert_eq!(stated(&federation, WORKROOM), ["2026-11-19 报送 按时", "2026-11-20 报送 按时"]);
        federation.check();
    });
}

#[test]
fn a_replaced_workroom_is_not_received_twice_for_the_days_of_its_former_life() {
    for keep in [true, false] {
        support::block_on(async {
            let mut federation = Federation::start_with(ruled("connection = false")).await;
            enter(&mut federation, WORKROOM, "2026-11-18").await;
            federation.settle().await;
            federation.replace_machine(WORKROOM).await;
            federation.settle().await;
            federation.adopt(WORKROOM, keep).await.unwrap();
            for day in ["2026-11-18", "2026-11-19"] {
                enter(&mut federation, WORKROOM, day).await;
            }
            federation.act(Act::LoseIndex { node: TOWNSHIP }).await;
            federation.settle().await;
            assert_eq!(stated(&federation, WORKROOM), ["2026-11-18 报送 按时", "2026-11-19 报送 按时"]);
            assert_eq!(at_county(&federation, WORKROOM, RECEIVED), 2, "kept: {keep}");
            assert_eq!(at_county(&federation, WORKROOM, RECEIVED_MONTHS), 1);
        });
    }
}

const SECOND: &str = "
[[measure]]
id = \"mediation.people\"
number = 32
revision = 2
zh = \"涉及当事人\"
en = \"People involved\"
unit = \"人\"
kind = \"flow\"
date = \"accepted_on\"
sum = \"people_count\"
where = { result = [\"成功\"] }
";

/// The catalogue versions of all units as the county's directory has them.
fn versions(federation: &Federation) -> Vec<String> {
    let directory = Directory::read(federation.state(0).store.view().index).unwrap();
    directory
        .units()
        .map(|(_, entry)| format!("{}{}", entry.catalogue_version, if entry.planned { "?" } else { "" }))
        .collect()
}

fn chosen(federation: &Federation, catalogue: &Catalogue, scope: usize) -> u16 {
    let view = federation.state(0).store.view();
    let directory = Directory::read(view.index).unwrap();
    let scope = federation.code(scope);
    let measure = revision_for(view.index, catalogue, &directory, scope, "mediation.people").unwrap().unwrap();
    measure.key().revision
}

#[test]
fn a_revision_is_answered_with_once_every_unit_of_the_scope_counts_by_it() {
    support::block_on(async {
        let second = catalogue(|name, text| match name {
            "mediation.toml" => text + SECOND,
            "catalogue.toml" => text.replace("\"2026.1\"", "\"2026.2\""),
            _ => text,
        });
        let mut federation = Federation::start().await;
        assert_eq!(versions(&federation), ["2026.1", "?", "?"], "what is planned has no catalogue");
        federation.settle().await;
        assert_eq!(versions(&federation), ["2026.1"; 6]);
        // From the bottom; the county sees each as soon as it is told.
        for (done, node) in [WORKROOM, OTHER, 5, TOWNSHIP, 2, 0].into_iter().enumerate() {
            federation.restart_with(node, &second).await;
            federation.settle().await;
            assert_eq!(versions(&federation).iter().filter(|version| *version == "2026.2").count(), done + 1);
            assert_eq!(chosen(&federation, &second, TOWNSHIP), if done >= 3 { 2 } else { 1 }, "after {node}");
            assert_eq!(chosen(&federation, &second, 0), if done == 5 { 2 } else { 1 }, "after {node}");
        }
        for node in [WORKROOM, TOWNSHIP] {
            federation.act(Act::LoseIndex { node }).await;
            federation.settle().await;
            assert_eq!(at_county(&federation, 0, ADOPTED), 6, "the journal has the day of the adoption");
        }
        let days: Vec<Period> =
            federation.items(0).into_keys().filter(|cell| cell.measure == ADOPTED).map(|cell| cell.period).collect();
        assert!(days.iter().all(|day| day.to_string().starts_with("2026-11")), "{days:?}");
        let first = Arc::new(Catalogue::embedded().unwrap());
        federation.restart_with(OTHER, &first).await;
        federation.settle().await;
        assert_eq!(
            (at_county(&federation, 0, ADOPTED), chosen(&federation, &second, TOWNSHIP)),
            (5, 1),
            "one went back"
        );
    });
}
