//! `wuji up`: see [`crate::up`].

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wuji_node::env::Env;
use wuji_proto::{Tier, period};

use crate::sample::SampleName;
use crate::up::connect::{Connection, Connections, to};
use crate::up::fleet::Fleet;
use crate::up::home::Home;
use crate::up::load::{self, Loaded};
use crate::up::progress::Progress;
use crate::up::screen::Welcome;
use crate::up::{converge, published, recount};

/// Ended by Ctrl-C before it was done, as shells say it.
const INTERRUPTED: u8 = 130;

/// So many differences are named; the rest is counted.
const DIFFERENCES_SHOWN_MAX: usize = 20;

/// Starts a five-tier federation of real units on this machine, with sample data.
///
/// Every unit is a process of its own, linked to its parent over gRPC with mutual TLS. Ctrl-C
/// stops everything; the same command on the same directory goes on where it stopped.
#[derive(Args, Debug)]
#[command(after_help = "\
EXAMPLES
  wuji up
  wuji up --dir demo --sample ju
  wuji up --once --sample huangshi")]
pub struct UpArgs {
    /// Where data, certificates, configuration and logs are kept.
    #[arg(long, value_name = "DIR", default_value = "wuji-federation")]
    dir: PathBuf,
    /// Load, wait until the province is exact, recount every raw record, compare, stop. The exit
    /// status is 0 only if all figures agree.
    #[arg(long)]
    once: bool,
    /// The units and entries [default: ju, or what DIR holds]
    #[arg(long, value_enum)]
    sample: Option<SampleName>,
}

/// Runs it.
pub async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    let progress = Progress::stderr();
    let home = Home::open(&args.dir, args.sample, Env::production().clock.now_ms())?;
    let mut interrupt = Interrupt::new()?;
    let mut fleet = Fleet::new(progress.clone())?;
    let done = tokio::select! {
        done = work(&home, &mut fleet, &progress, args.once) => done,
        () = interrupt.wait() => Ok(ExitCode::from(if args.once { INTERRUPTED } else { 0 })),
    };
    progress.say("Stopping, from the workrooms up …");
    tokio::select! {
        () = fleet.stop() => progress.say("Everything has stopped."),
        // Nodes that are killed lose nothing that they acknowledged.
        () = interrupt.wait() => progress.say("Stopped at once."),
    }
    done
}

async fn work(home: &Home, fleet: &mut Fleet, progress: &Progress, once: bool) -> anyhow::Result<ExitCode> {
    let connections = start(home, fleet, progress).await?;
    let loaded = load::submit(&connections, home.sample.entries(), progress).await?;
    println!("{}", Welcome { home, loaded, stays: !once });
    if once {
        return check(home, &connections, progress, loaded).await;
    }
    std::future::pending().await
}

/// Tier by tier, since a parent lets in only the children that it was told of.
async fn start(home: &Home, fleet: &mut Fleet, progress: &Progress) -> anyhow::Result<Connections> {
    let verb = if home.continued { "Continuing" } else { "Making" };
    progress.say(&format!("{verb} the federation in {}", home.path().display()));
    let connections = Connection::open_all(home)?;
    let expected_from = period::days(home.sample.first.first_day());
    let mut count = progress.count("Nodes 节点", home.plan.units.len() as u64);
    for tier in Tier::ALL {
        fleet.start(home, tier).await?;
        for unit in home.plan.units.iter().filter(|unit| unit.code.tier() == tier) {
            load::plan_children(&connections, &home.plan, unit.code, expected_from).await?;
            count.add(1);
        }
    }
    Ok(connections)
}

/// `--once`: exact, equal to a recount, and for a published month equal to the report.
async fn check(
    home: &Home,
    connections: &Connections,
    progress: &Progress,
    loaded: Loaded,
) -> anyhow::Result<ExitCode> {
    converge::wait(connections, &home.plan, progress).await?;
    let root = home.plan.root()?;
    let province = to(connections, root.code)?;
    let records = recount::records(connections, root.code).await?;
    let verdict = recount::verify(province, &records).await?;
    let acknowledged = loaded.written + loaded.present;
    let enough = verdict.records as u64 >= acknowledged;
    let mut agree = enough && verdict.differences.is_empty();
    if let Some(month) = home.sample.settings.month {
        let figures = published::compare(province, &home.sample.published, month).await?;
        println!("{} {month}\n{}", root.name, published::Comparison(&figures));
        agree &= published::agree(&figures);
    }
    println!("Recounted {} raw records: {} figures compared.", verdict.records, verdict.figures);
    for difference in verdict.differences.iter().take(DIFFERENCES_SHOWN_MAX) {
        println!("✗ {difference}");
    }
    if verdict.differences.len() > DIFFERENCES_SHOWN_MAX {
        println!("✗ and {} more", verdict.differences.len() - DIFFERENCES_SHOWN_MAX);
    }
    if !enough {
        println!("✗ {acknowledged} entries were acknowledged, {} are there", verdict.records);
    }
    println!("{}", if agree { "✓ All figures agree." } else { "✗ Not all figures agree." });
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ctrl-C, or SIGTERM.
struct Interrupt {
    terminate: Signal,
}

impl Interrupt {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate()).context("listening for signals")? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
