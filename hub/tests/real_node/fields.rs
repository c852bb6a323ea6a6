//! Bad values, and bad ids and revisions.

use crate::case::{Held, ID, adding, case, check_all, check_said};
use crate::harness::Place;

const SECRET: &str = "37010119900101123";

#[test]
fn each_bad_value_is_named_with_what_to_do_and_nothing_is_written() {
    let place = Place::new();
    let _node = place.county();
    let held = Held::new(&place);
    let many = format!("mediators={}", "王五、".repeat(21));
    let long = format!("summary={}", "纠".repeat(601));
    place.write("bad.json", "{\"case_no\": ");
    place.write("half.json", "{\"people_count\": 2.5}");
    let cases = [
        adding("a word for a date", &["accepted_on=三月五日"], 3, &["accepted_on", "“三月五日”不是日期", "2026-03-05"]),
        adding("a day that does not exist", &["accepted_on=2026-02-30"], 3, &["受理日期“2026-02-30”不是日期"]),
        adding("a year far away", &["accepted_on=1626-03-05"], 3, &["年份应在 1900 至 2200"]),
        adding("an event in the future", &["accepted_on=2199-01-01"], 3, &["受理日期", "晚于今天"]),
        adding("a word near a code word", &["source=当事人申清"], 3, &["source", "是不是“当事人申请”？"]),
        adding("a word near none", &["form=xyz"], 3, &["form", "可选：口头、书面"]),
        adding("a missing field", &["form="], 3, &["form", "协议形式", "必填"]),
        adding("a field that another one requires", &["result=成功"], 3, &["mediated_on", "调解结果为“成功”", "必填"]),
        adding("too long a text", &[&long], 3, &["summary", "601 字，最多 600 字"]),
        adding("fewer than no people", &["people_count=-3"], 3, &["people_count", "太小，不得小于 0"]),
        adding("more people than there are", &["people_count=100001"], 3, &["people_count", "不得大于 100000"]),
        adding("text for a number", &["people_count=两人"], 3, &["people_count", "“两人”不是整数"]),
        adding("a foreign currency", &["amount=500美元"], 3, &["amount", "不是金额", "3.5 万元"]),
        adding("an amount finer than 分", &["amount=0.005元"], 3, &["amount", "最细到分"]),
        adding("too many parts in a list", &["mediators=王五/男"], 3, &["mediators", "分项过多", "姓名"]),
        adding("too many rows in a list", &[&many], 3, &["mediators", "最多 20 行"]),
        adding(
            "mediated before it was accepted",
            &["mediated_on=2026-03-04"],
            3,
            &["mediated_on", "早于受理日期（2026-03-05）"],
        ),
        adding("characters that nobody sees", &["case_no=2026\u{7}9"], 3, &["case_no", "无法显示"]),
        adding("a number that is taken", &["accepted_on=2026-04-01"], 6, &[ID, "must be unique"]),
        adding("a field that there is not", &["case_on=7"], 2, &["case_on", "did you mean case_no"]),
        adding("no assignment", &["case_no"], 2, &["case_no", "field=value"]),
        adding("broken JSON", &["--file", "bad.json"], 3, &["bad.json", "is not a record"]),
        adding("half a person", &["--file", "half.json"], 3, &["people_count", "2.5", "write integers"]),
        adding("no such file", &["--file", "none.json"], 2, &["none.json", "No such file"]),
    ];
    check_all(&place, &held, &cases);
}

#[test]
fn several_bad_values_are_told_at_once_and_personal_ones_are_never_repeated() {
    let place = Place::new();
    let _node = place.county();
    let held = Held::new(&place);
    let parties = format!("parties=张三丰/138/{SECRET}x/自然人；李四/139/{SECRET}");
    let case = adding(
        "identity numbers that are none",
        &[&parties, "form=", "case_no=2026-002"],
        3,
        &["3 field(s) need correction", "parties[1].id_no", "parties[2].id_no", "当事人第1行身份证号", "form"],
    );
    let said = place.wuji(&case.args);
    check_said(case.wrong, &said, case.code, &case.says);
    assert!(!said.err.contains(SECRET) && !said.err.contains("张三丰"), "{}", said.err);
    held.check(&place, case.wrong);
}

#[test]
fn each_bad_id_or_revision_is_told_and_changes_nothing() {
    let place = Place::new();
    let _node = place.county();
    let two = "01936a1c-0000-7000-8000-000000000002";
    let add = |id, number| adding("", &[&*format!("case_no={number}"), "--id", id], 0, &[]).args.join("\n");
    for (id, number) in [(ID, "1"), (two, "2")] {
        place.wuji(&add(id, number).split('\n').collect::<Vec<_>>()).done();
    }
    place.wuji(&["ledger", "amend", "mediation", ID, "people_count=5"]).done();
    place.wuji(&["ledger", "void", "mediation", two, "--reason", "重复登记"]).done();
    place
        .wuji(&["ledger", "add", "publicity", "on=2026-03-05", "topic=禁毒", "form=宣讲", "audience=120", "--id", ID])
        .done();
    let held = Held::of(&place);
    let absent = "01936a1c-0000-7000-8000-000000000009";
    let random = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
    let cases = [
        adding("an id that is none", &["--id", "17"], 2, &["17", "UUID of version 7"]),
        adding("a random id", &["--id", random], 2, &[random, "UUID of version 7"]),
        adding(
            "an id with other values",
            &["--id", ID, "people_count=9"],
            6,
            &[ID, "exists with other values", "amend this one"],
        ),
        adding("the id of a voided entry", &["--id", two, "people_count=9"], 6, &[two, "exists with other values"]),
        case(
            "a stale revision",
            &["ledger", "amend", "mediation", ID, "people_count=6", "--revision", "1"],
            6,
            &["revision 2 now, not 1", "ledger show"],
        ),
        case(
            "a revision yet to come",
            &["ledger", "void", "mediation", ID, "--reason", "误", "--revision", "7"],
            6,
            &["at revision 2, not 7", "read it again"],
        ),
        case("amending what is not there", &["ledger", "amend", "mediation", absent, "people_count=6"], 5, &[absent]),
        case("amending nothing", &["ledger", "amend", "mediation", ID], 2, &["nothing is to be changed"]),
        case("amending to a bad value", &["ledger", "amend", "mediation", ID, "form=绘画"], 3, &["form", "可选"]),
        case("voiding without a reason", &["ledger", "void", "mediation", ID], 2, &["--reason"]),
        case(
            "voiding with an empty reason",
            &["ledger", "void", "mediation", ID, "--reason", "  "],
            3,
            &["give a reason"],
        ),
        case(
            "voiding twice",
            &["ledger", "void", "mediation", two, "--reason", "重复"],
            3,
            &[two, "is voided", "write a new one"],
        ),
        case(
            "amending a voided entry",
            &["ledger", "amend", "mediation", two, "people_count=6"],
            3,
            &[two, "is voided"],
        ),
        case("showing what is not there", &["ledger", "show", absent], 5, &[absent]),
    ];
    check_all(&place, &held, &cases);
}
