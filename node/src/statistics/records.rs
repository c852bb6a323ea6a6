//! Answers from records themselves, at the unit that wrote them: for what is not stored as
//! cells, such as a division by fields that no split lists. Pure over index and catalogue.
//!
//! Only what the catalogue's rules count record by record can be answered so, and only by
//! code fields of class 0 whose ceiling lets the asker see them.

mod count;
mod question;

#[cfg(test)]
mod tests;

use wuji_proto::{Tier, v1};

use super::answer::QueryError;
use super::plan::PlanError;
use super::rows::FIGURES_MAX;
use crate::catalogue::Catalogue;
use crate::index::Index;
use count::Counts;
pub use question::{Of, Shape, ambiguous, fields, is_stored};
use question::{Question, labels};

/// Whether records can answer the question for `asker`: an error names
/// what cannot be.
pub fn check(request: &v1::QueryRequest, catalogue: &Catalogue, of: Of, asker: Tier) -> Result<(), QueryError> {
    Question::read(request, catalogue, of, asker).map(drop)
}

/// The rows of what the unit itself wrote, whatever units the question is by: by words,
/// then by period. Words that have no figure are left out; without fields there is a row a
/// period, also of nothing.
pub fn rows(
    request: &v1::QueryRequest,
    catalogue: &Catalogue,
    index: &dyn Index,
    of: Of,
    asker: Tier,
) -> Result<Vec<v1::QueryRow>, QueryError> {
    let question = Question::read(request, catalogue, of, asker)?;
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
        let of_words = plan.times.iter().zip(&labels).map(|(times, label)| {
            let mut times = times.iter();
            let figures = times.next().map(|span| counts.figures(words, *span)).unwrap_or_default();
            let compared =
                times.map(|span| v1::Comparison { period: span.label(), figures: counts.figures(words, *span) });
            v1::QueryRow {
                period: label.clone(),
                words: words.clone(),
                comparisons: compared.collect(),
                figures,
                ..v1::QueryRow::default()
            }
        });
        let of_words: Vec<v1::QueryRow> = of_words.collect();
        if question.fields.is_empty() || !of_words.iter().all(is_nothing) {
            table.extend(of_words);
        }
    }
    Ok(table)
}

/// Whether all figures of a row and its comparisons are 0.
pub fn is_nothing(row: &v1::QueryRow) -> bool {
    row.figures.iter().chain(row.comparisons.iter().flat_map(|compared| &compared.figures)).all(v1::Figure::is_zero)
}
