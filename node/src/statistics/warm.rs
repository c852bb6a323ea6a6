//! Reads what a question needs into memory, some units at a time, so that the writer need not
//! wait for the whole of it: the answer then comes from one short view.

use wuji_proto::{DivisionCode, v1};

use super::answer::QueryError;
use super::plan::Plan;
use super::rows::whole_units;
use crate::catalogue::Catalogue;
use crate::store::Store;

/// Units of one term that are read in one view: a few milliseconds.
const UNITS_PER_VIEW: usize = 256;

/// Reads what is not in memory. What is read is kept current by the writer. If it does not
/// fit into memory, or changes of the directory bring more, the answer reads it itself.
pub fn warm(request: &v1::QueryRequest, store: &Store, catalogue: &Catalogue) -> Result<(), QueryError> {
    let unread = |term: usize| -> Result<Option<Vec<DivisionCode>>, QueryError> {
        let view = store.view();
        let figures = view.figures();
        let directory = figures.memory.directory(figures.index)?;
        let plan = Plan::check(request, &figures, &directory, catalogue, 0)?;
        let pick = plan.terms().nth(term).map(|term| &term.pick);
        Ok((!plan.needs_days()).then_some(pick).flatten().map(|pick| {
            let units: Vec<_> = whole_units(&plan, &directory);
            figures.memory.unread(pick, &units)
        }))
    };
    for term in 0.. {
        let Some(units) = unread(term)? else { break };
        for units in units.chunks(UNITS_PER_VIEW) {
            let view = store.view();
            let figures = view.figures();
            let directory = figures.memory.directory(figures.index)?;
            let plan = Plan::check(request, &figures, &directory, catalogue, 0)?;
            if let Some(term) = plan.terms().nth(term) {
                figures.memory.totals(figures.index, &term.pick, units)?;
            }
        }
    }
    Ok(())
}
