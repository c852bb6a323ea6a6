use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tonic::{Code, Status};
use wuji_proto::v1;
use wuji_proto::v1::pull_reply::Part;

use super::{CREDIT_BYTES, CREDIT_PARTS_MAX, PART_BYTES_MAX, cost};

/// What the asking end's line is told about one call.
pub(super) trait Call: Send {
    /// The reader took parts that had cost this much credit.
    fn taken(&self, credit: u32);
    /// The reader wants no more; called once, unless the answer came to its end.
    fn cancel(&self);
}

/// An answer, part by part. Dropping it before its end cancels the call at the child.
pub struct Parts {
    arriving: mpsc::Receiver<Part>,
    deadline: Instant,
    call: Option<Box<dyn Call>>,
    /// To be told first.
    failed: Option<Status>,
    over: bool,
}

impl Parts {
    /// Parts that come through `arriving`; an end without [`Part::End`] is a lost line.
    pub(super) fn new(arriving: mpsc::Receiver<Part>, within: Duration, call: Option<Box<dyn Call>>) -> Self {
        Self { arriving, deadline: Instant::now() + within, call, failed: None, over: false }
    }

    /// A call that could not be made.
    pub fn failed(status: Status) -> Self {
        let (_, arriving) = mpsc::channel(1);
        Self { arriving, deadline: Instant::now(), call: None, failed: Some(status), over: false }
    }

    /// The next part. `None`: the answer is complete. After an error nothing more comes.
    pub async fn next(&mut self) -> Option<Result<Part, Status>> {
        if self.over {
            return None;
        }
        if let Some(status) = self.failed.take() {
            return self.end(Some(status));
        }
        let part = match tokio::time::timeout_at(self.deadline, self.arriving.recv()).await {
            Ok(Some(part)) => part,
            Ok(None) => return self.end(Some(Status::unavailable("the child's line has ended: ask again"))),
            Err(_) => {
                self.cancel();
                return self.end(Some(Status::deadline_exceeded("the child did not answer in time")));
            }
        };
        match part {
            Part::End(_) => self.end(None),
            Part::Error(error) => self.end(Some(status(error))),
            part => {
                if let Some(call) = &self.call {
                    call.taken(cost(&part));
                }
                Some(Ok(part))
            }
        }
    }

    /// The only part of an answer that has just one.
    pub async fn only(mut self) -> Result<Part, Status> {
        let wrong = || Status::internal("the child's answer has not the one part that it should have");
        let part = self.next().await.ok_or_else(wrong)??;
        match self.next().await {
            None => Ok(part),
            Some(Err(status)) => Err(status),
            Some(Ok(_)) => Err(wrong()),
        }
    }

    fn end(&mut self, status: Option<Status>) -> Option<Result<Part, Status>> {
        (self.over, self.call) = (true, None);
        status.map(Err)
    }

    fn cancel(&mut self) {
        if let Some(call) = self.call.take() {
            call.cancel();
        }
    }
}

/// As the child told it. Well is not a failure, whatever it calls it.
fn status(error: v1::PullError) -> Status {
    let code = match Code::from_i32(error.code) {
        Code::Ok => Code::Unknown,
        code => code,
    };
    Status::new(code, error.message)
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call is over")]
pub struct Gone;

impl From<Gone> for Status {
    fn from(gone: Gone) -> Self {
        Self::cancelled(gone.to_string())
    }
}

/// Where the parts of one answer go.
#[derive(Clone)]
pub struct PartSender {
    call: u64,
    credit: Arc<Semaphore>,
    out: mpsc::Sender<v1::PullReply>,
}

impl PartSender {
    /// Of the call with this number, with the credit that a call begins with.
    pub(super) fn new(call: u64, out: mpsc::Sender<v1::PullReply>) -> Self {
        Self { call, credit: Arc::new(Semaphore::new(CREDIT_PARTS_MAX as usize)), out }
    }

    /// Sends a part, once there is credit for it.
    pub async fn send(&self, part: Part) -> Result<(), Gone> {
        let cost = cost(&part);
        if cost as usize * CREDIT_BYTES > PART_BYTES_MAX {
            tracing::error!(call = self.call, most = PART_BYTES_MAX, "a part of an answer is too large to be sent");
            self.close();
            return Err(Gone);
        }
        // Given back by the reader, as it takes parts.
        self.credit.acquire_many(cost).await.map_err(|_| Gone)?.forget();
        self.out.send(v1::PullReply { call: self.call, part: Some(part) }).await.map_err(|_| Gone)
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_over(&self) -> bool {
        self.credit.is_closed() || self.out.is_closed()
    }

    /// More may be sent. False: more than was ever given; the other end is not ours.
    pub(super) fn give(&self, parts: u32) -> bool {
        let most = CREDIT_PARTS_MAX as usize;
        let fits = self.credit.available_permits().saturating_add(parts as usize) <= most;
        if fits {
            self.credit.add_permits(parts as usize);
        }
        fits
    }

    /// The call is over: what still sends is told so.
    pub(super) fn close(&self) {
        self.credit.close();
    }
}
