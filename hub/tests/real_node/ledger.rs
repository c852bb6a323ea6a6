//! Entries from first to last: written, repeated, amended, voided, shown and listed.

use crate::case::{CASE, ID};
use crate::harness::Place;

#[test]
fn an_entry_lives_through_writing_repeating_amending_and_voiding() {
    let place = Place::new();
    let _node = place.county();
    let add = [&["ledger", "add", "人民调解"][..], &CASE, &["--id", ID]].concat();
    assert_eq!(place.wuji(&add).done(), format!("written: mediation {ID} revision 1\n"));
    assert_eq!(place.wuji(&add).done(), format!("had been written before: mediation {ID} revision 1\n"));

    let amend = ["ledger", "amend", "mediation", ID, "调解结果=成功", "mediated_on=2026年3月9日", "amount=1.2万元"];
    let base = [&amend[..], &["--revision", "1"]].concat();
    assert_eq!(place.wuji(&base).done(), format!("amended: mediation {ID} revision 2\n"));
    let record = place.wuji(&["ledger", "show", ID, "--output", "json"]).json();
    let values = &record["values"];
    assert_eq!((&record["revision"], &record["state"]), (&2.into(), &"live".into()));
    assert_eq!((&values["amount"], &values["mediated_on"]), (&1_200_000.into(), &"2026-03-09".into()));
    assert_eq!(values["mediators"], serde_json::json!([{ "name": "王五" }, { "name": "赵六" }]));
    let shown = place.wuji(&["ledger", "show", ID]).done();
    for words in ["人民调解", "revision 2", "受理日期", "12,000.00", "王五、赵六", "两家因宅基地起争执"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }

    let void = ["ledger", "void", "mediation", ID, "--reason", "重复登记", "--revision", "2"];
    assert_eq!(place.wuji(&void).done(), format!("voided: mediation {ID} revision 3\n"));
    assert_eq!(place.wuji(&void).done(), format!("had been voided before: mediation {ID} revision 3\n"));
    let record = place.wuji(&["ledger", "show", ID, "--output", "json"]).json();
    assert_eq!((&record["state"], &record["void_reason"]), (&"voided".into(), &"重复登记".into()));
    let listed = |state| place.wuji(&["ledger", "list", "mediation", "--state", state, "--output", "json"]).json();
    assert_eq!(listed("live")["records"], serde_json::json!([]));
    assert_eq!(listed("voided")["records"][0]["id"], ID);

    // Its number is free again.
    let again = [&["ledger", "add", "mediation"][..], &CASE].concat();
    assert!(place.wuji(&again).done().starts_with("written: mediation"));
}

#[test]
fn what_show_prints_is_written_again_under_another_number() {
    let place = Place::new();
    let _node = place.county();
    place.wuji(&[&["ledger", "add", "mediation"][..], &CASE, &["--id", ID]].concat()).done();
    let json = place.wuji(&["ledger", "show", ID, "--output", "json"]).done();
    place.wuji_with(&["ledger", "add", "mediation", "--file", "-", "case_no=2026-002"], &json).done();
    let mut records = place.wuji(&["ledger", "list", "mediation", "--output", "json"]).json()["records"].take();
    for record in records.as_array_mut().unwrap() {
        record["values"]["case_no"].take();
    }
    assert_eq!(records[0]["values"], records[1]["values"]);
}

#[test]
fn a_long_ledger_is_listed_by_time_in_every_form() {
    let place = Place::new();
    let _node = place.county();
    let rows: Vec<String> = (0..1_203).map(|row| format!("2026-0{}-05,主题{row},宣讲,{row}", row % 3 + 1)).collect();
    place.write("a.csv", format!("on,topic,form,audience\n{}\n", rows.join("\n")));
    assert_eq!(
        place.wuji(&["ledger", "import", "publicity", "a.csv"]).done(),
        "1,203 rows accepted, 0 already present, 0 refused\n"
    );
    let list = |args: &[&str]| place.wuji(&[&["ledger", "list", "publicity"][..], args].concat());
    let february = list(&["--from", "2026-02", "--to", "2026-02", "--all", "--output", "json"]).json();
    assert_eq!(february["records"].as_array().unwrap().len(), 401);
    let all = list(&["--all", "--output", "csv", "--fields", "topic"]).done();
    assert_eq!(all.lines().count(), 1_204);
    assert_eq!(all.lines().next(), Some("#id,#revision,#state,#event_date,topic"));
    let some = list(&["--limit", "7"]);
    assert!(some.err.contains("the first 7 are shown"), "{}", some.err);
    assert_eq!(some.done().matches("宣讲").count(), 7);
}
