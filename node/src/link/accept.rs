//! The parent's end of a link: lets children in, and hands their frames to the writer.

mod answers;
mod children;
mod stream;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use wuji_proto::v1::federation_server::{Federation, FederationServer};
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::{DivisionCode, v1};

use super::frame::{self, Malformed};
use super::{MESSAGE_BYTES_MAX, WINDOW_FRAMES_MAX};
use crate::access::{Access, Refusals};
use crate::api::refusal;
use crate::config::LinkConfig;
use crate::env::Clock;
use crate::feed::exchange::{Admission, ChildJob, ChildOpening, ChildWelcome, Refusal, StreamId};
use crate::pull::{Desk, Lines, Requests};
use crate::telemetry::Metrics;
use stream::Incoming;
use telling::Telling;

pub use children::{ChildLink, ChildState, Children, Presence};

/// The longest wait for a stream's first frame.
const OPENING_MAX: Duration = Duration::from_secs(10);

/// Answers on their way to a child.
const ANSWERS_MAX: usize = 16;

/// Memory for frames of all children that wait for the writer, in KiB: 128 MiB. A whole
/// province that comes back at once is taken in as fast as it is applied.
const WAITING_KIB_MAX: usize = 128 << 10;

/// What the accepting end is made of.
pub struct AcceptParts {
    /// This unit.
    pub own: DivisionCode,
    /// To the writer of the index.
    pub jobs: mpsc::Sender<ChildJob>,
    /// Who may come in.
    pub access: Access,
    /// Whose certificates were turned away; shown with the children.
    pub refusals: Arc<Refusals>,
    /// Times and limits.
    pub config: LinkConfig,
    /// The node's time.
    pub clock: Arc<dyn Clock>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The program's version.
    pub version: String,
}

/// The gRPC service `Federation`.
pub struct AcceptService {
    parts: Arc<Parts>,
    /// Answers children about their peers.
    desk: Option<Desk>,
    opening_max: Duration,
}

/// What every stream shares.
struct Parts {
    given: AcceptParts,
    children: Arc<Children>,
    lines: Arc<Lines>,
    next_stream: AtomicU64,
    waiting: Arc<Semaphore>,
}

/// The response of a push.
type Answers = ReceiverStream<Result<v1::FeedAck, Status>>;

impl AcceptService {
    /// With no child connected.
    pub fn new(parts: AcceptParts) -> Self {
        let children = Arc::new(Children::new(Arc::clone(&parts.refusals), Arc::clone(&parts.metrics)));
        let waiting = Arc::new(Semaphore::new(WAITING_KIB_MAX));
        let lines = Lines::new(Arc::clone(&parts.metrics));
        let parts = Parts { given: parts, children, lines, next_stream: AtomicU64::new(1), waiting };
        Self { parts: Arc::new(parts), desk: None, opening_max: OPENING_MAX }
    }

    /// With another wait for the first frame; 10 s unless told.
    #[must_use]
    pub const fn with_opening_deadline(mut self, longest: Duration) -> Self {
        self.opening_max = longest;
        self
    }

    /// With what answers children about their peers.
    #[must_use]
    pub fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = Some(desk);
        self
    }

    /// What is known of each child's line; also closes streams.
    pub fn children(&self) -> Arc<Children> {
        Arc::clone(&self.parts.children)
    }

    /// The lines over which children can be asked.
    pub fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.parts.lines)
    }

    /// For the server, with the limits on messages.
    pub fn into_server(self) -> FederationServer<Self> {
        FederationServer::new(self)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl Federation for AcceptService {
    type AnswerStream = Requests;

    async fn answer(&self, request: Request<Streaming<v1::PullReply>>) -> Result<Response<Requests>, Status> {
        let parts = &self.parts;
        let caller = parts.given.access.caller(&request)?;
        let mut replies = request.into_inner();
        let first = tokio::time::timeout(self.opening_max, replies.message()).await.map_err(|_| {
            parts.given.metrics.malformed.inc();
            Status::deadline_exceeded("the line was opened, but its hello did not come")
        })??;
        let Some(Part::Hello(hello)) = first.and_then(|reply| reply.part) else {
            return Err(parts.malformed(&Malformed::Missing("hello")));
        };
        let code = hello.code.parse().map_err(|_| parts.malformed(&Malformed::Form("code")))?;
        parts.given.access.check_unit(&caller, code)?;
        let presence = parts
            .children
            .presence(code)
            .ok_or_else(|| Status::failed_precondition(format!("{code} pushes nothing here now: open a push first")))?;
        Ok(Response::new(parts.lines.take_in(code, presence, replies)))
    }

    async fn peers(&self, request: Request<v1::RankRequest>) -> Result<Response<v1::RankReply>, Status> {
        let access = &self.parts.given.access;
        let caller = access.caller(&request)?;
        let request = request.into_inner();
        let child = request.unit.parse().map_err(|error| refusal::argument("unit", &error))?;
        access.check_unit(&caller, child)?;
        self.parts.refuse_tier(child)?;
        let desk = self.desk.as_ref().ok_or_else(|| Status::unimplemented("this node ranks nobody"))?;
        Ok(Response::new(desk.peers_of(child, request).await?))
    }

    type PushStream = Answers;

    async fn push(&self, request: Request<Streaming<v1::FeedFrame>>) -> Result<Response<Answers>, Status> {
        let parts = &self.parts;
        let caller = parts.given.access.caller(&request)?;
        let mut frames = request.into_inner();
        let first = tokio::time::timeout(self.opening_max, frames.message()).await.map_err(|_| {
            parts.given.metrics.malformed.inc();
            Status::deadline_exceeded("the stream was opened, but its opening frame did not come")
        })??;
        let opening = match first.and_then(|frame| frame.frame) {
            Some(Frame::Opening(opening)) => frame::opening(opening).map_err(|error| parts.malformed(&error))?,
            _ => return Err(parts.malformed(&Malformed::Missing("opening"))),
        };
        parts.given.access.check_unit(&caller, opening.code)?;
        parts.refuse_tier(opening.code)?;
        let stream = parts.next_stream.fetch_add(1, Ordering::Relaxed);
        match parts.ask_writer(opening.clone(), stream).await? {
            Admission::Welcome(welcome) => Ok(Response::new(parts.take_in(&opening, stream, welcome, frames)?)),
            Admission::Refused(refusal) => Ok(Response::new(parts.turn_away(&opening, refusal)?)),
            Admission::Recount(upto, refusal) => {
                parts.children.turned_away(&opening, &refusal, parts.given.clock.now_ms());
                let (answers, stream_of_answers) = mpsc::channel(ANSWERS_MAX);
                let telling = Telling { parts: Arc::clone(parts), opening, upto, refusal };
                tokio::spawn(telling.hear(frames, answers));
                Ok(Response::new(ReceiverStream::new(stream_of_answers)))
            }
        }
    }
}

impl Parts {
    fn malformed(&self, error: &Malformed) -> Status {
        self.given.metrics.malformed.inc();
        match error {
            Malformed::Protocol(_) => Status::failed_precondition(error.to_string()),
            _ => Status::invalid_argument(error.to_string()),
        }
    }

    fn refuse_tier(&self, child: DivisionCode) -> Result<(), Status> {
        let own = self.given.own;
        if own.can_parent(child) {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "{child} is a {} and {own} a {}: its parent must be of a higher tier; correct `parent` in its configuration",
            child.tier(),
            own.tier()
        )))
    }

    async fn ask_writer(&self, opening: ChildOpening, stream: StreamId) -> Result<Admission, Status> {
        let stopping = |()| Status::unavailable("the node is stopping");
        let (reply, answer) = oneshot::channel();
        self.given.jobs.send(ChildJob::Open { opening, stream, reply }).await.map_err(|_| stopping(()))?;
        answer.await.map_err(|_| stopping(()))
    }

    fn turn_away(&self, opening: &ChildOpening, refusal: Refusal) -> Result<Answers, Status> {
        tracing::info!(child = %opening.code, reason = refusal.reason, held = refusal.held, "child not let in");
        self.children.turned_away(opening, &refusal, self.given.clock.now_ms());
        let (answers, stream) = mpsc::channel(1);
        answers.try_send(Ok(answers::close(refusal))).map_err(|_| Status::internal("the answer found no room"))?;
        Ok(ReceiverStream::new(stream))
    }

    fn take_in(
        self: &Arc<Self>,
        opening: &ChildOpening,
        stream: StreamId,
        welcome: ChildWelcome,
        frames: Streaming<v1::FeedFrame>,
    ) -> Result<Answers, Status> {
        let now_ms = self.given.clock.now_ms();
        let window = self.given.config.window_frames.clamp(1, WINDOW_FRAMES_MAX);
        let (answers, stream_of_answers) = mpsc::channel(ANSWERS_MAX);
        let ack = frame::welcome_ack(welcome, window, now_ms, &self.given.version);
        answers.try_send(Ok(ack)).map_err(|_| Status::internal("the welcome found no room"))?;
        tracing::info!(child = %opening.code, stream, version = opening.version, "child connected");
        let closing = self.children.connected(opening, stream, now_ms, &answers);
        let (queue, queued) = mpsc::channel(window as usize);
        tokio::spawn(answers::answer(queued, answers, closing.clone(), Arc::clone(self), opening.code, stream));
        let incoming = Incoming { parts: Arc::clone(self), child: opening.code, stream, queue, closing };
        tokio::spawn(incoming.receive(frames, window as usize));
        Ok(ReceiverStream::new(stream_of_answers))
    }
}
