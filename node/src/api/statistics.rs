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
use crate::env::Env;
use crate::ledger::Ledgers;
use crate::statistics::Figures;
use crate::statistics::answer::{Answer, Asked, QueryError, answer};
use crate::statistics::rank::rank;
use crate::statistics::standing::Standings;
use crate::statistics::warm::warm;
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
    /// Audits.
    pub auditor: Arc<Auditor>,
    /// How the units below stand.
    pub standings: Arc<dyn Standings>,
}

impl StatisticsService {
    /// The answer of this node's own view.
    async fn answer(&self, question: v1::QueryRequest) -> Result<Answer, Status> {
        let (store, ledgers) = (Arc::clone(&self.store), self.ledgers.clone());
        let wanted = question.clone();
        // Refused questions are refused again below, with everything else that is refused.
        let warmed = self.env.blocking(move || warm(&wanted, &store, ledgers.catalogue()));
        drop(warmed.await.ok_or_else(interrupted)?);
        self.read(move |figures, asked| answer(&question, figures, asked)).await
    }

    /// Reads from one view that has everything that was acknowledged.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Figures<'_>, &Asked<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Status> {
        self.ledgers.settled().await;
        let (store, ledgers, standings) = (Arc::clone(&self.store), self.ledgers.clone(), Arc::clone(&self.standings));
        let done = self.env.blocking(move || {
            let now_ms = ledgers.now_ms();
            let asked = Asked { catalogue: ledgers.catalogue(), now_ms, standings: standings.as_ref() };
            let view = store.view();
            work(&view.figures(), &asked)
        });
        done.await.ok_or_else(interrupted)?.map_err(|error| refusal::query(&error))
    }
}

#[tonic::async_trait]
impl Statistics for StatisticsService {
    type AuditStream = Replies<v1::AuditReply>;

    async fn rank(&self, request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        self.access.require_operator(&request)?;
        let request = request.into_inner();
        let ranked = self.read(move |figures, asked| rank(&request, figures, asked)).await?;
        Ok(Response::new(ranked))
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<Self::AuditStream>, Status> {
        self.access.require_operator(&request)?;
        self.ledgers.settled().await;
        Ok(Response::new(audit::deep::stream(Arc::clone(&self.auditor), request.into_inner())))
    }

    type QueryStream = Replies<QueryReply>;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Replies<QueryReply>>, Status> {
        self.access.require_operator(&request)?;
        let question = request.into_inner();
        let answer = self.answer(question).await?;
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
