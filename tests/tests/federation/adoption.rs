//! A workroom whose machine was replaced.

use anyhow::Result;
use wuji_tests::records::case;
use wuji_tests::{Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, recount, wait};

const TOTAL: (&str, &str) = ("mediation.accepted", "2025");

pub async fn provinces_total(federation: &Federation, wanted: i64) -> Result<()> {
    let province = federation.client(PROVINCE)?;
    wait::until(&format!("the province's total is {wanted}"), async || {
        let total = recount::total(province, TOTAL.0, TOTAL.1).await.map_err(|error| error.to_string())?;
        if total == wanted { Ok(()) } else { Err(total.to_string()) }
    })
    .await
}

/// A workroom enters three cases and comes back with an empty disk; what it had sent stands.
async fn replaced() -> Result<Federation> {
    let federation = Federation::start(&TIERS).await?;
    for number in 1..=3 {
        federation.client(WORKROOM)?.submit(&case(number, "2025-03-04")).await?;
    }
    federation.exact().await?;
    federation.kill(WORKROOM).await?;
    std::fs::remove_dir_all(federation.directory(WORKROOM).join("data"))?;
    federation.start_node(WORKROOM).await?;
    let (township, workroom) = (federation.client(TOWNSHIP)?, WORKROOM.parse()?);
    wait::until("the township holds the workroom and says what to do", async || {
        let child = township.child(workroom).await.map_err(|error| error.to_string())?;
        let told = child.state == "held" && child.reason.contains("wuji child adopt");
        if told { Ok(()) } else { Err(format!("{} {}", child.state, child.reason)) }
    })
    .await?;
    federation.client(WORKROOM)?.submit(&case(4, "2025-03-05")).await?;
    provinces_total(&federation, 3).await?;
    Ok(federation)
}

#[tokio::test]
async fn the_history_of_a_replaced_workroom_counts_on_if_it_is_kept() -> Result<()> {
    let federation = replaced().await?;
    federation.client(TOWNSHIP)?.adopt(WORKROOM.parse()?, true).await?;
    provinces_total(&federation, 4).await?;
    federation.kill(TOWNSHIP).await?;
    std::fs::remove_dir_all(federation.directory(TOWNSHIP).join("data/index"))?;
    federation.start_node(TOWNSHIP).await?;
    federation.client(WORKROOM)?.submit(&case(5, "2025-03-06")).await?;
    provinces_total(&federation, 5).await?;
    federation.finish().await
}

#[tokio::test]
async fn the_history_of_a_replaced_workroom_is_gone_everywhere_if_it_is_replaced() -> Result<()> {
    let federation = replaced().await?;
    federation.client(TOWNSHIP)?.adopt(WORKROOM.parse()?, false).await?;
    provinces_total(&federation, 1).await?;
    federation.exact().await?;
    federation.finish().await
}
