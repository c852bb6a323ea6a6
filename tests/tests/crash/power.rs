//! What a power cut, or a bad disk, leaves of a real node's data directory: its journal is cut at every
//! byte of its end and flipped at many, and opened by the library with what the index proves. It opens
//! with exactly the entries that are proven, or says what is missing and where: nothing in between.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::time::Instant;
use wuji_node::env::Env;
use wuji_node::journal::{self, IndexMark, JournalError, OpenOptions};
use wuji_proto::{Incarnation, RecordId, stored};
use wuji_tests::records::{case, screening};
use wuji_tests::{Federation, PROVINCE, WORKROOM, quiet, wait};

use crate::frames::{Frame, HEADER_BYTES, Verdict, frames, verdict};

/// Entries that are written before the tail and in it.
const ENTRIES: usize = 30;
/// Of the tail, every byte of so many frames is cut and flipped.
const LAST_FRAMES: usize = 2;
/// Before these, one byte of so many is.
const SAMPLED: usize = 89;
/// Zeroed space that is left behind the last frame.
const SPACE_BYTES: usize = 4 << 10;

/// A real node's journal after SIGKILL, and who had been told what.
struct Written {
    home: TempDir,
    /// Ids by the sequences that the receipts gave.
    acknowledged: Vec<(u64, String)>,
    segment: Vec<u8>,
    frames: Vec<Frame>,
    entries: Vec<(u64, stored::Entry)>,
    incarnation: Incarnation,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_cut_at_any_byte_opens_with_what_is_proven_or_names_what_is_missing() -> Result<()> {
    let written = Written::by_a_node().await?;
    let (mut opened, mut refused) = (0, 0);
    // What is left without the first entry is a journal that was never begun: the unit's tests cut that.
    let begun = written.frames.first().map_or(HEADER_BYTES, |frame| frame.bytes.end);
    for at in written.places(begun) {
        let truncated = written.segment.get(..at).context("a place in the segment")?.to_vec();
        let mut zeroed = truncated.clone();
        zeroed.resize(written.segment.len(), 0);
        for mark in written.marks() {
            for bytes in [&truncated, &zeroed] {
                let what = || format!("cut at byte {at} to {} bytes, index mark {mark:?}", bytes.len());
                let opens = written.check(bytes, mark).with_context(what)?;
                *(if opens { &mut opened } else { &mut refused }) += 1;
            }
        }
    }
    eprintln!("{opened} cut journals opened, {refused} were refused");
    ensure!(opened > 1_000 && refused > 1_000, "not all kinds were tried: {opened} opened, {refused} refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_a_journal_costs_nothing_that_is_proven_or_is_named() -> Result<()> {
    let written = Written::by_a_node().await?;
    let (mut opened, mut refused) = (0, 0);
    for (turn, at) in written.places(0).into_iter().enumerate() {
        let mut bytes = written.segment.clone();
        *bytes.get_mut(at).context("a place in the segment")? ^= 1 << (turn % 8);
        for mark in written.marks() {
            let opens = written.check(&bytes, mark).with_context(|| format!("byte {at}, index mark {mark:?}"))?;
            *(if opens { &mut opened } else { &mut refused }) += 1;
        }
    }
    eprintln!("{opened} flipped journals opened, {refused} were refused");
    ensure!(opened > 100 && refused > 100, "not all kinds were tried: {opened} opened, {refused} refused");
    Ok(())
}

impl Written {
    async fn by_a_node() -> Result<Self> {
        let federation = Federation::start(&[PROVINCE, WORKROOM]).await?;
        let client = federation.client(WORKROOM)?;
        let mut acknowledged = Vec::new();
        for number in 0..ENTRIES {
            let day = format!("2025-03-{:02}", number % 28 + 1);
            let entry = if number % 3 == 0 { screening(&day, 2) } else { case(number, &day) };
            acknowledged.push((client.submit(&entry).await?.sequence, entry.id.to_string()));
            if number + LAST_FRAMES == ENTRIES {
                // One group of several entries in the tail.
                let row = |found: usize| vec![day.clone(), found.to_string(), "红".to_owned()];
                let rows: Vec<_> = (100..106).map(row).collect();
                client.try_import("screening", &["on", "found", "risk"], &rows).await?;
            }
        }
        quiet::wait(&federation).await?;
        federation.kill(WORKROOM).await?;
        let home = memory_directory()?;
        let data = federation.directory(WORKROOM).join("data");
        std::fs::create_dir(home.path().join("segments"))?;
        for file in ["node.key", "segments/00000001.wal"] {
            std::fs::copy(data.join(file), home.path().join(file)).with_context(|| format!("copying {file}"))?;
        }
        federation.finish().await?;

        let mut segment = std::fs::read(path(home.path()))?;
        let frames = frames(&segment)?;
        let end = frames.last().map_or(HEADER_BYTES, |frame| frame.bytes.end);
        segment.truncate(end + SPACE_BYTES);
        let opened = open(home.path(), &options(None)?)?;
        let entries = read(&opened.reader)?;
        let incarnation = opened.recovery.incarnation;
        drop(opened);
        ensure!(entries.len() == frames.len(), "{} frames hold {} entries", frames.len(), entries.len());
        Ok(Self { home, acknowledged, segment, frames, entries, incarnation })
    }

    /// Where it is cut and flipped: sampled, and at the end everywhere.
    fn places(&self, from: usize) -> Vec<usize> {
        let end = self.frames.last().map_or(HEADER_BYTES, |frame| frame.bytes.end);
        let last = self.frames.iter().rev().nth(LAST_FRAMES - 1).map_or(HEADER_BYTES, |frame| frame.bytes.start);
        (from..last).step_by(SAMPLED).chain(last..end + 16).collect()
    }

    /// The index is newer than the cut, older, in the middle, or gone.
    fn marks(&self) -> [Option<u64>; 3] {
        let last = self.frames.last().map_or(0, |frame| frame.sequence);
        [Some(last), Some(last / 2), None]
    }

    /// Opens the journal with these bytes; whether it opened. An error: it was neither as it must be.
    fn check(&self, bytes: &[u8], mark: Option<u64>) -> Result<bool> {
        let path = path(self.home.path());
        std::fs::write(&path, bytes)?;
        let wanted = verdict(&self.segment, &self.frames, bytes, mark);
        let mark = mark.map(|sequence| IndexMark { sequence, incarnation: self.incarnation });
        match (open(self.home.path(), &options(mark)?), wanted) {
            (Ok(opened), Verdict::Opens(last, cut)) => {
                self.exactly(&read(&opened.reader)?, last)?;
                let recovery = &opened.recovery;
                ensure!((recovery.cut_bytes > 0) == cut, "{} bytes were cut", recovery.cut_bytes);
                ensure!(recovery.report.is_some() == cut, "what was cut is told as {:?}", recovery.report);
                drop(opened);
                let again = open(self.home.path(), &options(mark)?)?;
                self.exactly(&read(&again.reader)?, last)?;
                ensure!(again.recovery.report.is_none(), "there is more to mend: {:?}", again.recovery.report);
                Ok(true)
            }
            (Err(error), wanted @ (Verdict::Damaged { .. } | Verdict::Lost { .. })) => {
                explains(&error.to_string(), &path, &wanted)?;
                ensure!(std::fs::read(&path)? == bytes, "the file was changed");
                Ok(false)
            }
            (Ok(_), wanted) => bail!("it opened; {wanted:?}"),
            (Err(error), wanted) => bail!("it was refused: {error}; {wanted:?}"),
        }
    }

    /// Exactly the entries up to the last, and so all that anybody was told of up to there.
    fn exactly(&self, found: &[(u64, stored::Entry)], last: u64) -> Result<()> {
        let wanted = self.entries.iter().take_while(|(sequence, _)| *sequence <= last);
        ensure!(found.iter().eq(wanted), "not the entries up to {last}");
        for (sequence, id) in self.acknowledged.iter().take_while(|(sequence, _)| *sequence <= last) {
            let entry = found.iter().find(|(found, _)| found == sequence).map(|(_, entry)| submitted(entry));
            ensure!(entry.as_ref() == Some(id), "entry {sequence} was acknowledged as {id}, and is {entry:?}");
        }
        Ok(())
    }
}

/// A refusal names the file, the byte, the entries and the way out.
fn explains(error: &str, path: &Path, wanted: &Verdict) -> Result<()> {
    let (at, says) = match wanted {
        Verdict::Damaged { at: 0, .. } => (0, vec!["the segment's header".to_owned()]),
        Verdict::Damaged { at, found, acknowledged } => {
            let missing = [format!("where entry {} was", found + 1), format!("entries up to {acknowledged}")];
            (*at, missing.into_iter().chain(["--accept-loss".to_owned()]).collect())
        }
        Verdict::Lost { at, found, acknowledged } if found + 1 == *acknowledged => {
            (*at, vec![format!("acknowledged entry {acknowledged}:"), "--accept-loss".to_owned()])
        }
        Verdict::Lost { at, found, acknowledged } => {
            (*at, vec![format!("entries {}..{acknowledged}", found + 1), "--accept-loss".to_owned()])
        }
        Verdict::Opens(..) => bail!("it need not be refused: {error}"),
    };
    let always = [path.display().to_string(), format!("at byte {at}"), "Nothing was changed".to_owned()];
    let always = always.into_iter().chain(["Restore".to_owned()]);
    let missing: Vec<String> = always.chain(says).filter(|words| !error.contains(words)).collect();
    ensure!(missing.is_empty(), "{error:?} lacks {missing:?}");
    Ok(())
}

fn read(journal: &journal::JournalReader) -> Result<Vec<(u64, stored::Entry)>> {
    journal
        .entries_from(1)
        .map(|frame| frame.map(|frame| (frame.position.sequence, frame.entry)))
        .collect::<Result<_, _>>()
        .map_err(Into::into)
}

fn submitted(entry: &stored::Entry) -> String {
    match &entry.event {
        Some(stored::entry::Event::Submitted(submitted)) => {
            submitted.id.first_chunk().map(|id| RecordId::from_bytes(*id).to_string()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// In memory where there is such a place: thousands of openings sync thousands of times.
fn memory_directory() -> Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("wuji-power-").tempdir_in("/dev/shm");
    Ok(directory.or_else(|_| tempfile::tempdir())?)
}

/// A process that another test starts at this moment has the lock's file open until it runs.
fn open(directory: &Path, options: &OpenOptions) -> Result<journal::Opened, JournalError> {
    let until = Instant::now() + wait::LONGEST;
    loop {
        match journal::open(&Env::production(), directory, options) {
            Err(JournalError::Locked { .. }) if Instant::now() < until => std::thread::yield_now(),
            other => return other,
        }
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("segments/00000001.wal")
}

fn options(index_mark: Option<IndexMark>) -> Result<OpenOptions> {
    Ok(OpenOptions { segment_bytes: 1 << 20, index_mark, ..OpenOptions::new(WORKROOM.parse()?, "0.1.0") })
}
