//! What is put to the committer.

use tokio::sync::oneshot;
use wuji_proto::{DivisionCode, RecordId, stored};

use super::answer::Reply;
use super::{Acceptance, Adoption, LedgerError, Receipt, Submission};
use crate::feed::exchange::{Anchor, FormerChild};

/// What callers want written.
pub enum Intent {
    /// New records.
    Submit {
        /// In order.
        submissions: Vec<Submission>,
        /// Who.
        actor: String,
        /// One answer each.
        reply: oneshot::Sender<Vec<Result<Receipt, LedgerError>>>,
    },
    /// New values of a record.
    Amend {
        /// The values.
        amended: Box<Submission>,
        /// The revision that the writer saw.
        base_revision: u32,
        /// Who.
        actor: String,
        /// The answer.
        reply: Reply<Receipt>,
    },
    /// A record counts no more.
    Void {
        /// The ledger.
        ledger: String,
        /// The record.
        id: RecordId,
        /// The revision that the writer saw.
        base_revision: u32,
        /// Why.
        reason: String,
        /// Who.
        actor: String,
        /// The answer.
        reply: Reply<Receipt>,
    },
    /// Days without anything to enter.
    ZeroReport {
        /// Days since 1900-01-01, inclusive; checked.
        from: i32,
        /// As `from`.
        to: i32,
        /// Who.
        actor: String,
        /// Days that are newly reported, and the entry's sequence.
        reply: Reply<(u32, u64)>,
    },
    /// Days of children that are received.
    StampDays(Vec<stored::DayReceived>),
    /// A planned child.
    RegisterChild {
        /// The child.
        code: DivisionCode,
        /// Its name.
        name: String,
        /// The first day on which it is expected to report.
        expected_from: i32,
        /// Who.
        actor: String,
        /// Whether it was registered so before.
        reply: Reply<bool>,
    },
    /// A child's first journal.
    AcceptChild(Box<Acceptance>),
    /// Cells of a child that came back with another journal.
    HoldChild(DivisionCode),
    /// An operator's decision about it.
    AdoptChild {
        /// The child.
        code: DivisionCode,
        /// What was held of its former life counts on.
        keep_history: bool,
        /// Who.
        actor: String,
        /// What it came to.
        reply: Reply<Adoption>,
    },
    /// An operator settles what a child lost.
    SettleChild {
        /// The child.
        code: DivisionCode,
        /// It was entered again; otherwise it is given up.
        re_entered: bool,
        /// Who.
        actor: String,
        /// Amounts taken out.
        reply: Reply<u64>,
    },
    /// An operator gives up waiting for a child.
    ReleaseChild {
        /// The child.
        code: DivisionCode,
        /// Who.
        actor: String,
        /// Done.
        reply: Reply<()>,
    },
    /// A unit has ended.
    RetireChild {
        /// The child.
        code: DivisionCode,
        /// The first day on which it is not expected, days since 1900-01-01; checked.
        from: i32,
        /// Who.
        actor: String,
        /// Whether it was retired so before, and how many cells were journalled.
        reply: Reply<(bool, u64)>,
    },
    /// The node was taken in again by its parent, which tells of the children that it had.
    TakenIn {
        /// Its children.
        children: Vec<FormerChild>,
        /// Told when they are planned, and the feed is held back.
        done: oneshot::Sender<()>,
    },
    /// The parent has seen an entry that the journal does not hold.
    WentBack(Anchor),
    /// A report as it is issued.
    IssueReport {
        /// All of it.
        issued: Box<stored::ReportIssued>,
        /// Who.
        actor: String,
        /// When it was written, milliseconds since 1970.
        reply: Reply<i64>,
    },
    /// A backup that was verified where it lies.
    NoteBackup {
        /// All that is known of it.
        taken: Box<stored::BackupTaken>,
        /// Who.
        actor: String,
        /// When it was written, milliseconds since 1970.
        reply: Reply<i64>,
    },
    /// The node is stopping: what waits is still written, nothing more is taken.
    Close,
}
