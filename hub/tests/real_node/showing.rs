//! What a real node tells of itself and its figures, in every form of output.

use crate::harness::{COUNTY, Node, Place, STRANGER, TOWNSHIP};

fn county_with_events() -> (Place, Node) {
    let place = Place::new();
    let node = place.county();
    place.wuji(&["child", "register", TOWNSHIP, "--name", "店子集街道", "--expected-from", "2026-01-01"]).done();
    place.write(
        "events.csv",
        "on,topic,form,audience\n2026-01-05,a,宣讲,10\n2026-01-31,b,资料,20\n2026-03-01,c,宣讲,300\n",
    );
    place.wuji(&["ledger", "import", "publicity", "events.csv"]).done();
    (place, node)
}

#[test]
fn children_are_planned_once_and_listed_in_every_form() {
    let (place, _node) = county_with_events();
    let register =
        ["child", "register", TOWNSHIP, "--name", "店子集街道", "--expected-from", "2026-01-01", "--output", "json"];
    assert_eq!(place.wuji(&register).json()["already_registered"], true);
    let children = place.wuji(&["child", "list", "--output", "json"]).json();
    let child = &children["children"][0];
    assert_eq!(
        (&child["code"], &child["name"], &child["expected_from"]),
        (&TOWNSHIP.into(), &"店子集街道".into(), &"2026-01-01".into())
    );
    for form in ["table", "csv"] {
        let text = place.wuji(&["child", "list", "--output", form]).done();
        assert!(text.contains(TOWNSHIP) && text.contains("2026-01-01"), "{text}");
    }
}

#[test]
fn status_and_tree_tell_the_unit_its_children_and_what_to_do_next() {
    let (place, _node) = county_with_events();
    let status = place.wuji(&["status", "--output", "json"]).json();
    assert_eq!(status["code"], COUNTY, "{status}");
    assert_eq!(status["children"][0]["state"], "planned", "{status}");
    let text = place.wuji(&["status"]).done();
    assert!(text.contains(COUNTY) && text.contains("店子集街道") && text.contains("wuji "), "{text}");
    assert!(place.wuji(&["status", "--output", "csv"]).done().contains(TOWNSHIP));
    for form in ["table", "json", "csv"] {
        let tree = place.wuji(&["tree", "--output", form]).done();
        assert!(tree.contains(COUNTY) && tree.contains(TOWNSHIP), "{tree}");
    }
}

#[test]
fn figures_are_the_same_in_every_form() {
    let (place, _node) = county_with_events();
    let stats = |more: &[&str]| {
        let args = ["stats", "-m", "publicity.events,publicity.audience", "--from", "2026-01", "--to", "2026-03"];
        place.wuji(&[&args[..], more].concat())
    };
    let whole = stats(&["--output", "json"]).json();
    let figures = |row: &serde_json::Value| {
        ["publicity.events", "publicity.audience"].map(|measure| row["figures"][measure].clone())
    };
    assert_eq!(figures(&whole["rows"][0]), [3, 330], "{whole}");
    let months = stats(&["--grain", "month", "--output", "csv"]).done();
    let rows: Vec<&str> = months.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{months}");
    for (row, (month, figures)) in rows.iter().zip([("2026-01", "2,30"), ("2026-02", "0,0"), ("2026-03", "1,300")]) {
        assert!(row.contains(month) && row.ends_with(figures), "{months}");
    }
    let forms =
        place.wuji(&["stats", "-m", "publicity.events", "--from", "2026", "--by", "form", "--output", "json"]).json();
    let words: Vec<String> = forms["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["words"]["form"], row["figures"]["publicity.events"]))
        .collect();
    assert_eq!(words, ["\"宣讲\" 2", "\"资料\" 1"], "{forms}");
    let table = stats(&[]).done();
    assert!(table.contains("宣传活动") && table.contains("330"), "{table}");
}

#[test]
fn divisions_and_completions_need_no_node() {
    let place = Place::new();
    assert!(place.wuji(&["division", "find", "莒县"]).done().contains(COUNTY));
    assert!(place.wuji(&["division", "find", STRANGER, "--output", "json"]).done().contains(STRANGER));
    assert!(place.wuji(&["completion", "bash"]).done().contains("wuji"));
}
