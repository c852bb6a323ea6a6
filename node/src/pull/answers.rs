use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use wuji_proto::v1::pull_reply::Part;

use super::{Answerer, Ask, Barrier, PartSender};

/// What a node answers its parent with: each question to the part that knows.
pub struct Answers {
    /// Barriers.
    pub barrier: Arc<Barrier>,
    /// Questions and records.
    pub details: Option<Arc<dyn Answerer>>,
    /// Digests and audits.
    pub audit: Option<Arc<dyn Answerer>>,
}

#[tonic::async_trait]
impl Answerer for Answers {
    async fn answer(&self, ask: Ask, within: Duration, out: &PartSender) -> Result<(), Status> {
        let part = match ask {
            Ask::Barrier(asked) => {
                return Ok(out.send(Part::Barrier(self.barrier.answer(&asked, within).await?)).await?);
            }
            Ask::Query(_) | Ask::Records(_) => self.details.as_ref(),
            Ask::Digests(_) | Ask::Audit(_) => self.audit.as_ref(),
        };
        match part {
            Some(part) => part.answer(ask, within, out).await,
            None => Err(Status::unimplemented("this node's program does not answer that: update it")),
        }
    }
}
