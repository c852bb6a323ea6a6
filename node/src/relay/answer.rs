//! A parent's questions and lists.

use std::time::Duration;

use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{Tier, v1};

use super::Relay;
use super::list::in_parts;
use crate::api::refusal;
use crate::pull::{Answerer, Ask, PartSender};

/// Answers the parent's questions and lists: for its tier at most, whatever it says.
pub struct ParentAnswers {
    /// What answers.
    pub relay: Relay,
    /// The parent's tier, as this node is configured.
    pub parent: Tier,
}

#[tonic::async_trait]
impl Answerer for ParentAnswers {
    async fn answer(&self, ask: Ask, within: Duration, out: &PartSender) -> Result<(), Status> {
        match ask {
            Ask::Query(question) => self.relay.answer(question, self.parent, within, out).await.map_err(refusal::relay),
            Ask::Records(request) => {
                let page = self.relay.records(request, self.parent, within).await.map_err(refusal::relay)?;
                for page in in_parts(page) {
                    out.send(Part::Records(v1::RecordsReply { page: Some(page) })).await?;
                }
                Ok(())
            }
            _ => Err(Status::unimplemented("this is neither a question nor a list")),
        }
    }
}
