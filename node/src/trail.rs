//! The journal as auditors read it: who did what when, and the hashes by which the chain can be
//! checked. Values of class 2 and 3 are in sealed parts, which are never read here.

use prost::Message;
use thiserror::Error;
use wuji_proto::stored::entry::Event;
use wuji_proto::v1::{JournalLine, JournalPage, JournalRequest};
use wuji_proto::{RecordId, ReportId};

use crate::journal::{Entries, JournalError, JournalReader, NOTHING_DIGEST, RawEntry};

/// Lines of one page at most.
const PAGE_LINES_MAX: usize = 500;

/// Bytes of public parts on one page, but for the last line's.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// Entries that are read for one page at most, whether or not they are wanted.
const PAGE_ENTRIES_MAX: usize = 20_000;

/// The kinds of entries, as they are asked for.
pub const KINDS: [&str; 21] = [
    "created",
    "started",
    "stopped",
    "catalogue-adopted",
    "submitted",
    "amended",
    "voided",
    "child-registered",
    "child-accepted",
    "loss-accepted",
    "cells-held",
    "zero-reported",
    "days-received",
    "report-issued",
    "backup-taken",
    "restored",
    "amounts-unsettled",
    "child-settled",
    "child-released",
    "child-retired",
    "rollback-seen",
];

/// Why the journal is not shown.
#[derive(Debug, Error)]
pub enum TrailError {
    /// There is no such kind.
    #[error("there is no kind of entry {0:?}: the kinds are {kinds}", kinds = KINDS.join(", "))]
    Kind(String),
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Pages of a journal.
pub struct Trail {
    entries: Entries,
    to: u64,
    kinds: Vec<String>,
    with_public: bool,
    ended: bool,
}

impl Trail {
    /// Of what is asked for.
    pub fn begin(journal: &JournalReader, asked: JournalRequest) -> Result<Self, TrailError> {
        if let Some(unknown) = asked.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(TrailError::Kind(unknown.clone()));
        }
        let to = if asked.to == 0 { journal.tail().sequence } else { asked.to };
        let JournalRequest { from, kinds, with_public, .. } = asked;
        Ok(Self { entries: journal.entries_from(from), to, kinds, with_public, ended: false })
    }

    /// The next page; it may be empty where nothing of what was read is wanted. `None`: that was all.
    pub fn page(&mut self) -> Result<Option<JournalPage>, TrailError> {
        if self.ended {
            return Ok(None);
        }
        let (mut page, mut bytes) = (JournalPage::default(), 0);
        for _ in 0..PAGE_ENTRIES_MAX {
            let Some(raw) = self.entries.next_raw().transpose()?.filter(|raw| raw.sequence <= self.to) else {
                self.ended = true;
                break;
            };
            let line = line(&raw, self.with_public);
            if !self.kinds.is_empty() && !self.kinds.contains(&line.kind) {
                continue;
            }
            if page.lines.is_empty() && self.kinds.is_empty() {
                page.previous_hash = raw.hashes.0.to_vec();
            }
            bytes += line.encoded_len();
            page.lines.push(line);
            if page.lines.len() == PAGE_LINES_MAX || bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(Some(page))
    }
}

fn line(raw: &RawEntry, with_public: bool) -> JournalLine {
    let mut line = JournalLine {
        sequence: raw.sequence,
        at_ms: raw.entry.at_ms,
        actor: raw.entry.actor.clone(),
        chain_hash: raw.hashes.1.to_vec(),
        sealed_digest: raw.sealed_digest.unwrap_or(NOTHING_DIGEST).to_vec(),
        public: if with_public { raw.public.clone() } else { Vec::new() },
        sealed: raw.sealed_digest.is_some(),
        ..JournalLine::default()
    };
    if let Some(event) = &raw.entry.event {
        about(event, &mut line);
    }
    line
}

/// What an event is called, and what it is about.
fn about(event: &Event, line: &mut JournalLine) {
    let record = |bytes: &[u8]| bytes.try_into().map(|id| RecordId::from_bytes(id).to_string()).unwrap_or_default();
    let (kind, ledger, id, revision) = match event {
        Event::Created(created) => ("created", "", created.code.clone(), 0),
        Event::Started(_) => ("started", "", String::new(), 0),
        Event::Stopped(_) => ("stopped", "", String::new(), 0),
        Event::CatalogueAdopted(adopted) => ("catalogue-adopted", "", adopted.version.clone(), 0),
        Event::Submitted(it) => ("submitted", it.ledger.as_str(), record(&it.id), 1),
        Event::Amended(it) => ("amended", it.ledger.as_str(), record(&it.id), it.revision),
        Event::Voided(it) => ("voided", it.ledger.as_str(), record(&it.id), it.revision),
        Event::ChildRegistered(it) => ("child-registered", "", it.code.clone(), 0),
        Event::ChildAccepted(it) => ("child-accepted", "", it.code.clone(), 0),
        Event::LossAccepted(_) => ("loss-accepted", "", String::new(), 0),
        Event::CellsHeld(it) => ("cells-held", "", it.code.clone(), 0),
        Event::ZeroReported(_) => ("zero-reported", "", String::new(), 0),
        Event::DaysReceived(_) => ("days-received", "", String::new(), 0),
        Event::ReportIssued(it) => {
            let id = it.id.as_slice().try_into().map(|id| ReportId::from_bytes(id).to_string());
            ("report-issued", "", id.unwrap_or_default(), 0)
        }
        Event::AmountsUnsettled(it) => ("amounts-unsettled", "", it.code.clone(), 0),
        Event::ChildSettled(it) => ("child-settled", "", it.code.clone(), 0),
        Event::ChildReleased(it) => ("child-released", "", it.code.clone(), 0),
        Event::ChildRetired(it) => ("child-retired", "", it.code.clone(), 0),
        Event::RollbackSeen(it) => ("rollback-seen", "", it.sequence.to_string(), 0),
        Event::BackupTaken(it) => ("backup-taken", "", it.sequence.to_string(), 0),
        Event::Restored(it) => ("restored", "", it.sequence.to_string(), 0),
    };
    kind.clone_into(&mut line.kind);
    ledger.clone_into(&mut line.ledger);
    (line.id, line.revision) = (id, revision);
}
