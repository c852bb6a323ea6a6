//! What is printed, in each form.

use insta::assert_snapshot;

use crate::fake;
use crate::harness::Dir;

fn with(command: &[&'static str], form: &'static str) -> Vec<&'static str> {
    [command, &["--output", form]].concat()
}

#[test]
fn status_is_shown_in_each_form() {
    let dir = Dir::new();
    assert_snapshot!("status_table", dir.out(&["status"]));
    assert_snapshot!("status_json", dir.out(&with(&["status"], "json")));
    assert_snapshot!("status_csv", dir.out(&with(&["status"], "csv")));
}

#[test]
fn the_tree_is_shown_in_each_form() {
    let dir = Dir::new();
    assert_snapshot!("tree_table", dir.out(&["tree"]));
    assert_snapshot!("tree_json", dir.out(&with(&["tree"], "json")));
    assert_snapshot!("tree_csv", dir.out(&with(&["tree"], "csv")));
}

#[test]
fn children_are_listed_in_each_form() {
    let dir = Dir::new();
    assert_snapshot!("children_table", dir.out(&["child", "list"]));
    assert_snapshot!("children_json", dir.out(&with(&["child", "list"], "json")));
    assert_snapshot!("children_csv", dir.out(&with(&["child", "list"], "csv")));
}

#[test]
fn a_record_is_shown_in_each_form() {
    let dir = Dir::new();
    let record = fake::ledger_record(1);
    dir.fake.0.lock().records.insert(record.id.clone(), record.clone());
    let show = |form: &str| dir.out(&["ledger", "show", &record.id, "--output", form]);
    assert_snapshot!("record_table", show("table"));
    assert_snapshot!("record_json", show("json"));
    assert_snapshot!("record_csv", show("csv"));
}

#[test]
fn records_are_listed_and_exported_over_several_pages() {
    let dir = Dir::new();
    for number in 1..=5 {
        let record = fake::ledger_record(number);
        dir.fake.0.lock().records.insert(record.id.clone(), record);
    }
    assert_snapshot!("list_table", dir.out(&["ledger", "list", "人民调解"]));
    let export = dir.out(&["ledger", "export", "mediation"]);
    assert_snapshot!("export_csv", export);
    let json = dir.out(&["ledger", "export", "mediation", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["records"].as_array().unwrap().len(), 5);
    assert_eq!(json["units"]["amount"], "分");
    assert_eq!(json["records"][0]["values"]["amount"], 1_200_050);

    let some = dir.wuji(&["ledger", "list", "mediation", "--limit", "3", "--fields", "amount,案号", "--output", "csv"]);
    assert_eq!(some.out.lines().count(), 4, "{}", some.out);
    assert!(some.out.starts_with("#id,#revision,#state,#event_date,amount(元),case_no\n"), "{}", some.out);
    assert!(some.err.contains("the first 3 are shown"), "{}", some.err);
}

#[test]
fn a_child_is_registered_for_today_unless_a_day_is_given() {
    let dir = Dir::new();
    let said = dir.out(&["child", "register", "371122104", "--name", "寨里河镇", "--expected-from", "2017-01-01"]);
    assert_eq!(said, "371122104 寨里河镇 is registered under 371122, expected from 2017-01-01\n");
    let again = dir.out(&["child", "register", "371122102", "--name", "招贤镇"]);
    assert!(again.contains("was registered already"), "{again}");
}

#[test]
fn a_child_is_adopted_only_with_a_decision() {
    let dir = Dir::new();
    let kept = dir.out(&["child", "adopt", "371122102", "--keep-history"]);
    assert!(kept.starts_with("adopted 371122102: its history counts on; 1750 cells are in the journal"), "{kept}");
    let replaced = dir.out(&["child", "adopt", "371122102", "--replace"]);
    assert!(replaced.contains("what it has replaces what is held"), "{replaced}");
    for undecided in
        [&["child", "adopt", "371122102"][..], &["child", "adopt", "371122102", "--replace", "--keep-history"]]
    {
        let said = dir.wuji(undecided);
        assert_eq!(said.code, 2, "{undecided:?}");
        assert!(said.err.contains("--keep-history") && said.err.contains("--replace"), "{}", said.err);
    }
}

#[test]
fn what_a_child_lost_is_named_listed_and_settled() {
    let dir = Dir::new();
    let restored = dir.out(&["child", "adopt", "371122104", "--replace"]);
    assert!(restored.contains("42 amounts that it lost count on, unsettled"), "{restored}");
    assert!(restored.contains("wuji child unsettled 371122104 -c 371122"), "{restored}");
    let unknown = dir.out(&["child", "adopt", "371122105", "--replace"]);
    assert!(unknown.contains("cannot tell which"), "{unknown}");

    let listed = dir.out(&["child", "unsettled", "--output", "csv"]);
    assert!(listed.contains("371122104,阎庄镇,2016-08-15,mediation.accepted,受理案件,source=依申请,2"), "{listed}");
    let none = dir.wuji(&["child", "unsettled", "371122102"]);
    assert!(none.err.contains("no amount is unsettled"), "{}", none.err);

    let settled = dir.out(&["child", "settle", "371122104", "--re-entered"]);
    assert_eq!(settled, "settled 371122104: 42 amounts were re-entered and count no more\n");
    let refused = dir.wuji(&["child", "settle", "371122102", "--given-up"]);
    assert!(refused.code != 0 && refused.err.contains("nothing of 371122102 is unsettled"), "{}", refused.err);
    assert_eq!(dir.wuji(&["child", "settle", "371122104"]).code, 2, "it takes a decision");
}

#[test]
fn a_child_is_released_or_retired_by_name() {
    let dir = Dir::new();
    let released = dir.out(&["child", "release", "371122103"]);
    assert!(released.contains("nobody waits for it"), "{released}");
    let retired = dir.out(&["child", "retire", "371122103", "--from", "2026-12-01"]);
    assert_eq!(retired, "371122103 is retired, from 2026-12-01 on; its figures stay, 1750 cells are in the journal\n");
    let again = dir.out(&["child", "retire", "371122104"]);
    assert!(again.contains("was retired already"), "{again}");
}

#[test]
fn status_says_what_is_unsettled_and_since_when() {
    let said = Dir::new().out(&["status"]);
    assert!(said.contains("unsettled since 2016-08-15 08:30:00: it went back in time; 42 amounts"), "{said}");
    assert!(said.contains("held since 2016-08-15 07:30:00: it came back"), "{said}");
    assert!(said.contains("next: wuji child adopt 371122103 -c 371122 --help"), "{said}");
}

#[test]
fn every_field_of_a_document_is_described() {
    // Below these stand the catalogue's names.
    const NAMED_BY_THE_CATALOGUE: [&str; 7] = ["values", "units", "words", "figures", "totals", "rest", "in_transit"];
    fn names(json: &serde_json::Value, found: &mut Vec<String>) {
        match json {
            serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    found.push(name.clone());
                    if !NAMED_BY_THE_CATALOGUE.contains(&name.as_str()) || value.is_array() {
                        names(value, found);
                    }
                }
            }
            _ => {}
        }
    }
    let dir = Dir::new();
    let record = fake::ledger_record(1);
    dir.fake.0.lock().records.insert(record.id.clone(), record.clone());
    dir.write("a.csv", "日期,备注\n不明,x\n".as_bytes());
    dir.fake.0.lock().tells_everything = true;
    let described = include_str!("../../../docs/cli-json.md");
    for command in [
        &["status"][..],
        &["tree"],
        &["stats", "-m", "mediation.accepted", "--by", "unit", "--compare", "year-ago", "--top", "2"],
        &["stats", "explain", "mediation.success_rate"],
        &["rank", "--indicator", "mediation.success_rate"],
        &["ledger", "zero-report"],
        &["audit", "totals", "--deep"],
        &["child", "list"],
        &["child", "register", "371122104", "--name", "x"],
        &["child", "adopt", "371122104", "--replace"],
        &["child", "unsettled"],
        &["child", "settle", "371122104", "--given-up"],
        &["child", "release", "371122104"],
        &["child", "retire", "371122103"],
        &["ledger", "show", &record.id],
        &["ledger", "list", "mediation"],
        &["ledger", "add", "publicity", "topic=x"],
        &["ledger", "import", "publicity", "a.csv"],
    ] {
        let said = dir.wuji(&[command, &["--output", "json"]].concat());
        let mut found = Vec::new();
        names(&serde_json::from_str(&said.out).unwrap(), &mut found);
        assert!(!found.is_empty());
        for name in found {
            assert!(described.contains(&format!("\"{name}\"")), "{command:?}: {name} is not in docs/cli-json.md");
        }
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let dir = Dir::new();
    let record = fake::ledger_record(1);
    dir.fake.0.lock().records.insert(record.id.clone(), record);
    for args in [
        &["completion", "bash"][..],
        &["tree"],
        &["tree", "--output", "json"],
        &["stats", "-m", "mediation.accepted"],
        &["stats", "-m", "mediation.accepted", "--output", "csv"],
        &["ledger", "list", "mediation", "--output", "json"],
        &["ledger", "export", "mediation"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = dir.command(args).stdout(writer).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("error"), "{args:?}: {told}");
    }
}
