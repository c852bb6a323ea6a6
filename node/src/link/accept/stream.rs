use std::sync::Arc;

use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tonic::Streaming;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::{DivisionCode, v1};

use super::Parts;
use crate::access::explain;
use crate::feed::exchange::{ChildFrame, ChildJob, FrameOutcome, Refusal, StreamId};
use crate::link::frame::child_frame;
use crate::link::payload::{Unpacker, unpacked_bytes};

/// An item in memory is about so many times larger than on the wire.
const MEMORY_FACTOR: usize = 4;

/// A frame that waits for its outcome. Its places are free again when it is dropped.
pub struct Waiting {
    /// What becomes of it.
    pub outcome: oneshot::Receiver<FrameOutcome>,
    _window: Option<OwnedSemaphorePermit>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Waiting {
    /// A frame whose outcome is known already.
    fn refused(reason: String) -> Self {
        let (reply, outcome) = oneshot::channel();
        let _ = reply.send(FrameOutcome::Close(Refusal { reason, held: false }));
        Self { outcome, _window: None, _memory: None }
    }
}

/// The receiving half of one child's stream.
pub struct Incoming {
    /// What every stream shares.
    pub parts: Arc<Parts>,
    /// The child.
    pub child: DivisionCode,
    /// The stream.
    pub stream: StreamId,
    /// To the half that answers, in the order of frames.
    pub queue: mpsc::Sender<Waiting>,
    /// Why the stream is to be closed, once it is.
    pub closing: watch::Receiver<Option<Refusal>>,
}

impl Incoming {
    /// Hands frames to the writer until the stream ends. Nothing is read while `window`
    /// frames are unanswered, whatever the child believes: HTTP/2 then stops it.
    pub async fn receive(mut self, mut frames: Streaming<v1::FeedFrame>, window: usize) {
        let reason = self.receive_all(&mut frames, window).await;
        tracing::info!(child = %self.child, stream = self.stream, reason, "child's stream ended");
        self.parts.children.disconnected(self.child, self.stream, &reason, self.parts.given.clock.now_ms());
        let (child, stream) = (self.child, self.stream);
        // The writer being gone is the end of everything here.
        let _ = self.parts.given.jobs.send(ChildJob::Closed { child, stream }).await;
    }

    /// Why the stream ended.
    async fn receive_all(&mut self, frames: &mut Streaming<v1::FeedFrame>, window: usize) -> String {
        let window = Arc::new(Semaphore::new(window));
        let mut unpacker = Unpacker::new();
        loop {
            let received = tokio::select! {
                // A closing stream takes nothing more, however fast its frames come.
                biased;
                closed = self.closing.wait_for(Option::is_some) => {
                    return closed.map_or_else(|_| "it was closed".to_owned(), |why| reason(why.as_ref()));
                }
                () = self.queue.closed() => return "it was closed".to_owned(),
                received = next(frames, &window) => received,
            };
            let (frame, place) = match received {
                Ok(Some(received)) => received,
                Ok(None) => return "the child ended it".to_owned(),
                Err(reason) => return reason,
            };
            if let Err(reason) = self.hand_over(frame, place, &mut unpacker).await {
                return reason;
            }
        }
    }

    async fn hand_over(
        &self,
        frame: v1::FeedFrame,
        place: OwnedSemaphorePermit,
        unpacker: &mut Unpacker,
    ) -> Result<(), String> {
        let given = &self.parts.given;
        let (wire_bytes, payload_bytes) = sizes(&frame);
        let kib =
            payload_bytes.saturating_mul(MEMORY_FACTOR).min(super::WAITING_KIB_MAX << 10).div_ceil(1 << 10).max(1);
        let memory = Arc::clone(&self.parts.waiting).acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX)).await;
        let frame = match child_frame(frame, unpacker) {
            Ok(frame) => frame,
            Err(error) => {
                given.metrics.malformed.inc();
                tracing::warn!(child = %self.child, %error, "malformed frame");
                // Behind the answers of the frames before it.
                let _ = self.queue.send(Waiting::refused(format!("a frame was refused: {error}"))).await;
                return Err(format!("it sent a malformed frame: {error}"));
            }
        };
        given.metrics.frames_received.inc();
        given.metrics.items_received.inc_by(items(&frame));
        self.parts.children.received(self.child, self.stream, &frame, wire_bytes, given.clock.now_ms());
        let (reply, outcome) = oneshot::channel();
        let job = ChildJob::Frame { child: self.child, stream: self.stream, frame, reply };
        given.jobs.send(job).await.map_err(|_| "the node is stopping".to_owned())?;
        let waiting = Waiting { outcome, _window: Some(place), _memory: memory.ok() };
        self.queue.send(waiting).await.map_err(|_| "it was closed".to_owned())
    }
}

/// The next frame, once the window has a place for it.
async fn next(
    frames: &mut Streaming<v1::FeedFrame>,
    window: &Arc<Semaphore>,
) -> Result<Option<(v1::FeedFrame, OwnedSemaphorePermit)>, String> {
    let place = Arc::clone(window).acquire_owned().await.map_err(|error| error.to_string())?;
    let frame = frames.message().await.map_err(|status| explain(&status))?;
    Ok(frame.map(|frame| (frame, place)))
}

fn reason(refusal: Option<&Refusal>) -> String {
    refusal.map_or_else(String::new, |refusal| refusal.reason.clone())
}

/// Bytes on the wire, and of the items after decompression.
fn sizes(frame: &v1::FeedFrame) -> (u64, usize) {
    let payload = match &frame.frame {
        Some(Frame::Batch(batch)) => batch.payload.as_ref(),
        Some(Frame::Range(range)) => range.payload.as_ref(),
        _ => None,
    };
    (frame.encoded_len() as u64, payload.map_or(0, unpacked_bytes))
}

/// The items of a frame.
pub fn items(frame: &ChildFrame) -> u64 {
    match frame {
        ChildFrame::Batch { items, .. } | ChildFrame::Range { items: Some(items), .. } => items.len() as u64,
        _ => 0,
    }
}
