//! Questions that make no sense, or that another node is to be asked.

use wuji_proto::v1;

use super::{County, QueryError, query};
use crate::statistics::plan::{COLUMNS_MAX, PERIODS_MAX, PlanError};

#[test]
fn each_bad_question_is_told_what_to_ask_instead() {
    let county = County::new();
    let accepted = &["mediation.accepted"][..];
    let scoped = |scope: &str| v1::QueryRequest { scope: scope.to_owned(), ..query(accepted, "2026", "", "", &[]) };
    let many = vec!["publicity.events"; COLUMNS_MAX + 1];
    let cases = [
        (query(&[], "2026", "", "", &[]), "1 to 64 measures"),
        (query(&many, "2026", "", "", &[]), "1 to 64 measures"),
        (query(&["mediation.acepted"], "2026", "", "", &[]), "did you mean mediation.accepted?"),
        (query(accepted, "", "", "", &[]), "from: "),
        (query(accepted, "2026", "2026-13", "", &[]), "to: "),
        (query(accepted, "2026-05", "2026-03", "", &[]), "is empty: swap them"),
        (query(accepted, "2026-01-15", "2026-02", "month", &[]), "whole months"),
        (query(accepted, "2026-02", "2026-03", "quarter", &[]), "whole quarters"),
        (query(accepted, "2026", "", "week", &[]), "whole weeks"),
        (query(accepted, "1950", "2026", "day", &[]), "more than 4000 periods"),
        (query(accepted, "2026", "", "", &["unit", "township"]), "divide by units once"),
        (query(accepted, "2026", "", "", &["result", "result"]), "each once"),
        (query(accepted, "2026", "", "", &["a", "b", "c", "d", "e"]), "at most 4 fields"),
        (query(accepted, "2026", "", "", &["source", "summary"]), "cannot be divided by source × summary"),
        (query(&["expected"], "2026", "", "", &["form"]), "it is divided by tier"),
        (scoped("37112"), "9 a township"),
        (scoped("441900000000"), "short form"),
    ];
    assert_eq!(PERIODS_MAX, 4_000);
    for (request, words) in cases {
        let error = county.ask(&request).unwrap_err();
        assert!(matches!(error, QueryError::Plan(PlanError::Question(_))), "{error:?}");
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}

#[test]
fn a_division_that_is_not_stored_is_for_the_units_that_have_the_records() {
    let county = County::new();
    for (measure, by, words) in [
        (
            "mediation.accepted",
            &["source", "form"][..],
            "cannot be divided by source × form: it is divided by dispute_type × result; source; difficulty × form",
        ),
        ("mediation.people", &["form"], "it is not divided"),
        ("mediation.performance_rate", &["dispute_type"], "mediation.succeeded cannot be divided"),
    ] {
        let error = county.ask(&query(&[measure], "2026", "", "", by)).unwrap_err();
        assert!(matches!(error, QueryError::Plan(PlanError::NotHeld(_))), "{error:?}");
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}

#[test]
fn a_unit_that_lies_elsewhere_is_another_nodes_to_tell_of() {
    let county = County::new();
    for scope in ["3711", "371121", "371122103", "371122101203"] {
        let request = v1::QueryRequest { scope: scope.to_owned(), ..query(&["publicity.events"], "2026", "", "", &[]) };
        let error = county.ask(&request).unwrap_err();
        assert!(matches!(error, QueryError::Plan(PlanError::NoUnit { .. })), "{error:?}");
        assert!(error.to_string().contains(&format!("no unit {scope} below it: `wuji tree`")), "{error}");
    }
}
