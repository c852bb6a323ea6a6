//! Children that answer wrongly, late, or not to the end: they are named, and the rest is given.

use std::sync::Arc;

use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::query_reply::Part as Reply;
use wuji_proto::{AMOUNT_MAX, v1};

use super::world::{Collected, World, case, code, query, rows, unreached};
use crate::pull::Ask;
use crate::pull::double::{Scripted, Silent};

const FIELDS: &[&str] = &["dispute_type", "source"];

fn world() -> World {
    World::new(&[case("371122101201", "2026-01-05", &[]), case("371302101201", "2026-01-06", &[])])
}

fn question() -> v1::QueryRequest {
    query("", &["mediation.accepted"], "2026-01", "", "month", FIELDS)
}

#[expect(clippy::unnecessary_wraps, reason = "a script is of results")]
fn reply(part: Reply) -> Result<Part, Status> {
    Ok(Part::Query(v1::QueryReply { part: Some(part) }))
}

fn head() -> v1::QueryHead {
    let column = v1::Column {
        id: "mediation.accepted".to_owned(),
        kind: "flow".to_owned(),
        revision: 1,
        ..v1::Column::default()
    };
    v1::QueryHead { scope: "371302".to_owned(), columns: vec![column], ..v1::QueryHead::default() }
}

fn row(amount: i64) -> v1::QueryRow {
    v1::QueryRow {
        period: "2026-01".to_owned(),
        words: vec!["邻里".to_owned(), "法院".to_owned()],
        figures: vec![v1::Figure::amount(amount)],
        ..v1::QueryRow::default()
    }
}

/// The county right under the province answers with these.
fn answers(world: &World, parts: Vec<Result<Part, Status>>) {
    let parts = parking_lot::Mutex::new(parts);
    let scripted = Scripted(move |_: Ask| std::mem::take(&mut *parts.lock()));
    world.below[&code("37")].connect("371302", Arc::new(scripted));
}

fn whole(row: v1::QueryRow) -> Vec<Result<Part, Status>> {
    vec![reply(Reply::Head(head())), reply(Reply::Row(row)), reply(Reply::End(v1::QueryEnd::default()))]
}

#[tokio::test]
async fn rows_that_do_not_fit_the_question_are_not_added_up() {
    let twice = || {
        let mut parts = whole(row(1));
        parts.insert(2, reply(Reply::Row(row(1))));
        parts
    };
    let ratio = v1::QueryRow { figures: vec![v1::Figure::ratio(1, 2)], ..row(1) };
    let long = v1::QueryRow { words: vec!["长".repeat(100), String::new()], ..row(1) };
    let cases: Vec<(&str, Vec<Result<Part, Status>>)> = vec![
        ("words", whole(v1::QueryRow { words: vec!["邻里".to_owned()], ..row(1) })),
        ("too long", whole(long)),
        ("figures for 1 columns", whole(v1::QueryRow { figures: Vec::new(), ..row(1) })),
        ("another kind", whole(ratio)),
        ("another kind", whole(v1::QueryRow { figures: vec![v1::Figure::default()], ..row(1) })),
        ("beyond", whole(row(AMOUNT_MAX + 1))),
        ("beyond", whole(row(i64::MIN))),
        ("period \"2026-02\"", whole(v1::QueryRow { period: "2026-02".to_owned(), ..row(1) })),
        ("unit \"371122\"", whole(v1::QueryRow { unit: "371122".to_owned(), ..row(1) })),
        ("1 comparisons", whole(v1::QueryRow { comparisons: vec![v1::Comparison::default()], ..row(1) })),
        ("who has reported", whole(v1::QueryRow { reporting: Some(v1::Reporting::default()), ..row(1) })),
        ("longer than", whole(v1::QueryRow { unit_name: "长".repeat(100), ..row(1) })),
        ("twice", twice()),
        ("no end", vec![reply(Reply::Head(head())), reply(Reply::Row(row(1)))]),
        ("begin with a head", vec![reply(Reply::Row(row(1)))]),
        ("begin with a head", Vec::new()),
        ("another kind", vec![Ok(Part::End(v1::PullEnd {})), Ok(Part::Records(v1::RecordsReply::default()))]),
        ("other columns", {
            let mut other = head();
            other.columns[0].revision = 2;
            vec![reply(Reply::Head(other)), reply(Reply::End(v1::QueryEnd::default()))]
        }),
        (
            "disk is gone",
            vec![reply(Reply::Head(head())), reply(Reply::Row(row(1))), Err(Status::internal("the disk is gone"))],
        ),
    ];
    for (words, parts) in cases {
        let world = world();
        answers(&world, parts);
        let answer = world.relayed("37", &question()).await.unwrap();
        assert_eq!(rows(&answer), ["2026-01 邻里 法院: 1"], "{words}: what the others told stands");
        let named = unreached(&answer);
        assert_eq!(named.len(), 1, "{words}: {named:?}");
        let said = words == "another kind" && named[0].contains("begin with a head") || named[0].contains(words);
        assert!(named[0].starts_with("371302 ") && said, "{words:?} is not in {named:?}");
    }
    // Two that fit alone and not together: one of them, and never a wrong sum.
    let world = self::world();
    answers(&world, whole(row(AMOUNT_MAX)));
    let answer = world.relayed("37", &question()).await.unwrap();
    let named = unreached(&answer);
    assert!(answer.rows.len() == 1 && named.len() == 1 && named[0].contains("with it a sum"), "{named:?}");
    // The same county, well-behaved.
    let world = self::world();
    answers(&world, whole(row(4)));
    assert_eq!(rows(&world.relayed("37", &question()).await.unwrap()), ["2026-01 邻里 法院: 5"]);
}

#[tokio::test]
async fn one_that_is_too_late_is_named_and_the_answer_is_given_in_time() {
    for by in [FIELDS, &["county", "dispute_type", "source"]] {
        let world = world();
        world.below[&code("37")].connect("371302", Arc::new(Silent));
        let out = Collected::default();
        let tier = code("37").tier();
        let within = std::time::Duration::from_millis(700);
        let question = v1::QueryRequest { by: by.iter().map(|word| (*word).to_owned()).collect(), ..question() };
        world.relays[&code("37")].relay(question, tier, within, &out).await.unwrap();
        let answer = out.answer();
        assert_eq!(answer.rows.len(), 1, "{by:?}");
        let named = unreached(&answer);
        assert!(named.len() == 1 && named[0].starts_with("371302 ") && named[0].contains("2 units below"), "{named:?}");
    }
}

#[tokio::test]
async fn units_that_a_child_names_must_lie_under_it() {
    let world = world();
    let absent = |unit: &str| v1::AbsentUnit { code: unit.to_owned(), ..v1::AbsentUnit::default() };
    let unreached = ["371302101", "371122", "3", ""].into_iter().map(absent).collect();
    let coverage = Some(v1::Coverage { unreached, ..v1::Coverage::default() });
    let end = v1::QueryEnd { coverage, ..v1::QueryEnd::default() };
    answers(&world, vec![reply(Reply::Head(head())), reply(Reply::End(end))]);
    let answer = world.relayed("37", &question()).await.unwrap();
    let named: Vec<&str> =
        answer.end.coverage.as_ref().unwrap().unreached.iter().map(|unit| unit.code.as_str()).collect();
    assert_eq!(named, ["", "371302101"]);
}

/// Rows of units, each with who it says has reported.
fn strung(rows: &[(&str, Option<v1::Reporting>)]) -> Vec<Result<Part, Status>> {
    let at = |&(unit, reporting): &(&str, _)| {
        reply(Reply::Row(v1::QueryRow { unit: unit.to_owned(), words: Vec::new(), reporting, ..row(7) }))
    };
    let end = reply(Reply::End(v1::QueryEnd::default()));
    [reply(Reply::Head(head()))].into_iter().chain(rows.iter().map(at)).chain([end]).collect()
}

fn workrooms() -> v1::QueryRequest {
    query("", &["mediation.accepted"], "2026-01", "", "month", &["workroom"])
}

#[tokio::test]
async fn rows_of_whole_units_say_who_has_reported_and_no_others_do() {
    let says = |expected, reported| Some(v1::Reporting { expected, reported });
    for (unit, reporting, fits) in [
        ("371302101201", says(1, 0), true),
        ("371302101201", None, false),
        ("371302101201", says(2, 0), false),
        ("371302101201", says(1, u64::MAX), false),
        ("371302101", None, true), // what the township wrote itself
        ("371302101", says(1, 1), false),
    ] {
        let world = World::new(&[]);
        answers(&world, strung(&[(unit, reporting)]));
        let answer = world.relayed("37", &workrooms()).await.unwrap();
        let told: Vec<_> = answer.rows.iter().filter(|row| row.unit == unit).map(|row| row.reporting).collect();
        assert_eq!(told, if fits { vec![reporting] } else { Vec::new() }, "{unit} {reporting:?}");
        assert_eq!(unreached(&answer).iter().any(|why| why.contains("who has reported")), !fits, "{unit}");
    }
}

#[tokio::test]
async fn strung_rows_of_units_elsewhere_end_the_childs_answer_and_what_came_before_stays() {
    let world = World::new(&[case("371122101201", "2026-01-05", &[])]);
    let reporting = Some(v1::Reporting { expected: 1, reported: 1 });
    answers(&world, strung(&[("371302101201", reporting), ("371122101201", reporting)]));
    let answer = world.relayed("37", &workrooms()).await.unwrap();
    assert_eq!(rows(&answer), ["2026-01 371122101201: 1", "2026-01 371122101202: 0", "2026-01 371302101201: 7",]);
    let named = unreached(&answer);
    assert!(named[0].contains("\"371122101201\", which does not lie there; 1 rows of it came before"), "{named:?}");
    assert_eq!(super::world::shown(&answer.end.totals), "8", "totals are the sums of the rows shown");
}

#[tokio::test]
async fn a_question_that_is_passed_down_takes_no_other_answer() {
    let far = || query("371302101201", &["mediation.accepted"], "2026-01-05", "", "day", &[]);
    let of = |scope: &str, id: &str| {
        let mut head = v1::QueryHead { scope: scope.to_owned(), ..head() };
        head.columns[0].id = id.to_owned();
        vec![reply(Reply::Head(head)), reply(Reply::End(v1::QueryEnd::default()))]
    };
    for (words, parts) in [
        ("another unit", of("371302", "mediation.accepted")),
        ("other columns", of("371302101201", "mediation.people")),
        ("0 figures for 1", of("371302101201", "mediation.accepted")),
        ("begin with a head", Vec::new()),
    ] {
        let world = world();
        answers(&world, parts);
        let error = world.relayed("37", &far()).await.unwrap_err().to_string();
        assert!(error.starts_with("no answer through 单位371302 (371302)") && error.contains(words), "{error}");
    }
    let world = world();
    answers(&world, vec![Err(Status::invalid_argument("there is no measure"))]);
    let error = world.relayed("37", &far()).await.unwrap_err();
    assert_eq!(crate::api::refusal::relay(error).code(), tonic::Code::InvalidArgument);
}
