use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use wuji_proto::v1::pull_reply::Part;

use super::{Answerer, Ask, Barrier, PartSender};
use crate::audit::{Auditor, copies, deep};

/// What a node answers its parent with: each question to the part that knows.
pub struct Answers {
    /// Barriers.
    pub barrier: Arc<Barrier>,
    /// Digests and audits.
    pub auditor: Arc<Auditor>,
    /// Questions and records.
    pub details: Option<Arc<dyn Answerer>>,
}

#[tonic::async_trait]
impl Answerer for Answers {
    async fn answer(&self, ask: Ask, within: Duration, out: &PartSender) -> Result<(), Status> {
        match ask {
            Ask::Barrier(asked) => Ok(out.send(Part::Barrier(self.barrier.answer(&asked, within).await?)).await?),
            Ask::Digests(asked) => copies::answer(&self.auditor, &asked, out).await,
            Ask::Audit(asked) => deep::answer(&self.auditor, asked, out).await,
            Ask::Query(_) | Ask::Records(_) => match &self.details {
                Some(details) => details.answer(ask, within, out).await,
                None => Err(Status::unimplemented("this node's program does not answer that: update it")),
            },
        }
    }
}
