//! A workroom whose disk goes back in time, and one that ends.

use anyhow::{Context, Result};
use wuji_proto::v1;
use wuji_proto::v1::query_reply::Part;
use wuji_tests::records::{case, day};
use wuji_tests::{Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, wait};

use crate::adoption::provinces_total;

/// What a workroom's parent holds against it, once it does.
async fn until_held(federation: &Federation, why: &str) -> Result<()> {
    let (township, workroom) = (federation.client(TOWNSHIP)?, WORKROOM.parse()?);
    wait::until(&format!("the township holds the workroom: {why}"), async || {
        let child = township.child(workroom).await.map_err(|error| error.to_string())?;
        let told = child.state == "held" && child.reason.contains(why);
        if told { Ok(()) } else { Err(format!("{} {}", child.state, child.reason)) }
    })
    .await
}

async fn coverage(federation: &Federation) -> Result<v1::Coverage> {
    ask(federation, v1::QueryRequest::default()).await
}

async fn confirmed(federation: &Federation) -> Result<v1::Coverage> {
    ask(federation, v1::QueryRequest { confirmed: true, within_ms: 10_000, ..v1::QueryRequest::default() }).await
}

async fn ask(federation: &Federation, how: v1::QueryRequest) -> Result<v1::Coverage> {
    let replies = federation.client(PROVINCE)?.query(v1::QueryRequest {
        measures: vec!["mediation.accepted".to_owned()],
        from: "2025".to_owned(),
        to: "2025".to_owned(),
        ..how
    });
    let end = replies.await?.into_iter().find_map(|reply| match reply.part {
        Some(Part::End(end)) => end.coverage,
        _ => None,
    });
    end.context("an answer has a coverage")
}

#[tokio::test]
async fn what_a_rolled_back_workroom_lost_is_named_at_the_province_until_it_is_settled() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    for number in 1..=2 {
        federation.client(WORKROOM)?.submit(&case(number, "2025-03-04")).await?;
    }
    federation.exact().await?;
    federation.stop(WORKROOM).await?;
    federation.keep_disk(WORKROOM)?;
    federation.start_node(WORKROOM).await?;
    for number in 3..=5 {
        federation.client(WORKROOM)?.submit(&case(number, "2025-03-05")).await?;
    }
    federation.exact().await?;

    federation.kill(WORKROOM).await?;
    federation.roll_back(WORKROOM)?;
    federation.start_node(WORKROOM).await?;
    let workroom = federation.client(WORKROOM)?;
    wait::until("the workroom knows that its disk went back", async || {
        let up = workroom.uplink().await.map_err(|error| error.to_string())?;
        if up.reason.contains("went back in time") { Ok(()) } else { Err(format!("{} {}", up.state, up.reason)) }
    })
    .await?;
    provinces_total(&federation, 5).await?;

    federation.stop(WORKROOM).await?;
    federation.set(WORKROOM, |setup| setup.accept_loss = true).await?;
    federation.start_node(WORKROOM).await?;
    until_held(&federation, "went back in time").await?;
    workroom.submit(&case(6, "2025-03-06")).await?;
    federation.client(TOWNSHIP)?.adopt(WORKROOM.parse()?, false).await?;
    provinces_total(&federation, 6).await?;

    let covered = wait::until("the province names what is unsettled", async || {
        let covered = coverage(&federation).await.map_err(|error| error.to_string())?;
        // That it was held is told from tier to tier.
        let named = matches!(covered.unsettled.as_slice(), [it] if (it.code.as_str(), it.state.as_str()) == (WORKROOM, "unsettled"));
        if named { Ok(covered) } else { Err(format!("{:?}", covered.unsettled)) }
    })
    .await?;
    let amounts: Vec<_> = covered.unsettled_figures.iter().map(|it| (it.measure.as_str(), it.amount)).collect();
    assert_eq!(amounts, [("mediation.accepted", 3)]);

    federation.client(TOWNSHIP)?.give_up(WORKROOM.parse()?).await?;
    provinces_total(&federation, 3).await?;
    federation.exact().await?;
    let covered = coverage(&federation).await?;
    assert!(covered.unsettled.is_empty() && covered.unsettled_figures.is_empty(), "{covered:?}");
    federation.finish().await
}

#[tokio::test]
async fn a_retired_workroom_stays_in_the_figures_and_out_of_the_federation() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.client(WORKROOM_2)?.submit(&case(2, "2025-03-04")).await?;
    federation.exact().await?;
    let before = coverage(&federation).await?;
    federation.client(TOWNSHIP)?.retire(WORKROOM.parse()?, day("2025-06-01")?).await?;
    let township = federation.client(TOWNSHIP)?;
    wait::until("the workroom is turned out", async || {
        let up = federation.client(WORKROOM).map_err(|error| error.to_string())?.uplink().await;
        let up = up.map_err(|error| error.to_string())?;
        if up.state == "held" && up.reason.contains("retired") {
            Ok(())
        } else {
            Err(format!("{} {}", up.state, up.reason))
        }
    })
    .await?;
    assert_eq!(township.child(WORKROOM.parse()?).await?.state, "retired");
    wait::until("nobody asks it any more", async || {
        let covered = confirmed(&federation).await.map_err(|error| error.to_string())?;
        let asked = covered.confirmation.map_or(0, |it| it.unconfirmed_count);
        if asked == 0 { Ok(()) } else { Err(format!("{asked} units are not confirmed")) }
    })
    .await?;
    federation.client(WORKROOM)?.submit(&case(3, "2025-03-05")).await?;
    federation.client(WORKROOM_2)?.submit(&case(4, "2025-03-05")).await?;
    provinces_total(&federation, 3).await?;
    wait::until("one workroom less is expected at the province", async || {
        let covered = coverage(&federation).await.map_err(|error| error.to_string())?;
        let fits = covered.expected + 1 == before.expected && !covered.absent.iter().any(|unit| unit.code == WORKROOM);
        if fits { Ok(()) } else { Err(format!("{covered:?}")) }
    })
    .await?;
    federation.finish().await
}
