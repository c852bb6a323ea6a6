//! `wuji stats`: what is asked, and how answers are printed.

use insta::assert_snapshot;
use wuji_proto::v1::{Filter, QueryRequest};

use crate::harness::Dir;

fn stats(dir: &Dir, args: &[&str]) -> String {
    dir.out(&[&["stats", "--from", "2016-08", "-m"][..], args].concat())
}

fn asked(args: &[&str]) -> QueryRequest {
    let dir = Dir::new();
    stats(&dir, args);
    dir.fake.0.lock().queries[0].clone()
}

#[test]
fn figures_are_shown_in_each_form_with_what_they_include() {
    let dir = Dir::new();
    let args = |form: &'static str| {
        ["mediation.accepted,涉及金额,mediation.success_rate", "--by", "unit,纠纷类型", "--output", form]
    };
    assert_snapshot!("table", stats(&dir, &args("table")));
    assert_snapshot!("json", stats(&dir, &args("json")));
    let csv = dir.wuji(&[&["stats", "--from", "2016-08", "-m"][..], &args("csv")].concat());
    assert_snapshot!("csv", csv.out);
    assert!(csv.err.contains("in transit: 受理(件) 3"), "{}", csv.err);
    let asked = dir.fake.0.lock().queries[0].clone();
    assert_eq!(asked.measures, ["mediation.accepted", "mediation.amount", "mediation.success_rate"]);
    assert_eq!(asked.by, ["unit", "dispute_type"]);
    assert_eq!((asked.from.as_str(), asked.to.as_str(), asked.scope.as_str()), ("2016-08", "2016-08", ""));
}

#[test]
fn comparisons_are_columns_and_nothing_is_compared_with_nothing() {
    let dir = Dir::new();
    let args = |form: &'static str| {
        ["mediation.accepted,mediation.success_rate", "--by", "unit", "--compare", "同比,环比", "--output", form]
    };
    assert_snapshot!("compared_table", stats(&dir, &args("table")));
    assert_snapshot!("compared_json", stats(&dir, &args("json")));
    assert_snapshot!("compared_csv", stats(&dir, &args("csv")));
}

#[test]
fn indicators_are_shown_as_their_catalogue_wants_it() {
    let dir = Dir::new();
    let measures = "mediation.success_rate,mediation.mean,mediation.per_case";
    assert_snapshot!("indicators_table", stats(&dir, &[measures, "--by", "township", "--compare", "year-ago"]));
}

#[test]
fn the_first_rows_are_shown_with_the_rest_in_one() {
    let dir = Dir::new();
    let args = ["mediation.accepted", "--by", "township", "--top", "2", "--compare", "year-ago"];
    assert_snapshot!("top_table", stats(&dir, &args));
    assert_snapshot!("top_json", stats(&dir, &[&args[..], &["--output", "json"]].concat()));
}

#[test]
fn everything_that_an_answer_includes_is_told() {
    let dir = Dir::new();
    dir.fake.0.lock().tells_everything = true;
    let args = ["mediation.accepted", "--compare", "year-ago"];
    assert_snapshot!("everything_table", stats(&dir, &args));
    assert_snapshot!("everything_json", stats(&dir, &[&args[..], &["--output", "json"]].concat()));
    let all = stats(&dir, &["mediation.accepted", "--all-units"]);
    assert!(all.contains("371122103012 大罗庄 and 1,180 more"), "{all}");
    assert_eq!(dir.fake.0.lock().queries[2].units_named, 100_000);
    let ratio = stats(&dir, &["mediation.success_rate"]);
    assert!(ratio.contains("in transit: 调解成功率 1 / 3 (what"), "{ratio}");
    assert!(ratio.contains("issued 97.0 % (841 / 867), now 96.9 % (842 / 869) (-0.1 pp)"), "{ratio}");
}

#[test]
fn a_question_is_sent_as_it_was_typed() {
    let plain = asked(&["mediation.accepted@2"]);
    assert_eq!(plain.measures, ["mediation.accepted@2"]);
    assert!(!plain.confirmed && !plain.local_only && plain.r#where.is_empty() && plain.order_by.is_empty());
    assert_eq!((plain.within_ms, plain.units_named, plain.limit), (0, 0, 0));

    let whole = asked(&[
        "受理,调解成功率",
        "--scope",
        "371122102",
        "--to",
        "2016-09",
        "--grain",
        "week",
        "--by",
        "工作室,纠纷来源",
        "--compare",
        "环比,同比,previous",
        "--where",
        "纠纷类型=邻里,合同,",
        "--where",
        "source=",
        "--order-by",
        "调解成功率",
        "--descending",
        "--consistency",
        "confirmed",
        "--within",
        "2m",
        "--local",
    ]);
    let filter = |field: &str, words: &[&str]| Filter {
        field: field.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    assert_eq!(
        whole,
        QueryRequest {
            scope: "371122102".to_owned(),
            measures: vec!["mediation.accepted".to_owned(), "mediation.success_rate".to_owned()],
            from: "2016-08".to_owned(),
            to: "2016-09".to_owned(),
            grain: "week".to_owned(),
            by: vec!["workroom".to_owned(), "source".to_owned()],
            compare: vec!["previous".to_owned(), "year-ago".to_owned()],
            r#where: vec![filter("dispute_type", &["邻里", "合同", ""]), filter("source", &[""])],
            order_by: "mediation.success_rate".to_owned(),
            descending: true,
            confirmed: true,
            within_ms: 120_000,
            local_only: true,
            ..QueryRequest::default()
        }
    );
}

#[test]
fn top_and_bottom_are_an_order_and_a_limit() {
    let of = |args: &[&str]| {
        let asked = asked(&[&["mediation.amount,mediation.accepted", "--by", "unit"][..], args].concat());
        (asked.order_by, asked.descending, asked.limit)
    };
    assert_eq!(of(&["--top", "3"]), ("mediation.amount".to_owned(), true, 3));
    assert_eq!(of(&["--bottom", "2"]), ("mediation.amount".to_owned(), false, 2));
    assert_eq!(of(&["--top", "2", "--order-by", "受理"]), ("mediation.accepted".to_owned(), true, 2));
    assert_eq!(of(&["--order-by", "受理"]), ("mediation.accepted".to_owned(), false, 0));
}

#[test]
fn wrong_questions_are_told_what_to_write_instead() {
    let dir = Dir::new();
    let accepted = "mediation.accepted";
    for (args, says) in [
        (&["mediation.acepted"][..], "did you mean mediation.accepted, mediation.succeeded"),
        (&["mediation.accepted@7"], "known are mediation.accepted@1, mediation.accepted@2"),
        (&["mediation.accepted@1,mediation.accepted@2"], "one by one"),
        (&["mediation.success_rate@1"], "is an indicator and has no revisions"),
        (&[accepted, "--to", "2016-07"], "--to 2016-07 ends before --from 2016-08 begins"),
        (&[accepted, "--grain", "decade"], "use day, week, month"),
        (&[accepted, "--by", "纠份类型"], "did you mean dispute_type"),
        (&[accepted, "--by", "unit,unit"], "names unit twice"),
        (&[accepted, "--by", "unit,county"], "by units once"),
        (&[accepted, "--compare", "lastyear"], "write year-ago (同比) or previous (环比)"),
        (&[accepted, "--where", "邻里"], "write FIELD=WORD"),
        (&[accepted, "--where", "dispute_typ=邻里"], "did you mean dispute_type"),
        (&[accepted, "--where", "纠纷类型=邻理"], "did you mean 邻里?"),
        (&[accepted, "--where", "source=公安", "--where", "纠纷来源="], "names source twice"),
        (&[accepted, "--by", "unit", "--order-by", "涉及金额"], "add it to --measure"),
        (&[accepted, "--by", "unit", "--descending"], "add --order-by MEASURE"),
        (&[accepted, "--order-by", accepted], "add --by unit"),
        (&[accepted, "--top", "3"], "add --by unit"),
        (&[accepted, "--by", "unit", "--top", "0"], "--top"),
        (&[accepted, "--by", "unit", "--top", "1", "--bottom", "1"], "--bottom"),
        (&[accepted, "--by", "unit", "--top", "1", "--descending"], "--descending"),
        (&[accepted, "--within", "10"], "500ms, 10s, 2m"),
        (&[accepted, "--within", "1h"], "500ms, 10s, 2m"),
        (&[accepted, "--within", "10s", "--local"], "leave one out"),
        (&[accepted, "--consistency", "eventual"], "confirmed"),
    ] {
        let said = dir.wuji(&[&["stats", "--from", "2016-08", "-m"][..], args].concat());
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
        assert_eq!(said.out, "", "{args:?}");
    }
    assert!(dir.fake.0.lock().queries.is_empty());
    let listed = dir.wuji(&["stats"]);
    assert_eq!(listed.code, 2);
    assert!(listed.err.contains("mediation.mean  案均金额 (元)"), "{}", listed.err);
}

#[test]
fn what_a_barrier_came_to_is_told_and_so_is_that_there_was_none() {
    let dir = Dir::new();
    let confirmed = ["受理", "--consistency", "confirmed"];
    let none = stats(&dir, &confirmed);
    assert!(none.ends_with("not confirmed: the node asked nobody below\n"), "{none}");
    dir.fake.0.lock().tells_everything = true;
    let told = stats(&dir, &confirmed);
    assert!(told.contains("confirmed: 11 units in 1.2s") && !told.contains("nobody below"), "{told}");
}

#[test]
fn a_unit_that_is_not_there_is_not_found() {
    let said = Dir::new().wuji(&["stats", "-m", "mediation.accepted", "--scope", "42"]);
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(said.err.contains("wuji tree"), "{}", said.err);
}
