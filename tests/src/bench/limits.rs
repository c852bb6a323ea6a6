//! What the machine itself allows, measured in the same run: no answer over a connection is
//! faster than its cheapest call, no write is durable before an `fdatasync`.

use std::io::{Seek, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::latency::{self, Latency};

/// Bytes of each append: an entry of the journal with 273 bytes of text.
const APPEND_BYTES: usize = 512;

/// Appends that are made.
const APPENDS: usize = 500;

/// The limits.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// A health check over the connection that the questions go over.
    pub round_trip: Latency,
    /// Appends of 512 B to a new file beside the data, each with an `fdatasync`, a second.
    pub append_fdatasync_per_second: f64,
    /// One of them.
    pub append_fdatasync: Latency,
    /// Writes of 512 B over space that was written before, each with an `fdatasync`: no journal is
    /// faster than this.
    pub overwrite_fdatasync: Latency,
}

impl Limits {
    /// Measures them.
    pub async fn measure(channel: &Channel, directory: &Path, repetitions: usize) -> anyhow::Result<Self> {
        let mut health = HealthClient::new(channel.clone());
        let mut check = async || {
            let reply = health.check(HealthCheckRequest::default()).await.context("checking the node's health")?;
            ensure!(reply.into_inner().status() == ServingStatus::Serving, "the node does not serve");
            Ok(())
        };
        check().await?;
        let round_trip = latency::repeat(repetitions, check).await?;
        let directory = directory.to_owned();
        let syncs = tokio::task::spawn_blocking(move || anyhow::Ok((appends(&directory)?, overwrites(&directory)?)));
        let ((append_fdatasync_per_second, append_fdatasync), overwrite_fdatasync) = syncs.await??;
        Ok(Self { round_trip, append_fdatasync_per_second, append_fdatasync, overwrite_fdatasync })
    }

    /// The least time of a durable entry that is sent by itself: there and back, and one `fdatasync`.
    pub const fn durable_call_ms(&self) -> f64 {
        self.round_trip.p50_ms + self.overwrite_fdatasync.p50_ms
    }
}

fn overwrites(directory: &Path) -> anyhow::Result<Latency> {
    let mut file = tempfile::tempfile_in(directory).context("making a file for the limit of fdatasync")?;
    file.write_all(&vec![0; APPEND_BYTES * APPENDS])?;
    file.sync_all()?;
    file.rewind()?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let before = Instant::now();
        file.write_all(&[1; APPEND_BYTES])?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    Ok(Latency::of(times))
}

fn appends(directory: &Path) -> anyhow::Result<(f64, Latency)> {
    let mut file = tempfile::tempfile_in(directory).context("making a file for the limit of fdatasync")?;
    let mut times = Vec::with_capacity(APPENDS);
    let began = Instant::now();
    for _ in 0..APPENDS {
        let before = Instant::now();
        file.write_all(&[1; APPEND_BYTES])?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    let appends = f64::from(u32::try_from(APPENDS)?);
    Ok((appends / began.elapsed().as_secs_f64(), Latency::of(times)))
}
