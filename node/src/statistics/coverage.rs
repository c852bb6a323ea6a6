//! What an answer includes: who was expected and has reported, who is absent and since when,
//! and as of when the figures are.

use wuji_proto::{DivisionCode, v1};

use super::directory::Directory;
use super::plan::Plan;
use super::reporting::{Reporting, Window, Workroom};
use super::standing::Stand;
use super::{Figures, unsettled};
use crate::index::IndexError;

/// Units that a coverage names unless asked for more, of each kind.
const NAMED_DEFAULT: usize = 100;

/// Units that a coverage names at most, of each kind: more than any province has.
const NAMED_MAX: usize = 20_000;

/// Named for a workroom that was expected and has not reported.
const NOT_REPORTED: &str = "not-reported";

/// Named for a workroom that was planned and never connected.
const PLANNED: &str = "planned";

/// The coverage of a question's whole time.
pub fn coverage(
    request: &v1::QueryRequest,
    plan: &Plan<'_>,
    figures: &Figures<'_>,
    directory: &Directory,
    reporting: &Reporting,
    stand: &Stand,
) -> Result<v1::Coverage, IndexError> {
    let named = match usize::try_from(request.units_named) {
        Ok(0) => NAMED_DEFAULT,
        named => named.unwrap_or(NAMED_MAX).min(NAMED_MAX),
    };
    let lost = unsettled::units(figures, directory, plan.scope)?;
    let workrooms = reporting.under(plan.scope);
    let mut coverage = v1::Coverage {
        absent: stand.absent().take(named).cloned().collect(),
        absent_count: stand.absent().count() as u64,
        as_of_ms: stand.as_of_ms(),
        catalogues: catalogues(stand),
        unsettled: stand.unsettled().cloned().chain(lost).take(named).collect(),
        unsettled_figures: unsettled::amounts(figures, plan)?,
        by_month: plan.needs_days() && workrooms.iter().any(|workroom| !workroom.by_day),
        ..v1::Coverage::default()
    };
    let window = Window::from(plan.span);
    for workroom in workrooms {
        let (expected, reported) = (workroom.is_expected(window), workroom.has_reported(window));
        coverage.expected += u64::from(expected);
        coverage.reported += u64::from(reported);
        coverage.not_expected += u64::from(!expected);
        if expected && !reported {
            coverage.missing_count += 1;
            if coverage.missing.len() < named {
                coverage.missing.push(missing(workroom, directory));
            }
        }
    }
    Ok(coverage)
}

fn missing(workroom: &Workroom, directory: &Directory) -> v1::AbsentUnit {
    let code: DivisionCode = workroom.code;
    let planned = directory.get(code).is_some_and(|entry| entry.planned);
    v1::AbsentUnit {
        code: code.to_string(),
        name: directory.name(code),
        state: if planned { PLANNED } else { NOT_REPORTED }.to_owned(),
        since_ms: 0,
        reason: String::new(),
    }
}

fn catalogues(stand: &Stand) -> Vec<v1::CatalogueShare> {
    let share = |(version, units): (&String, &u64)| v1::CatalogueShare { version: version.clone(), units: *units };
    stand.deeper.catalogues.iter().map(share).collect()
}
