//! Issued reports: the index says where in the journal each is, and what its figures were.

use prost::Message;
use wuji_proto::ReportId;
use wuji_proto::stored::{Entry, ReportHead, ReportIssued};

use super::registry::child_code;
use super::{FoldError, misfit};
use crate::feed::group::Group;
use crate::index::keys;
use crate::journal::Position;

/// Notes a report; noting it again changes nothing.
pub(super) fn issued(
    group: &mut Group<'_>,
    at: Position,
    entry: &Entry,
    issued: &ReportIssued,
) -> Result<(), FoldError> {
    let id = issued.id.as_slice().try_into().map_err(|_| misfit(at, "a report's id has not 16 bytes"))?;
    let (id, scope) = (ReportId::from_bytes(id), child_code(at, &issued.scope)?);
    let head = ReportHead {
        segment: at.segment,
        offset: at.offset,
        at_ms: entry.at_ms,
        actor: entry.actor.clone(),
        kind: issued.kind.clone(),
        scope: issued.scope.clone(),
        from: issued.from,
        to: issued.to,
        period: issued.period.clone(),
        figures: issued.figures.clone(),
    };
    group.draft.put(keys::report(id), head.encode_to_vec());
    group.draft.put(keys::report_of(scope, issued.from, issued.to, id), Vec::new());
    Ok(())
}
