//! A workroom whose line was cut.

use anyhow::Result;
use wuji_tests::records::{case, integer};
use wuji_tests::{Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, recount, wait};

#[tokio::test]
async fn a_workroom_that_was_offline_sends_each_changed_cell_once() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let client = federation.client(WORKROOM)?;
    let days = ["2025-03-01", "2025-03-02", "2025-04-01"];
    let mut cases = Vec::new();
    for (number, day) in days.into_iter().cycle().take(6).enumerate() {
        cases.push(case(number, day));
        client.submit(&cases[number]).await?;
    }
    federation.exact().await?;
    let before = client.uplink().await?;
    let people = recount::total(federation.client(PROVINCE)?, "mediation.people", "2025").await?;

    federation.cut(WORKROOM, true)?;
    wait::until("the workroom notices that its line is cut", async || {
        let state = client.uplink().await.map_err(|error| error.to_string())?.state;
        if state == "connecting" { Ok(()) } else { Err(state) }
    })
    .await?;
    // Only these two measures change; both ends of each day's two cases add to one cell.
    for round in 1..=30 {
        for case in &mut cases {
            *case = case.clone().with("people_count", integer(100 + i64::from(round)));
            *case = case.clone().with("amount", integer(i64::from(round) * 10_000));
            client.amend(case, round).await?;
        }
    }
    let still = recount::total(federation.client(PROVINCE)?, "mediation.people", "2025").await?;
    assert_eq!(still, people, "something went up a line that is cut");
    let absent = federation.client(TOWNSHIP)?.child(WORKROOM.parse()?).await?;
    assert_eq!(absent.state, "absent");

    federation.cut(WORKROOM, false)?;
    federation.exact().await?;
    let after = client.uplink().await?;
    let changed = 2 * days.len() as u64;
    assert_eq!(after.items_sent - before.items_sent, changed, "180 amendments changed {changed} cells");
    assert_eq!(after.resyncs, before.resyncs, "it could continue where it stood");
    federation.finish().await
}

#[tokio::test]
async fn cells_that_came_and_went_while_the_line_was_cut_are_sent_once_as_nothing() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let client = federation.client(WORKROOM)?;
    client.submit(&case(1, "2025-03-01")).await?;
    federation.exact().await?;
    let items = async || anyhow::Ok(client.status().await?.index.unwrap().items);
    let (sent, known) = (client.uplink().await?.items_sent, items().await?);
    federation.cut(WORKROOM, true)?;
    // A case on a day of its own, voided again: each of its cells went to 1 and back to 0.
    let passing = case(2, "2025-05-01");
    client.submit(&passing).await?;
    client.void(&passing, 1).await?;
    let came = items().await? - known;
    federation.cut(WORKROOM, false)?;
    federation.exact().await?;
    assert!(came > 0, "the case had cells of its own");
    assert_eq!(client.uplink().await?.items_sent - sent, came);
    federation.finish().await
}
