//! Long answers: how fast their rows come, and whether the node's memory stays flat, also
//! when the reader is slow.

use anyhow::Context;
use tokio::time::{Duration, Instant};
use tonic::transport::Channel;
use wuji_proto::v1::QueryRequest;

use super::ask::{Answer, Reader, ask};
use crate::bench::latency;
use crate::bench::memory::{self, Watch};
use crate::bench::report::Stream;

/// Some 30,000 rows a second at most: far below what the node can give.
pub const SLOW: Reader = Reader::Slow { rows: 3_000, pause: Duration::from_millis(100) };

/// Reads one to its end, with the node's memory before, during and after.
pub async fn read(
    channel: &Channel,
    request: QueryRequest,
    reader: Reader,
    process: u32,
) -> anyhow::Result<(Stream, Answer)> {
    let before = memory::resident(process)?;
    let watch = Watch::of(process);
    let began = Instant::now();
    let answer = ask(channel, request, reader).await.context("reading a long answer")?;
    let took = began.elapsed();
    let most = watch.most().await?;
    let rows = u32::try_from(answer.rows)?;
    let stream = Stream {
        name: "workrooms_by_month",
        reader: if reader == Reader::Fast { "fast" } else { "slow: 100 ms after each 3,000 rows" },
        rows: answer.rows,
        first_row_ms: latency::milliseconds(answer.first_row),
        total_ms: latency::milliseconds(took),
        rows_per_second: f64::from(rows) / took.as_secs_f64(),
        rss_before_bytes: before,
        rss_most_bytes: most.max(before),
        rss_after_bytes: memory::resident(process)?,
    };
    Ok((stream, answer))
}
