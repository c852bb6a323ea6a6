//! What is amended or voided at a workroom changes every tier, exactly.

use anyhow::Result;
use wuji_tests::records::{case, closed, integer, screening, text};
use wuji_tests::{Federation, TIERS, WORKROOM, WORKROOM_2};

#[tokio::test]
async fn what_is_amended_and_voided_at_a_workroom_changes_every_tier_exactly() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let mut cases = Vec::new();
    for (number, workroom) in [WORKROOM, WORKROOM_2].into_iter().cycle().take(24).enumerate() {
        let client = federation.client(workroom)?;
        let case = case(number, &format!("2025-{:02}-{:02}", number % 12 + 1, number % 28 + 1));
        client.submit(&case).await?;
        client.submit(&screening(&format!("2025-06-{:02}", number + 1), i64::try_from(number % 3)?)).await?;
        cases.push((client, case));
    }
    federation.exact().await?;

    for (number, (client, case)) in cases.iter().enumerate() {
        match number % 6 {
            // Another result, another month, other numbers, another type; once and again.
            0 => drop(client.amend(&closed(case.clone(), "成功", "2026-01-05"), 1).await?),
            1 => drop(client.amend(&case.clone().with("accepted_on", text("2024-02-29")), 1).await?),
            2 => {
                let changed = case.clone().with("people_count", integer(90)).without("amount");
                client.amend(&changed, 1).await?;
                client.amend(&changed.with("dispute_type", text("物业")), 2).await?;
            }
            3 => drop(client.void(case, 1).await?),
            4 => {
                client.amend(&closed(case.clone(), "不成功", "2026-01-05"), 1).await?;
                client.void(case, 2).await?;
            }
            _ => {}
        }
    }
    federation.exact().await?;
    federation.finish().await
}

#[tokio::test]
async fn an_amendment_of_a_revision_that_is_not_the_newest_changes_nothing_anywhere() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let client = federation.client(WORKROOM)?;
    let case = case(1, "2025-03-04");
    client.submit(&case).await?;
    client.amend(&case.clone().with("people_count", integer(8)), 1).await?;
    let stale = client.amend(&case.clone().with("people_count", integer(100)), 1).await.unwrap_err().to_string();
    assert!(stale.contains("Aborted"), "{stale}");
    client.void(&case, 2).await?;
    let voided = client.amend(&case, 3).await.unwrap_err().to_string();
    assert!(voided.contains("FailedPrecondition"), "{voided}");
    federation.exact().await?;
    federation.finish().await
}
