//! Where a question goes, and what is put together from the answers.

use std::sync::Arc;

use wuji_proto::v1;

use super::world::{World, case, code, query, rows, shown, unreached};
use crate::pull::Ask;

const ACCEPTED: &[&str] = &["mediation.accepted"];

/// Two workrooms of one township, one elsewhere, and a judicial office that writes itself.
fn world() -> World {
    World::new(&[
        case("371122101201", "2026-01-05", &[]),
        case("371122101201", "2026-01-05", &[("source", "信访")]),
        case("371122101201", "2026-01-20", &[]),
        case("371122101202", "2026-01-05", &[("dispute_type", "合同")]),
        case("371302101201", "2026-01-06", &[("result", "成功")]),
        case("371122101", "2026-01-07", &[]),
        super::world::Written { voided: true, ..case("371122101201", "2026-01-05", &[]) },
    ])
}

#[tokio::test]
async fn days_of_a_far_unit_come_from_the_node_that_holds_them() {
    let world = world();
    let question = query("371122101201", ACCEPTED, "2026-01-05", "2026-01-07", "day", &[]);
    let answer = world.relayed("37", &question).await.unwrap();
    assert_eq!(rows(&answer), ["2026-01-05: 2", "2026-01-06: 0", "2026-01-07: 0"]);
    assert!(answer.head.relayed);
    assert_eq!((answer.head.scope.as_str(), shown(&answer.end.totals).as_str()), ("371122101201", "2"));
    // The township holds its children by day: its workroom was not asked.
    for (node, asked) in [("37", 1), ("3711", 1), ("371122", 1), ("371122101", 0)] {
        assert_eq!(world.below[&code(node)].asked().len(), asked, "{node}");
    }
}

#[tokio::test]
async fn a_division_that_no_split_lists_is_counted_by_the_units_that_wrote_it() {
    let world = world();
    let by = &["dispute_type", "source"];
    let answer = world.relayed("37", &query("", ACCEPTED, "2026-01", "", "", by)).await.unwrap();
    assert_eq!(rows(&answer), ["合同 法院: 1", "邻里 信访: 1", "邻里 法院: 4"]);
    assert_eq!((shown(&answer.end.totals), shown(&answer.end.in_transit)), ("6".to_owned(), "0".to_owned()));
    assert_eq!(unreached(&answer), [""; 0]);
    let township = world.relayed("37", &query("371122101", ACCEPTED, "2026-01", "", "", by)).await.unwrap();
    assert_eq!(rows(&township), ["合同 法院: 1", "邻里 信访: 1", "邻里 法院: 3"]);
}

#[tokio::test]
async fn by_unit_each_child_has_its_rows_and_the_unit_itself_too() {
    let world = world();
    let question = query("371122101", ACCEPTED, "2026-01", "", "", &["unit", "source", "difficulty"]);
    let answer = world.relayed("371122101", &v1::QueryRequest { scope: String::new(), ..question }).await.unwrap();
    let wanted = [
        "371122101 法院 一般: 1",
        "371122101201 信访 一般: 1",
        "371122101201 法院 一般: 2",
        "371122101202 法院 一般: 1",
    ];
    assert_eq!(rows(&answer), wanted);
    assert_eq!(answer.rows[1].unit_name, "单位371122101201");
}

#[tokio::test]
async fn units_of_a_tier_are_strung_together_from_all_branches() {
    let world = world();
    let days = query("", ACCEPTED, "2026-01-05", "2026-01-06", "day", &["workroom"]);
    let answer = world.relayed("37", &days).await.unwrap();
    let wanted = [
        "2026-01-05 371122101201: 2",
        "2026-01-06 371122101201: 0",
        "2026-01-05 371122101202: 1",
        "2026-01-06 371122101202: 0",
        "2026-01-05 371302101201: 0",
        "2026-01-06 371302101201: 1",
    ];
    assert_eq!(rows(&answer), wanted);
    assert_eq!((shown(&answer.end.totals), shown(&answer.end.in_transit)), ("4".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn the_asked_node_orders_and_cuts_off_what_all_have_told() {
    let world = world();
    let question = v1::QueryRequest {
        order_by: "mediation.accepted".to_owned(),
        descending: true,
        limit: 2,
        ..query("", ACCEPTED, "2026-01-05", "2026-01-20", "day", &["workroom"])
    };
    let answer = world.relayed("37", &question).await.unwrap();
    let units: std::collections::BTreeSet<&str> = answer.rows.iter().map(|row| row.unit.as_str()).collect();
    assert_eq!(units, ["371122101", "371122101201"].into(), "of those with one each, the first by code");
    assert_eq!(answer.rows[0].unit, "371122101201");
    assert_eq!((shown(&answer.end.totals), shown(&answer.end.rest)), ("4".to_owned(), "2".to_owned()));
    assert_eq!((answer.end.left_out, shown(&answer.end.in_transit)), (2, "0".to_owned()));
}

#[tokio::test]
async fn an_indicators_two_sums_are_added_up_apart() {
    let world = world();
    let question = query("", &["mediation.success_rate"], "2026-01", "", "", &["source", "difficulty"]);
    let answer = world.relayed("37", &question).await.unwrap();
    assert_eq!(rows(&answer), ["信访 一般: 0/1", "法院 一般: 1/5"]);
    assert_eq!(shown(&answer.end.totals), "1/6");
}

#[tokio::test]
async fn comparisons_travel_along_and_are_added_up() {
    let world = World::new(&[
        case("371122101201", "2026-01-05", &[]),
        case("371122101202", "2025-01-05", &[]),
        case("371302101201", "2025-12-05", &[]),
        case("371302101201", "2025-12-06", &[]),
    ]);
    let question = v1::QueryRequest {
        compare: vec!["year-ago".to_owned(), "previous".to_owned()],
        ..query("", ACCEPTED, "2026-01", "", "month", &["dispute_type", "source"])
    };
    let answer = world.relayed("37", &question).await.unwrap();
    assert_eq!(rows(&answer), ["2026-01 邻里 法院: 1 | 2025-01 1 | 2025-12 2"]);
}

#[tokio::test]
async fn a_unit_that_is_not_connected_is_named_with_what_lies_below_it() {
    let world = world();
    world.below[&code("37")].disconnect("371302");
    world.below[&code("371122101")].disconnect("371122101202");
    let question = query("", ACCEPTED, "2026-01", "", "", &["dispute_type", "source"]);
    let answer = world.relayed("37", &question).await.unwrap();
    assert_eq!(rows(&answer), ["邻里 信访: 1", "邻里 法院: 3"], "what is there is given");
    let named = unreached(&answer);
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named[0].starts_with("371122101202 ") && named[0].contains("not connected"), "{named:?}");
    assert!(named[1].starts_with("371302 ") && named[1].contains("2 units below it"), "{named:?}");
    assert_eq!(shown(&answer.end.in_transit), "2", "the scope's own total has them");
    let strung = world.relayed("37", &query("", ACCEPTED, "2026-01-05", "", "day", &["workroom"])).await.unwrap();
    assert_eq!(unreached(&strung).len(), 1, "the township holds its workrooms' days: {:?}", unreached(&strung));
}

#[tokio::test]
async fn a_question_about_one_unit_that_cannot_be_reached_names_who_is_missing() {
    let world = world();
    world.below[&code("3711")].disconnect("371122");
    let question = query("371122101201", ACCEPTED, "2026-01-05", "", "day", &[]);
    let error = world.relayed("37", &question).await.unwrap_err();
    assert!(error.to_string().contains("371122 is not connected"), "{error}");
    let unknown = query("371122101209", ACCEPTED, "2026-01-05", "", "day", &[]);
    let error = world.relayed("37", &unknown).await.unwrap_err();
    assert!(error.to_string().contains("37 has no unit 371122101209"), "{error}");
}

#[tokio::test]
async fn what_no_owner_may_answer_is_refused_before_anyone_is_asked() {
    let world = world();
    for (measure, by, words) in [
        ("mediation.accepted", "colour", "no such field"),
        ("mediation.accepted", "people_count", "of type integer"),
        ("mediation.accepted", "summary", "of type text"),
        ("entries", "source", "not counted record by record"),
        ("workroom.standardised", "source", "not counted record by record"),
    ] {
        let question = query("", &[measure], "2026-01", "", "", &[by, "dispute_type"]);
        let error = world.relayed("37", &question).await.unwrap_err();
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
    assert!(world.below[&code("37")].asked().is_empty());
}

#[tokio::test]
async fn nobody_on_the_way_can_ask_for_a_lower_tier_than_it_is() {
    let world = world();
    let asker = |node: &str| {
        let asked = world.below[&code(node)].asked();
        asked
            .iter()
            .map(|(_, ask, _)| match ask {
                Ask::Query(question) => question.asker.clone(),
                _ => String::new(),
            })
            .collect::<Vec<_>>()
    };
    let claims = v1::QueryRequest {
        asker: "workroom".to_owned(),
        ..query("371122101201", ACCEPTED, "2026-01", "", "", &["dispute_type", "source"])
    };
    world.relayed("3711", &claims).await.unwrap();
    for node in ["3711", "371122", "371122101"] {
        assert_eq!(asker(node), ["city"], "{node}");
    }
    // A county that says it is a workroom: its township knows better.
    let parent = Arc::clone(&world.below[&code("371122")]);
    let parts = crate::pull::Below::ask(parent.as_ref(), code("371122101"), Ask::Query(claims), super::world::WITHIN);
    drain(parts).await;
    assert_eq!(asker("371122101").last().unwrap(), "county");
}

async fn drain(mut parts: crate::pull::Parts) {
    while let Some(part) = parts.next().await {
        part.unwrap();
    }
}

#[tokio::test]
async fn each_hop_keeps_back_a_tenth_of_the_time() {
    let world = world();
    let question = query("371122101201", ACCEPTED, "2026-01", "", "", &["dispute_type", "source"]);
    world.relayed("37", &question).await.unwrap();
    let mut left = super::world::WITHIN;
    for node in ["37", "3711", "371122", "371122101"] {
        let [(_, Ask::Query(question), time)] = &world.below[&code(node)].asked()[..] else { panic!("{node}") };
        assert!(*time <= left * 9 / 10 && *time > left / 2, "{node}: {time:?} of {left:?}");
        assert_eq!(u128::from(question.within_ms), time.as_millis());
        left = *time;
    }
}
