//! Kinds of reports: named lists of questions, all about one scope and one time.

use wuji_proto::v1::QueryRequest;
use wuji_proto::{DivisionCode, Tier};

use super::ReportError;
use super::span::Span;
use crate::catalogue::Catalogue;

/// The monthly mediation report.
pub const MONTHLY: &str = "monthly";

/// Duties × units.
pub const WORKROOMS: &str = "workrooms";

/// 同比 and 环比.
const COMPARED: [&str; 2] = ["year-ago", "previous"];

/// Units that the report's coverage names of each kind: enough for every workroom of a county.
pub const UNITS_NAMED_MAX: u32 = 1_000;

/// A section, to be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it is in a report of its kind.
    pub id: String,
    /// The name of a duty.
    pub title: String,
    /// The question.
    pub question: QueryRequest,
}

/// The questions of a report.
pub fn questions(
    kind: &str,
    scope: DivisionCode,
    span: &Span,
    catalogue: &Catalogue,
) -> Result<Vec<Asked>, ReportError> {
    let mut asked = match kind {
        MONTHLY => monthly(scope),
        WORKROOMS => workrooms(scope, catalogue)?,
        other => {
            let text = format!("there is no report of the kind {other:?}: there are {MONTHLY} and {WORKROOMS}");
            return Err(ReportError::Question(text));
        }
    };
    for (at, section) in asked.iter_mut().enumerate() {
        let question = &mut section.question;
        question.scope = scope.to_string();
        question.from = span.first.to_string();
        question.to = span.last.to_string();
        // The coverage is the first section's; of the others none is kept.
        question.units_named = if at == 0 { UNITS_NAMED_MAX } else { 1 };
        // A report is of one view, this node's.
        question.local_only = true;
    }
    Ok(asked)
}

fn section(id: &str, measures: &[&str], by: &str, compare: &[&str]) -> Asked {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let question = QueryRequest {
        measures: owned(measures),
        by: if by.is_empty() { Vec::new() } else { vec![by.to_owned()] },
        compare: owned(compare),
        ..QueryRequest::default()
    };
    Asked { id: id.to_owned(), title: String::new(), question }
}

/// As justice bureaus publish it: totals, sources, types, what was prevented; then by unit.
fn monthly(scope: DivisionCode) -> Vec<Asked> {
    let (accepted, succeeded, rate) = ("mediation.accepted", "mediation.succeeded", "mediation.success_rate");
    let totals = [accepted, succeeded, rate, "mediation.amount", "mediation.people", "mediation.open"];
    let mut asked = vec![
        section("total", &totals, "", &COMPARED),
        section("sources", &[accepted], "source", &COMPARED),
        section("types", &[accepted], "dispute_type", &COMPARED),
        section("prevented", &["mediation.prevented", "mediation.prevented_people"], "prevented", &COMPARED),
    ];
    if scope.tier().has_children() {
        asked.push(section("units", &[accepted, succeeded, rate], "unit", &COMPARED));
    }
    asked
}

/// What the ledgers of each duty count: of every workroom of a county or a township, of every
/// child of a larger scope.
fn workrooms(scope: DivisionCode, catalogue: &Catalogue) -> Result<Vec<Asked>, ReportError> {
    let by = match scope.tier() {
        Tier::Province | Tier::City => "unit",
        Tier::County | Tier::Township => Tier::Workroom.name(),
        Tier::Workroom => {
            let text = format!("{scope} is a workroom: a report of workrooms is of a township or a larger unit");
            return Err(ReportError::Question(text));
        }
    };
    let mut asked = Vec::new();
    for (duty, number) in catalogue.duties().iter().zip(1..) {
        let mut measures: Vec<&str> = Vec::new();
        for measure in
            catalogue.measures().iter().filter(|measure| duty.ledgers.iter().any(|it| it == measure.ledger()))
        {
            // Revisions have one id; the newest is answered.
            if !measures.contains(&measure.id()) {
                measures.push(measure.id());
            }
        }
        if !measures.is_empty() {
            let title = duty.title.zh.clone();
            asked.push(Asked { title, ..section(&format!("duty-{number}"), &measures, by, &[]) });
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(kind: &str, scope: &str) -> Result<Vec<String>, String> {
        let catalogue = Catalogue::embedded().unwrap();
        let span = "2016-08".parse().unwrap();
        let asked = questions(kind, scope.parse().unwrap(), &span, &catalogue).map_err(|error| error.to_string())?;
        assert!(asked.iter().all(|it| it.question.scope == scope && it.question.from == "2016-08"));
        Ok(asked.into_iter().map(|it| format!("{}{}: {}", it.id, it.title, it.question.by.join(","))).collect())
    }

    #[test]
    fn a_workroom_has_no_section_by_unit_and_no_report_of_workrooms() {
        let monthly = ["total: ", "sources: source", "types: dispute_type", "prevented: prevented", "units: unit"];
        assert_eq!(ids(MONTHLY, "4202").unwrap(), monthly);
        assert_eq!(ids(MONTHLY, "420202005001").unwrap(), monthly[..4]);
        assert!(ids(WORKROOMS, "420202005001").unwrap_err().contains("larger unit"));
        assert!(ids("weekly", "4202").unwrap_err().contains("monthly and workrooms"));
    }

    #[test]
    fn the_six_duties_are_asked_of_workrooms_of_a_county_and_of_the_children_of_a_city() {
        let county = ids(WORKROOMS, "371122").unwrap();
        assert_eq!(county.len(), 6);
        assert_eq!((county[0].as_str(), county[2].as_str()), ("duty-1法治宣传: workroom", "duty-3人民调解: workroom"));
        assert_eq!(ids(WORKROOMS, "3711").unwrap()[0], "duty-1法治宣传: unit");
    }
}
