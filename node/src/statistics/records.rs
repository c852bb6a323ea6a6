//! Answers from records themselves, at the unit that wrote them: for what is not stored as
//! cells, such as a division by fields that no split lists. Pure over index and catalogue.
//!
//! Only what the catalogue's rules count record by record can be answered so, and only by
//! code fields of class 0 whose ceiling lets the asker see them.

mod count;
mod question;

#[cfg(test)]
mod tests;

use wuji_proto::{DivisionCode, Tier, v1};

use super::answer::QueryError;
use super::plan::PlanError;
use super::rows::FIGURES_MAX;
use crate::catalogue::Catalogue;
use crate::index::Index;
use count::Counts;
use question::{Question, labels};
pub use question::{Shape, fields, is_stored};

/// Whether records of units like `own` can answer the question for `asker`: an error names
/// what cannot be.
pub fn check(
    request: &v1::QueryRequest,
    catalogue: &Catalogue,
    own: DivisionCode,
    asker: Tier,
) -> Result<(), PlanError> {
    Question::read(request, catalogue, own, asker).map(drop)
}

/// The rows of what the node `own` itself wrote, whatever units the question is by: by words,
/// then by period. Words that no record of the time has are left out; without fields there is
/// a row a period, also of nothing.
pub fn rows(
    request: &v1::QueryRequest,
    catalogue: &Catalogue,
    index: &dyn Index,
    own: DivisionCode,
    asker: Tier,
) -> Result<Vec<v1::QueryRow>, QueryError> {
    let question = Question::read(request, catalogue, own, asker)?;
    let counts = Counts::read(&question, index)?;
    let (plan, words) = (&question.plan, counts.words());
    let rows = words.len().saturating_mul(plan.periods.len());
    if rows.saturating_mul(question.figures_each()) > FIGURES_MAX {
        let limit = format!("the records give more than {FIGURES_MAX} figures: ask for fewer fields or periods");
        return Err(PlanError::Question(limit).into());
    }
    let labels = labels(plan);
    let mut table = Vec::with_capacity(rows);
    for words in &words {
        for (span, label) in plan.periods.iter().zip(&labels) {
            let compared = plan
                .compared(*span)
                .map(|span| v1::Comparison { period: span.label(), figures: counts.figures(words, span) });
            table.push(v1::QueryRow {
                period: label.clone(),
                words: words.clone(),
                comparisons: compared.collect(),
                figures: counts.figures(words, *span),
                ..v1::QueryRow::default()
            });
        }
    }
    Ok(table)
}
