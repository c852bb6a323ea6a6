//! Files as people have them, imported, mended, exported and imported again.

use encoding_rs::GB18030;
use serde_json::Value as Json;

use crate::case::{CASE, ID};
use crate::harness::Place;

/// Each row has its dates, amounts and lists written in another way.
const CASES: &str = "\
案号,受理日期,纠纷类型,纠纷来源,难易程度,协议形式,涉及人数,涉及金额(万元),纠纷简述,调解员,当事人,回访,备注
1,2026-03-05,邻里,公安,一般,书面,2,3.5,甲,王五、赵六,张三/138/370101199001011235,2026-03-20/是/否,x
2,2026/3/5,邻里,公安,一般,书面,１２,35000元,乙,王五；赵六,张三；李四/139,,
3,2026年3月5日,邻里,公安,一般,口头,\"1,200\",,丙,王五,,,
4,2026.3.5,邻里,公安,一般,口头,2,0.000001,丁,王五,,,
5,20260305,邻里,公安,一般,口头,2,￥28,戊,王五,,,
6,46086,邻里,公安,一般,口头,2,,\"己，
两行\",王五,,,
7,2026-03-05 08:30,邻里,公安,一般,口头,2,,庚,王五,,,
";

fn import(place: &Place, ledger: &str, file: &str) -> Json {
    let said = place.wuji(&["ledger", "import", ledger, file, "--output", "json"]);
    assert!(matches!(said.code, 0 | 3), "{}{}", said.out, said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn counts(summary: &Json) -> [u64; 3] {
    ["accepted", "already_present", "refused"].map(|name| summary[name].as_u64().unwrap())
}

fn records(place: &Place, ledger: &str) -> Json {
    place.wuji(&["ledger", "list", ledger, "--all", "--state", "all", "--output", "json"]).json()["records"].take()
}

#[test]
fn every_encoding_and_way_of_writing_means_the_same_and_goes_in_once() {
    let place = Place::new();
    let _node = place.county();
    place.write("utf-8.csv", CASES);
    place.write("marked.csv", [b"\xef\xbb\xbf", CASES.as_bytes()].concat());
    place.write("gb18030.csv", GB18030.encode(CASES).0);
    let first = import(&place, "mediation", "utf-8.csv");
    assert_eq!(counts(&first), [7, 0, 0], "{first}");
    assert_eq!(first["ignored_columns"], serde_json::json!(["备注"]));
    for file in ["utf-8.csv", "marked.csv", "gb18030.csv"] {
        assert_eq!(counts(&import(&place, "mediation", file)), [0, 7, 0], "{file}");
    }
    let records = records(&place, "mediation");
    assert_eq!(records.as_array().unwrap().len(), 7);
    let of = |number: &str| {
        let found = records.as_array().unwrap().iter().find(|record| record["values"]["case_no"] == number);
        found.unwrap()["values"].clone()
    };
    assert!(records.as_array().unwrap().iter().all(|record| record["values"]["accepted_on"] == "2026-03-05"));
    let amounts = ["1", "2", "4", "5"].map(|number| of(number)["amount"].as_i64().unwrap());
    assert_eq!(amounts, [3_500_000, 3_500_000, 1, 28_000_000]);
    assert_eq!([&of("2")["people_count"], &of("3")["people_count"]], [12, 1_200]);
    assert_eq!(of("6")["summary"], "己，\n两行");
    assert_eq!(of("1")["mediators"], of("2")["mediators"]);
    assert_eq!(
        of("1")["parties"],
        serde_json::json!([{ "name": "张三", "phone": "138", "id_no": "370101199001011235" }])
    );
    assert_eq!(
        of("1")["follow_ups"],
        serde_json::json!([{ "on": "2026-03-20", "performed": true, "satisfied": false }])
    );
}

#[test]
fn refused_rows_are_mended_in_their_side_file_and_nothing_is_doubled() {
    let place = Place::new();
    let _node = place.county();
    let bad =
        CASES.replace("3,2026年3月5日", "3,2026年2月30日").replace("5,20260305,邻里,公安", "5,20260305,邻里,公鞍");
    place.write("cases.csv", GB18030.encode(&bad).0);
    let summary = import(&place, "mediation", "cases.csv");
    assert_eq!(counts(&summary), [5, 0, 2]);
    let lines: Vec<u64> =
        summary["refusals"].as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 6]);
    let side = std::fs::read(place.at("cases.csv.refused.csv")).unwrap();
    let side = GB18030.decode(&side).0.into_owned();
    assert!(side.starts_with("拒收原因,案号") && side.lines().count() == 3, "{side}");
    assert!(side.contains("受理日期“2026年2月30日”不是日期") && side.contains("“公鞍”不在可选项中"), "{side}");
    let mended = side.replace("3,2026年2月30日", "3,2026年3月5日").replace("邻里,公鞍", "邻里,公安");
    place.write("cases.csv.refused.csv", GB18030.encode(&mended).0);
    assert_eq!(counts(&import(&place, "mediation", "cases.csv.refused.csv")), [2, 0, 0]);
    assert_eq!(counts(&import(&place, "mediation", "cases.csv.refused.csv")), [0, 2, 0]);
    place.write("all.csv", CASES);
    assert_eq!(counts(&import(&place, "mediation", "all.csv")), [0, 7, 0], "mended rows are the rows that were meant");
}

#[test]
fn equal_rows_of_a_file_stay_as_many_as_they_are() {
    let place = Place::new();
    let _node = place.county();
    let row = "2026-03-05,禁毒,宣讲,120\n";
    place.write("twins.csv", format!("on,topic,form,audience\n{row}{row}"));
    assert_eq!(counts(&import(&place, "publicity", "twins.csv")), [2, 0, 0]);
    assert_eq!(counts(&import(&place, "publicity", "twins.csv")), [0, 2, 0]);
    place.write("three.csv", format!("受众人数,on,topic,form\n{0}{0}{0}", "１２０,2026/3/5,禁毒,宣讲\n"));
    assert_eq!(counts(&import(&place, "publicity", "three.csv")), [1, 2, 0]);
}

#[test]
fn an_export_imports_to_nothing_new_and_elsewhere_to_the_same() {
    let place = Place::new();
    let _node = place.county();
    place.write("cases.csv", CASES);
    import(&place, "mediation", "cases.csv");
    let parties = r#"parties=[{"name":"甲；/乙\\","kind":"法人"},{"phone":"12","name":" 丙,\"丁"}]"#;
    let more = ["--id", ID, parties, r"mediators=王\、五、赵\/六", "amount=0.07"];
    let written = [&["ledger", "add", "mediation"][..], &CASE, &more].concat();
    place.wuji(&written).done();
    place.wuji(&["ledger", "amend", "mediation", ID, "people_count=9", "result=继续"]).done();
    let two = records(&place, "mediation")[1]["id"].as_str().unwrap().to_owned();
    place.wuji(&["ledger", "void", "mediation", &two, "--reason", "误登"]).done();
    let before = records(&place, "mediation");

    let export = place.wuji(&["ledger", "export", "mediation", "--state", "all"]).done();
    assert!(export.starts_with("#id,#revision,#state,#event_date,case_no,"), "{export}");
    place.write("export.csv", &export);
    let summary = import(&place, "mediation", "export.csv");
    assert_eq!((counts(&summary), &summary["ignored_columns"]), ([0, 8, 0], &serde_json::json!([])), "{summary}");
    assert_eq!(records(&place, "mediation"), before);

    // A changed row is not taken for the entry, and says what to do.
    place.write("changed.csv", export.replace(",甲,", ",甲甲,"));
    let said = place.wuji(&["ledger", "import", "mediation", "changed.csv"]);
    assert!(said.out.contains("7 already present, 1 refused") && said.out.contains("amend this one"), "{}", said.out);

    let elsewhere = Place::new();
    let _other = elsewhere.county();
    let live = place.wuji(&["ledger", "export", "mediation"]).done();
    elsewhere.write("export.csv", &live);
    assert_eq!(counts(&import(&elsewhere, "mediation", "export.csv")), [7, 0, 0]);
    elsewhere.write("all.csv", &export);
    let all = import(&elsewhere, "mediation", "all.csv");
    assert_eq!(counts(&all), [0, 7, 1], "{all}");
    assert!(all["refusals"][0].to_string().contains("was voided where the file comes from"), "{all}");
    assert_eq!(
        elsewhere.wuji(&["ledger", "export", "mediation"]).done(),
        live.replace(&format!("{ID},2,"), &format!("{ID},1,"))
    );
}
