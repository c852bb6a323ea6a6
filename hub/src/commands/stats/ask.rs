//! An answer as it arrives: a head, rows, and an end, each checked.

use tonic::Streaming;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::{CatalogueReply, QueryEnd, QueryHead, QueryReply, QueryRequest, QueryRow};

use super::shape::Shape;
use crate::client::{Client, ClientError};

const OPERATION: &str = "ask for the figures";

/// An answer whose head has arrived.
pub struct Answer<'c> {
    /// What was answered.
    pub head: QueryHead,
    client: &'c Client,
    shape: Shape,
    replies: Streaming<QueryReply>,
    end: Option<QueryEnd>,
}

impl<'c> Answer<'c> {
    /// Asks, and waits for the head.
    pub async fn begin(
        client: &'c Client,
        request: QueryRequest,
        catalogue: &CatalogueReply,
    ) -> Result<Self, ClientError> {
        let refused = |status| client.error(OPERATION, status);
        let mut replies = client.statistics().query(request.clone()).await.map_err(refused)?.into_inner();
        let Some(QueryReply { part: Some(Part::Head(head)) }) = replies.message().await.map_err(refused)? else {
            return Err(broken(client, "an answer must begin with its head"));
        };
        let shape = Shape::of(&head, &request, catalogue).map_err(|reason| broken(client, &reason))?;
        Ok(Self { head, client, shape, replies, end: None })
    }

    /// The next row; `None` when all have arrived.
    pub async fn row(&mut self) -> Result<Option<QueryRow>, ClientError> {
        let client = self.client;
        let reply = self.replies.message().await.map_err(|status| client.error(OPERATION, status))?;
        match reply.map(|reply| reply.part) {
            Some(Some(Part::Row(row))) => {
                self.shape.row(&row).map_err(|reason| broken(client, &reason))?;
                Ok(Some(row))
            }
            Some(Some(Part::End(end))) => {
                self.shape.end(&end).map_err(|reason| broken(client, &reason))?;
                self.end = Some(end);
                Ok(None)
            }
            Some(_) => Err(broken(client, "after the head come rows and an end")),
            None => Err(broken(client, "the answer stopped before its end")),
        }
    }

    /// Totals and coverage, behind the last row.
    pub fn end(self) -> Result<QueryEnd, ClientError> {
        self.end.ok_or_else(|| broken(self.client, "the answer stopped before its end"))
    }

    /// As [`end`](Self::end), checked once more.
    pub fn end_with(self, check: impl FnOnce(&QueryEnd) -> Result<(), String>) -> Result<QueryEnd, ClientError> {
        let client = self.client;
        let end = self.end()?;
        check(&end).map_err(|reason| broken(client, &reason))?;
        Ok(end)
    }

    /// What the node did against the contract.
    pub fn broken(&self, reason: &str) -> ClientError {
        broken(self.client, reason)
    }
}

fn broken(client: &Client, reason: &str) -> ClientError {
    client.broken(OPERATION, reason)
}
