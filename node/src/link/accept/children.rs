use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tonic::Status;
use wuji_proto::{DivisionCode, Watermark, v1};

use super::stream::items;
use crate::access::Refusals;
use crate::audit::Streams;
use crate::feed::exchange::{ChildFrame, ChildOpening, Refusal, StreamId};
use crate::link::frame::ack;
use crate::mistake::{Mistake, made};
use crate::telemetry::Metrics;

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

/// The range that ends a walk, or is not of one.
const RESYNC_DONE_PERMILLE: u32 = 1_000;

/// What a child is told on its stream.
type Answer = Result<v1::FeedAck, Status>;

/// What the link knows of every child that has called since the node started, and the way
/// to close their streams.
pub struct Children {
    refusals: Arc<Refusals>,
    metrics: Arc<Metrics>,
    known: Mutex<BTreeMap<DivisionCode, Child>>,
}

struct Child {
    link: ChildLink,
    /// Of its newest stream. Weak: the stream ends with the half that answers.
    answers: Option<mpsc::WeakSender<Answer>>,
    closing: Option<watch::Sender<Option<Refusal>>>,
    /// Dropped when its stream is being closed or has ended.
    present: Option<watch::Sender<()>>,
}

/// That the stream of a child which is open now has not ended since.
pub struct Presence(watch::Receiver<()>);

impl Presence {
    /// Waits until the stream is being closed or has ended.
    pub async fn ended(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Whether a child is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// Welcomed, and its stream is open.
    Connected,
    /// Its stream has ended.
    Absent,
    /// An operator must decide.
    Held,
}

impl ChildState {
    /// After a refusal.
    const fn without(refusal: &Refusal) -> Self {
        if refusal.held { Self::Held } else { Self::Absent }
    }

    /// As in `v1::ChildStatus`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Absent => "absent",
            Self::Held => "held",
        }
    }
}

/// What the link knows of one child.
#[derive(Clone, Debug)]
pub struct ChildLink {
    /// Whether it is there.
    pub state: ChildState,
    /// Why it is not.
    pub reason: String,
    /// Its newest stream; 0: none was opened.
    pub stream: StreamId,
    /// When a frame of it last came, milliseconds since 1970.
    pub last_contact_ms: i64,
    /// What it calls itself.
    pub name: String,
    /// Its program.
    pub version: String,
    /// Its catalogue.
    pub catalogue_version: String,
    /// Its clock less this node's at its opening, milliseconds.
    pub clock_skew_ms: i64,
    /// The newest sequence that it is known to have.
    pub head: Watermark,
    /// The watermark after its last answered frame, if one was answered.
    pub applied: Option<Watermark>,
    /// Items that it has still to send.
    pub remaining: u64,
    /// Whether its digest was equal at its last complete mark, and when.
    pub complete: Option<(bool, i64)>,
    /// How far its walk is, in 1/1,000, while one is under way.
    pub resync_permille: Option<u32>,
    /// Items received since the node started.
    pub items_received: u64,
    /// Bytes of frames received since the node started.
    pub bytes_received: u64,
}

impl ChildLink {
    fn new(opening: &ChildOpening) -> Self {
        Self {
            state: ChildState::Absent,
            reason: String::new(),
            stream: 0,
            last_contact_ms: 0,
            name: opening.name.clone(),
            version: opening.version.clone(),
            catalogue_version: opening.catalogue_version.clone(),
            clock_skew_ms: 0,
            head: opening.head,
            applied: None,
            remaining: 0,
            complete: None,
            resync_permille: None,
            items_received: 0,
            bytes_received: 0,
        }
    }

    fn opened(&mut self, opening: &ChildOpening, now_ms: i64) {
        self.name.clone_from(&opening.name);
        self.version.clone_from(&opening.version);
        self.catalogue_version.clone_from(&opening.catalogue_version);
        self.clock_skew_ms = opening.clock_ms.saturating_sub(now_ms);
        self.head = opening.head;
        self.last_contact_ms = now_ms;
        self.resync_permille = None;
    }
}

impl Children {
    pub(super) fn new(refusals: Arc<Refusals>, metrics: Arc<Metrics>) -> Self {
        Self { refusals, metrics, known: Mutex::default() }
    }

    /// What is known of a child; `None` if it has not called since the node started.
    pub fn get(&self, code: DivisionCode) -> Option<ChildLink> {
        self.known.lock().get(&code).map(|child| child.link.clone())
    }

    /// Where the end of a child's open stream will be told; `None`: it has none.
    pub fn presence(&self, code: DivisionCode) -> Option<Presence> {
        let known = self.known.lock();
        known.get(&code).and_then(|child| child.present.as_ref()).map(|present| Presence(present.subscribe()))
    }

    /// Children with an open stream.
    pub fn connected_codes(&self) -> Vec<DivisionCode> {
        let known = self.known.lock();
        known.iter().filter(|(_, child)| child.link.state == ChildState::Connected).map(|(code, _)| *code).collect()
    }

    /// Puts what the link knows into a child's status. The other fields are the state's.
    pub fn fill(&self, code: DivisionCode, now_ms: i64, status: &mut v1::ChildStatus) {
        let link = self.get(code);
        let connected = link.as_ref().is_some_and(|link| link.state == ChildState::Connected);
        if let Some(link) = link {
            link.state.as_str().clone_into(&mut status.state);
            status.reason = link.reason;
            status.head = link.head.at.to_string();
            status.lag_items = link.remaining;
            status.resync =
                link.resync_permille.map_or_else(String::new, |done| format!("{}.{} %", done / 10, done % 10));
            status.last_contact_ms = link.last_contact_ms;
            status.clock_skew_ms = link.clock_skew_ms;
            status.version = link.version;
            status.items_received = link.items_received;
            let complete_ms = link.complete.map_or(status.complete_at_ms, |(_, at_ms)| at_ms);
            status.complete_at_ms = status.complete_at_ms.max(complete_ms);
            let behind = now_ms.saturating_sub(status.complete_at_ms) / SECOND_MS;
            status.lag_seconds = if link.remaining == 0 && connected { 0 } else { u64::try_from(behind).unwrap_or(0) };
        }
        // Turned away before it could say who it is: only its certificate speaks of it.
        if !connected
            && let Some((reason, at_ms)) = self.refusals.of(code)
            && at_ms >= status.last_contact_ms
        {
            status.reason = reason;
            status.last_contact_ms = at_ms;
        }
    }

    /// Ends a child's stream. It calls again soon, unless `held`.
    pub fn close(&self, code: DivisionCode, refusal: Refusal) {
        if let Some(child) = self.known.lock().get_mut(&code) {
            child.end(refusal);
        }
    }

    /// Ends every stream: each child then shows a complete mark at its next opening.
    pub fn close_all(&self, refusal: &Refusal) {
        for child in self.known.lock().values_mut() {
            child.end(refusal.clone());
        }
    }

    /// A stream was welcomed; the one before it, if any, is closed. Returned is where its
    /// end will be told.
    pub(super) fn connected(
        &self,
        opening: &ChildOpening,
        stream: StreamId,
        now_ms: i64,
        answers: &mpsc::Sender<Answer>,
    ) -> watch::Receiver<Option<Refusal>> {
        self.refusals.forget(opening.code);
        let (sender, receiver) = watch::channel(None);
        let mut known = self.known.lock();
        let child = known.entry(opening.code).or_insert_with(|| Child::new(opening));
        let taken_over = Refusal { reason: "a newer connection of this unit has taken over".to_owned(), held: false };
        if child.link.stream > stream {
            // Overtaken while the writer was asked.
            let _ = sender.send(Some(taken_over));
            return receiver;
        }
        if made(Mistake::NoFence) {
            std::mem::forget(child.closing.take());
        }
        child.end(taken_over);
        child.closing = Some(sender);
        child.answers = Some(answers.downgrade());
        child.present = Some(watch::Sender::new(()));
        child.link.opened(opening, now_ms);
        child.link.stream = stream;
        self.enter(&mut child.link, ChildState::Connected, "");
        receiver
    }

    pub(super) fn turned_away(&self, opening: &ChildOpening, refusal: &Refusal, now_ms: i64) {
        self.refusals.forget(opening.code);
        let mut known = self.known.lock();
        let child = known.entry(opening.code).or_insert_with(|| Child::new(opening));
        // Another node with the same code: the one that is connected stays what it is.
        if child.link.state == ChildState::Connected {
            child.link.reason = format!("a second node was turned away: {}", refusal.reason);
            return;
        }
        child.link.opened(opening, now_ms);
        self.enter(&mut child.link, ChildState::without(refusal), &refusal.reason);
    }

    pub(super) fn received(&self, code: DivisionCode, stream: StreamId, frame: &ChildFrame, bytes: u64, now_ms: i64) {
        self.update(code, stream, |link| {
            link.last_contact_ms = now_ms;
            link.items_received += items(frame);
            link.bytes_received += bytes;
            match frame {
                ChildFrame::Batch { upto, view, remaining, .. } => {
                    link.head = link.head.max(*view).max(*upto);
                    link.remaining = *remaining;
                    link.resync_permille = None;
                }
                ChildFrame::WalkBegin { .. } => link.resync_permille = Some(0),
                ChildFrame::Range { progress_permille, .. } => {
                    link.resync_permille = Some(*progress_permille).filter(|done| *done < RESYNC_DONE_PERMILLE);
                }
                ChildFrame::Heard(_) => {}
            }
        });
    }

    pub(super) fn answered(
        &self,
        code: DivisionCode,
        stream: StreamId,
        applied: Watermark,
        equal: Option<bool>,
        now_ms: i64,
    ) {
        self.update(code, stream, |link| {
            link.applied = Some(applied);
            link.complete = equal.map(|equal| (equal, now_ms)).or(link.complete);
        });
    }

    /// The stream is being closed by this node.
    pub(super) fn closed(&self, code: DivisionCode, stream: StreamId, refusal: &Refusal) {
        self.update(code, stream, |link| self.enter(link, ChildState::without(refusal), &refusal.reason));
    }

    /// The stream has ended. A reason that was given before stays.
    pub(super) fn disconnected(&self, code: DivisionCode, stream: StreamId, reason: &str, now_ms: i64) {
        self.update(code, stream, |link| {
            link.last_contact_ms = now_ms;
            if link.state == ChildState::Connected {
                self.enter(link, ChildState::Absent, reason);
            }
        });
    }

    fn enter(&self, link: &mut ChildLink, state: ChildState, reason: &str) {
        let connected = |state| i64::from(state == ChildState::Connected);
        self.metrics.children_connected.inc_by(connected(state) - connected(link.state));
        link.state = state;
        reason.clone_into(&mut link.reason);
    }

    /// Only the newest stream of a child speaks for it.
    fn update(&self, code: DivisionCode, stream: StreamId, change: impl FnOnce(&mut ChildLink)) {
        if let Some(child) = self.known.lock().get_mut(&code)
            && child.link.stream == stream
        {
            change(&mut child.link);
            if child.link.state != ChildState::Connected {
                child.present = None;
            }
        }
    }
}

impl Streams for Children {
    fn resend(&self, child: DivisionCode, stream: StreamId, from: &[u8], to: Option<&[u8]>) -> bool {
        let known = self.known.lock();
        let child = known.get(&child).filter(|child| child.link.stream == stream);
        let answers = child.and_then(|child| child.answers.as_ref()?.upgrade());
        let range = v1::Resend { from: from.to_vec(), to: to.unwrap_or_default().to_vec() };
        // Never waits: a child that takes no answers has other troubles.
        answers.is_some_and(|answers| answers.try_send(Ok(ack(v1::feed_ack::Ack::Resend(range)))).is_ok())
    }

    fn reopen(&self, child: DivisionCode, reason: &str) {
        self.close(child, Refusal { reason: reason.to_owned(), held: false });
    }
}

impl Child {
    fn new(opening: &ChildOpening) -> Self {
        Self { link: ChildLink::new(opening), closing: None, answers: None, present: None }
    }

    fn end(&mut self, refusal: Refusal) {
        self.present = None;
        if let Some(closing) = &self.closing {
            closing.send_if_modified(|told| {
                let first = told.is_none();
                if first {
                    *told = Some(refusal);
                }
                first
            });
        }
    }
}
