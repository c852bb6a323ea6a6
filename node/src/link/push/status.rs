use parking_lot::Mutex;
use tokio::sync::watch;
use tonic::transport::Channel;
use wuji_proto::{DivisionCode, Watermark, v1};

/// What the pushing end tells of itself.
pub struct PushStatus {
    parent: DivisionCode,
    address: String,
    told: Mutex<Told>,
    /// How far the parent has applied the feed in this session; `None` between sessions.
    applied: watch::Sender<Option<Watermark>>,
    channel: Mutex<Option<Channel>>,
}

#[derive(Clone, Default)]
struct Told {
    state: State,
    reason: String,
    since_ms: i64,
    applied: Watermark,
    safe: Watermark,
    lag_items: u64,
    walks: bool,
    digest: DigestState,
    clock_skew_ms: i64,
    items_sent: u64,
    bytes_sent: u64,
    resyncs: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Connecting,
    Connected,
    Held,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum DigestState {
    #[default]
    Unknown,
    Equal,
    Differs,
}

impl PushStatus {
    pub(super) fn new(parent: DivisionCode, address: &str, now_ms: i64) -> Self {
        let told = Told { since_ms: now_ms, ..Told::default() };
        Self {
            parent,
            address: address.to_owned(),
            told: Mutex::new(told),
            applied: watch::Sender::new(None),
            channel: Mutex::new(None),
        }
    }

    /// Of a line without a wire, which a test or a simulation moves with [`told`](Self::told).
    #[cfg(any(test, feature = "simulation"))]
    pub fn double(parent: DivisionCode) -> Self {
        Self::new(parent, "", 0)
    }

    /// The parent has told that it applied the feed up to here.
    #[cfg(any(test, feature = "simulation"))]
    pub fn told(&self, applied: Watermark) {
        self.reached(applied);
    }

    /// For the status service. `head` is the newest sequence of the own feed.
    pub fn report(&self, head: Watermark) -> v1::ParentStatus {
        let told = self.told.lock().clone();
        let connected = told.state == State::Connected;
        let digest = match told.digest {
            _ if connected && (told.walks || told.lag_items > 0 || told.applied < head) => "catching-up",
            DigestState::Unknown => "unknown",
            DigestState::Equal => "equal",
            DigestState::Differs => "differs",
        };
        v1::ParentStatus {
            code: self.parent.to_string(),
            address: self.address.clone(),
            state: match told.state {
                State::Connecting => "connecting",
                State::Connected => "connected",
                State::Held => "held",
            }
            .to_owned(),
            reason: told.reason,
            since_ms: told.since_ms,
            head: head.at.to_string(),
            applied: told.applied.at.to_string(),
            safe: told.safe.at.to_string(),
            lag_items: told.lag_items,
            digest: digest.to_owned(),
            clock_skew_ms: told.clock_skew_ms,
            items_sent: told.items_sent,
            bytes_sent: told.bytes_sent,
            resyncs: told.resyncs,
        }
    }

    /// Whether the parent has welcomed this node and has not gone since.
    pub fn is_connected(&self) -> bool {
        self.told.lock().state == State::Connected
    }

    /// The parent's code.
    pub fn parent(&self) -> DivisionCode {
        self.parent
    }

    /// How far the parent has told that it applied the feed in this session; `None` while
    /// there is no session.
    pub fn watch_applied(&self) -> watch::Receiver<Option<Watermark>> {
        self.applied.subscribe()
    }

    /// Whether a walk over the feed is under way: until it is done the parent cannot tell
    /// how far it has applied it.
    pub fn walks(&self) -> bool {
        self.told.lock().walks
    }

    /// The connection to the parent, while there is a session.
    pub fn channel(&self) -> Option<Channel> {
        self.channel.lock().clone()
    }

    /// Whether the parent found its copy equal at the last complete mark of this session.
    pub(super) fn was_equal(&self) -> bool {
        self.told.lock().digest == DigestState::Equal
    }

    pub(super) fn welcomed(&self, low: Watermark, skew_ms: i64, now_ms: i64) {
        let mut told = self.told.lock();
        told.enter(State::Connected, String::new(), now_ms);
        told.applied = low;
        told.clock_skew_ms = skew_ms;
    }

    /// The parent has the feed up to here. Not told in a walk, whose marks tell less.
    pub(super) fn reached(&self, applied: Watermark) {
        self.applied.send_replace(Some(applied));
    }

    pub(super) fn connected_by(&self, channel: Channel) {
        *self.channel.lock() = Some(channel);
    }

    /// The session is over.
    pub(super) fn ended(&self) {
        self.applied.send_replace(None);
        *self.channel.lock() = None;
    }

    pub(super) fn lost(&self, reason: String, now_ms: i64) {
        self.told.lock().enter(State::Connecting, reason, now_ms);
    }

    pub(super) fn held(&self, reason: String, now_ms: i64) {
        self.told.lock().enter(State::Held, reason, now_ms);
    }

    /// How far the feed is behind: items to be sent or applied, and whether a walk is under way.
    pub(super) fn progress(&self, lag_items: u64, walks: bool) {
        let mut told = self.told.lock();
        (told.lag_items, told.walks) = (lag_items, walks);
    }

    pub(super) fn sent(&self, items: u64, bytes: u64, begins_walk: bool) {
        let mut told = self.told.lock();
        told.items_sent += items;
        told.bytes_sent += bytes;
        told.resyncs += u64::from(begins_walk);
    }

    pub(super) fn applied(&self, applied: Watermark, safe: Watermark, equal: Option<bool>) {
        let mut told = self.told.lock();
        (told.applied, told.safe) = (applied, safe);
        match equal {
            Some(true) => told.digest = DigestState::Equal,
            Some(false) => told.digest = DigestState::Differs,
            None => {}
        }
    }
}

impl Told {
    /// `since` is when the state began, not when it was last confirmed.
    fn enter(&mut self, state: State, reason: String, now_ms: i64) {
        if self.state != state {
            self.since_ms = now_ms;
        }
        (self.state, self.reason) = (state, reason);
        // What was equal a while ago tells nothing about now.
        self.digest = DigestState::Unknown;
    }
}
