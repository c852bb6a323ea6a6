//! `wuji stats explain`: definitions, and parts that add up.

use insta::assert_snapshot;

use crate::harness::Dir;

fn explain(dir: &Dir, args: &[&str]) -> String {
    dir.out(&[&["stats", "explain", "--from", "2016-08"][..], args].concat())
}

#[test]
fn an_indicator_is_explained_by_its_formula_and_its_parts() {
    let dir = Dir::new();
    dir.fake.0.lock().tells_everything = true;
    assert_snapshot!("indicator_table", explain(&dir, &["邻里成功率"]));
    assert_snapshot!("indicator_json", explain(&dir, &["邻里成功率", "--output", "json"]));
    assert_snapshot!("indicator_csv", explain(&dir, &["邻里成功率", "--output", "csv"]));
}

#[test]
fn a_measure_is_explained_in_the_revision_that_was_asked_for() {
    let dir = Dir::new();
    assert_snapshot!("measure_table", explain(&dir, &["受理@1", "--scope", "371122"]));
    let common = explain(&dir, &["受理", "--output", "json"]);
    assert!(common.contains("\"revision\": 1"), "the fake's units have the first: {common}");
    let newest = explain(&dir, &["受理@2", "--output", "json"]);
    assert!(newest.contains("\"revision\": 2"), "{newest}");
    let asked = dir.fake.0.lock().queries.clone();
    assert_eq!(asked[0].measures, ["mediation.accepted@1"]);
    assert_eq!((asked[0].by.as_slice(), asked[0].scope.as_str()), (&["unit".to_owned()][..], "371122"));
}

#[test]
fn a_workroom_has_no_parts() {
    let dir = Dir::new();
    let said = explain(&dir, &["受理", "--scope", "371122102205"]);
    assert!(said.contains("there are no parts below"), "{said}");
    assert!(dir.fake.0.lock().queries[0].by.is_empty());
}

#[test]
fn flags_of_a_question_stand_behind_explain() {
    let said = Dir::new().wuji(&["stats", "--from", "2016", "explain", "受理"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("behind `explain`"), "{}", said.err);
    let dir = Dir::new();
    dir.out(&["stats", "-c", "371122", "explain", "受理"]);
    let unknown = dir.wuji(&["stats", "explain", "受里"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean mediation.accepted"), "{}", unknown.err);
}
