//! Real nodes over data directories as a power cut leaves them: the journal's end gone, a byte of it
//! flipped, the index newer, older or removed. What neither journal nor index can prove, the parent's
//! anchor does.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use wuji_tests::federation::copy;
use wuji_tests::records::{case, screening};
use wuji_tests::{Federation, PROVINCE, WORKROOM, quiet, recount, wait};

use crate::frames::frames;

/// Entries before the older index was kept, and after.
const BEFORE: usize = 6;
const AFTER: usize = 8;

struct Case {
    federation: Federation,
    /// Ids by what their receipts say.
    acknowledged: Vec<(u64, String)>,
}

/// What becomes of the index.
#[derive(Clone, Copy, Debug)]
enum IndexIs {
    Newest,
    Older,
    Gone,
}

#[tokio::test]
async fn a_node_opens_with_all_that_is_proven_or_says_what_is_missing_whatever_became_of_its_index() -> Result<()> {
    let case = Case::written().await?;
    let (last, _) = case.acknowledged.last().context("entries were acknowledged")?;

    case.harm(IndexIs::Newest, |segment, from| segment.truncate(from + 9))?;
    case.refused(&["has lost acknowledged", &format!("{last}"), "the index had applied"]).await?;
    case.harm(IndexIs::Gone, |segment, from| *segment.get_mut(from / 2).unwrap_or(&mut 0) ^= 4)?;
    case.refused(&["is damaged", "Later entries prove"]).await?;

    case.federation.cut(WORKROOM, true)?;
    for index in [IndexIs::Newest, IndexIs::Older, IndexIs::Gone] {
        case.harm(index, |_, _| {})?;
        case.federation.start_node(WORKROOM).await?;
        case.holds(case.acknowledged.len()).await.with_context(|| format!("{index:?}"))?;
        let rebuilt = case.federation.client(WORKROOM)?.status().await?.index.unwrap_or_default().rebuilt;
        ensure!(rebuilt.is_empty() != matches!(index, IndexIs::Gone), "{index:?}: {rebuilt:?}");
        case.federation.kill(WORKROOM).await?;
    }

    case.federation.cut(WORKROOM, false)?;
    for index in [IndexIs::Older, IndexIs::Gone] {
        case.harm(index, |segment, from| segment.truncate(from + 9))?;
        case.federation.start_node(WORKROOM).await?;
        case.held_by_its_parent().await.with_context(|| format!("{index:?}"))?;
        case.federation.kill(WORKROOM).await?;
    }

    case.harm(IndexIs::Newest, |_, _| {})?;
    case.federation.start_node(WORKROOM).await?;
    quiet::wait(&case.federation).await?;
    case.holds(case.acknowledged.len()).await?;
    case.federation.finish().await
}

impl Case {
    async fn written() -> Result<Self> {
        let mut case = Self { federation: Federation::start(&[PROVINCE, WORKROOM]).await?, acknowledged: Vec::new() };
        case.write(BEFORE).await?;
        let stopped = case.federation.stop(WORKROOM).await?;
        ensure!(stopped.success(), "{stopped}");
        copy(&case.data().join("index"), &case.older())?;
        case.federation.start_node(WORKROOM).await?;
        case.write(AFTER).await?;
        quiet::wait(&case.federation).await?;
        case.checkpointed().await?;
        case.federation.kill(WORKROOM).await?;
        case.federation.keep_disk(WORKROOM)?;
        Ok(case)
    }

    async fn write(&mut self, entries: usize) -> Result<()> {
        let client = self.federation.client(WORKROOM)?;
        for number in 0..entries {
            let day = format!("2025-03-{:02}", number + 1);
            let entry = if number % 3 == 0 { screening(&day, 2) } else { case(number, &day) };
            self.acknowledged.push((client.submit(&entry).await?.sequence, entry.id.to_string()));
        }
        Ok(())
    }

    /// The index on disk has applied all that was written.
    async fn checkpointed(&self) -> Result<()> {
        let at = async || -> Result<i64> {
            Ok(self.federation.client(WORKROOM)?.status().await?.index.unwrap_or_default().checkpoint_at_ms)
        };
        // Whatever is under way when the first one is seen, the one after it has all.
        for _ in 0..2 {
            let before = at().await?;
            let touch = format!("2025-04-{:02}", 1 + before % 28);
            let (from, to) = (wuji_tests::records::day(&touch)?, wuji_tests::records::day(&touch)?);
            self.federation.client(WORKROOM)?.zero_report(from, to).await?;
            wait::until("the index is checkpointed", async || match at().await {
                Ok(now) if now > before => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await?;
        }
        quiet::wait(&self.federation).await
    }

    fn data(&self) -> PathBuf {
        self.federation.directory(WORKROOM).join("data")
    }

    fn older(&self) -> PathBuf {
        self.federation.directory(WORKROOM).join("older")
    }

    fn segment(&self) -> PathBuf {
        self.data().join("segments/00000001.wal")
    }

    /// The disk as it was kept, with another index, and the journal's bytes harmed; `harm` is told where
    /// the last acknowledged entry begins.
    fn harm(&self, index: IndexIs, harm: impl FnOnce(&mut Vec<u8>, usize)) -> Result<()> {
        self.federation.roll_back(WORKROOM)?;
        let directory = self.data().join("index");
        match index {
            IndexIs::Newest => {}
            IndexIs::Gone => std::fs::remove_dir_all(directory)?,
            IndexIs::Older => {
                std::fs::remove_dir_all(&directory)?;
                copy(&self.older(), &directory)?;
            }
        }
        let mut segment = std::fs::read(self.segment())?;
        let frames = frames(&segment)?;
        let last = self.acknowledged.last().map_or(0, |(sequence, _)| *sequence);
        let last = frames.iter().find(|frame| frame.sequence == last).context("the last entry")?;
        harm(&mut segment, last.bytes.start);
        Ok(std::fs::write(self.segment(), segment)?)
    }

    /// The node does not start, says why in these words and those that always belong to it, and has
    /// changed nothing.
    async fn refused(&self, words: &[&str]) -> Result<()> {
        let before = std::fs::read(self.segment())?;
        let refused = self.federation.refused(WORKROOM).await?;
        ensure!(!refused.status.success(), "{}", refused.status);
        let always = ["segments/00000001.wal", "at byte", "Nothing was changed", "Restore", "--accept-loss"];
        let missing: Vec<_> = words.iter().chain(&always).filter(|words| !refused.words.contains(**words)).collect();
        ensure!(missing.is_empty(), "{:?} lacks {missing:?}", refused.words);
        ensure!(std::fs::read(self.segment())? == before, "the journal was changed");
        Ok(())
    }

    /// The node holds the first so many acknowledged entries, and no others.
    async fn holds(&self, entries: usize) -> Result<()> {
        let held = self.federation.client(WORKROOM)?.records().await?;
        let held: BTreeSet<String> = held.into_iter().map(|record| record.id).collect();
        let wanted: BTreeSet<String> = self.acknowledged.iter().take(entries).map(|(_, id)| id.clone()).collect();
        ensure!(held == wanted, "acknowledged: {wanted:?}; held: {held:?}");
        Ok(())
    }

    /// It lacks its last entry and cannot know; its parent does, takes nothing, and counts on.
    async fn held_by_its_parent(&self) -> Result<()> {
        let client = self.federation.client(WORKROOM)?;
        self.holds(self.acknowledged.len() - 1).await?;
        wait::until("the parent's anchor is recognised", async || {
            let up = client.uplink().await.map_err(|error| format!("{error:#}"))?;
            let says = ["went back in time", "put the newer data directory back", "--accept-loss"];
            if says.iter().all(|says| up.reason.contains(says)) { Ok(()) } else { Err(format!("{up:?}")) }
        })
        .await?;
        let counted = recount::total(self.federation.client(PROVINCE)?, "entries", "2025").await?;
        ensure!(counted == i64::try_from(self.acknowledged.len())?, "the province counts {counted}");
        Ok(())
    }
}
