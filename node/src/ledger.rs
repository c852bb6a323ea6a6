//! Ledgers: from a caller's wish to an acknowledged entry, and back to a record.
//!
//! `submit (form only) → committer → journal → fold`. A write is acknowledged when the
//! journal has it on disk, never before.
//!
//! * [`committer`]: the one place that decides what depends on state, in journal order.
//!   [`intent`]: what is put to it.
//! * [`children`]: decisions about children: planned, accepted, settled, released, retired.
//! * [`reporting`]: days: zero reports of the unit, and days of its children that are received.
//! * [`pending`]: what is decided but not yet in the index.
//! * `answer`: what callers are told, once it is on disk. [`error`]: why something is refused.
//! * [`read`], [`list`]: records, alone and in pages.

mod answer;
pub mod children;
pub mod committer;
pub mod error;
pub mod intent;
pub mod list;
pub mod pending;
pub mod read;
pub mod reporting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use wuji_proto::{DivisionCode, Incarnation, RecordId, stored};

use crate::catalogue::{Catalogue, CheckedRecord, Values};
use crate::feed::exchange::{Anchor, ChildJob, FormerChild};
use crate::journal::JournalReader;
use crate::store::Store;
use crate::time::NodeTime;
pub use error::LedgerError;
use intent::Intent;

/// The longest reason for voiding, in characters.
pub const REASON_CHARACTERS_MAX: usize = 200;

/// Records that are handed to the committer at once.
const INTENT_RECORDS_MAX: usize = 512;

/// Bytes of their values, unless one alone has more: well within a journal group.
const INTENT_BYTES_MAX: usize = 128 << 10;

/// What the node answers to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The record.
    pub id: RecordId,
    /// Its revision now.
    pub revision: u32,
    /// The journal sequence of the entry.
    pub sequence: u64,
    /// When it was written, milliseconds since 1970.
    pub recorded_at_ms: i64,
    /// It had been written before; nothing was written now.
    pub repeated: bool,
}

/// A record to be written, its form checked.
pub struct Submission {
    /// The ledger.
    pub ledger: String,
    /// The id.
    pub id: RecordId,
    /// The values.
    pub record: CheckedRecord,
    /// Keyed digest of all values.
    pub content: [u8; 16],
    /// Size of all values, in bytes.
    pub bytes: usize,
    /// It was voided where it comes from: it is recognised if it is here, and never written.
    pub voided: bool,
}

/// The ledgers of a node.
#[derive(Clone)]
pub struct Ledgers {
    own: DivisionCode,
    catalogue: Arc<Catalogue>,
    store: Arc<Store>,
    journal: JournalReader,
    time: NodeTime,
    intents: mpsc::Sender<Intent>,
    acknowledged: Arc<AtomicU64>,
    content_key: [u8; 32],
}

impl Ledgers {
    /// Over a store, its journal and the committer behind `intents`.
    pub fn new(
        catalogue: Arc<Catalogue>,
        store: Arc<Store>,
        journal: JournalReader,
        time: NodeTime,
        intents: mpsc::Sender<Intent>,
        acknowledged: Arc<AtomicU64>,
        content_key: [u8; 32],
    ) -> Self {
        Self { own: store.own, catalogue, store, journal, time, intents, acknowledged, content_key }
    }

    /// The unit.
    pub const fn own(&self) -> DivisionCode {
        self.own
    }

    /// The catalogue that records are checked against.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The node's time, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.time.now_ms()
    }

    /// Waits until the index holds everything that was acknowledged when this was called.
    pub async fn settled(&self) {
        self.store.wait_applied(self.acknowledged.load(Ordering::Acquire)).await;
    }

    /// Checks a record's form and gives it its content digest.
    pub fn check(&self, ledger: &str, id: RecordId, values: Values) -> Result<Submission, LedgerError> {
        let definition =
            self.catalogue.ledger(ledger).ok_or_else(|| LedgerError::unknown_ledger(ledger, &self.catalogue))?;
        let record = definition.check(values, self.time.today()).map_err(LedgerError::Form)?;
        let values = record.canonical_bytes();
        let content = self.digest(&[&values]);
        Ok(Submission { ledger: ledger.to_owned(), id, record, content, bytes: values.len(), voided: false })
    }

    /// The id of an import row: of this unit, the ledger, what the row says, and which of
    /// the file's equal rows it is. So a file imports once, and twins in it stay two.
    pub fn row_id(&self, submission: &Submission, twin: u64) -> RecordId {
        let unit = self.own.to_key();
        let ledger = submission.ledger.as_bytes();
        RecordId::derived(self.digest(&[b"row", &unit, ledger, &[0], &submission.content, &twin.to_le_bytes()]))
    }

    /// Keyed by the node's own key, so that a digest tells nothing of a personal value.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.content_key);
        for part in parts {
            hasher.update(part);
        }
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        digest
    }

    /// Writes records; one answer each, in order, when they are on disk.
    pub async fn submit(&self, submissions: Vec<Submission>, actor: &str) -> Vec<Result<Receipt, LedgerError>> {
        let count = submissions.len();
        let mut waiting = Vec::new();
        for submissions in in_parts(submissions) {
            let (reply, answer) = oneshot::channel();
            let intent = Intent::Submit { submissions, actor: actor.to_owned(), reply };
            if self.intents.send(intent).await.is_ok() {
                waiting.push(answer);
            }
        }
        let mut receipts = Vec::with_capacity(count);
        for answer in waiting {
            receipts.extend(answer.await.unwrap_or_default());
        }
        receipts.resize_with(count, || Err(LedgerError::Stopping));
        receipts
    }

    /// Replaces a record's values.
    pub async fn amend(&self, amended: Submission, base_revision: u32, actor: &str) -> Result<Receipt, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let intent = Intent::Amend { amended: Box::new(amended), base_revision, actor: actor.to_owned(), reply };
        self.ask(intent, answer).await?
    }

    /// Voids a record.
    pub async fn void(
        &self,
        ledger: &str,
        id: RecordId,
        base_revision: u32,
        reason: &str,
        actor: &str,
    ) -> Result<Receipt, LedgerError> {
        let reason = reason.trim().to_owned();
        if reason.is_empty() || reason.chars().count() > REASON_CHARACTERS_MAX {
            return Err(LedgerError::Reason);
        }
        let (reply, answer) = oneshot::channel();
        let ledger = ledger.to_owned();
        self.ask(Intent::Void { ledger, id, base_revision, reason, actor: actor.to_owned(), reply }, answer).await?
    }

    /// Says that there was nothing to enter on the days from `from` to `to`, in days since
    /// 1900-01-01. How many days are reported now and were not before, and the sequence of the
    /// entry; 0 and 0: all of them were, and nothing was written.
    pub async fn zero_report(&self, from: i32, to: i32, actor: &str) -> Result<(u32, u64), LedgerError> {
        reporting::check_days(from, to, self.time.today()).map_err(LedgerError::Form)?;
        let (reply, answer) = oneshot::channel();
        self.ask(Intent::ZeroReport { from, to, actor: actor.to_owned(), reply }, answer).await?
    }

    /// Plans a child. True: it had been planned so before.
    pub async fn register_child(
        &self,
        code: DivisionCode,
        name: String,
        expected_from: i32,
        actor: &str,
    ) -> Result<bool, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let intent = Intent::RegisterChild { code, name, expected_from, actor: actor.to_owned(), reply };
        self.decide(intent, answer).await?
    }

    /// Accepts the journal with which a child came back: what was held of its former life
    /// counts on, or is replaced.
    pub async fn adopt_child(
        &self,
        code: DivisionCode,
        keep_history: bool,
        actor: &str,
    ) -> Result<Adoption, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let intent = Intent::AdoptChild { code, keep_history, actor: actor.to_owned(), reply };
        self.decide(intent, answer).await?
    }

    /// Takes the unsettled amounts of a child out of the totals: they were entered again, or are
    /// given up. How many there were.
    pub async fn settle_child(&self, code: DivisionCode, re_entered: bool, actor: &str) -> Result<u64, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.decide(Intent::SettleChild { code, re_entered, actor: actor.to_owned(), reply }, answer).await?
    }

    /// Gives up waiting for the complete mark of an absent child.
    pub async fn release_child(&self, code: DivisionCode, actor: &str) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.decide(Intent::ReleaseChild { code, actor: actor.to_owned(), reply }, answer).await?
    }

    /// Ends a unit from a day on, days since 1900-01-01. Whether it was retired so before, and
    /// how many cells were journalled.
    pub async fn retire_child(&self, code: DivisionCode, from: i32, actor: &str) -> Result<(bool, u64), LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.decide(Intent::RetireChild { code, from, actor: actor.to_owned(), reply }, answer).await?
    }

    /// The parent has seen an entry that the journal does not hold. Not waited for: it says so at
    /// every connection.
    pub fn went_back(&self, anchor: Anchor) {
        if self.intents.try_send(Intent::WentBack(anchor)).is_err() {
            tracing::debug!("the committer is busy: that the journal went back is noted later");
        }
    }

    /// The node was taken in again by its parent, which tells of the children that it had: those
    /// that it does not know are planned, and nothing goes upward before all have sent again.
    pub async fn taken_in(&self, children: Vec<FormerChild>) {
        let (reply, done) = oneshot::channel();
        // If the node is stopping, the parent tells again at the next connection.
        let _ = self.ask(Intent::TakenIn { children, done: reply }, done).await;
    }

    /// Journals a report as it is issued. When, in milliseconds since 1970.
    pub async fn issue_report(&self, issued: stored::ReportIssued, actor: &str) -> Result<i64, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Intent::IssueReport { issued: Box::new(issued), actor: actor.to_owned(), reply }, answer).await?
    }

    /// Journals that a backup was verified where it lies. When, in milliseconds since 1970.
    pub async fn note_backup(&self, taken: stored::BackupTaken, actor: &str) -> Result<i64, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Intent::NoteBackup { taken: Box::new(taken), actor: actor.to_owned(), reply }, answer).await?
    }

    /// Tells the committer to finish what waits and to take no more.
    pub async fn close(&self) {
        // One that is gone needs no telling.
        let _ = self.intents.send(Intent::Close).await;
    }

    /// A decision about a child; answered once it is in the index: whoever comes next meets it.
    async fn decide<T>(
        &self,
        intent: Intent,
        answer: oneshot::Receiver<Result<T, LedgerError>>,
    ) -> Result<Result<T, LedgerError>, LedgerError> {
        let decided = self.ask(intent, answer).await;
        self.settled().await;
        decided
    }

    async fn ask<T>(&self, intent: Intent, answer: oneshot::Receiver<T>) -> Result<T, LedgerError> {
        self.intents.send(intent).await.map_err(|_| LedgerError::Stopping)?;
        answer.await.map_err(|_| LedgerError::Stopping)
    }
}

/// Cuts a long list into parts that fit a journal group.
fn in_parts(submissions: Vec<Submission>) -> Vec<Vec<Submission>> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::new(), 0);
    for submission in submissions {
        if part.len() == INTENT_RECORDS_MAX || bytes + submission.bytes > INTENT_BYTES_MAX {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += submission.bytes;
        part.push(submission);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

/// What an adoption came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The life of the child's journal that is accepted now.
    pub incarnation: Incarnation,
    /// Cells of its former life that were journalled.
    pub cells: u64,
    /// Amounts that it lost, which count on until they are settled.
    pub unsettled: u64,
    /// It may have lost more than these.
    pub unknown: bool,
}

/// A child waits at the door: its incarnation is to be accepted in the journal, then its
/// opening goes to the writer.
pub struct Acceptance {
    /// The child.
    pub code: DivisionCode,
    /// The life of its journal.
    pub incarnation: Incarnation,
    /// The epoch of its first start.
    pub first_epoch: Option<u64>,
    /// What waits.
    pub opening: Box<ChildJob>,
}
