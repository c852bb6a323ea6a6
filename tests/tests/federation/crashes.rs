//! Nodes that are killed while entries are written.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;
use wuji_proto::v1;
use wuji_tests::records::{case, screening};
use wuji_tests::{CITY, COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, recount};

/// Writes until it is told to stop; returns the ids that were acknowledged, each in the end.
async fn write(federation: &Federation, workroom: &str, stop: &Cell<bool>) -> Result<BTreeSet<String>> {
    let client = federation.client(workroom)?;
    let mut acknowledged = BTreeSet::new();
    for number in 0.. {
        if stop.get() {
            break;
        }
        let day = format!("2025-{:02}-{:02}", number % 12 + 1, number % 28 + 1);
        let entry = if number % 4 == 0 { screening(&day, 2) } else { case(number, &day) };
        let receipt = client.submit_until_acknowledged(&entry).await?;
        ensure!(receipt.revision == 1, "an entry's first receipt names revision {}", receipt.revision);
        if number % 5 == 0 {
            // Its answer may have been lost: so it is sent once more.
            let again = client.submit_until_acknowledged(&entry).await?;
            ensure!(again.repeated && again.sequence == receipt.sequence, "{again:?} repeats {receipt:?}");
        }
        acknowledged.insert(entry.id.to_string());
        sleep(Duration::from_millis(5)).await;
    }
    Ok(acknowledged)
}

#[tokio::test]
async fn each_tier_is_killed_under_load_and_nothing_acknowledged_is_lost_or_counted_twice() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let stop = Cell::new(false);
    let killer = async {
        for code in [PROVINCE, CITY, COUNTY, TOWNSHIP, WORKROOM, TOWNSHIP, WORKROOM] {
            sleep(Duration::from_millis(400)).await;
            federation.kill(code).await?;
            sleep(Duration::from_millis(200)).await;
            federation.start_node(code).await?;
        }
        stop.set(true);
        Ok(())
    };
    let (acknowledged, others, ()) =
        tokio::try_join!(write(&federation, WORKROOM, &stop), write(&federation, WORKROOM_2, &stop), killer)?;
    let acknowledged: BTreeSet<String> = acknowledged.union(&others).cloned().collect();

    federation.exact().await?;
    let mut present = BTreeMap::new();
    for record in recount::records(&federation).await? {
        assert_eq!(record.state(), v1::RecordState::Live);
        *present.entry(record.id).or_insert(0) += 1;
    }
    assert!(present.values().all(|times| *times == 1), "an id is listed twice");
    let present: BTreeSet<String> = present.into_keys().collect();
    assert_eq!(present, acknowledged, "each entry was acknowledged in the end, so these are the same");
    assert!(acknowledged.len() > 20, "only {} entries under load", acknowledged.len());
    let counted = recount::total(federation.client(PROVINCE)?, "entries", "2025").await?;
    assert_eq!(counted, i64::try_from(acknowledged.len())?);
    federation.finish().await
}

#[tokio::test]
async fn all_nodes_are_killed_at_once_and_the_federation_comes_back_exact() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let client = federation.client(WORKROOM)?;
    for number in 0..30 {
        client.submit(&case(number, &format!("2025-08-{:02}", number % 28 + 1))).await?;
    }
    for code in TIERS {
        federation.kill(code).await?;
    }
    for code in TIERS {
        federation.start_node(code).await?;
    }
    federation.exact().await?;
    assert_eq!(recount::total(federation.client(PROVINCE)?, "mediation.accepted", "2025").await?, 30);
    federation.finish().await
}
