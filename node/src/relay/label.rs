//! What rows are called that this node names: their unit, and which of its workrooms were
//! expected and have reported in each period. That is told as this node holds it, so a relayed
//! row says just what the node's own answer would.

use std::collections::HashMap;
use std::sync::Arc;

use wuji_proto::{DivisionCode, v1};

use super::{Relay, RelayError};
use crate::statistics::directory::Directory;
use crate::statistics::records::Shape;
use crate::statistics::reporting::{Reporting, Window};

/// Makes the labels of one question's rows.
pub(super) struct Labels {
    directory: Arc<Directory>,
    reporting: Arc<Reporting>,
    /// The times of the rows' periods, by their labels.
    windows: Vec<(String, Window)>,
}

/// What the rows of one unit are called; by default, of none.
#[derive(Default)]
pub(super) struct Label {
    unit: String,
    name: String,
    /// By the labels of periods; none where rows are of what the unit wrote itself.
    reporting: HashMap<String, v1::Reporting>,
}

impl Relay {
    /// Labels for an answer of this shape.
    pub(super) async fn labels(&self, shape: &Shape, directory: &Arc<Directory>) -> Result<Labels, RelayError> {
        let by_day = shape.needs_days;
        let reporting = self.blocking(move |here| here.reporting(by_day)).await??;
        let windows = shape.periods.iter().cloned().zip(shape.windows.iter().copied()).collect();
        Ok(Labels { directory: Arc::clone(directory), reporting, windows })
    }
}

impl Labels {
    /// Of rows of all that lies in a unit.
    pub(super) fn whole(&self, unit: DivisionCode) -> Label {
        let counted = |(label, window): &(String, Window)| (label.clone(), self.reporting.count(unit, *window));
        Label { reporting: self.windows.iter().map(counted).collect(), ..self.entries(unit) }
    }

    /// Of rows of what a unit wrote itself: its workrooms have rows of their own.
    pub(super) fn entries(&self, unit: DivisionCode) -> Label {
        Label { unit: unit.to_string(), name: self.directory.name(unit), reporting: HashMap::new() }
    }
}

impl Label {
    /// Names rows.
    pub(super) fn put_all(&self, rows: &mut [v1::QueryRow]) {
        for row in rows {
            self.put(row);
        }
    }

    /// Names a row.
    pub(super) fn put(&self, row: &mut v1::QueryRow) {
        row.unit.clone_from(&self.unit);
        row.unit_name.clone_from(&self.name);
        row.reporting = self.reporting.get(&row.period).copied();
    }
}
