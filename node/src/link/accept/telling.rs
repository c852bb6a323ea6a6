use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tonic::{Status, Streaming};
use wuji_proto::v1;
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;

use super::Parts;
use crate::access::explain;
use crate::feed::exchange::{ChildJob, ChildOpening, Refusal};
use crate::feed::item::FeedItem;
use crate::link::frame::ack;
use crate::link::payload::Unpacker;

/// The longest wait for the next part: the child folds its whole journal before the first.
const PART_MAX: Duration = Duration::from_mins(10);

/// Cells that one workroom tells of at most: 100 a day for decades.
const TOLD_ITEMS_MAX: usize = 1_000_000;

/// A held child that went back in time tells what it had; then its stream is closed.
pub struct Telling {
    /// What every stream shares.
    pub parts: Arc<Parts>,
    /// Who tells.
    pub opening: ChildOpening,
    /// After which entry of its journal.
    pub upto: u64,
    /// Why it is held all the same.
    pub refusal: Refusal,
}

impl Telling {
    /// Asks, hears, and closes.
    pub async fn hear(self, frames: Streaming<v1::FeedFrame>, answers: mpsc::Sender<Result<v1::FeedAck, Status>>) {
        let asked = answers.send(Ok(ack(Ack::Recount(v1::Recount { upto: self.upto })))).await;
        let told = if asked.is_ok() { self.hear_all(frames).await } else { Err("it has gone".to_owned()) };
        match told {
            Ok(cells) => tracing::info!(child = %self.opening.code, cells, "told what it had at its restored point"),
            Err(reason) => tracing::warn!(child = %self.opening.code, reason, "did not tell what it had"),
        }
        // One that has gone needs no reason.
        let _ = answers.send(Ok(super::answers::close(self.refusal))).await;
    }

    async fn hear_all(&self, mut frames: Streaming<v1::FeedFrame>) -> Result<usize, String> {
        let (mut unpacker, mut heard) = (Unpacker::new(), 0);
        loop {
            let next = tokio::time::timeout(PART_MAX, frames.message()).await;
            let frame = next.map_err(|_| "it took too long".to_owned())?.map_err(|status| explain(&status))?;
            let Some(Frame::Told(part)) = frame.and_then(|frame| frame.frame) else {
                return Err("it sent something else".to_owned());
            };
            let items = part.payload.map_or_else(|| Ok(Vec::new()), |payload| unpacker.unpack(payload));
            let items = items.map_err(|error| error.to_string())?;
            let first = heard == 0;
            heard += items.len();
            if heard > TOLD_ITEMS_MAX || items.is_empty() && !part.last {
                return Err(format!("it told of more than {TOLD_ITEMS_MAX} cells, or of none"));
            }
            if !self.take(items, (first, part.last)).await? {
                return Err("another journal of it waits by now".to_owned());
            }
            if part.last {
                return Ok(heard);
            }
        }
    }

    async fn take(&self, items: Vec<FeedItem>, place: (bool, bool)) -> Result<bool, String> {
        let stopping = || "the node is stopping".to_owned();
        let (reply, taken) = oneshot::channel();
        let (child, incarnation, upto) = (self.opening.code, self.opening.incarnation, self.upto);
        let job = ChildJob::Told { child, incarnation, upto, items, place, reply };
        self.parts.given.jobs.send(job).await.map_err(|_| stopping())?;
        taken.await.map_err(|_| stopping())
    }
}
