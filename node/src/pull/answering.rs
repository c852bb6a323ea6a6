use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::pull_request;
use wuji_proto::{DivisionCode, v1};

use super::{Answerer, Ask, CALLS_PER_LINE_MAX, PART_BYTES_MAX, PartSender, WITHIN_MAX};
use crate::retry::Retry;
use crate::telemetry::Metrics;

/// Replies on their way to the parent.
const REPLIES_MAX: usize = 64;

/// The largest request, in bytes.
const REQUEST_BYTES_MAX: usize = 256 << 10;

/// What a reply may have around its part, in bytes.
const FRAMING_BYTES: usize = 1 << 10;

/// The answering end of a node's line to its parent.
pub struct Answering {
    /// This unit.
    pub own: DivisionCode,
    /// What answers.
    pub answerer: Arc<dyn Answerer>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
}

impl Answering {
    /// Answers over a connection until it is dropped, or the parent does not know how to ask.
    /// A line that breaks while the connection lasts is opened again.
    pub async fn run(self, channel: Channel, mut retry: Retry) {
        loop {
            let Err(status) = self.serve(&channel).await else { return };
            match status.code() {
                Code::Unimplemented => {
                    tracing::info!("the parent's program is too old to ask: update it");
                    return;
                }
                Code::PermissionDenied | Code::Unauthenticated => {
                    tracing::warn!(reason = status.message(), "the parent does not let this node answer");
                    return;
                }
                _ => tracing::debug!(reason = status.message(), "line of reverse calls ended"),
            }
            tokio::time::sleep(retry.next_delay()).await;
        }
    }

    /// One line, from its hello to its end.
    async fn serve(&self, channel: &Channel) -> Result<(), Status> {
        let mut client = FederationClient::new(channel.clone())
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(PART_BYTES_MAX + FRAMING_BYTES);
        let (out, outgoing) = mpsc::channel(REPLIES_MAX);
        let hello = Part::Hello(v1::PullHello { code: self.own.to_string() });
        out.try_send(v1::PullReply { call: 0, part: Some(hello) }).map_err(|_| full())?;
        let mut requests = client.answer(ReceiverStream::new(outgoing)).await?.into_inner();
        let mut calls = Calls { answering: self, out, running: HashMap::new(), tasks: JoinSet::new() };
        loop {
            tokio::select! {
                biased;
                Some(done) = calls.tasks.join_next_with_id() => calls.done(done)?,
                request = requests.message() => match request? {
                    Some(request) => calls.take(request)?,
                    None => return Err(Status::unavailable("the parent ended the line")),
                },
            }
        }
    }
}

/// The calls of one line. Dropping them ends them.
struct Calls<'a> {
    answering: &'a Answering,
    out: mpsc::Sender<v1::PullReply>,
    running: HashMap<u64, Running>,
    tasks: JoinSet<u64>,
}

struct Running {
    parts: PartSender,
    task: AbortHandle,
}

impl Calls<'_> {
    fn take(&mut self, request: v1::PullRequest) -> Result<(), Status> {
        let call = request.call;
        let ask = match request.ask {
            Some(pull_request::Ask::Credit(credit)) => return self.give(call, credit.parts),
            Some(pull_request::Ask::Cancel(_)) => {
                self.cancel(call);
                return Ok(());
            }
            Some(pull_request::Ask::Barrier(asked)) => Ask::Barrier(asked),
            Some(pull_request::Ask::Query(asked)) => Ask::Query(asked),
            Some(pull_request::Ask::Records(asked)) => Ask::Records(asked),
            Some(pull_request::Ask::Digests(asked)) => Ask::Digests(asked),
            Some(pull_request::Ask::Audit(asked)) => Ask::Audit(asked),
            None => {
                let too_old = "this node's program is too old to know what is asked: update it";
                return self.refuse(call, &Status::unimplemented(too_old));
            }
        };
        if self.running.contains_key(&call) {
            return Err(Status::invalid_argument(format!("call {call} was begun twice")));
        }
        if self.running.len() >= CALLS_PER_LINE_MAX {
            return self.refuse(call, &Status::resource_exhausted("too many questions are being answered: ask again"));
        }
        self.begin(call, ask, Duration::from_millis(request.within_ms.into()).min(WITHIN_MAX));
        Ok(())
    }

    fn begin(&mut self, call: u64, ask: Ask, within: Duration) {
        let parts = PartSender::new(call, self.out.clone());
        let (sender, out) = (parts.clone(), self.out.clone());
        let answerer = Arc::clone(&self.answering.answerer);
        let task = self.tasks.spawn(async move {
            let outcome = tokio::time::timeout(within, answerer.answer(ask, within, &sender)).await;
            // What it gave to other threads is to end, too.
            sender.close();
            let last = match outcome {
                Ok(Ok(())) => Part::End(v1::PullEnd {}),
                Ok(Err(status)) => failure(&status),
                Err(_) => failure(&Status::deadline_exceeded("the answer took longer than was given")),
            };
            // A line that is gone has told its other end.
            let _ = out.send(v1::PullReply { call, part: Some(last) }).await;
            call
        });
        self.running.insert(call, Running { parts, task });
        self.count();
    }

    /// Credit for a call that is over crossed its end.
    fn give(&self, call: u64, parts: u32) -> Result<(), Status> {
        match self.running.get(&call) {
            Some(running) if !running.parts.give(parts) => {
                Err(Status::invalid_argument(format!("call {call} was given more credit than there is")))
            }
            _ => Ok(()),
        }
    }

    fn cancel(&mut self, call: u64) {
        if let Some(running) = self.running.remove(&call) {
            running.parts.close();
            running.task.abort();
            self.count();
        }
    }

    fn done(&mut self, done: Result<(Id, u64), JoinError>) -> Result<(), Status> {
        let call = match &done {
            Ok((_, call)) => Some(*call),
            // Cancelled ones are no longer here.
            Err(error) => self.running.iter().find(|(_, one)| one.task.id() == error.id()).map(|(call, _)| *call),
        };
        let Some(call) = call else { return Ok(()) };
        self.running.remove(&call);
        self.count();
        match done {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(call, %error, "answering the parent failed");
                self.refuse(call, &Status::internal("answering failed: look at this node's log"))
            }
        }
    }

    fn refuse(&self, call: u64, status: &Status) -> Result<(), Status> {
        self.out.try_send(v1::PullReply { call, part: Some(failure(status)) }).map_err(|_| full())
    }

    fn count(&self) {
        let running = i64::try_from(self.running.len()).unwrap_or(i64::MAX);
        self.answering.metrics.pull_answering.set(running);
    }
}

impl Drop for Calls<'_> {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.parts.close();
        }
        self.answering.metrics.pull_answering.set(0);
    }
}

fn failure(status: &Status) -> Part {
    Part::Error(v1::PullError { code: status.code() as i32, message: status.message().to_owned() })
}

fn full() -> Status {
    Status::resource_exhausted("the parent does not take the answers that it asked for")
}
