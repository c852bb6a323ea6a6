//! Questions about anything below this node.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::statistics_server::Statistics;
use wuji_proto::v1::{self, QueryReply, QueryRequest, query_reply};

use super::{REPLIES_MAX, Replies, interrupted, refusal};
use crate::access::Access;
use crate::audit::{self, Auditor};
use crate::pull::{Desk, Gone};
use crate::relay::{self, Out, RelayError};
use crate::statistics::answer::QueryError;
use crate::statistics::plan::PlanError;

/// The service.
pub struct StatisticsService {
    /// Who may ask.
    pub access: Access,
    /// What answers.
    pub desk: Desk,
    /// Audits.
    pub auditor: Arc<Auditor>,
}

#[tonic::async_trait]
impl Statistics for StatisticsService {
    type AuditStream = Replies<v1::AuditReply>;

    async fn rank(&self, request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        self.access.require_operator(&request)?;
        let request = request.into_inner();
        let ranked =
            if request.among_peers { self.desk.among_peers(request).await } else { self.desk.rank(request).await };
        ranked.map(Response::new)
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        self.access.require_operator(&request)?;
        self.desk.local.ledgers.settled().await;
        Ok(Response::new(audit::deep::stream(Arc::clone(&self.auditor), request.into_inner())))
    }

    type QueryStream = Replies<QueryReply>;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Replies<QueryReply>>, Status> {
        self.access.require_operator(&request)?;
        let question = request.into_inner();
        let confirmation = if question.confirmed {
            self.desk.confirm(&question.scope, question.within_ms, question.units_named).await
        } else {
            None
        };
        let mut answer = match self.desk.local.answer(question.clone()).await.ok_or_else(interrupted)? {
            Err(QueryError::Plan(PlanError::NotHeld(_))) if !question.local_only => {
                return Ok(Response::new(relayed(&self.desk, question, confirmation)));
            }
            answered => answered.map_err(|error| refusal::query(&error))?,
        };
        if let Some(confirmation) = confirmation {
            let coverage = answer.end.coverage.get_or_insert_default();
            coverage.confirmation = Some(confirmation);
        }
        let (replies, out) = mpsc::channel(REPLIES_MAX);
        tokio::spawn(async move {
            for part in answer.into_parts() {
                if replies.send(Ok(QueryReply { part: Some(part) })).await.is_err() {
                    return; // the caller has gone
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }
}

/// The answer of the nodes below, streamed as it comes. When the caller goes, so do the calls.
fn relayed(desk: &Desk, question: QueryRequest, confirmation: Option<v1::Confirmation>) -> Replies<QueryReply> {
    let (replies, out) = mpsc::channel(REPLIES_MAX);
    let (relay, tier) = (desk.relay.clone(), desk.local.store.own.tier());
    let within = relay::within(question.within_ms);
    tokio::spawn(async move {
        let confirmed = Confirmed { replies: &replies, confirmation };
        tokio::select! {
            biased;
            () = replies.closed() => {}
            answered = relay.relay(question, tier, within, &confirmed) => match answered {
                Ok(()) | Err(RelayError::Gone(_)) => {}
                // Whoever has gone meanwhile is told nothing.
                Err(error) => drop(replies.send(Err(refusal::relay(error))).await),
            },
        }
    });
    Box::pin(ReceiverStream::new(out))
}

/// Puts what a barrier came to into the coverage of an answer.
struct Confirmed<'r> {
    replies: &'r mpsc::Sender<Result<QueryReply, Status>>,
    confirmation: Option<v1::Confirmation>,
}

#[tonic::async_trait]
impl Out for Confirmed<'_> {
    async fn put(&self, mut part: query_reply::Part) -> Result<(), Gone> {
        if let (query_reply::Part::End(end), Some(confirmation)) = (&mut part, &self.confirmation) {
            end.coverage.get_or_insert_default().confirmation = Some(confirmation.clone());
        }
        self.replies.put(part).await
    }
}
