use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::{DivisionCode, Watermark, v1};

use super::super::payload::Packer;
use super::super::{
    HEARD_UNITS_MAX, MESSAGE_BYTES_MAX, OPENING_STARTS_MAX, PROTOCOL_VERSION, WINDOW_FRAMES_MAX, frame,
};
use super::cursor::{Cursor, Next};
use super::{End, PushParts, PushStatus};
use crate::access::explain;
use crate::feed::exchange::ChildWelcome;
use crate::mistake::{Mistake, made};
use crate::pull::{Answerer, Answering};
use crate::retry::Retry;

/// The longest wait for the parent's welcome. Its writer may have much to do first.
const WELCOME_MAX: Duration = Duration::from_mins(1);

/// The largest answer, in bytes.
const ACK_BYTES_MAX: usize = 1 << 20;

/// Cells in a part of what is told of the past: within a payload's limit, whatever their keys.
const TOLD_PART_ITEMS: usize = 2_048;

/// One connection: from dialling to its end.
pub async fn run(parts: &PushParts, status: &PushStatus, answerer: Option<&Arc<dyn Answerer>>) -> End {
    match Session::open(parts, status, answerer).await {
        Ok(session) => session.push().await.err().unwrap_or(End::Stopped),
        Err(end) => end,
    }
}

struct Session<'a> {
    parts: &'a PushParts,
    status: &'a PushStatus,
    frames: mpsc::Sender<v1::FeedFrame>,
    acks: Streaming<v1::FeedAck>,
    /// Kept while the stream lives: with its last handle the connection may close.
    _client: FederationClient<Channel>,
    /// Answers the parent beside the push; dropping it ends that.
    _answering: JoinSet<()>,
    cursor: Cursor,
    heard: VecDeque<v1::FeedFrame>,
    /// What was last told of the units below, and when.
    told: (Option<Instant>, Vec<(DivisionCode, u32)>),
}

/// Looks after changes below per time that is told: a unit that comes or goes is told soon.
const LOOKS_PER_HEARD: u32 = 12;

impl<'a> Session<'a> {
    async fn open(
        parts: &'a PushParts,
        status: &'a PushStatus,
        answerer: Option<&Arc<dyn Answerer>>,
    ) -> Result<Self, End> {
        let channel = parts.dial.dial().await.map_err(|error| End::Lost(error.reason))?;
        let mut client = FederationClient::new(channel.clone())
            .max_decoding_message_size(ACK_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        // Room for a whole window, so sending never waits: what waits is counted by the cursor.
        let (frames, outgoing) = mpsc::channel(WINDOW_FRAMES_MAX as usize + 1);
        frames.try_send(opening(parts)).map_err(|_| gone())?;
        let welcomed = tokio::time::timeout(WELCOME_MAX, async {
            let mut acks = client.push(ReceiverStream::new(outgoing)).await?.into_inner();
            let first = acks.message().await?;
            Ok((acks, first))
        });
        let (acks, first) = welcomed
            .await
            .map_err(|_| End::Lost(format!("the parent did not answer within {} s", WELCOME_MAX.as_secs())))?
            .map_err(|status: Status| refused(&status))?;
        let welcome = match first.and_then(|ack| ack.ack) {
            Some(Ack::Welcome(welcome)) => welcome,
            Some(Ack::Close(close)) => return Err(closed(close)),
            Some(Ack::Recount(recount)) => return Err(tell(parts, &frames, acks, recount.upto).await),
            _ => return Err(End::Lost("the parent did not begin with a welcome".to_owned())),
        };
        let cursor = welcomed_at(parts, status, welcome).await?;
        status.connected_by(channel.clone());
        let answering = answerer.map(|answerer| answer(parts, answerer, channel)).unwrap_or_default();
        Ok(Self {
            parts,
            status,
            frames,
            acks,
            _client: client,
            _answering: answering,
            cursor,
            heard: VecDeque::new(),
            told: (None, Vec::new()),
        })
    }

    /// Sends what there is, takes answers, and waits for either to change.
    async fn push(mut self) -> Result<(), End> {
        let mut changes = self.parts.source.watch();
        let mut heard = tokio::time::interval(self.heard_every() / LOOKS_PER_HEARD);
        heard.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Before reading, so that a change during the read is not slept through.
            changes.mark_unchanged();
            self.send_all()?;
            self.show_progress();
            tokio::select! {
                // In one order, so that a simulation repeats itself; what comes often comes last.
                biased;
                _ = heard.tick() => self.hear(),
                ack = self.acks.message() => self.answered(ack.map_err(|status| refused(&status))?)?,
                alive = changes.changed() => alive.map_err(|_| End::Stopped)?,
            }
        }
    }

    fn send_all(&mut self) -> Result<(), End> {
        while self.cursor.has_room()
            && let Some(heard) = self.heard.pop_front()
        {
            self.cursor.sent_other();
            self.send(Next { frame: heard, items: 0, begins_walk: false })?;
        }
        while let Some(next) = self.cursor.next().map_err(|error| End::Lost(error.to_string()))? {
            self.send(next)?;
        }
        Ok(())
    }

    fn send(&self, Next { frame, items, begins_walk }: Next) -> Result<(), End> {
        let bytes = frame.encoded_len() as u64;
        let metrics = &self.parts.metrics;
        metrics.items_sent.inc_by(items);
        metrics.bytes_sent.inc_by(bytes);
        metrics.resyncs.inc_by(u64::from(begins_walk));
        self.status.sent(items, bytes, begins_walk);
        if begins_walk {
            tracing::info!(parent = %self.parts.parent, "re-sync begins: the parent's watermark cannot be continued");
        }
        self.frames.try_send(frame).map_err(|_| gone())
    }

    fn show_progress(&self) {
        let lag = self.cursor.lag_items();
        self.parts.metrics.lag_items.set(i64::try_from(lag).unwrap_or(i64::MAX));
        self.status.progress(lag, self.cursor.walks());
    }

    fn answered(&mut self, ack: Option<v1::FeedAck>) -> Result<(), End> {
        let wrong = |error: super::cursor::WrongAnswer| End::Lost(error.to_string());
        match ack.map(|ack| ack.ack) {
            None => Err(gone()),
            Some(Some(Ack::Applied(applied))) => {
                self.cursor.applied(applied.frames).map_err(wrong)?;
                let held = |mark: Option<v1::Mark>| mark.map_or(Watermark::ZERO, Watermark::from);
                let (here, safe) = (held(applied.applied), held(applied.safe));
                self.status.applied(here, safe, applied.equal);
                if !self.cursor.walks() {
                    self.status.reached(here);
                }
                Ok(())
            }
            Some(Some(Ack::Range(answer))) => {
                self.cursor.range_answered(answer.agreed).map_err(wrong)?;
                if !self.cursor.walks() {
                    tracing::info!(parent = %self.parts.parent, "re-sync done");
                }
                Ok(())
            }
            Some(Some(Ack::Close(close))) => Err(closed(close)),
            Some(Some(Ack::Resend(range))) => {
                let (from, to) = frame::resend(range).map_err(|error| End::Lost(error.to_string()))?;
                self.cursor.resend(from, to).map_err(wrong)
            }
            Some(Some(Ack::Welcome(_) | Ack::Recount(_)) | None) => {
                Err(End::Lost("the parent sent an answer of no known kind".to_owned()))
            }
        }
    }

    fn heard_every(&self) -> Duration {
        Duration::from_secs(self.parts.config.heard_seconds.max(1).into())
    }

    /// Tells of the units below when a standing changed, else from time to time; also if
    /// there are none, since the answer says how far the parent's checkpoint covers this feed.
    /// What was not yet sent is replaced: only the newest is worth telling.
    fn hear(&mut self) {
        let units = (self.parts.heard)();
        let standings = units.iter().map(|(code, _, standing)| (*code, *standing)).collect();
        let due = self.told.0.is_none_or(|at| at.elapsed() >= self.heard_every());
        if due {
            self.cursor.say_again();
        }
        if due || self.told.1 != standings {
            let parts = units.chunks(HEARD_UNITS_MAX).map(frame::heard_frame);
            self.heard = if units.is_empty() { [frame::heard_frame(&[])].into() } else { parts.collect() };
            self.told = (Some(Instant::now()), standings);
        }
    }
}

/// Answers the parent in a task of its own, so that no question keeps the feed waiting.
fn answer(parts: &PushParts, answerer: &Arc<dyn Answerer>, channel: Channel) -> JoinSet<()> {
    let first = Duration::from_millis(parts.config.reconnect_min_ms.into());
    let longest = Duration::from_millis(parts.config.reconnect_max_ms.into());
    let retry = Retry::new(first, longest, Arc::clone(&parts.entropy));
    let (own, metrics) = (parts.source.code(), Arc::clone(&parts.metrics));
    let mut task = JoinSet::new();
    task.spawn(Answering { own, answerer: Arc::clone(answerer), metrics }.run(channel, retry));
    task
}

/// The parent holds this node, whose journal went back in time, and asks what it had then. How
/// the stream ended.
async fn tell(
    parts: &PushParts,
    frames: &mpsc::Sender<v1::FeedFrame>,
    mut acks: Streaming<v1::FeedAck>,
    upto: u64,
) -> End {
    tracing::info!(parent = %parts.parent, upto, "the parent asks what this node had after that entry");
    let items = match parts.source.recount(upto) {
        Ok(items) => items,
        Err(error) => return End::Lost(error.to_string()),
    };
    let (mut packer, mut items, mut last) = (Packer::new(), items.into_iter().peekable(), false);
    while !last {
        let part: Vec<_> = items.by_ref().take(TOLD_PART_ITEMS).collect();
        last = items.peek().is_none();
        let told = v1::Told { payload: Some(packer.pack(part)), last };
        if frames.send(v1::FeedFrame { frame: Some(Frame::Told(told)) }).await.is_err() {
            break;
        }
    }
    match acks.message().await {
        Ok(Some(v1::FeedAck { ack: Some(Ack::Close(close)) })) => closed(close),
        Ok(_) => gone(),
        Err(status) => refused(&status),
    }
}

fn opening(parts: &PushParts) -> v1::FeedFrame {
    let source = &parts.source;
    let starts = source.starts();
    let newest = starts.iter().skip(starts.len().saturating_sub(OPENING_STARTS_MAX));
    let opening = v1::Opening {
        protocol: PROTOCOL_VERSION,
        code: source.code().to_string(),
        incarnation: source.incarnation().to_bytes().to_vec(),
        starts: newest
            .map(|start| v1::FeedStart { number: start.number, epoch: start.epoch, sequence: start.sequence })
            .collect(),
        head: Some(source.head().into()),
        name: parts.name.clone(),
        version: parts.version.clone(),
        catalogue_version: parts.catalogue_version.clone(),
        clock_ms: source.now_ms(),
    };
    v1::FeedFrame { frame: Some(Frame::Opening(opening)) }
}

/// Takes the welcome, unless it proves that this node's journal went back in time.
async fn welcomed_at(parts: &PushParts, status: &PushStatus, welcome: v1::Welcome) -> Result<Cursor, End> {
    let source = &parts.source;
    let (parent_ms, window) = (welcome.clock_ms, welcome.window.min(parts.config.window_frames));
    let now_ms = source.now_ms();
    let mut held = frame::welcome(welcome).map_err(|error| End::Lost(format!("the parent's welcome: {error}")))?;
    source.observe_parent_time(parent_ms);
    refuse_rollback(parts, &held)?;
    if let Some(children) = held.taken_in.take() {
        tracing::info!(parent = %parts.parent, children = children.len(), "taken in again: the children send first");
        (parts.taken_in)(children).await;
    }
    status.welcomed(held.low, parent_ms.saturating_sub(now_ms), now_ms);
    parts.metrics.parent_connected.set(1);
    tracing::info!(parent = %parts.parent, low = %held.low.at, "welcomed by the parent");
    Ok(Cursor::new(Arc::clone(source), held, window as usize, parts.config.frame_items as usize))
}

/// The parent remembers the newest journal entry that it was ever shown. A journal without
/// it lost entries that had been acknowledged: pushing would hide that.
fn refuse_rollback(parts: &PushParts, held: &ChildWelcome) -> Result<(), End> {
    let Some(anchor) = held.anchor else { return Ok(()) };
    if made(Mistake::IgnoreEpoch) || parts.source.holds(anchor).map_err(|error| End::Lost(error.to_string()))? {
        return Ok(());
    }
    (parts.went_back)(anchor);
    Err(End::Held(format!(
        "the parent has seen journal entry {} of this unit, and this journal does not hold it: the disk went back in \
         time. Nothing is pushed. Stop the node and put the newer data directory back: what was written since is \
         nowhere else. If that is gone, start once with --accept-loss; the parent's operator then takes it in again",
        anchor.sequence
    )))
}

fn closed(close: v1::Close) -> End {
    if close.held { End::Held(close.reason) } else { End::Lost(close.reason) }
}

/// The stream was refused, or broke.
fn refused(status: &Status) -> End {
    let reason = if status.message().is_empty() || std::error::Error::source(status).is_some() {
        explain(status)
    } else {
        status.message().to_owned()
    };
    match status.code() {
        Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::Unimplemented => End::Held(reason),
        _ => End::Lost(reason),
    }
}

fn gone() -> End {
    End::Lost("the parent ended the stream".to_owned())
}
