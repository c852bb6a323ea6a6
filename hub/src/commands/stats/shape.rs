//! Whether what a node answers has the shape of the question: so that nothing is printed
//! under the wrong heading, and nothing that is missing passes for a 0.

use wuji_proto::v1::{CatalogueReply, Comparison, Figure, QueryEnd, QueryHead, QueryRequest, QueryRow};

use super::question::is_unit;
use crate::figures::Look;

/// The shape that rows and end must have.
#[derive(Debug)]
pub struct Shape {
    looks: Vec<Look>,
    compare: usize,
    words: usize,
    by_unit: bool,
    by_period: bool,
}

/// What is wrong with an answer, in words.
pub type Checked = Result<(), String>;

impl Shape {
    /// Checks an answer's head against the question.
    pub fn of(head: &QueryHead, request: &QueryRequest, catalogue: &CatalogueReply) -> Result<Self, String> {
        if head.columns.len() != request.measures.len() {
            return Err(format!("{} columns for {} measures", head.columns.len(), request.measures.len()));
        }
        if head.by != request.by || head.grain != request.grain || head.compare != request.compare {
            return Err("the answer is divided otherwise than was asked".to_owned());
        }
        Ok(Self {
            looks: head.columns.iter().map(|column| Look::new(column, catalogue)).collect(),
            compare: head.compare.len(),
            words: head.by.iter().filter(|by| !is_unit(by)).count(),
            by_unit: head.by.iter().any(|by| is_unit(by)),
            by_period: !head.grain.is_empty(),
        })
    }

    /// Checks a row.
    pub fn row(&self, row: &QueryRow) -> Checked {
        if row.words.len() != self.words {
            return Err(format!("a row has {} words instead of {}", row.words.len(), self.words));
        }
        if row.unit.is_empty() == self.by_unit || row.period.is_empty() == self.by_period {
            return Err("a row is of another kind than the others".to_owned());
        }
        self.figures("a row", &row.figures)?;
        self.comparisons("a row", &row.comparisons)
    }

    /// Checks the end.
    pub fn end(&self, end: &QueryEnd) -> Checked {
        self.figures("the total", &end.totals)?;
        self.comparisons("the total", &end.comparisons)?;
        if end.left_out > 0 {
            self.figures("the rest", &end.rest)?;
        }
        if !end.in_transit.is_empty() && end.in_transit.len() != self.looks.len() {
            return Err(format!("{} figures in transit of {} columns", end.in_transit.len(), self.looks.len()));
        }
        if end.coverage.is_none() {
            return Err("the answer does not say what it includes".to_owned());
        }
        let told = |figure: &Option<Figure>| figure.as_ref().is_some_and(|figure| figure.kind.is_some());
        if !end.adjustments.iter().all(|it| told(&it.issued) && told(&it.now)) {
            return Err("an adjustment lacks a figure".to_owned());
        }
        Ok(())
    }

    fn figures(&self, of: &str, figures: &[Figure]) -> Checked {
        if figures.len() != self.looks.len() {
            return Err(format!("{of} has {} figures for {} columns", figures.len(), self.looks.len()));
        }
        self.looks.iter().zip(figures).try_for_each(|(look, figure)| look.check(figure))
    }

    fn comparisons(&self, of: &str, comparisons: &[Comparison]) -> Checked {
        if comparisons.len() != self.compare {
            return Err(format!("{of} has {} comparisons instead of {}", comparisons.len(), self.compare));
        }
        comparisons.iter().try_for_each(|comparison| self.figures("a comparison", &comparison.figures))
    }
}
