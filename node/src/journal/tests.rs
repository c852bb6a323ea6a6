//! The journal through its public door, on a disk that misbehaves on demand.

mod crash;
mod damage;
mod disk_faults;
mod golden;
mod loss;
mod opening;
mod round_trip;

use std::path::{Path, PathBuf};

use wuji_proto::{stored, v1};

use super::*;
use crate::env::double::{DoubleDisk, env};

const DIRECTORY: &str = "/data";

fn directory() -> &'static Path {
    Path::new(DIRECTORY)
}

fn segment(id: u64) -> PathBuf {
    segment_path(directory(), id)
}

fn options() -> OpenOptions {
    let code = "371122001".parse().unwrap();
    OpenOptions { segment_bytes: 64 << 10, ..OpenOptions::new(code, "0.1.0") }
}

fn try_open_with(disk: &DoubleDisk, options: &OpenOptions) -> Result<Opened, JournalError> {
    open(&env(disk, 7), directory(), options)
}

fn open_on(disk: &DoubleDisk) -> Opened {
    try_open_with(disk, &options()).unwrap()
}

fn text(text: &str) -> v1::Value {
    v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) }
}

/// A submitted record whose text is `note`; with a sealed name if `name` is not empty.
fn record(note: &str, name: &str) -> NewEntry {
    let submitted = stored::Submitted {
        ledger: "cases".to_owned(),
        id: vec![9; 16],
        event_date: 42_000,
        values: [("note".to_owned(), text(note))].into(),
        catalogue_version: "2016.8".to_owned(),
        content: Vec::new(),
        unique: Vec::new(),
    };
    let entry = stored::Entry {
        at_ms: 1_472_000_000_001,
        actor: "clerk".to_owned(),
        event: Some(stored::entry::Event::Submitted(submitted)),
    };
    let sealed = stored::Sealed { values: [("name".to_owned(), text(name))].into() };
    NewEntry { entry, sealed: (!name.is_empty()).then_some(sealed) }
}

fn stopped() -> NewEntry {
    let event = Some(stored::entry::Event::Stopped(stored::Stopped::default()));
    NewEntry { entry: stored::Entry { at_ms: 1_472_000_000_002, actor: "node".to_owned(), event }, sealed: None }
}

/// A group of records, every other one with a sealed part.
fn group(name: &str, records: usize) -> Vec<NewEntry> {
    (0..records).map(|n| record(&format!("{name} {n}"), if n % 2 == 0 { "" } else { "王某某" })).collect()
}

/// Everything that the journal holds, opened.
fn all(reader: &JournalReader) -> Vec<NewEntry> {
    let open = |frame: Result<Frame, JournalError>| {
        let frame = frame.unwrap();
        let sealed = reader.unseal(&frame).unwrap();
        NewEntry { entry: frame.entry, sealed }
    };
    reader.entries_from(1).map(open).collect()
}

/// What was appended, that is without the journal's own first entry.
fn appended(reader: &JournalReader) -> Vec<NewEntry> {
    all(reader).split_off(1)
}
