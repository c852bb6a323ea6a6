use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tonic::Status;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::pull_request;
use wuji_proto::{DivisionCode, v1};

use super::part::Call;
use super::{Ask, CALLS_PER_LINE_MAX, CREDIT_PARTS_MAX, Parts, cost};
use crate::telemetry::Metrics;

/// Credit is given back when so much of it was used: a reader that keeps up then costs two
/// messages a window. What is not given back must leave room for the largest part.
const CREDIT_BACK_PARTS: u32 = CREDIT_PARTS_MAX / 2;

/// What is wrong with a reply. The line is closed: what its other end counts is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReply {
    /// Nothing that this node knows.
    #[error("it is empty, or of a kind that this node is too old to know: bring both nodes to one version")]
    Kind,
    /// A hello comes first, once.
    #[error("a line opens once, with its first message")]
    Hello,
    /// More than it had credit for.
    #[error("the answer to call {0} goes on without credit")]
    Credit(u64),
}

/// The asking end of one child's line.
pub struct Line {
    number: u64,
    state: Mutex<State>,
    over: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

struct State {
    /// `None`: the line has ended.
    requests: Option<mpsc::Sender<Result<v1::PullRequest, Status>>>,
    last_call: u64,
    calls: HashMap<u64, Running>,
}

/// A call whose answer is not complete.
struct Running {
    arrived: mpsc::Sender<Part>,
    /// What the child may still send.
    credit: u32,
    /// What the reader took and was not given back yet.
    taken: u32,
    _place: OwnedSemaphorePermit,
}

impl Line {
    pub fn new(
        number: u64,
        requests: mpsc::Sender<Result<v1::PullRequest, Status>>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let state = State { requests: Some(requests), last_call: 0, calls: HashMap::new() };
        Arc::new(Self { number, state: Mutex::new(state), over: watch::Sender::new(false), metrics })
    }

    /// Lines are numbered as they come.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits until the line has ended.
    pub async fn ended(&self) {
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Begins a call.
    pub fn ask(
        self: &Arc<Self>,
        child: DivisionCode,
        ask: Ask,
        within: Duration,
        place: OwnedSemaphorePermit,
    ) -> Result<Parts, Status> {
        // Room for all that credit allows, and for the end: arriving parts never wait.
        let (arrived, arriving) = mpsc::channel(CREDIT_PARTS_MAX as usize + 1);
        let mut state = self.state.lock();
        if state.calls.len() >= CALLS_PER_LINE_MAX {
            return Err(Status::resource_exhausted(format!(
                "{CALLS_PER_LINE_MAX} questions are being put to {child}: ask again when some are answered"
            )));
        }
        state.last_call += 1;
        let call = state.last_call;
        let within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        if !state.send(v1::PullRequest { call, ask: Some(ask.into()), within_ms }) {
            return Err(Status::unavailable(format!("{child} is not connected, or takes no questions")));
        }
        let running = Running { arrived, credit: CREDIT_PARTS_MAX, taken: 0, _place: place };
        state.calls.insert(call, running);
        self.metrics.pull_calls.inc();
        drop(state);
        Ok(Parts::new(arriving, within, Some(Box::new(LineCall { line: Arc::clone(self), call }))))
    }

    /// Takes a reply. One to a call that is over is only counted: it crossed the cancelling.
    pub fn take(&self, reply: v1::PullReply) -> Result<(), MalformedReply> {
        let part = match reply.part {
            None => return Err(MalformedReply::Kind),
            Some(Part::Hello(_)) => return Err(MalformedReply::Hello),
            Some(part) => part,
        };
        let mut state = self.state.lock();
        let Some(running) = state.calls.get_mut(&reply.call) else {
            self.metrics.pull_strays.inc();
            return Ok(());
        };
        if matches!(part, Part::End(_) | Part::Error(_)) {
            // The reader may have gone meanwhile.
            let _ = running.arrived.try_send(part);
            self.forget(&mut state, reply.call);
            return Ok(());
        }
        let overdrawn = MalformedReply::Credit(reply.call);
        running.credit = running.credit.checked_sub(cost(&part)).ok_or(overdrawn)?;
        match running.arrived.try_send(part) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(overdrawn),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Ends the line and all its calls; `reason` is told to the child.
    pub fn end(&self, reason: Option<Status>) {
        let mut state = self.state.lock();
        if let (Some(requests), Some(reason)) = (state.requests.take(), reason) {
            // A child that does not read will see the end of the connection.
            let _ = requests.try_send(Err(reason));
        }
        let ended = i64::try_from(state.calls.len()).unwrap_or(i64::MAX);
        state.calls.clear();
        self.metrics.pull_calls.dec_by(ended);
        drop(state);
        self.over.send_replace(true);
    }

    fn forget(&self, state: &mut State, call: u64) {
        if state.calls.remove(&call).is_some() {
            self.metrics.pull_calls.dec();
        }
    }

    /// Sends what is no call of its own. A child that takes nothing is left.
    fn tell(&self, state: &mut State, call: u64, ask: pull_request::Ask) {
        if !state.send(v1::PullRequest { call, ask: Some(ask), within_ms: 0 }) && state.requests.take().is_some() {
            self.over.send_replace(true);
        }
    }
}

impl State {
    /// Whether there was room.
    fn send(&self, request: v1::PullRequest) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.try_send(Ok(request)).is_ok())
    }
}

/// A call, as its reader's end sees it.
struct LineCall {
    line: Arc<Line>,
    call: u64,
}

impl Call for LineCall {
    fn taken(&self, credit: u32) {
        let mut state = self.line.state.lock();
        let Some(running) = state.calls.get_mut(&self.call) else { return };
        running.taken += credit;
        if running.taken >= CREDIT_BACK_PARTS {
            let parts = std::mem::take(&mut running.taken);
            running.credit += parts;
            self.line.tell(&mut state, self.call, pull_request::Ask::Credit(v1::Credit { parts }));
        }
    }

    fn cancel(&self) {
        let mut state = self.line.state.lock();
        if state.calls.contains_key(&self.call) {
            self.line.forget(&mut state, self.call);
            self.line.tell(&mut state, self.call, pull_request::Ask::Cancel(v1::Cancel {}));
        }
    }
}
