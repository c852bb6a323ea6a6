//! A question about a unit below: passed down the path to it, and its rows passed through.

use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::{Code, Status};
use wuji_proto::v1::query_reply::Part;
use wuji_proto::{DivisionCode, v1};

use super::expect::{Form, Of, head_fits};
use super::label::Label;
use super::split::Rows;
use super::{Asked, Out, Relay, RelayError};
use crate::pull::{Ask, Parts};
use crate::statistics::plan::PlanError;
use crate::statistics::records::{Shape, fields};

impl Relay {
    /// Passes the whole question to the child under which `scope` lies, which has all of the
    /// answer below it: order and limit are its to apply.
    pub(super) async fn pass(&self, asked: &Asked<'_>, scope: DivisionCode, out: &dyn Out) -> Result<(), RelayError> {
        let own = self.here.own();
        let hop = asked.directory.branch(own, scope).ok_or(PlanError::NoUnit { own, scope })?;
        let shape = Shape::read(asked.question, self.here.catalogue(), self.of())?;
        // When a workroom was expected and its days received, the node above it knows, not itself.
        let states = hop == scope && !scope.tier().has_children();
        let label = if states { Some(self.labels(&shape, &asked.directory).await?.whole(scope)) } else { None };
        let time = asked.time_below();
        let question = v1::QueryRequest {
            scope: scope.to_string(),
            asker: asked.asker.name().to_owned(),
            within_ms: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
            confirmed: false,
            ..asked.question.clone()
        };
        let mut parts = self.below.ask(hop, Ask::Query(question), time);
        self.through(asked, scope, &shape, label.as_ref(), &mut parts, out)
            .await
            .map_err(|error| named(error, asked, hop))
    }

    async fn through(
        &self,
        asked: &Asked<'_>,
        scope: DivisionCode,
        shape: &Shape,
        label: Option<&Label>,
        parts: &mut Parts,
        out: &dyn Out,
    ) -> Result<(), RelayError> {
        let Some(Part::Head(head)) = next(parts).await? else {
            return Err(RelayError::Malformed("it does not begin with a head".to_owned()));
        };
        if head.scope != scope.as_str() {
            return Err(RelayError::Malformed("it is about another unit".to_owned()));
        }
        head_fits(&head, asked.question)?;
        let rows = Rows::of(&asked.question.by)?;
        let form = Form {
            columns: head.columns.clone(),
            compared: asked.question.compare.len(),
            fields: fields(asked.question).count(),
            periods: shape.periods.iter().cloned().collect::<BTreeSet<_>>(),
            of: match rows {
                Rows::Whole => Of::Whole,
                rows => Of::Under(Arc::clone(&asked.directory), scope, rows),
            },
        };
        out.put(Part::Head(v1::QueryHead { relayed: true, ..head })).await?;
        loop {
            match next(parts).await? {
                Some(Part::Row(mut row)) => {
                    form.check(&row)?;
                    if let Some(label) = label.filter(|_| row.reporting.is_some()) {
                        label.put(&mut row);
                    }
                    out.put(Part::Row(row)).await?;
                }
                Some(Part::End(end)) => {
                    form.check_end(&end)?;
                    return Ok(out.put(Part::End(end)).await?);
                }
                _ => return Err(RelayError::Malformed("it has no end".to_owned())),
            }
        }
    }
}

/// The next part of an answer to a question; `None`: there are no more.
pub(super) async fn next(parts: &mut Parts) -> Result<Option<Part>, RelayError> {
    use v1::pull_reply::Part as Pulled;
    match parts.next().await {
        None => Ok(None),
        Some(Ok(Pulled::Query(v1::QueryReply { part: Some(part) }))) => Ok(Some(part)),
        Some(Ok(_)) => Err(RelayError::Malformed("it has a part of another kind".to_owned())),
        Some(Err(status)) => Err(RelayError::Child(status)),
    }
}

/// An error of a child, with its name and what to do.
pub(super) fn named(error: RelayError, asked: &Asked<'_>, hop: DivisionCode) -> RelayError {
    let name = asked.directory.name(hop);
    match error {
        RelayError::Child(status) if is_refusal(&status) => RelayError::Refused { hop, status },
        RelayError::Child(status) => RelayError::Unreachable { hop, name, reason: status.message().to_owned() },
        RelayError::Malformed(_) => RelayError::Unreachable { hop, name, reason: error.to_string() },
        other => other,
    }
}

/// Whether the question itself was refused: asking again would not help.
fn is_refusal(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::OutOfRange
            | Code::Unimplemented
    )
}
