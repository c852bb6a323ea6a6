//! Waits that end, and say what they waited for.

use std::fmt::Display;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// No wait of a test is longer; many times what a busy machine needs.
pub const LONGEST: Duration = Duration::from_mins(1);

const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks again and again until `look` returns `Ok`; its last `Err` tells what was still amiss.
pub async fn until<T, E: Display>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> anyhow::Result<T> {
    let end = Instant::now() + LONGEST;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(amiss) if Instant::now() > end => {
                bail!("waited {} s until {what}, and still: {amiss}", LONGEST.as_secs())
            }
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}
