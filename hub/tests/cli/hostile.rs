//! Answers that break the contract are errors that say so: nothing that is missing passes for
//! a 0, and nothing panics.

use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::{Figure, QueryEnd, QueryHead, QueryRow, RankReply};

use crate::harness::Dir;

/// What a hostile node does to a reply, and what is said of it.
type Case<T> = (fn(&mut T), &'static str);

fn head(parts: &mut [Part]) -> &mut QueryHead {
    match &mut parts[0] {
        Part::Head(head) => head,
        _ => unreachable!("an answer begins with its head"),
    }
}

fn row(parts: &mut [Part]) -> &mut QueryRow {
    match &mut parts[1] {
        Part::Row(row) => row,
        _ => unreachable!("rows follow the head"),
    }
}

fn end(parts: &mut [Part]) -> &mut QueryEnd {
    match parts.last_mut() {
        Some(Part::End(end)) => end,
        _ => unreachable!("an answer ends with its end"),
    }
}

#[test]
fn answers_that_break_the_contract_are_errors() {
    let spoils: [Case<Vec<Part>>; 21] = [
        (|parts| parts.clear(), "must begin with its head"),
        (|parts| drop(parts.remove(0)), "must begin with its head"),
        (|parts| drop(parts.pop()), "stopped before its end"),
        (|parts| parts.insert(1, parts[0].clone()), "after the head come rows and an end"),
        (|parts| head(parts).columns.clear(), "0 columns for 2 measures"),
        (|parts| head(parts).by.clear(), "divided otherwise"),
        (|parts| head(parts).compare.clear(), "divided otherwise"),
        (|parts| head(parts).grain = "day".to_owned(), "divided otherwise"),
        (|parts| row(parts).figures.clear(), "0 figures for 2 columns"),
        (|parts| row(parts).figures[0] = Figure::default(), "a figure of mediation.accepted is missing"),
        (|parts| row(parts).figures[0] = Figure::ratio(1, 2), "is a ratio"),
        (|parts| row(parts).figures[1] = Figure::amount(1), "has no denominator"),
        (|parts| row(parts).figures[0] = Figure::amount(i64::MIN), "is beyond ±2^53"),
        (|parts| row(parts).words.push("邻里".to_owned()), "2 words instead of 1"),
        (|parts| row(parts).comparisons.clear(), "0 comparisons instead of 1"),
        (|parts| row(parts).comparisons[0].figures.clear(), "0 figures for 2 columns"),
        (|parts| row(parts).unit.clear(), "of another kind"),
        (|parts| end(parts).totals.clear(), "the total has 0 figures"),
        (|parts| end(parts).rest.clear(), "the rest has 0 figures"),
        (|parts| end(parts).in_transit.truncate(1), "1 figures in transit of 2 columns"),
        (|parts| end(parts).coverage = None, "does not say what it includes"),
    ];
    let dir = Dir::new();
    for (spoil, says) in spoils {
        dir.fake.0.lock().spoil = Some(spoil);
        for form in ["table", "json", "csv"] {
            let measures = "mediation.accepted,mediation.success_rate";
            let args = ["--by", "unit,dispute_type", "--compare", "year-ago", "--top", "2", "--output", form];
            let said = dir.wuji(&[&["stats", "-m", measures][..], &args].concat());
            assert_eq!(said.code, 1, "{says}: {}", said.err);
            assert!(said.err.contains(says) && said.err.contains("broke the contract"), "{says}: {}", said.err);
            assert!(!said.err.contains("panicked"), "{}", said.err);
        }
    }
}

#[test]
fn parts_that_do_not_add_up_are_an_error() {
    let dir = Dir::new();
    dir.fake.0.lock().spoil = Some(|parts| end(parts).totals[0] = Figure::amount(870));
    let said = dir.wuji(&["stats", "explain", "受理"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("it gives 870 as the sum of parts that add up to 869"), "{}", said.err);
    dir.fake.0.lock().spoil = Some(|parts| parts.retain(|part| !matches!(part, Part::Row(_))));
    assert_eq!(dir.wuji(&["stats", "explain", "受理"]).code, 1);
}

#[test]
fn words_from_a_node_cannot_steer_the_terminal() {
    let dir = Dir::new();
    dir.fake.0.lock().spoil = Some(|parts| {
        head(parts).scope_name = "a\u{1b}[2J".to_owned();
        row(parts).unit_name = "b\u{1b}[2J".to_owned();
        end(parts).coverage.as_mut().unwrap().absent[0].reason = "c\u{1b}[2J".to_owned();
    });
    let said = dir.out(&["stats", "-m", "受理", "--by", "unit"]);
    assert!(!said.contains('\u{1b}') && said.contains("c\u{fffd}[2J"), "{said}");
}

#[test]
fn rankings_that_break_the_contract_are_errors() {
    let spoils: [Case<RankReply>; 9] = [
        (|reply| *reply = RankReply::default(), "has no column"),
        (|reply| reply.rows[0].figure = None, "371122102 has no figure"),
        (|reply| reply.rows[0].former = Some(Figure::amount(1)), "has no denominator"),
        (|reply| reply.rows[0].quartile = 5, "both placed and not placed"),
        (|reply| reply.rows[5].unplaced.clear(), "both placed and not placed"),
        (|reply| reply.own = Some(wuji_proto::v1::RankRow::default()), "has no figure"),
        (|reply| reply.total = None, "the total has no figure"),
        (|reply| reply.quartiles.truncate(1), "1 quartile boundaries"),
        (|reply| reply.coverage = None, "does not say what it includes"),
    ];
    let dir = Dir::new();
    for (spoil, says) in spoils {
        dir.fake.0.lock().spoil_rank = Some(spoil);
        let said = dir.wuji(&["rank", "--indicator", "调解成功率"]);
        assert_eq!(said.code, 1, "{says}: {}", said.err);
        assert!(said.err.contains(says) && said.err.contains("broke the contract"), "{says}: {}", said.err);
        assert_eq!(said.out, "", "{says}");
    }
}
