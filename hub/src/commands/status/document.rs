//! The status as a JSON document (docs/cli-json.md).

use serde::Serialize;
use wuji_proto::v1::{AuditStatus, BackupStatus, ChildStatus, IndexStatus, JournalStatus, ParentStatus, StatusReply};

use super::next::Next;
use crate::output::json::serialize_time;

/// A text, or null for an empty one.
type Optional = Option<String>;

#[derive(Serialize)]
pub struct Status {
    pub code: String,
    pub name: String,
    pub tier: String,
    pub incarnation: String,
    pub version: String,
    #[serde(serialize_with = "serialize_time")]
    pub now: i64,
    #[serde(serialize_with = "serialize_time")]
    pub started_at: i64,
    /// Why nothing is pushed upward.
    pub holding: Optional,
    pub journal: Journal,
    pub index: Index,
    pub audit: Audit,
    pub backup: Backup,
    pub catalogue: CatalogueVersion,
    /// Null at the province.
    pub parent: Option<Parent>,
    pub children: Vec<Child>,
    pub next: Next,
}

#[derive(Serialize)]
pub struct Journal {
    pub sequence: u64,
    pub segments: u64,
    pub bytes: u64,
    pub recovered: Optional,
    pub refusing: Optional,
}

#[derive(Serialize)]
pub struct Index {
    pub kind: String,
    pub applied: u64,
    pub items: u64,
    pub rebuilt: Optional,
    #[serde(serialize_with = "serialize_time")]
    pub checkpoint_at: i64,
    pub disk_bytes: u64,
    pub live_bytes: u64,
    pub snapshot_sequence: u64,
    #[serde(serialize_with = "serialize_time")]
    pub snapshot_at: i64,
}

/// Backups that were verified where they lie.
#[derive(Serialize)]
pub struct Backup {
    /// Null: none yet.
    #[serde(serialize_with = "serialize_time")]
    pub verified_at: i64,
    pub sequence: u64,
    pub place: Optional,
    pub destination: Optional,
    /// The last one outside the node's own disk.
    #[serde(serialize_with = "serialize_time")]
    pub outside_at: i64,
    pub overdue: bool,
}

impl From<BackupStatus> for Backup {
    fn from(it: BackupStatus) -> Self {
        Self {
            verified_at: it.at_ms,
            sequence: it.sequence,
            place: some(it.place).filter(|_| it.at_ms != 0),
            destination: some(it.destination),
            outside_at: it.outside_at_ms,
            overdue: it.overdue,
        }
    }
}

/// The standing audit.
#[derive(Serialize)]
pub struct Audit {
    /// When the last whole pass ended.
    #[serde(serialize_with = "serialize_time")]
    pub passed_at: i64,
    pub totals: u64,
    pub differences: u64,
    pub repaired: u64,
    pub progress_permille: u32,
}

#[derive(Serialize)]
pub struct CatalogueVersion {
    pub version: String,
    pub hash: String,
}

#[derive(Serialize)]
pub struct Parent {
    pub code: String,
    pub address: String,
    pub state: String,
    pub reason: Optional,
    #[serde(serialize_with = "serialize_time")]
    pub since: i64,
    pub head: String,
    pub applied: String,
    pub safe: String,
    pub lag_items: u64,
    pub digest: String,
    pub clock_skew_ms: i64,
    pub items_sent: u64,
    pub bytes_sent: u64,
    pub resyncs: u64,
}

#[derive(Serialize)]
pub struct Child {
    pub code: String,
    pub name: String,
    pub state: String,
    /// Null until it first connected.
    pub incarnation: Optional,
    pub watermark: Optional,
    pub head: Optional,
    pub lag_items: u64,
    pub lag_seconds: u64,
    pub digest: String,
    /// How far a re-sync is; null while none runs.
    pub resync: Optional,
    /// Why it is held.
    pub reason: Optional,
    #[serde(serialize_with = "serialize_time")]
    pub last_contact_at: i64,
    #[serde(serialize_with = "serialize_time")]
    pub complete_at: i64,
    pub clock_skew_ms: i64,
    pub version: Optional,
    pub malformed_items: u64,
    pub items_received: u64,
    /// Since when a decision about it is waited for.
    #[serde(serialize_with = "serialize_time")]
    pub waiting_since: i64,
    /// What it lost when it went back in time, and counts on; null: nothing.
    pub unsettled: Option<Unsettled>,
    /// Nobody waits for its complete mark.
    pub released: bool,
}

/// What a child lost, until an operator settles it.
#[derive(Serialize)]
pub struct Unsettled {
    #[serde(serialize_with = "serialize_time")]
    pub since: i64,
    pub amounts: u64,
    /// There may be more than these.
    pub unknown: bool,
}

fn some(text: String) -> Optional {
    Some(text).filter(|text| !text.is_empty())
}

impl Status {
    pub fn new(reply: StatusReply, next: Next) -> Self {
        Self {
            code: reply.code,
            name: reply.name,
            tier: reply.tier,
            incarnation: reply.incarnation,
            version: reply.version,
            now: reply.now_ms,
            started_at: reply.started_at_ms,
            holding: some(reply.holding),
            journal: reply.journal.unwrap_or_default().into(),
            index: reply.index.unwrap_or_default().into(),
            audit: reply.audit.unwrap_or_default().into(),
            backup: reply.backup.unwrap_or_default().into(),
            catalogue: CatalogueVersion { version: reply.catalogue_version, hash: reply.catalogue_hash },
            parent: reply.parent.map(Parent::from),
            children: reply.children.into_iter().map(Child::from).collect(),
            next,
        }
    }
}

impl From<JournalStatus> for Journal {
    fn from(it: JournalStatus) -> Self {
        Self {
            sequence: it.sequence,
            segments: it.segments,
            bytes: it.bytes,
            recovered: some(it.recovered),
            refusing: some(it.refusing),
        }
    }
}

impl From<AuditStatus> for Audit {
    fn from(it: AuditStatus) -> Self {
        Self {
            passed_at: it.passed_at_ms,
            totals: it.totals,
            differences: it.differences,
            repaired: it.repaired,
            progress_permille: it.progress,
        }
    }
}

impl From<IndexStatus> for Index {
    fn from(it: IndexStatus) -> Self {
        Self {
            kind: it.kind,
            applied: it.applied,
            items: it.items,
            rebuilt: some(it.rebuilt),
            checkpoint_at: it.checkpoint_at_ms,
            disk_bytes: it.disk_bytes,
            live_bytes: it.live_bytes,
            snapshot_sequence: it.snapshot_sequence,
            snapshot_at: it.snapshot_at_ms,
        }
    }
}

impl From<ParentStatus> for Parent {
    fn from(it: ParentStatus) -> Self {
        Self {
            code: it.code,
            address: it.address,
            state: it.state,
            reason: some(it.reason),
            since: it.since_ms,
            head: it.head,
            applied: it.applied,
            safe: it.safe,
            lag_items: it.lag_items,
            digest: it.digest,
            clock_skew_ms: it.clock_skew_ms,
            items_sent: it.items_sent,
            bytes_sent: it.bytes_sent,
            resyncs: it.resyncs,
        }
    }
}

impl From<ChildStatus> for Child {
    fn from(it: ChildStatus) -> Self {
        Self {
            code: it.code,
            name: it.name,
            state: it.state,
            incarnation: some(it.incarnation),
            watermark: some(it.watermark),
            head: some(it.head),
            lag_items: it.lag_items,
            lag_seconds: it.lag_seconds,
            digest: it.digest,
            resync: some(it.resync),
            reason: some(it.reason),
            last_contact_at: it.last_contact_ms,
            complete_at: it.complete_at_ms,
            clock_skew_ms: it.clock_skew_ms,
            version: some(it.version),
            malformed_items: it.malformed,
            items_received: it.items_received,
            waiting_since: it.waiting_since_ms,
            unsettled: (it.unsettled_since_ms != 0).then_some(Unsettled {
                since: it.unsettled_since_ms,
                amounts: it.unsettled,
                unknown: it.unsettled_unknown,
            }),
            released: it.released,
        }
    }
}
