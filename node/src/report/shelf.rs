//! Issued reports: found by the index, read from the journal.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use wuji_proto::stored::entry::Event;
use wuji_proto::stored::{ReportHead, ReportIssued};
use wuji_proto::{DivisionCode, ItemKey, ReportId, v1};

use super::{ReportError, Reports, body};
use crate::feed::item::ItemValue;
use crate::index::values::{self, OwnItem};
use crate::index::{Index, IndexError, keys};
use crate::journal::JournalError;

/// Reports that a list holds at most.
pub const LIST_MAX: usize = 1_000;

/// Reports of a list that does not say how many it wants.
pub const LIST_DEFAULT: usize = 100;

impl Reports {
    /// A report as it was issued. Blocks briefly.
    pub fn show(&self, id: ReportId) -> Result<v1::Report, ReportError> {
        let head = self.store.index().get(&keys::report(id))?.ok_or(ReportError::Unknown(id))?;
        let head: ReportHead = values::decode("a report", &head)?;
        let damaged = |reason: String| ReportError::Damaged { id, reason };
        let frame = self.journal.read(head.segment, head.offset).map_err(|error| match error {
            JournalError::Damaged { .. } => damaged(error.to_string()),
            error => error.into(),
        })?;
        let Some(Event::ReportIssued(ReportIssued { id: found, body, .. })) = frame.entry.event else {
            return Err(damaged("the index does not point at it".to_owned()));
        };
        if found != id.to_bytes() {
            return Err(damaged("the index points at another one".to_owned()));
        }
        body::read(id, &body).map_err(damaged)
    }

    /// The issued reports, the newest first. Blocks.
    pub fn list(&self, count: usize) -> Result<Vec<v1::ReportSummary>, ReportError> {
        let count = count.min(LIST_MAX);
        let mut newest: VecDeque<(ReportId, ReportHead)> = VecDeque::with_capacity(count);
        let prefix = keys::reports();
        let view = self.store.view();
        view.index.scan(&prefix, keys::after(&prefix).as_deref(), &mut |key, value| {
            if let Some(id) = keys::parse_report(key) {
                // Ids order by time: what comes last is the newest.
                if newest.len() == count {
                    newest.pop_front();
                }
                newest.push_back((id, values::decode("a report", value)?));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let summary = |(id, head): (ReportId, ReportHead)| {
            Ok(v1::ReportSummary {
                id: id.to_string(),
                scope_name: name(view.index, &head.scope)?,
                kind: head.kind,
                scope: head.scope,
                period: head.period,
                issued_at_ms: head.at_ms,
                actor: head.actor,
            })
        };
        newest.into_iter().rev().map(summary).collect()
    }
}

/// What a unit is called now; its code, if it is not known any more.
fn name(index: &dyn Index, code: &str) -> Result<String, IndexError> {
    let Ok(unit) = code.parse::<DivisionCode>() else { return Ok(code.to_owned()) };
    let item = index.get(&keys::item(&ItemKey::Unit(unit).to_bytes()))?;
    Ok(match item.map(|bytes| OwnItem::from_bytes(&bytes)).transpose()?.map(|item| item.value) {
        Some(ItemValue::Unit(entry)) if !entry.name.is_empty() => entry.name,
        _ => code.to_owned(),
    })
}
