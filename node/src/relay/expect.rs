//! What a child's rows must look like: a child is another machine, and what it sends is read
//! as such. Nothing of an answer is added up that does not fit the question.

use std::collections::BTreeSet;
use std::sync::Arc;

use wuji_proto::{AMOUNT_MAX, DivisionCode, ITEM_KEY_BYTES_MAX, v1};

use super::RelayError;
use super::split::Rows;
use crate::statistics::directory::Directory;

/// The longest word of a field that a row may carry, in bytes: what fits a feed item's key.
pub const WORD_BYTES_MAX: usize = ITEM_KEY_BYTES_MAX;

/// The longest label or name that a row may carry, in bytes.
pub const LABEL_BYTES_MAX: usize = 256;

/// Workrooms that one row can be of at most: more than any province has.
pub const WORKROOMS_MAX: u64 = 1_000_000;

/// Of which units a child's rows must be.
pub(super) enum Of {
    /// Of the child as a whole: they name no unit.
    Whole,
    /// Of units under this one, as the directory knows them, and so divided.
    Under(Arc<Directory>, DivisionCode, Rows),
}

/// The form of the rows of one answer.
pub(super) struct Form {
    /// The columns, for their number and kinds.
    pub(super) columns: Vec<v1::Column>,
    /// How many comparisons each row has.
    pub(super) compared: usize,
    /// How many words each row has.
    pub(super) fields: usize,
    /// The labels of the periods; one empty label where the question has no grain.
    pub(super) periods: BTreeSet<String>,
    pub(super) of: Of,
}

impl Form {
    /// Says what is wrong with a row.
    pub(super) fn check(&self, row: &v1::QueryRow) -> Result<(), RelayError> {
        let odd = |what: String| Err(RelayError::Malformed(what));
        if row.words.len() != self.fields || row.words.iter().any(|word| word.len() > WORD_BYTES_MAX) {
            return odd(format!("a row has {} words or one too long, not {}", row.words.len(), self.fields));
        }
        if !self.periods.contains(&row.period) {
            return odd(format!("a row is of period {:?}, which was not asked for", shortened(&row.period)));
        }
        if row.comparisons.len() != self.compared {
            return odd(format!("a row has {} comparisons, not {}", row.comparisons.len(), self.compared));
        }
        if row.unit_name.len() > LABEL_BYTES_MAX
            || row.comparisons.iter().any(|compared| compared.period.len() > LABEL_BYTES_MAX)
        {
            return odd(format!("a name or label is longer than {LABEL_BYTES_MAX} bytes"));
        }
        self.figures(&row.figures)?;
        row.comparisons.iter().try_for_each(|compared| self.figures(&compared.figures))?;
        self.unit(&row.unit)?;
        self.reporting(row)
    }

    /// Says what is wrong with an end.
    pub(super) fn check_end(&self, end: &v1::QueryEnd) -> Result<(), RelayError> {
        self.figures(&end.totals)?;
        let others = [&end.in_transit, &end.rest].into_iter();
        let compared = end.comparisons.iter().map(|compared| &compared.figures);
        others.chain(compared).filter(|figures| !figures.is_empty()).try_for_each(|figures| self.figures(figures))
    }

    /// Whether a list of figures fits the columns.
    fn figures(&self, figures: &[v1::Figure]) -> Result<(), RelayError> {
        if figures.len() != self.columns.len() {
            let what = format!("{} figures for {} columns", figures.len(), self.columns.len());
            return Err(RelayError::Malformed(what));
        }
        let fits = |figure: &v1::Figure| {
            let within = |amount: i64| amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs();
            figure.kind.is_some() && within(figure.numerator()) && within(figure.denominator().unwrap_or(0))
        };
        let kinds = self.columns.iter().zip(figures);
        if kinds.into_iter().any(|(column, figure)| is_ratio(column) != figure.denominator().is_some() || !fits(figure))
        {
            let what = format!("a figure is of another kind than its column, or beyond ±{AMOUNT_MAX}");
            return Err(RelayError::Malformed(what));
        }
        Ok(())
    }

    /// Rows of whole units say who was expected and has reported, and no others do.
    fn reporting(&self, row: &v1::QueryRow) -> Result<(), RelayError> {
        let whole = match &self.of {
            Of::Whole => None,
            Of::Under(_, scope, rows) => row.unit.parse().ok().filter(|unit| rows.are_whole(*unit, *scope)),
        };
        let fits = match (row.reporting, whole) {
            (None, None) => true,
            (Some(told), Some(unit)) => is_possible(told, unit),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let of = if row.unit.is_empty() { "no unit" } else { &row.unit };
        Err(RelayError::Malformed(format!("a row of {of} does not say rightly who has reported")))
    }

    fn unit(&self, unit: &str) -> Result<(), RelayError> {
        let fits = match &self.of {
            Of::Whole => unit.is_empty(),
            Of::Under(directory, above, _) => unit.parse().is_ok_and(|unit: DivisionCode| {
                // One that joined a moment ago may not be known here yet.
                directory.lies_under(unit, *above) || directory.get(unit).is_none() && above.can_parent(unit)
            }),
        };
        if fits {
            return Ok(());
        }
        Err(RelayError::Malformed(format!("a row is of unit {:?}, which does not lie there", shortened(unit))))
    }
}

/// Whether who was expected and has reported can be so in a unit.
fn is_possible(told: v1::Reporting, unit: DivisionCode) -> bool {
    let most = if unit.tier().has_children() { WORKROOMS_MAX } else { 1 };
    told.expected <= most && told.reported <= most
}

/// Whether a child's head answers the question.
pub(super) fn head_fits(head: &v1::QueryHead, question: &v1::QueryRequest) -> Result<(), RelayError> {
    let id = |asked: &str| asked.split_once('@').map_or(asked, |(id, _)| id).to_owned();
    let columns = head.columns.iter().map(|column| column.id.clone());
    if !columns.eq(question.measures.iter().map(|asked| id(asked))) || head.compare != question.compare {
        return Err(RelayError::Malformed("it has other columns or comparisons".to_owned()));
    }
    Ok(())
}

/// Whether a child's head has just the columns of ours. Two revisions of a measure are never
/// added up, and an indicator is the same one only under the same catalogue.
pub(super) fn same_columns(head: &v1::QueryHead, ours: &v1::QueryHead) -> Result<(), RelayError> {
    let key = |column: &v1::Column| (column.id.clone(), column.kind.clone(), column.revision);
    if !head.columns.iter().map(key).eq(ours.columns.iter().map(key)) || head.compare != ours.compare {
        return Err(RelayError::Malformed("it has other columns, revisions or comparisons".to_owned()));
    }
    if ours.columns.iter().any(is_ratio) && head.catalogue_version != ours.catalogue_version {
        let what = format!("its indicators are of catalogue {:?}", shortened(&head.catalogue_version));
        return Err(RelayError::Malformed(what));
    }
    Ok(())
}

/// Whether figures of the column have a denominator.
pub(super) fn is_ratio(column: &v1::Column) -> bool {
    column.kind == "indicator"
}

/// Enough of a stranger's text to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
