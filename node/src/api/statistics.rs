//! Questions about anything below this node.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::statistics_server::Statistics;
use wuji_proto::v1::{self, QueryReply, QueryRequest};

use super::{REPLIES_MAX, Replies, interrupted, refusal};
use crate::access::Access;
use crate::audit::{self, Auditor};
use crate::pull::Desk;

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
        let answered = self.desk.local.answer(question).await.ok_or_else(interrupted)?;
        let mut answer = answered.map_err(|error| refusal::query(&error))?;
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
