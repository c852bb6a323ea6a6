//! Audits over real processes: damage in the index of a node that was stopped is found from
//! above, put right, and nothing more than what differs is sent again.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wuji_node::feed::item::ItemValue;
use wuji_node::index::sled::SledIndex;
use wuji_node::index::values::{HeldItem, OwnItem};
use wuji_node::index::{Index, Writes, keys};
use wuji_proto::v1::audit_reply::Part;
use wuji_proto::v1::statistics_client::StatisticsClient;
use wuji_proto::{DivisionCode, ItemKey, v1};
use wuji_tests::client::Client;
use wuji_tests::records::case;
use wuji_tests::{CITY, COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, wait};

/// More than any test's figures: nobody takes it for one of them.
const WRONG: i64 = 1_000_007;

/// Sled's cache; the indexes of tests are small.
const CACHE_BYTES: u64 = 1 << 20;

async fn audit(client: &Client, request: v1::AuditRequest) -> Result<(Vec<v1::AuditDifference>, v1::AuditEnd)> {
    let mut replies = StatisticsClient::new(client.channel()).audit(request).await?.into_inner();
    let mut found = Vec::new();
    while let Some(reply) = replies.message().await? {
        match reply.part.context("an empty part")? {
            Part::Progress(progress) => ensure!(progress.compared <= progress.of, "{progress:?}"),
            Part::Difference(difference) => found.push(difference),
            Part::End(end) => return Ok((found, end)),
        }
    }
    anyhow::bail!("the audit has no end")
}

fn deep(repair: bool) -> v1::AuditRequest {
    v1::AuditRequest { deep: true, repair, ..v1::AuditRequest::default() }
}

/// Gives the first cell of a unit that is stored under such a key another amount, in the index
/// of a node that is stopped.
fn damage(federation: &Federation, node: &str, unit: &str, is_place: fn(&[u8]) -> bool) -> Result<()> {
    let index = SledIndex::open(Path::new(&federation.directory(node).join("data/index")), CACHE_BYTES)?;
    let unit: DivisionCode = unit.parse()?;
    let mut harmed = Writes::new();
    index.scan(&[], None, &mut |key, value| {
        let item = keys::parse_item(key).or_else(|| keys::parse_held(key));
        let is_cell = matches!(item.map(ItemKey::from_bytes), Some(Ok(ItemKey::Cell(cell))) if cell.scope == unit);
        if !is_cell || !is_place(key) {
            return Ok(ControlFlow::Continue(()));
        }
        let wrong = ItemValue::Amount(WRONG);
        let value = match keys::parse_item(key) {
            Some(_) => OwnItem { value: wrong, ..OwnItem::from_bytes(value)? }.to_bytes(),
            None => HeldItem { value: wrong, ..HeldItem::from_bytes(value)? }.to_bytes(),
        };
        harmed.insert(key.to_vec(), Some(value));
        Ok(ControlFlow::Break(()))
    })?;
    ensure!(harmed.len() == 1, "{node} stores nothing of {unit} there");
    index.apply(&harmed)?;
    Ok(index.checkpoint()?)
}

fn is_own(key: &[u8]) -> bool {
    keys::parse_item(key).is_some()
}

fn is_held(key: &[u8]) -> bool {
    keys::parse_held_by(key).is_some()
}

async fn written() -> Result<Federation> {
    let federation = Federation::start(&TIERS).await?;
    for number in 0..12 {
        let workroom = if number % 3 == 0 { WORKROOM_2 } else { WORKROOM };
        federation.client(workroom)?.submit(&case(number, &format!("2025-03-{:02}", number + 1))).await?;
    }
    federation.exact().await?;
    Ok(federation)
}

/// Items that a node sent upward, and walks that it began.
async fn sent(federation: &Federation, code: &str) -> Result<(u64, u64)> {
    let uplink = federation.client(code)?.uplink().await?;
    Ok((uplink.items_sent, uplink.resyncs))
}

/// Waits until every line is open again: a damaged copy shows in no digest yet.
async fn connected(federation: &Federation) -> Result<()> {
    wait::until("all lines are open", async || {
        for (client, parent) in federation.clients() {
            let up = client.status().await?.parent;
            ensure!(parent.is_none() || up.is_some_and(|up| up.state == "connected" && up.digest == "equal"));
        }
        Ok::<_, anyhow::Error>(())
    })
    .await
}

#[tokio::test]
async fn nothing_is_found_at_rest_or_while_entries_are_written() -> Result<()> {
    let federation = written().await?;
    let (found, end) = audit(federation.client(PROVINCE)?, deep(false)).await?;
    assert_eq!(found, []);
    assert_eq!((end.differences, end.unreached.len()), (0, 0), "{end:?}");
    assert!(end.totals > 100 && end.copies > 5, "{end:?}");

    let writing = async {
        for number in 100..160 {
            let workroom = if number % 2 == 0 { WORKROOM_2 } else { WORKROOM };
            federation.client(workroom)?.submit(&case(number, &format!("2025-04-{:02}", number % 28 + 1))).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let auditing = async {
        for (code, repair) in [(PROVINCE, false), (COUNTY, true), (TOWNSHIP, true), (CITY, false)] {
            let (found, _) = audit(federation.client(code)?, deep(repair)).await?;
            assert_eq!(found, [], "{code}");
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::try_join!(writing, auditing)?;
    federation.exact().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_township_that_holds_and_totals_what_is_wrong_is_put_right_from_its_county() -> Result<()> {
    let federation = written().await?;
    federation.stop(TOWNSHIP).await?;
    damage(&federation, TOWNSHIP, WORKROOM, is_held)?;
    damage(&federation, TOWNSHIP, TOWNSHIP, is_own)?;
    federation.start_node(TOWNSHIP).await?;
    connected(&federation).await?;
    let before = sent(&federation, WORKROOM).await?;

    let (found, end) = audit(federation.client(COUNTY)?, deep(false)).await?;
    let kinds = |found: &[v1::AuditDifference]| {
        let of = |it: &v1::AuditDifference| (it.node.clone(), it.kind.clone(), it.unit.clone(), it.state.clone());
        found.iter().map(of).collect::<std::collections::BTreeSet<_>>()
    };
    let told =
        |kind: &str, unit: &str, state: &str| (TOWNSHIP.to_owned(), kind.to_owned(), unit.to_owned(), state.to_owned());
    assert!(kinds(&found).contains(&told("total", TOWNSHIP, "found")), "{found:?}");
    assert!(kinds(&found).contains(&told("copy", WORKROOM, "found")), "{found:?}");
    assert_eq!((end.repaired, end.differences), (0, found.len() as u64));

    let (found, end) = audit(federation.client(COUNTY)?, deep(true)).await?;
    assert!(kinds(&found).contains(&told("total", TOWNSHIP, "repaired")), "{found:?}");
    assert!(kinds(&found).contains(&told("copy", WORKROOM, "repaired")), "{found:?}");
    assert_eq!(end.repaired, end.differences, "{found:?}");
    federation.exact().await?;

    // The workroom sent what it has of itself once more, and nothing was walked.
    let after = sent(&federation, WORKROOM).await?;
    let items = federation.client(WORKROOM)?.status().await?.index.context("no index")?.items;
    assert_eq!((after.0 - before.0, after.1), (items, before.1));
    let (found, end) = audit(federation.client(PROVINCE)?, deep(true)).await?;
    assert_eq!((found, end.differences), (Vec::new(), 0));
    federation.finish().await
}

#[tokio::test]
async fn a_copy_and_a_workroom_that_are_wrong_are_put_right_from_the_province() -> Result<()> {
    let federation = written().await?;
    for (node, unit, is_place) in
        [(COUNTY, WORKROOM, is_held as fn(&[u8]) -> bool), (WORKROOM_2, WORKROOM_2, is_own as fn(&[u8]) -> bool)]
    {
        federation.stop(node).await?;
        damage(&federation, node, unit, is_place)?;
        federation.start_node(node).await?;
    }
    connected(&federation).await?;
    let province = federation.client(PROVINCE)?;
    let scoped = v1::AuditRequest { scope: WORKROOM_2.to_owned(), ..deep(false) };
    let (found, _) = audit(province, scoped).await?;
    assert!(found.iter().any(|it| it.node == WORKROOM_2 && it.kind == "record"), "{found:?}");
    assert!(found.iter().all(|it| it.unit == WORKROOM_2), "only what was asked for: {found:?}");

    let (found, end) = audit(province, deep(true)).await?;
    let of = |node: &str, kind: &str, unit: &str| {
        found.iter().any(|it| (it.node.as_str(), it.kind.as_str(), it.unit.as_str()) == (node, kind, unit))
    };
    assert!(of(COUNTY, "copy", WORKROOM) && of(WORKROOM_2, "record", WORKROOM_2), "{found:?}");
    assert_eq!(end.repaired, end.differences, "{found:?}");
    federation.exact().await?;

    federation.stop(WORKROOM).await?;
    let (_, end) = audit(province, deep(false)).await?;
    let unreached: Vec<_> = end.unreached.iter().map(|it| (it.code.as_str(), it.state.as_str())).collect();
    assert_eq!(unreached, [(WORKROOM, "absent")]);
    federation.start_node(WORKROOM).await?;
    federation.finish().await
}
