//! What the machine itself allows, measured in the same run: no answer over a connection is
//! faster than its cheapest call, no write is durable before an `fdatasync`.

use std::io::Write;
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
        let (append_fdatasync_per_second, append_fdatasync) =
            tokio::task::spawn_blocking(move || appends(&directory)).await??;
        Ok(Self { round_trip, append_fdatasync_per_second, append_fdatasync })
    }
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
