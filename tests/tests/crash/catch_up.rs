//! A node that catches up on a great many items: its memory stays bounded.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::sync::watch;
use wuji_node::access::{Identity, TlsDial};
use wuji_node::config::{LinkConfig, TlsConfig};
use wuji_node::env::Env;
use wuji_node::link::{PushLink, PushParts};
use wuji_node::telemetry::Metrics;
use wuji_proto::v1;
use wuji_tests::bench::memory::{Watch, resident};
use wuji_tests::{CITY, Federation, PROVINCE, wait};

use crate::many_items::ManyItems;
use crate::plan::asked;

/// Items of a run that asks for no more: of CI.
const ITEMS: u64 = 60_000;
/// What a node may hold while it catches up, beyond what it holds with the same items after a start: the
/// frames that wait (128 MiB at most), a batch of the writer, what sled has not written yet. Measured
/// were 110 MiB with 60,000 items, 225 MiB with a million and 209 MiB with two: it does not grow with
/// them, while each item that waited in memory would take some 300 bytes.
const BEYOND_BYTES_MAX: u64 = 288 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_catches_up_on_very_many_items_keeps_its_memory_bounded() -> Result<()> {
    let items = asked("WUJI_CRASH_ITEMS")?.unwrap_or(ITEMS);
    let federation = Federation::plan(&[PROVINCE, CITY]).await?;
    federation.start_node(PROVINCE).await?;
    federation.register(CITY).await?;
    let (stop, stopping) = watch::channel(false);
    let link = link(&federation, items)?;
    let pushing = Env::production().spawn_worker("push", link.run(stopping))?;

    let idle = resident(federation.process(PROVINCE).await?)?;
    let watching = Watch::of(federation.process(PROVINCE).await?);
    caught_up(&federation, items).await?;
    let most = watching.most().await?;
    // Started again, it holds the same items and nothing that is on the way.
    ensure!(federation.stop(PROVINCE).await?.success(), "the province did not stop well");
    federation.start_node(PROVINCE).await?;
    caught_up(&federation, items).await?;
    let rest = resident(federation.process(PROVINCE).await?)?;
    let mib = |bytes: u64| bytes >> 20;
    eprintln!("{items} items: idle {} MiB, at most {} MiB, at rest {} MiB", mib(idle), mib(most), mib(rest));
    ensure!(
        most <= rest + BEYOND_BYTES_MAX,
        "catching up on {items} items took {} MiB; with them, at rest, it is {} MiB",
        mib(most),
        mib(rest)
    );
    stop.send_replace(true);
    pushing.finished().await;
    federation.finish().await
}

/// A city's end of the link, over TLS, as its node has it.
fn link(federation: &Federation, items: u64) -> Result<PushLink> {
    let (env, config) = (Env::production(), LinkConfig::default());
    let file = |name: &str| federation.directory("certificates").join(name);
    let tls = TlsConfig {
        authority: file("authority.pem"),
        certificate: file(&format!("{CITY}.pem")),
        key: file(&format!("{CITY}.key")),
    };
    let tls = Identity::load(&tls)?.client_config(Arc::clone(&env.clock))?;
    let parent = PROVINCE.parse()?;
    let address = format!("https://{}", federation.door(PROVINCE)?);
    let keepalive = Duration::from_secs(config.keepalive_seconds.into());
    Ok(PushLink::new(PushParts {
        source: Arc::new(ManyItems::new(items)?),
        parent,
        dial: Arc::new(TlsDial::new(&address, parent, keepalive, tls)?),
        config: LinkConfig { reconnect_max_ms: 200, ..config },
        entropy: env.entropy,
        metrics: Metrics::new(),
        name: "日照市".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue_version: String::new(),
        heard: Box::new(Vec::new),
        went_back: Box::new(|_| {}),
        taken_in: Box::new(|_| Box::pin(std::future::ready(()))),
    }))
}

/// Waits until the province holds all of it and both ends say the same. Each wait is for some progress.
async fn caught_up(federation: &Federation, items: u64) -> Result<()> {
    let province = federation.client(PROVINCE)?;
    let mut applied = None;
    loop {
        let (progress, done) = wait::until("the province takes more items", async || {
            let status = province.status().await.map_err(|error| format!("{error:#}"))?;
            let child = status.children.into_iter().find(|child| child.code == CITY).unwrap_or_default();
            let progress = status.index.unwrap_or_default().items;
            match is_level(&child) {
                true => Ok((progress, true)),
                false if applied.is_none_or(|applied| progress > applied) => Ok((progress, false)),
                false => Err(format!("{progress} items; {child:?}")),
            }
        })
        .await?;
        if done {
            ensure!(progress >= items, "level with {progress} items of {items}");
            return Ok(());
        }
        applied = Some(progress);
    }
}

fn is_level(child: &v1::ChildStatus) -> bool {
    child.state == "connected" && child.digest == "equal" && child.lag_items == 0 && child.complete_at_ms > 0
}
