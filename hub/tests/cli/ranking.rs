//! `wuji rank`: what is asked, and how places are printed.

use insta::assert_snapshot;
use wuji_proto::v1::RankRequest;

use crate::harness::Dir;

fn rank(dir: &Dir, args: &[&str]) -> String {
    dir.out(&[&["rank", "--indicator", "调解成功率", "--from", "2016-08"][..], args].concat())
}

#[test]
fn places_are_shown_in_each_form() {
    let dir = Dir::new();
    assert_snapshot!("table", rank(&dir, &["--unit", "371122104"]));
    assert_snapshot!("json", rank(&dir, &["--unit", "371122104", "--output", "json"]));
    assert_snapshot!("csv", rank(&dir, &["--unit", "371122104", "--output", "csv"]));
}

#[test]
fn the_own_row_is_shown_even_if_it_is_not_among_the_first() {
    let dir = Dir::new();
    assert_snapshot!("own_below", rank(&dir, &["--unit", "371122105", "--top", "2"]));
    let unplaced = rank(&dir, &["--unit", "371122107", "--top", "2"]);
    assert!(unplaced.contains("not placed, 未报 not reported: → 371122107 龙山镇"), "{unplaced}");
    let csv = rank(&dir, &["--unit", "371122105", "--top", "2", "--output", "csv"]);
    assert!(csv.lines().last().unwrap().starts_with("4,1,371122105,"), "{csv}");
}

#[test]
fn a_question_is_sent_as_it_was_typed() {
    let dir = Dir::new();
    rank(&dir, &[]);
    let args = ["--tier", "县", "--scope", "37", "--to", "2016-09", "--ascending", "--min-denominator", "20"];
    let more = ["--against", "同比", "--unit", "371122", "--top", "5", "--consistency", "confirmed", "--within", "5s"];
    rank(&dir, &[&args[..], &more].concat());
    rank(&dir, &["--among-peers"]);
    let asked = dir.fake.0.lock().ranks.clone();
    let plain = RankRequest {
        indicator: "mediation.success_rate".to_owned(),
        from: "2016-08".to_owned(),
        to: "2016-08".to_owned(),
        ..RankRequest::default()
    };
    assert_eq!(asked[0], plain);
    let whole = RankRequest {
        scope: "37".to_owned(),
        tier: "county".to_owned(),
        to: "2016-09".to_owned(),
        ascending: true,
        denominator_min: 20,
        against: "year-ago".to_owned(),
        unit: "371122".to_owned(),
        limit: 5,
        confirmed: true,
        within_ms: 5_000,
        ..plain.clone()
    };
    assert_eq!(asked[1], whole);
    assert_eq!(asked[2], RankRequest { among_peers: true, ..plain });
}

#[test]
fn wrong_questions_are_told_what_to_write_instead() {
    let dir = Dir::new();
    for (args, says) in [
        (&["--indicator", "调解成攻率"][..], "did you mean mediation.success_rate"),
        (&["--indicator", "调解成功率", "--tier", "village"], "county"),
        (&["--indicator", "调解成功率", "--among-peers", "--tier", "county"], "--tier"),
        (&["--indicator", "调解成功率", "--min-denominator=-1"], "--min-denominator"),
        (&["--indicator", "调解成功率", "--against", "昨天"], "previous (环比)"),
        (&[], "--indicator"),
    ] {
        let said = dir.wuji(&[&["rank"][..], args].concat());
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
    assert!(dir.fake.0.lock().ranks.is_empty());
}
