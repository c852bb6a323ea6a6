//! A disk that is full: a small one, mounted below real nodes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tonic::Code;
use wuji_tests::bench::memory::on_disk;
use wuji_tests::client::Client;
use wuji_tests::{Federation, PROVINCE, WORKROOM, quiet, recount, wait};

/// Of each node's disk.
const DISK_MIB: u64 = 80;
/// What others leave free on it: less than entries need, which is 32 MiB, but enough for figures; and
/// less than those need, too.
const FOR_FIGURES_MIB: u64 = 20;
const FOR_NOTHING_MIB: u64 = 4;
/// Rows of an imported file.
const ROWS: usize = 300;

#[tokio::test]
async fn on_a_full_disk_writes_are_refused_early_the_rest_goes_on_and_so_do_writes_once_there_is_space() -> Result<()> {
    let federation = Federation::plan(&[PROVINCE, WORKROOM]).await?;
    let disks = [PROVINCE, WORKROOM].map(|code| SmallDisk::mount(&federation.directory(code).join("data")));
    let [Ok(province), Ok(workroom)] = disks else {
        println!("this user cannot mount: the same is tested with an injected disk in `small_disk`");
        return federation.finish().await;
    };
    for code in [PROVINCE, WORKROOM] {
        federation.up(code).await?;
    }
    quiet::wait(&federation).await?;
    federation.cut(WORKROOM, true)?;
    let client = federation.client(WORKROOM)?;
    client.try_import("screening", &COLUMNS, &rows(1)).await?;

    workroom.fill(FOR_FIGURES_MIB)?;
    refuses(client, 2).await?;
    holds(client, ROWS).await?;
    // What was acknowledged goes up, also from and to full disks; a parent without any room says so.
    province.fill(FOR_NOTHING_MIB)?;
    federation.cut(WORKROOM, false)?;
    wait::until("the parent has no room", async || match client.uplink().await {
        Ok(up) if up.reason.contains("the parent's disk is full") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    holds(federation.client(PROVINCE)?, 0).await?;
    province.fill(FOR_FIGURES_MIB)?;
    counted(&federation, ROWS).await?;

    let stopped = federation.stop(WORKROOM).await?;
    ensure!(stopped.success(), "on a full disk it ended with {stopped}");
    federation.start_node(WORKROOM).await?;
    refuses(client, 3).await?;
    counted(&federation, ROWS).await?;

    province.free()?;
    workroom.free()?;
    client.try_import("screening", &COLUMNS, &rows(4)).await?;
    holds(client, 2 * ROWS).await?;
    counted(&federation, 2 * ROWS).await?;
    ensure!(client.status().await?.journal.unwrap_or_default().refusing.is_empty(), "it says that it still refuses");

    // Before the places where they are mounted go.
    for code in [WORKROOM, PROVINCE] {
        ensure!(federation.stop(code).await?.success(), "{code} did not stop well");
    }
    drop([province, workroom]);
    federation.finish().await
}

const COLUMNS: [&str; 3] = ["on", "found", "risk"];

/// The rows of a file, all new.
fn rows(file: usize) -> Vec<Vec<String>> {
    let row = |row: usize| {
        vec![format!("2025-{:02}-{:02}", file % 12 + 1, row % 28 + 1), format!("{}", file), "绿".to_owned()]
    };
    (0..ROWS).map(row).collect()
}

/// A file is refused as a whole, in words that say what to do; so does the status.
async fn refuses(client: &Client, file: usize) -> Result<()> {
    let status = client.try_import("screening", &COLUMNS, &rows(file)).await.err().context("it was taken")?;
    ensure!(status.code() == Code::ResourceExhausted, "{status:?}");
    let missing = ["is full", "bytes free", "needed", "make room"];
    let missing: Vec<_> = missing.iter().filter(|words| !status.message().contains(**words)).collect();
    ensure!(missing.is_empty(), "{:?} lacks {missing:?}", status.message());
    let refusing = client.status().await?.journal.unwrap_or_default().refusing;
    ensure!(refusing.contains("is full"), "the status says {refusing:?}");
    Ok(())
}

/// Reading goes on.
async fn holds(client: &Client, records: usize) -> Result<()> {
    let (listed, counted) = (client.records().await?.len(), recount::total(client, "entries", "2025").await?);
    let of_others = listed == 0 && client.code.as_str() == PROVINCE;
    ensure!(of_others || listed == records, "{records} were acknowledged, {listed} are listed");
    ensure!(counted == i64::try_from(records)?, "{records} were acknowledged, {counted} are counted");
    Ok(())
}

/// The province counts what its workroom has acknowledged.
async fn counted(federation: &Federation, records: usize) -> Result<()> {
    quiet::wait(federation).await?;
    let counted = recount::total(federation.client(PROVINCE)?, "entries", "2025").await?;
    ensure!(counted == i64::try_from(records)?, "the province counts {counted} of {records}");
    Ok(())
}

/// A file system in memory, as small as it says, where a data directory will be.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// An error where this user may not mount.
    fn mount(at: &Path) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "tmpfs"]).arg(at);
        let output = mount.output().context("running mount")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(Self(at.to_owned()))
    }

    /// Somebody else fills it but for so much.
    fn fill(&self, left_mib: u64) -> Result<()> {
        let others = self.0.join("others");
        std::fs::write(&others, [])?;
        let bytes = ((DISK_MIB - left_mib) << 20).saturating_sub(on_disk(&self.0)?);
        Ok(std::fs::write(others, vec![1; usize::try_from(bytes)?])?)
    }

    /// And goes away.
    fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.0.join("others"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node may still be going down.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("still mounted: {}", self.0.display());
        }
    }
}
