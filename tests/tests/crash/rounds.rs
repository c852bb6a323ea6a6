//! Rounds of SIGKILL under load.

use std::cell::Cell;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;
use wuji::sample::random::Random;
use wuji_tests::{Federation, PROVINCE, TIERS, WORKROOM, WORKROOM_2, recount};

use crate::clerk::{Clerk, List, listed};
use crate::plan::{Blow, Plan, blows};

#[tokio::test]
async fn rounds_of_sigkill_at_all_tiers_lose_nothing_acknowledged_and_count_nothing_twice() -> Result<()> {
    let plan = Plan::from_environment()?;
    eprintln!("{}", plan.replay());
    let federation = Federation::start(&TIERS).await?;
    run(&federation, plan).await.with_context(|| format!("replay: {}", plan.replay()))?;
    federation.finish().await
}

async fn run(federation: &Federation, plan: Plan) -> Result<()> {
    let mut random = Random::new(plan.seed);
    let mut clerk = |code| Ok::<_, anyhow::Error>(Clerk::new(federation.client(code)?, random.next()));
    let (mut one, mut other) = (clerk(WORKROOM)?, clerk(WORKROOM_2)?);
    let mut done = 0;
    while done < plan.rounds {
        let rounds = plan.rounds_per_look().min(plan.rounds - done);
        let stop = Cell::new(false);
        let kill = async {
            for round in done..done + rounds {
                let blows = blows(&mut random);
                strike_all(federation, &blows).await.with_context(|| format!("round {round}: {blows:?}"))?;
            }
            stop.set(true);
            Ok(())
        };
        tokio::try_join!(one.work(&stop), other.work(&stop), kill)?;
        done += rounds;
        look(federation, &one, &other).await.with_context(|| format!("after round {done}"))?;
        eprintln!("{done} rounds, {} records", one.list().len() + other.list().len());
    }
    Ok(())
}

async fn strike_all(federation: &Federation, blows: &[Blow]) -> Result<()> {
    let strike = async |at: usize| match blows.get(at) {
        Some(blow) => strike(federation, *blow).await,
        None => Ok(()),
    };
    tokio::try_join!(strike(0), strike(1), strike(2)).map(drop)
}

async fn strike(federation: &Federation, blow: Blow) -> Result<()> {
    sleep(blow.after).await;
    federation.kill(blow.node).await?;
    if let Some(after) = blow.start_cut_off {
        federation.kill_while_starting(blow.node, after).await?;
    }
    sleep(blow.down).await;
    federation.start_node(blow.node).await
}

/// Quiet, every tier equal to a recount, and each list equal to what its workroom holds.
async fn look(federation: &Federation, one: &Clerk<'_>, other: &Clerk<'_>) -> Result<()> {
    federation.exact().await?;
    for (code, clerk) in [(WORKROOM, one), (WORKROOM_2, other)] {
        let records = federation.client(code)?.records().await?;
        let held = records.iter().map(listed).collect::<Result<List>>()?;
        ensure!(held.len() == records.len(), "{code} lists an id twice");
        let gone = clerk.list().iter().filter(|(id, record)| held.get(*id) != Some(record));
        let strange = held.iter().filter(|(id, record)| clerk.list().get(*id) != Some(record));
        let (gone, strange): (List, List) = (owned(gone), owned(strange));
        ensure!(gone.is_empty() && strange.is_empty(), "{code}: acknowledged: {gone:?}; but held: {strange:?}");
    }
    let live = [one, other].iter().flat_map(|clerk| clerk.list().values()).filter(|record| record.live).count();
    let counted = recount::total(federation.client(PROVINCE)?, "entries", "2025").await?;
    ensure!(counted == i64::try_from(live)?, "the province counts {counted} live records of {live}");
    ensure!(one.list().len() > 5 && other.list().len() > 5, "there was no load");
    Ok(())
}

fn owned<'a>(records: impl Iterator<Item = (&'a String, &'a crate::clerk::Record)>) -> List {
    records.map(|(id, record)| (id.clone(), record.clone())).collect()
}
