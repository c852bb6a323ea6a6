//! `wuji node snapshot` and `wuji node compact`.

use std::process::ExitCode;

use serde::Serialize;
use wuji_proto::v1::{CompactRequest, SnapshotRequest};

use crate::args::Global;
use crate::exit::Exit;
use crate::output::number::{bytes, grouped};
use crate::output::{Cell, Column, Sheet};

/// Shown below the help.
pub const SNAPSHOT_EXAMPLES: &str = "\
A node makes one a day by itself, if anything has changed. An index that is lost begins with the
newest one instead of with nothing.

EXAMPLES
  wuji node snapshot -c 371122";

/// Shown below the help.
pub const COMPACT_EXAMPLES: &str = "\
The store of the index does not give back the space of what was overwritten. The index is built
beside itself and swapped; entries are written and read meanwhile, and only the swap itself makes
them wait. As much free space is needed as is alive of the index.

EXAMPLES
  wuji node compact -c 371122";

#[derive(Serialize)]
struct Snapshot {
    node: String,
    sequence: u64,
    keys: u64,
    live_bytes: u64,
    file_bytes: u64,
}

/// Makes a snapshot.
pub async fn snapshot(global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    // As long as it takes: the index may be large.
    let made = client.upkeep().snapshot(SnapshotRequest {}).await;
    let made = made.map_err(|status| client.error("make a snapshot", status))?.into_inner();
    let document = Snapshot {
        node: client.address().code.to_string(),
        sequence: made.sequence,
        keys: made.keys,
        live_bytes: made.live_bytes,
        file_bytes: made.file_bytes,
    };
    let sheet = |it: &Snapshot| {
        numbers(
            &it.node,
            &[
                ("sequence", it.sequence),
                ("keys", it.keys),
                ("live_bytes", it.live_bytes),
                ("file_bytes", it.file_bytes),
            ],
        )
    };
    global.output().document(&document, sheet, |it, _| {
        format!(
            "{}: the index at entry {}, {} keys, {} alive, in a file of {}\n",
            it.node,
            grouped(it.sequence.into()),
            grouped(it.keys.into()),
            bytes(it.live_bytes),
            bytes(it.file_bytes)
        )
    })?;
    Ok(Exit::Done.into())
}

#[derive(Serialize)]
struct Compacted {
    node: String,
    keys: u64,
    live_bytes: u64,
    bytes_before: u64,
    bytes_after: u64,
    took_ms: u32,
    stood_ms: u32,
}

/// Compacts the index.
pub async fn compact(global: &Global) -> anyhow::Result<ExitCode> {
    let client = global.connect().await?;
    let done = client.upkeep().compact(CompactRequest {}).await;
    let done = done.map_err(|status| client.error("compact the index", status))?.into_inner();
    let document = Compacted {
        node: client.address().code.to_string(),
        keys: done.keys,
        live_bytes: done.live_bytes,
        bytes_before: done.bytes_before,
        bytes_after: done.bytes_after,
        took_ms: done.took_ms,
        stood_ms: done.stood_ms,
    };
    let sheet = |it: &Compacted| {
        numbers(
            &it.node,
            &[
                ("keys", it.keys),
                ("live_bytes", it.live_bytes),
                ("bytes_before", it.bytes_before),
                ("bytes_after", it.bytes_after),
                ("took_ms", it.took_ms.into()),
                ("stood_ms", it.stood_ms.into()),
            ],
        )
    };
    global.output().document(&document, sheet, |it, _| {
        format!(
            "{}: {} of files became {}, {} of them alive; {} ms, of which everybody waited {} ms\n",
            it.node,
            bytes(it.bytes_before),
            bytes(it.bytes_after),
            bytes(it.live_bytes),
            grouped(it.took_ms.into()),
            grouped(it.stood_ms.into())
        )
    })?;
    Ok(Exit::Done.into())
}

fn numbers(node: &str, numbers: &[(&str, u64)]) -> Sheet {
    let columns = numbers.iter().map(|(name, _)| Column::number(name));
    let cells = numbers.iter().map(|(_, number)| Cell::count(*number));
    Sheet {
        columns: std::iter::once(Column::text("node")).chain(columns).collect(),
        rows: vec![std::iter::once(Cell::text(node)).chain(cells).collect()],
        totals: None,
    }
}
