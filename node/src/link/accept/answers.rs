use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;
use wuji_proto::{DivisionCode, Watermark};

use super::stream::Waiting;
use super::{Ack, Parts};
use crate::feed::exchange::{FrameOutcome, Refusal, StreamId};
use crate::link::frame::ack;
use wuji_proto::v1;

/// To the child.
type Answers = mpsc::Sender<Result<v1::FeedAck, Status>>;

/// The answering half of one child's stream: outcomes in the order of frames, those that
/// are ready together in one answer. Ends when the stream is closed from either side.
pub async fn answer(
    mut queued: Receiver<Waiting>,
    answers: Answers,
    mut closing: watch::Receiver<Option<Refusal>>,
    parts: Arc<Parts>,
    child: DivisionCode,
    stream: StreamId,
) {
    let mut half = Half { answers, together: None, parts, child, stream };
    let refusal = tokio::select! {
        biased;
        closed = closing.wait_for(Option::is_some) => closed.ok().and_then(|why| why.clone()),
        refusal = half.answer_all(&mut queued) => refusal,
    };
    if let Some(refusal) = refusal {
        half.parts.children.closed(child, stream, &refusal);
        let _ = half.answers.send(Ok(close(refusal))).await;
    }
}

struct Half {
    answers: Answers,
    /// Outcomes that no answer has told yet.
    together: Option<Together>,
    parts: Arc<Parts>,
    child: DivisionCode,
    stream: StreamId,
}

struct Together {
    frames: u32,
    applied: Watermark,
    safe: Watermark,
    equal: Option<bool>,
}

impl Half {
    /// Why to close the stream; `None` when the child ended it.
    async fn answer_all(&mut self, queued: &mut Receiver<Waiting>) -> Option<Refusal> {
        while let Some(mut waiting) = queued.recv().await {
            loop {
                let outcome = match waiting.outcome.try_recv() {
                    Ok(outcome) => outcome,
                    Err(oneshot::error::TryRecvError::Closed) => return Some(stopping()),
                    Err(oneshot::error::TryRecvError::Empty) => {
                        // Waiting must not keep back what is known.
                        self.tell().await?;
                        match (&mut waiting.outcome).await {
                            Ok(outcome) => outcome,
                            Err(_) => return Some(stopping()),
                        }
                    }
                };
                drop(waiting);
                if let Some(refusal) = self.take(outcome).await? {
                    return Some(refusal);
                }
                match queued.try_recv() {
                    Ok(next) => waiting = next,
                    Err(_) => break,
                }
            }
            self.tell().await?;
        }
        None
    }

    /// Gathers an outcome, or tells it. `None` outside: the child is gone.
    async fn take(&mut self, outcome: FrameOutcome) -> Option<Option<Refusal>> {
        match outcome {
            FrameOutcome::Applied { applied, safe, equal } => {
                let together = self.together.get_or_insert(Together { frames: 0, applied, safe, equal: None });
                together.frames += 1;
                (together.applied, together.safe) = (applied, safe);
                together.equal = equal.or(together.equal);
                Some(None)
            }
            FrameOutcome::Range { agreed } => {
                self.tell().await?;
                let answer = ack(Ack::Range(v1::RangeAnswer { agreed }));
                self.answers.send(Ok(answer)).await.ok()?;
                Some(None)
            }
            FrameOutcome::Close(refusal) => {
                self.tell().await?;
                Some(Some(refusal))
            }
            FrameOutcome::Differs(refusal) => {
                self.tell().await?;
                self.parts.given.metrics.digests_differed.inc();
                Some(Some(refusal))
            }
        }
    }

    /// Sends what was gathered. `None`: the child is gone.
    async fn tell(&mut self) -> Option<()> {
        let Some(Together { frames, applied, safe, equal }) = self.together.take() else { return Some(()) };
        self.parts.children.answered(self.child, self.stream, applied, equal, self.parts.given.clock.now_ms());
        let answer =
            ack(Ack::Applied(v1::Applied { applied: Some(applied.into()), safe: Some(safe.into()), frames, equal }));
        self.answers.send(Ok(answer)).await.ok()
    }
}

/// The last answer of a stream.
pub fn close(refusal: Refusal) -> v1::FeedAck {
    ack(Ack::Close(v1::Close { reason: refusal.reason, held: refusal.held }))
}

fn stopping() -> Refusal {
    Refusal { reason: "the parent gave no answer: it is busy or stopping".to_owned(), held: false }
}
