//! Questions about anything below this node.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::statistics_server::Statistics;
use wuji_proto::v1::{self, QueryReply, QueryRequest, query_reply};

use super::{REPLIES_MAX, Replies, interrupted, refusal};
use crate::access::Access;
use crate::env::Env;
use crate::ledger::Ledgers;
use crate::statistics::answer::{Absence, answer};
use crate::store::Store;

/// The service.
pub struct StatisticsService {
    /// Who may ask.
    pub access: Access,
    /// How blocking reads run.
    pub env: Env,
    /// The cells.
    pub store: Arc<Store>,
    /// What is asked waits for what was acknowledged.
    pub ledgers: Ledgers,
    /// How the children stand.
    pub absence: Arc<dyn Fn() -> Box<Absence> + Send + Sync>,
}

#[tonic::async_trait]
impl Statistics for StatisticsService {
    type AuditStream = Replies<v1::AuditReply>;

    async fn rank(&self, request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        self.access.require_operator(&request)?;
        Err(Status::unimplemented("rank"))
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        self.access.require_operator(&request)?;
        Err(Status::unimplemented("audit"))
    }

    type QueryStream = Replies<QueryReply>;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Replies<QueryReply>>, Status> {
        self.access.require_operator(&request)?;
        let question = request.into_inner();
        self.ledgers.settled().await;
        let (store, ledgers, absence) = (Arc::clone(&self.store), self.ledgers.clone(), Arc::clone(&self.absence));
        let now_ms = self.ledgers.now_ms();
        let answered = self.env.blocking(move || {
            let view = store.view();
            answer(&question, ledgers.catalogue(), view.index, store.own, now_ms, absence().as_ref())
        });
        let answer = answered.await.ok_or_else(interrupted)?.map_err(|error| refusal::query(&error))?;
        let (replies, out) = mpsc::channel(REPLIES_MAX);
        tokio::spawn(async move {
            let rows = answer.rows.into_iter().map(query_reply::Part::Row);
            let parts = std::iter::once(query_reply::Part::Head(answer.head)).chain(rows);
            for part in parts.chain([query_reply::Part::End(answer.end)]) {
                if replies.send(Ok(QueryReply { part: Some(part) })).await.is_err() {
                    return; // the caller has gone
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }
}
