//! The one committer: what depends on state (is the id known, base revision, unique keys)
//! is decided here, in journal order, against the index plus the entries before it in the
//! same group. It gathers what waits, writes it with one `fdatasync`, and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use wuji_proto::stored::entry::Event;
use wuji_proto::{RecordId, stored};

use super::answer::Answer;
use super::intent::Intent;
use super::pending::{Known, Pending};
use super::{Acceptance, LedgerError, Receipt, Submission};
use crate::feed::exchange::Anchor;
use crate::fold::Committed;
use crate::index::keys;
use crate::invariant;
use crate::journal::{JournalWriter, NewEntry};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::time::NodeTime;
use crate::writer::Job;

/// Intents that may wait; callers wait beyond.
pub const INTENTS_MAX: usize = 1_024;

/// Entries that the index may be behind the journal: two of its batches.
const BEHIND_ENTRIES_MAX: u64 = 16_384;

/// Entries that one group takes at most, but for its last intent.
const GROUP_ENTRIES_MAX: usize = 2_048;

/// A group being made.
#[derive(Default)]
pub(super) struct Group {
    pub(super) entries: Vec<NewEntry>,
    pub(super) bytes: u64,
    answers: Vec<Answer>,
    pub(super) acceptances: Vec<(usize, Acceptance)>,
}

/// The committer's parts.
pub struct Committer {
    pub(super) journal: JournalWriter,
    pub(super) store: Arc<Store>,
    time: NodeTime,
    catalogue_version: String,
    jobs: mpsc::Sender<Job>,
    acknowledged: Arc<AtomicU64>,
    pending: Pending,
    /// The last entry on disk.
    pub(super) last: u64,
    pub(super) refusing: watch::Sender<String>,
    metrics: Arc<Metrics>,
}

impl Committer {
    /// Writes to `journal`, hands on to the writer behind `jobs`. `last` is the last entry
    /// on disk, `acknowledged` is kept at it.
    pub fn new(
        journal: JournalWriter,
        store: Arc<Store>,
        time: NodeTime,
        catalogue_version: String,
        jobs: mpsc::Sender<Job>,
        acknowledged: Arc<AtomicU64>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let last = acknowledged.load(Ordering::Acquire);
        Self {
            journal,
            store,
            time,
            catalogue_version,
            jobs,
            acknowledged,
            pending: Pending::default(),
            last,
            refusing: watch::Sender::default(),
            metrics,
        }
    }

    /// Why the journal refuses writes; empty: it does not.
    pub fn refusing(&self) -> watch::Receiver<String> {
        self.refusing.subscribe()
    }

    /// Works until it is told to close, then gives the journal back. Blocks while the disk
    /// works: to be run by [`crate::env::Env::spawn_worker`].
    pub async fn run(mut self, mut intents: mpsc::Receiver<Intent>) -> JournalWriter {
        while let Some(first) = intents.recv().await {
            let mut group = Group::default();
            if matches!(first, Intent::Close) {
                intents.close();
            }
            self.decide(first, &mut group).await;
            // Half of what a group may be: the last intent taken may be as large again.
            while group.entries.len() < GROUP_ENTRIES_MAX
                && group.bytes < self.journal.group_bytes_max() / 2
                && let Ok(intent) = intents.try_recv()
            {
                if matches!(intent, Intent::Close) {
                    intents.close();
                }
                self.decide(intent, &mut group).await;
            }
            self.commit(group).await;
        }
        self.journal
    }

    async fn decide(&mut self, intent: Intent, group: &mut Group) {
        debug_assert!(invariant::index_follows(self.store.applied(), self.last), "beyond entry {}", self.last);
        self.pending.applied(self.store.applied());
        match intent {
            Intent::Submit { submissions, actor, reply } => {
                let answers =
                    submissions.into_iter().map(|submission| self.submit(submission, &actor, group)).collect();
                group.answers.push(Answer::Receipts(reply, answers));
            }
            Intent::Amend { amended, base_revision, actor, reply } => {
                let answer = self.amend(*amended, base_revision, actor, group);
                group.answers.push(Answer::Receipt(reply, answer));
            }
            Intent::Void { ledger, id, base_revision, reason, actor, reply } => {
                let answer = self.void(&ledger, id, base_revision, reason, actor, group);
                group.answers.push(Answer::Receipt(reply, answer));
            }
            Intent::ZeroReport { from, to, actor, reply } => {
                self.show_all(group).await;
                let answer = self.zero_report(from, to, actor, group);
                group.answers.push(Answer::ZeroReported(reply, answer));
            }
            Intent::StampDays(days) => {
                self.show_all(group).await;
                if let Err(error) = self.stamp_days(days, group) {
                    tracing::error!(%error, "days that were received could not be journalled");
                }
            }
            Intent::RegisterChild { code, name, expected_from, actor, reply } => {
                self.show_all(group).await;
                let answer = self.register(code, &name, expected_from, actor, group);
                group.answers.push(Answer::Registered(reply, answer));
            }
            Intent::AcceptChild(acceptance) => {
                // A child that called twice, or two nodes with one code: the first is accepted.
                self.show_all(group).await;
                self.accept(*acceptance, group).await;
            }
            Intent::HoldChild(code) => {
                self.show_all(group).await;
                if let Err(error) = self.hold_child(code, group).await {
                    tracing::error!(%code, %error, "what is held of a child could not be journalled");
                }
            }
            Intent::AdoptChild { code, keep_history, actor, reply } => {
                self.show_all(group).await;
                self.bar(code, true).await;
                let answer = self.adopt(code, keep_history, actor, group).await;
                group.answers.push(Answer::Adopted(reply, answer));
                self.commit(std::mem::take(group)).await;
                self.bar(code, false).await;
            }
            Intent::SettleChild { code, re_entered, actor, reply } => {
                self.show_all(group).await;
                let answer = self.settle(code, re_entered, actor, group);
                group.answers.push(Answer::Settled(reply, answer));
            }
            Intent::ReleaseChild { code, actor, reply } => {
                self.show_all(group).await;
                let answer = self.release(code, actor, group);
                group.answers.push(Answer::Released(reply, answer));
            }
            Intent::RetireChild { code, from, actor, reply } => {
                self.show_all(group).await;
                self.bar(code, true).await;
                let answer = self.retire(code, from, actor, group).await;
                group.answers.push(Answer::Retired(reply, answer));
                self.commit(std::mem::take(group)).await;
                self.bar(code, false).await;
            }
            Intent::TakenIn { children, done } => {
                self.show_all(group).await;
                if let Err(error) = self.regain(children, group) {
                    tracing::error!(%error, "the children that the parent tells of could not be planned");
                }
                self.show_all(group).await;
                // Behind the entries; the answer comes once both are in the index.
                self.send(Job::TakenIn(done)).await;
            }
            Intent::WentBack(anchor) => {
                self.show_all(group).await;
                if let Err(error) = self.went_back(anchor, group) {
                    tracing::error!(%error, "that the journal went back in time could not be journalled");
                }
            }
            Intent::IssueReport { issued, actor, reply } => {
                // It may be as large as a group of the smallest segments: it goes alone, so that
                // nothing else is refused for its size.
                self.commit(std::mem::take(group)).await;
                let (_, at_ms) = self.next(group);
                self.push(group, actor, Event::ReportIssued(*issued), None);
                group.answers.push(Answer::Issued(reply, Ok(at_ms)));
                self.commit(std::mem::take(group)).await;
            }
            Intent::NoteBackup { taken, actor, reply } => {
                let (_, at_ms) = self.next(group);
                self.push(group, actor, Event::BackupTaken(*taken), None);
                group.answers.push(Answer::Issued(reply, Ok(at_ms)));
            }
            Intent::Close => {}
        }
    }

    /// What concerns children and days is rare and read from the index: it must show all of it.
    async fn show_all(&mut self, group: &mut Group) {
        self.commit(std::mem::take(group)).await;
        self.store.wait_applied(self.last).await;
    }

    /// Notes once what the parent has seen: a start that accepts the loss begins a new life.
    fn went_back(&self, anchor: Anchor, group: &mut Group) -> Result<(), LedgerError> {
        let seen = stored::RollbackSeen { sequence: anchor.sequence, hash: anchor.hash.to_vec() };
        if self.store.index().get(&keys::went_back())? != Some(prost::Message::encode_to_vec(&seen)) {
            self.push(group, "node".to_owned(), Event::RollbackSeen(seen), None);
        }
        Ok(())
    }

    /// The sequence and time that the group's next entry will have.
    pub(super) fn next(&self, group: &Group) -> (u64, i64) {
        (self.last + group.entries.len() as u64 + 1, self.time.now_ms())
    }

    pub(super) fn push(&self, group: &mut Group, actor: String, event: Event, sealed: Option<stored::Sealed>) {
        let (_, at_ms) = self.next(group);
        let new = NewEntry { entry: stored::Entry { at_ms, actor, event: Some(event) }, sealed };
        group.bytes += JournalWriter::frame_bytes(&new);
        group.entries.push(new);
    }

    fn submit(&mut self, submission: Submission, actor: &str, group: &mut Group) -> Result<Receipt, LedgerError> {
        let Submission { ledger, id, record, content, voided, .. } = submission;
        if let Some(known) = self.pending.record(&self.store, &ledger, id)? {
            return if known.content == content { Ok(repeated(id, &known)) } else { Err(LedgerError::Taken(id)) };
        }
        if voided {
            return Err(LedgerError::VoidedElsewhere(id));
        }
        self.check_unique(&ledger, id, &record.unique)?;
        let (sequence, at_ms) = self.next(group);
        let known = Known {
            revision: 1,
            voided: false,
            content: content.to_vec(),
            unique: record.unique.clone(),
            sequence,
            at_ms,
        };
        self.pending.note(&ledger, id, None, known);
        let event = Event::Submitted(stored::Submitted {
            ledger,
            id: id.to_bytes().to_vec(),
            event_date: record.event_date,
            values: record.public,
            catalogue_version: self.catalogue_version.clone(),
            content: content.to_vec(),
            unique: record.unique,
        });
        self.push(group, actor.to_owned(), event, seal(record.sealed));
        Ok(Receipt { id, revision: 1, sequence, recorded_at_ms: at_ms, repeated: false })
    }

    fn amend(
        &mut self,
        amended: Submission,
        base: u32,
        actor: String,
        group: &mut Group,
    ) -> Result<Receipt, LedgerError> {
        let Submission { ledger, id, record, content, .. } = amended;
        let former = self.known(&ledger, id)?;
        if former.voided {
            return Err(LedgerError::Voided(id));
        }
        if former.revision == base.saturating_add(1) && former.content == content {
            return Ok(repeated(id, &former));
        }
        check_base(id, former.revision, base)?;
        self.check_unique(&ledger, id, &record.unique)?;
        let (sequence, at_ms) = self.next(group);
        let revision = former.revision + 1;
        let known = Known {
            revision,
            voided: false,
            content: content.to_vec(),
            unique: record.unique.clone(),
            sequence,
            at_ms,
        };
        self.pending.note(&ledger, id, Some(&former), known);
        let event = Event::Amended(stored::Amended {
            ledger,
            id: id.to_bytes().to_vec(),
            revision,
            event_date: record.event_date,
            values: record.public,
            catalogue_version: self.catalogue_version.clone(),
            content: content.to_vec(),
            unique: record.unique,
        });
        self.push(group, actor, event, seal(record.sealed));
        Ok(Receipt { id, revision, sequence, recorded_at_ms: at_ms, repeated: false })
    }

    fn void(
        &mut self,
        ledger: &str,
        id: RecordId,
        base: u32,
        reason: String,
        actor: String,
        group: &mut Group,
    ) -> Result<Receipt, LedgerError> {
        let former = self.known(ledger, id)?;
        if former.voided && former.revision == base.saturating_add(1) {
            return Ok(repeated(id, &former));
        }
        if former.voided {
            return Err(LedgerError::Voided(id));
        }
        check_base(id, former.revision, base)?;
        let (sequence, at_ms) = self.next(group);
        let revision = former.revision + 1;
        let known = Known { revision, voided: true, sequence, at_ms, ..former.clone() };
        self.pending.note(ledger, id, Some(&former), known);
        let event =
            Event::Voided(stored::Voided { ledger: ledger.to_owned(), id: id.to_bytes().to_vec(), revision, reason });
        self.push(group, actor, event, None);
        Ok(Receipt { id, revision, sequence, recorded_at_ms: at_ms, repeated: false })
    }

    fn known(&self, ledger: &str, id: RecordId) -> Result<Known, LedgerError> {
        let known = self.pending.record(&self.store, ledger, id)?;
        known.ok_or_else(|| LedgerError::UnknownRecord { ledger: ledger.to_owned(), id })
    }

    fn check_unique(&self, ledger: &str, id: RecordId, unique: &[Vec<u8>]) -> Result<(), LedgerError> {
        for key in unique {
            match self.pending.holder(&self.store, ledger, key)? {
                Some(holder) if holder != id => return Err(LedgerError::NotUnique(holder)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a group, answers, and hands it to the writer.
    pub(super) async fn commit(&mut self, mut group: Group) {
        if group.entries.is_empty() {
            // What was found repeated may still be in an earlier group only: that is on disk.
            group.answers.into_iter().for_each(Answer::send);
            return;
        }
        let began = Instant::now();
        let appended = self.journal.append(&group.entries);
        self.metrics.group_seconds.observe(began.elapsed().as_secs_f64());
        match appended {
            Ok(positions) => {
                self.metrics.groups.inc();
                self.metrics.entries.inc_by(positions.len() as u64);
                self.last = positions.last().map_or(self.last, |position| position.sequence);
                self.acknowledged.store(self.last, Ordering::Release);
                // A clock that is set back does not carry the node back behind what it wrote.
                group.entries.iter().for_each(|new| self.time.observe(new.entry.at_ms));
                self.refusing.send_if_modified(|reason| !std::mem::take(reason).is_empty());
                group.answers.into_iter().for_each(Answer::send);
                let entries = std::mem::take(&mut group.entries).into_iter().zip(positions);
                let committed =
                    entries.map(|(new, position)| Committed { position, entry: new.entry }).collect::<Vec<_>>();
                self.hand_on(committed, group.acceptances).await;
                // A long import is folded as it is written, so that a kill leaves little to be replayed.
                self.store.wait_applied(self.last.saturating_sub(BEHIND_ENTRIES_MAX)).await;
            }
            Err(error) => {
                tracing::error!(%error, "the journal refused a group");
                self.metrics.entries_refused.inc_by(group.entries.len() as u64);
                let reason = error.to_string();
                self.refusing.send_replace(reason.clone());
                group.answers.into_iter().map(|answer| answer.fail(&reason)).for_each(Answer::send);
                self.store.wait_applied(self.last).await;
                self.pending.undo_after(self.last);
            }
        }
    }

    /// The writer takes a group in order; an acceptance is followed by the opening that waits.
    async fn hand_on(&self, committed: Vec<Committed>, acceptances: Vec<(usize, Acceptance)>) {
        let mut acceptances = acceptances.into_iter().peekable();
        let mut run = Vec::new();
        for (at, entry) in committed.into_iter().enumerate() {
            match acceptances.next_if(|(index, _)| *index == at) {
                None => run.push(entry),
                Some((_, acceptance)) => {
                    self.send(Job::Entries(std::mem::take(&mut run))).await;
                    self.send(Job::Accepted(Box::new(entry), acceptance.opening)).await;
                }
            }
        }
        self.send(Job::Entries(run)).await;
    }

    pub(super) async fn send(&self, job: Job) {
        if !matches!(&job, Job::Entries(entries) if entries.is_empty()) && self.jobs.send(job).await.is_err() {
            // The writer has failed and the node is going down; the entries are in the journal.
            tracing::error!("the index writer is gone: entries are folded at the next start");
        }
    }
}

fn repeated(id: RecordId, known: &Known) -> Receipt {
    Receipt { id, revision: known.revision, sequence: known.sequence, recorded_at_ms: known.at_ms, repeated: true }
}

fn check_base(id: RecordId, current: u32, base: u32) -> Result<(), LedgerError> {
    if current == base { Ok(()) } else { Err(LedgerError::Conflict { id, current, base }) }
}

fn seal(values: crate::catalogue::Values) -> Option<stored::Sealed> {
    (!values.is_empty()).then_some(stored::Sealed { values })
}
