//! What a tier does not hold itself is answered by the nodes that own it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tonic::Code;
use wuji_proto::v1;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::query_reply::Part;
use wuji_proto::v1::value::Kind;
use wuji_tests::client::Client;
use wuji_tests::records::{Entry, case, closed, day, text};
use wuji_tests::{COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, wait};

const DAYS: [&str; 4] = ["2025-03-01", "2025-03-02", "2025-03-02", "2025-04-01"];

fn question(scope: &str, from: &str, to: &str, grain: &str, by: &[&str]) -> v1::QueryRequest {
    v1::QueryRequest {
        scope: scope.to_owned(),
        measures: vec!["mediation.accepted".to_owned()],
        from: from.to_owned(),
        to: to.to_owned(),
        grain: grain.to_owned(),
        by: by.iter().map(|word| (*word).to_owned()).collect(),
        ..v1::QueryRequest::default()
    }
}

/// Head, figures by labels, and end.
async fn ask(
    client: &Client,
    question: v1::QueryRequest,
) -> Result<(v1::QueryHead, BTreeMap<Vec<String>, i64>, v1::QueryEnd)> {
    let (mut head, mut rows, mut end) = (None, BTreeMap::new(), None);
    for reply in client.query(question).await? {
        match reply.part.context("a part")? {
            Part::Head(part) => head = Some(part),
            Part::Row(row) => {
                let labels = [row.period, row.unit].into_iter().filter(|label| !label.is_empty());
                let figure = row.figures.first().context("a figure")?.numerator();
                rows.insert(labels.chain(row.words).collect(), figure);
            }
            Part::End(part) => end = Some(part),
        }
    }
    Ok((head.context("a head")?, rows, end.context("an end")?))
}

/// A federation whose workrooms have some cases, at rest.
async fn with_cases() -> Result<(Federation, Vec<(&'static str, Entry)>)> {
    let federation = Federation::start(&TIERS).await?;
    let mut entries = Vec::new();
    for (number, on) in DAYS.into_iter().cycle().take(12).enumerate() {
        let unit = if number % 3 == 0 { WORKROOM_2 } else { WORKROOM };
        let entry = case(number, on);
        entries.push((unit, if number % 4 == 0 { closed(entry, "成功", "2025-04-02") } else { entry }));
    }
    for (unit, entry) in &entries {
        federation.client(unit)?.submit(entry).await?;
    }
    federation.exact().await?;
    Ok((federation, entries))
}

/// How many entries there are by some of their words, and by day if need be.
fn recount<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    key: impl Fn(&Entry) -> Vec<String>,
) -> BTreeMap<Vec<String>, i64> {
    let mut counted = BTreeMap::new();
    for entry in entries {
        *counted.entry(key(entry)).or_default() += 1;
    }
    counted
}

fn word(entry: &Entry, field: &str) -> String {
    match entry.values.get(field).and_then(|value| value.kind.clone()) {
        Some(Kind::Text(word)) => word,
        _ => String::new(),
    }
}

#[tokio::test]
async fn a_province_is_told_the_days_of_a_village() -> Result<()> {
    let (federation, entries) = with_cases().await?;
    let question = question(WORKROOM, "2025-03-01", "2025-04-30", "day", &[]);
    let (head, mut rows, end) = ask(federation.client(PROVINCE)?, question.clone()).await?;
    rows.retain(|_, amount| *amount != 0);
    let of_it = entries.iter().filter(|(unit, _)| *unit == WORKROOM).map(|(_, entry)| entry);
    assert_eq!(rows, recount(of_it, |entry| vec![word(entry, "accepted_on")]));
    assert!(head.relayed && head.scope == WORKROOM);
    assert_eq!(end.totals, [v1::Figure::amount(8)]);
    // Whoever wants no other node asked is refused.
    let local_only = v1::QueryRequest { local_only: true, ..question };
    let refused = ask(federation.client(PROVINCE)?, local_only).await.unwrap_err();
    assert!(format!("{refused:#}").contains("by month"), "{refused:#}");
    federation.finish().await
}

#[tokio::test]
async fn a_division_that_is_not_stored_equals_a_recount_of_the_entries() -> Result<()> {
    let (federation, entries) = with_cases().await?;
    let by = |entry: &Entry| vec![word(entry, "dispute_type"), word(entry, "source")];
    let wanted = recount(entries.iter().map(|(_, entry)| entry), by);
    for node in [COUNTY, PROVINCE] {
        let question = question(COUNTY, "2025", "", "", &["dispute_type", "source"]);
        let (head, rows, end) = ask(federation.client(node)?, question).await?;
        assert_eq!(rows, wanted, "asked at {node}");
        assert!(head.relayed && end.coverage.context("a coverage")?.unreached.is_empty());
    }
    // Ordered and cut off at the node that was asked, by village.
    let top = v1::QueryRequest {
        order_by: "mediation.accepted".to_owned(),
        descending: true,
        limit: 1,
        ..question("", "2025", "", "", &["workroom", "form", "source"])
    };
    let (_, rows, end) = ask(federation.client(PROVINCE)?, top).await?;
    assert_eq!(rows.len(), 1);
    let (shown, rest) = (end.totals[0].numerator(), end.rest[0].numerator());
    assert_eq!(shown + rest, 12, "{rows:?}");
    federation.finish().await
}

#[tokio::test]
async fn a_village_whose_node_is_stopped_is_named_and_the_others_are_told() -> Result<()> {
    let (federation, entries) = with_cases().await?;
    federation.stop(WORKROOM_2).await?;
    let township = federation.client(TOWNSHIP)?;
    wait::until("the township notices that a village is away", async || {
        let state = township.child(WORKROOM_2.parse().unwrap()).await.map_err(|error| error.to_string())?.state;
        if state == "absent" { Ok(()) } else { Err(state) }
    })
    .await?;
    let question = question("", "2025", "", "", &["dispute_type", "source"]);
    let (_, rows, end) = ask(federation.client(PROVINCE)?, question).await?;
    let of_the_other = entries.iter().filter(|(unit, _)| *unit == WORKROOM).map(|(_, entry)| entry);
    assert_eq!(rows, recount(of_the_other, |entry| vec![word(entry, "dispute_type"), word(entry, "source")]));
    let unreached = end.coverage.context("a coverage")?.unreached;
    assert_eq!(unreached.iter().map(|unit| unit.code.as_str()).collect::<Vec<_>>(), [WORKROOM_2]);
    assert!(!unreached[0].reason.is_empty());
    assert_eq!(end.in_transit, [v1::Figure::amount(4)], "the province's own total has them");
    federation.finish().await
}

#[tokio::test]
async fn a_list_asked_from_above_hides_what_its_ceilings_hide() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    let row = BTreeMap::from([("name".to_owned(), text("张三")), ("kind".to_owned(), text("自然人"))]);
    let parties = Kind::List(v1::List { rows: vec![v1::Row { values: row }] });
    let entry = case(1, "2025-03-04").with("parties", v1::Value { kind: Some(parties) });
    federation.client(WORKROOM)?.submit(&entry).await?;
    federation.exact().await?;
    let list = async |node: &str, from: Option<i32>| {
        let request =
            v1::ListRequest { ledger: "mediation".to_owned(), unit: WORKROOM.to_owned(), from, ..Default::default() };
        let channel = federation.client(node)?.channel();
        anyhow::Ok(LedgerClient::new(channel).list(request).await.map(tonic::Response::into_inner))
    };
    for (node, seen, hidden) in [
        (TOWNSHIP, &["parties", "case_no", "accepted_on", "source"][..], &[][..]),
        (COUNTY, &["case_no", "accepted_on", "source"], &["parties"]),
        (PROVINCE, &["source"], &["parties", "case_no", "accepted_on"]),
    ] {
        let page = list(node, None).await??;
        assert_eq!(page.records.len(), 1, "{node}");
        let record = &page.records[0];
        assert_eq!((record.unit.as_str(), record.id.clone()), (WORKROOM, entry.id.to_string()));
        for field in seen {
            assert!(record.values.contains_key(*field), "{node} may see {field}");
        }
        for field in hidden {
            assert!(!record.values.contains_key(*field), "{node} may not see {field}");
        }
        assert!(record.author.is_empty());
    }
    assert_eq!(list(COUNTY, Some(day("2025-03-05")?)).await??.records.len(), 0);
    assert_eq!(list(PROVINCE, Some(1)).await?.unwrap_err().code(), Code::PermissionDenied);
    federation.stop(WORKROOM).await?;
    wait::until("nobody answers for a village that is away", async || {
        match list(COUNTY, None).await.map_err(|error| error.to_string())? {
            Err(status) if status.code() == Code::Unavailable && status.message().contains(WORKROOM) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    federation.finish().await
}
