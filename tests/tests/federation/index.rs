//! A node whose index is not what it left: older, lost, damaged. The journal and the children
//! make it whole; above it no total dips, and none counts anything twice.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;
use wuji_tests::records::case;
use wuji_tests::{COUNTY, Federation, PROVINCE, Setup, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, recount};

#[derive(Clone, Copy, Debug)]
enum Harm {
    Older,
    Lost,
    Damaged,
    /// A few bytes late in the file: sled drops what follows, and says nothing.
    Scratched,
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Harms the index of a node that is stopped.
fn harm(index: &Path, older: &Path, how: Harm) -> Result<()> {
    match how {
        Harm::Lost => Ok(fs::remove_dir_all(index)?),
        Harm::Older => {
            fs::remove_dir_all(index)?;
            copy(older, index)
        }
        Harm::Damaged => {
            let file = index.join("db");
            let mut bytes = fs::read(&file)?;
            let (from, to) = (bytes.len() / 8, bytes.len() / 2);
            bytes.get_mut(from..to).context("the file is short")?.fill(0xA5);
            Ok(fs::write(file, bytes)?)
        }
        Harm::Scratched => {
            let file = index.join("db");
            let mut bytes = fs::read(&file)?;
            let written = bytes.iter().rposition(|byte| *byte != 0).context("the file is empty")?;
            let at = written / 5 * 4;
            bytes.get_mut(at..at + 8).context("the file is short")?.fill(0xA5);
            Ok(fs::write(file, bytes)?)
        }
    }
}

/// What was handed in so far: no total may ever be above it.
struct Load<'f> {
    federation: &'f Federation,
    submitted: Cell<i64>,
    stop: Cell<bool>,
}

impl Load<'_> {
    async fn write(&self, entries: usize, workrooms: &[&str]) -> Result<()> {
        for (number, workroom) in workrooms.iter().cycle().take(entries).enumerate() {
            let client = self.federation.client(workroom)?;
            self.submitted.set(self.submitted.get() + 1);
            client.submit_until_acknowledged(&case(number, &format!("2025-03-{:02}", number % 28 + 1))).await?;
            if self.stop.get() {
                break;
            }
        }
        Ok(())
    }

    /// Polls the province: it never says less than before, and never more than was handed in.
    async fn watch(&self) -> Result<()> {
        let (province, mut former, mut looks) = (self.federation.client(PROVINCE)?, 0, 0);
        while !self.stop.get() {
            let total = recount::total(province, "mediation.accepted", "2025").await?;
            ensure!(total >= former, "the province's total fell from {former} to {total}");
            ensure!(total <= self.submitted.get(), "the province counts {total} of {}", self.submitted.get());
            (former, looks) = (total, looks + 1);
            sleep(Duration::from_millis(10)).await;
        }
        ensure!(looks > 10, "the province was asked only {looks} times");
        Ok(())
    }
}

async fn no_total_dips(code: &str, how: Harm, kill: bool) -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.set(code, |setup| setup.hold_seconds = Setup::default().hold_seconds * 3).await?;
    let load = Load { federation: &federation, submitted: Cell::new(0), stop: Cell::new(false) };
    load.write(20, &[WORKROOM, WORKROOM_2]).await?;
    federation.exact().await?;
    federation.stop(code).await?;
    let (index, older) = (federation.directory(code).join("data/index"), federation.directory(code).join("older"));
    copy(&index, &older)?;
    federation.start_node(code).await?;
    load.write(30, &[WORKROOM_2, WORKROOM]).await?;
    federation.exact().await?;

    // The node itself may be a workroom: then only the other one writes meanwhile.
    let writers: Vec<&str> = [WORKROOM, WORKROOM_2].into_iter().filter(|workroom| *workroom != code).collect();
    let breaker = async {
        if kill {
            federation.kill(code).await?;
        } else {
            federation.stop(code).await?;
        }
        harm(&index, &older, how)?;
        federation.start_node(code).await?;
        sleep(Duration::from_millis(500)).await;
        wuji_tests::wait::until("the node pushes again and its line is equal", async || {
            let status = federation.client(code)?.status().await?;
            let up = status.parent.context("no parent")?;
            ensure!(status.holding.is_empty() && up.state == "connected", "{} {}", status.holding, up.state);
            Ok::<_, anyhow::Error>(())
        })
        .await?;
        load.stop.set(true);
        Ok(())
    };
    tokio::try_join!(load.write(usize::MAX, &writers), load.watch(), breaker)?;
    federation.exact().await?;
    let total = recount::total(federation.client(PROVINCE)?, "mediation.accepted", "2025").await?;
    assert_eq!(total, load.submitted.get());
    let rebuilt = federation.client(code)?.status().await?.index.context("no index")?.rebuilt;
    match how {
        Harm::Older => assert_eq!(rebuilt, "", "what is old is whole"),
        Harm::Lost | Harm::Damaged => assert_ne!(rebuilt, "", "the status says why"),
        Harm::Scratched => {} // sled may cut it back to a whole one, or not
    }
    federation.finish().await
}

macro_rules! cases {
    ($($name:ident: $code:expr, $how:expr, $kill:expr;)*) => {$(
        #[tokio::test]
        async fn $name() -> Result<()> {
            no_total_dips($code, $how, $kill).await
        }
    )*};
}

cases! {
    no_total_dips_when_a_township_comes_back_with_an_older_index: TOWNSHIP, Harm::Older, true;
    no_total_dips_when_a_county_stopped_well_comes_back_with_an_older_index: COUNTY, Harm::Older, false;
    no_total_dips_when_a_township_has_lost_its_index: TOWNSHIP, Harm::Lost, false;
    no_total_dips_when_the_index_of_a_county_is_damaged: COUNTY, Harm::Damaged, true;
    no_total_dips_when_the_index_of_a_township_stopped_well_is_damaged: TOWNSHIP, Harm::Damaged, false;
    no_total_dips_when_sled_drops_the_newest_batches_of_a_township_stopped_well: TOWNSHIP, Harm::Scratched, false;
    no_total_dips_when_sled_drops_the_newest_batches_of_a_township_that_was_killed: TOWNSHIP, Harm::Scratched, true;
    no_total_dips_when_a_workroom_has_lost_its_index: WORKROOM, Harm::Lost, true;
}
