//! Comparisons, filters, order, what is left out, own entries in between, and places.

use wuji_proto::v1;

use super::{
    COUNTY, County, Figures, Links, Memory, NOW_MS, OTHER_TOWNSHIP, OTHER_WORKROOM, TOWNSHIP, WORKROOM, all, code,
    query, rows,
};
use crate::statistics::answer::{Answer, Asked};
use crate::statistics::rank::rank;

fn compared(answer: &Answer) -> Vec<String> {
    let row = |row: v1::QueryRow| {
        let times = row.comparisons.iter().map(|it| format!("{} {}", it.period, all(&it.figures)));
        format!("{} {}; {}", row.period, all(&row.figures), times.collect::<Vec<_>>().join("; "))
    };
    answer.rows().map(row).collect()
}

#[test]
fn each_figure_stands_beside_that_of_a_year_before_and_of_the_period_before() {
    let county = County::new();
    for (day, amount) in [("2025-01-31", 8), ("2025-12-01", 3), ("2026-01-02", 5), ("2026-02-28", 7), ("2025-02-01", 1)]
    {
        county.cell(COUNTY, "publicity.audience", day, &[], amount);
    }
    let asked = query(&["publicity.audience"], "2026-01", "2026-02", "month", &[]);
    let compare = vec!["year-ago".to_owned(), "previous".to_owned()];
    let answer = county.ask(&v1::QueryRequest { compare: compare.clone(), ..asked }).unwrap();
    assert_eq!(compared(&answer), ["2026-01 5; 2025-01 8; 2025-12 3", "2026-02 7; 2025-02 1; 2026-01 5"]);
    let totals: Vec<String> = answer.end.comparisons.iter().map(|it| all(&it.figures)).collect();
    assert_eq!(totals, ["9", "8"], "the sums of the rows' own comparisons");

    let whole = query(&["publicity.audience"], "2026-01", "2026-02", "", &[]);
    let answer = county.ask(&v1::QueryRequest { compare, ..whole }).unwrap();
    assert_eq!(compared(&answer), [" 12; 2025-01-01–2025-02-28 9; 2025-11-01–2025-12-31 3"]);
}

#[test]
fn a_stock_is_compared_at_the_end_of_the_other_period() {
    let county = County::new();
    for (day, amount) in [("2024-06-30", 5), ("2025-02-01", 2), ("2026-01-10", 3)] {
        county.cell(COUNTY, "mediation.open", day, &[], amount);
    }
    let asked = query(&["mediation.open"], "2026-01", "2026-01", "", &[]);
    let answer = county.ask(&v1::QueryRequest { compare: vec!["year-ago".to_owned()], ..asked }).unwrap();
    assert_eq!(compared(&answer), [" 10; 2025-01 5"]);
}

#[test]
fn weeks_run_from_monday_to_sunday() {
    let county = County::new();
    for (day, amount) in [("2026-01-04", 1), ("2026-01-05", 2), ("2026-01-11", 3), ("2026-01-12", 4)] {
        county.cell(COUNTY, "publicity.audience", day, &[], amount);
    }
    let answer = county.ask(&query(&["publicity.audience"], "2026-W01", "2026-W03", "week", &[])).unwrap();
    assert_eq!(rows(&answer), ["2026-W01: 1", "2026-W02: 5", "2026-W03: 4"]);
}

#[test]
fn a_filter_chooses_words_of_every_column_and_must_lie_in_one_split_with_the_division() {
    let county = County::new();
    for (words, amount) in [(["邻里", "成功"], 5), (["邻里", ""], 2), (["合同", "成功"], 1)] {
        let part = [("dispute_type", words[0]), ("result", words[1])];
        county.cell(COUNTY, "mediation.accepted", "2026-01-05", &part, amount);
    }
    let filter = |field: &str, words: &[&str]| v1::Filter {
        field: field.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let ask = |filters: Vec<v1::Filter>, by: &[&str]| {
        let asked = query(&["mediation.accepted"], "2026", "2026", "", by);
        county.ask(&v1::QueryRequest { r#where: filters, ..asked }).map(|answer| rows(&answer))
    };
    assert_eq!(ask(vec![filter("result", &["成功"])], &[]).unwrap(), [": 6"]);
    assert_eq!(ask(vec![filter("result", &["成功", ""])], &["dispute_type"]).unwrap(), ["合同: 1", "邻里: 7"]);
    assert_eq!(ask(vec![filter("result", &[""])], &["dispute_type"]).unwrap(), ["邻里: 2"]);
    for (filters, words) in [
        (vec![filter("result", &["成功"]), filter("result", &["继续"])], "each once"),
        (vec![filter("result", &[])], "1 to 512 words"),
        (vec![filter("source", &["公安"]), filter("form", &["书面"])], "cannot be divided by source × form"),
    ] {
        let error = ask(filters, &[]).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in {error}");
    }
}

#[test]
fn the_first_rows_by_a_column_are_shown_and_what_is_left_out_is_summed_up() {
    let county = County::new();
    for (form, amount) in [("宣讲", 5), ("资料", 9), ("演出", 1), ("其他", 5)] {
        county.cell(COUNTY, "publicity.events", "2026-01-05", &[("form", form)], amount);
    }
    let ask = |descending, limit| {
        let asked = query(&["publicity.events"], "2026", "2026", "", &["form"]);
        let order_by = "publicity.events".to_owned();
        county.ask(&v1::QueryRequest { order_by, descending, limit, ..asked }).unwrap()
    };
    let top = ask(true, 2);
    assert_eq!(rows(&top), ["资料: 9", "其他: 5"], "equal ones in the order of words");
    assert_eq!((all(&top.end.totals), all(&top.end.rest), top.end.left_out), ("14".into(), "6".into(), 2));
    assert_eq!(all(&top.end.in_transit), "0", "what is left out is not in transit");
    let all_rows = ask(false, 0);
    assert_eq!(rows(&all_rows), ["演出: 1", "其他: 5", "宣讲: 5", "资料: 9"]);
    assert_eq!((all_rows.end.rest.len(), all_rows.end.left_out), (0, 0));
}

#[test]
fn what_units_between_wrote_themselves_has_rows_of_its_own() {
    let county = County::new();
    county.cell(COUNTY, "publicity.audience", "2026-01-05", &[], 14);
    // The county itself wrote 2, the township 4; the rest is the workrooms'.
    county.held(COUNTY, "publicity.audience", "2026-01-05", &[], 2);
    county.cell(TOWNSHIP, "publicity.audience", "2026-01", &[], 12);
    county.cell(WORKROOM, "publicity.audience", "2026-01", &[], 5);
    county.cell(OTHER_WORKROOM, "publicity.audience", "2026-01", &[], 3);
    let ask = |scope: &str, by: &str| {
        let asked = query(&["publicity.audience"], "2026-01", "2026-01", "", &[by]);
        county.ask(&v1::QueryRequest { scope: scope.to_owned(), ..asked }).unwrap()
    };
    let answer = ask("", "workroom");
    assert_eq!(
        rows(&answer),
        [format!("{COUNTY}: 2"), format!("{TOWNSHIP}: 4"), format!("{WORKROOM}: 5"), format!("{OTHER_WORKROOM}: 3")]
    );
    assert_eq!((all(&answer.end.totals), all(&answer.end.in_transit)), ("14".to_owned(), "0".to_owned()));
    let below = ask(TOWNSHIP, "unit");
    assert_eq!(rows(&below), [format!("{TOWNSHIP}: 4"), format!("{WORKROOM}: 5"), format!("{OTHER_WORKROOM}: 3")]);
}

#[test]
fn zero_not_reported_and_not_expected_are_three_things() {
    let county = County::new();
    county.cell(WORKROOM, "expected", "2026-01", &[("tier", "workroom")], 1);
    county.cell(OTHER_WORKROOM, "expected", "2026-03", &[("tier", "workroom")], 1);
    county.cell(WORKROOM, "reported", "2026-02", &[], 3);
    let answer = county.ask(&query(&["publicity.audience"], "2026-01", "2026-03", "month", &["workroom"])).unwrap();
    let told: Vec<String> = answer
        .rows()
        .map(|row| {
            let reporting = row.reporting.unwrap();
            format!("{} {} {}/{}", row.unit, row.period, reporting.reported, reporting.expected)
        })
        .collect();
    let line = |unit: &str, rest: &str| format!("{unit} {rest}");
    assert_eq!(
        told,
        [
            line(WORKROOM, "2026-01 0/1"),
            line(WORKROOM, "2026-02 1/1"),
            line(WORKROOM, "2026-03 0/1"),
            line(OTHER_WORKROOM, "2026-01 0/0"),
            line(OTHER_WORKROOM, "2026-02 0/0"),
            line(OTHER_WORKROOM, "2026-03 0/1"),
        ]
    );
    let coverage = answer.end.coverage.unwrap();
    assert_eq!((coverage.expected, coverage.reported, coverage.missing_count, coverage.not_expected), (2, 1, 1, 0));
    assert_eq!(coverage.missing.iter().map(|unit| unit.code.as_str()).collect::<Vec<_>>(), [OTHER_WORKROOM]);
}

#[test]
fn equal_values_share_a_place_and_too_small_ones_have_none() {
    let county = County::new();
    let third = "371122103";
    let fourth = "371122104";
    let fifth = "371122105";
    for unit in [third, fourth, fifth] {
        county.unit(unit, COUNTY);
        county.child(unit, |child| child.complete_at_ms = NOW_MS);
    }
    // Successes of cases: 2/4, 3/6, 9/10, 1/1 (too few), none.
    for (unit, month, succeeded, accepted) in [
        (TOWNSHIP, "2026-01", 2, 4),
        (OTHER_TOWNSHIP, "2026-01", 3, 6),
        (third, "2026-01", 9, 10),
        (fourth, "2026-01", 1, 1),
        (TOWNSHIP, "2025-12", 5, 5),
        (third, "2025-12", 1, 5),
    ] {
        county.cell(unit, "mediation.accepted", month, &[("source", "公安")], accepted);
        county.cell(unit, "mediation.succeeded", month, &[("performance", "")], succeeded);
    }
    let request = v1::RankRequest {
        indicator: "mediation.success_rate".to_owned(),
        from: "2026-01".to_owned(),
        denominator_min: 3,
        unit: TOWNSHIP.to_owned(),
        ..v1::RankRequest::default()
    };
    let (memory, links) = (Memory::default(), Links(|_| None));
    let asked = Asked { catalogue: &county.catalogue, now_ms: NOW_MS, standings: &links };
    let figures = Figures { index: &county.index, memory: &memory, own: code(COUNTY) };
    let ranked = rank(&request, &figures, &asked).unwrap();
    let told = |row: &v1::RankRow| {
        let figure = all(row.figure.as_slice());
        format!(
            "{} of {} {} {figure} was {} q{} {}",
            row.place, row.tied, row.unit, row.former_place, row.quartile, row.unplaced
        )
    };
    assert_eq!(
        ranked.rows.iter().map(told).collect::<Vec<_>>(),
        [
            format!("1 of 1 {third} 9/10 was 2 q1 "),
            format!("2 of 2 {TOWNSHIP} 2/4 was 1 q2 "),
            format!("2 of 2 {OTHER_TOWNSHIP} 3/6 was 0 q2 "),
            format!("0 of 0 {fourth} 1/1 was 0 q0 denominator"),
            format!("0 of 0 {fifth} 0/0 was 0 q0 not-expected"),
        ]
    );
    assert_eq!((ranked.placed, ranked.unplaced, ranked.tier.as_str()), (3, 2, "township"));
    assert_eq!(all(&ranked.quartiles), "9/10 2/4 3/6");
    assert_eq!(ranked.own.as_ref().map(told), Some(format!("2 of 2 {TOWNSHIP} 2/4 was 1 q2 ")));
    assert_eq!(all(ranked.total.as_slice()), "0/0", "the county's own total holds none of it yet");
}
