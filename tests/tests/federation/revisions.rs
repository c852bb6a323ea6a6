//! A measure that gets a new definition, and so a new revision.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wuji_proto::v1;
use wuji_tests::records::{case, closed, integer};
use wuji_tests::{CITY, COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, recount};

const MEASURE: &str = "mediation.people";

/// 涉及当事人, but only of the cases that were settled.
const SECOND: &str = r#"
[[measure]]
id = "mediation.people"
number = 32
revision = 2
zh = "涉及当事人"
en = "People involved"
unit = "人"
kind = "flow"
date = "accepted_on"
sum = "people_count"
where = { result = ["成功"] }
"#;

/// The shipped catalogue, changed, in a directory of the federation's.
fn catalogue(federation: &Federation, change: impl Fn(String) -> String) -> Result<PathBuf> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    let directory = federation.directory("catalogue");
    fs::create_dir_all(&directory)?;
    for entry in fs::read_dir(shipped)? {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())?;
        let text = if entry.file_name() == "mediation.toml" { change(text) } else { text };
        fs::write(directory.join(entry.file_name()), text)?;
    }
    Ok(directory)
}

/// By revision, of the live cases of some workrooms.
async fn counted(federation: &Federation, workrooms: &[&str]) -> Result<(i64, i64)> {
    let records = recount::records(federation).await?;
    let here =
        |record: &&v1::Record| workrooms.contains(&record.unit.as_str()) && record.state() == v1::RecordState::Live;
    let people = |record: &v1::Record| recount::number(record, "people_count");
    let first = records.iter().filter(here).map(people).sum();
    let settled = records.iter().filter(here).filter(|record| recount::word(record, "result") == "成功");
    Ok((first, settled.map(people).sum()))
}

#[tokio::test]
async fn revisions_of_a_measure_are_counted_apart_while_the_tiers_get_the_new_one() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    for number in 0..12 {
        let case = case(number, &format!("2025-{:02}-10", number % 12 + 1));
        let case = if number % 3 == 0 { closed(case, "成功", "2026-01-05") } else { case };
        federation.client([WORKROOM, WORKROOM_2][number % 2])?.submit(&case).await?;
    }
    federation.exact().await?;

    let directory = catalogue(&federation, |text| text + SECOND)?;
    let mut upgraded = Vec::new();
    // From the bottom, one by one, while entries go on.
    for (number, code) in [WORKROOM, WORKROOM_2, TOWNSHIP, COUNTY, CITY, PROVINCE].into_iter().enumerate() {
        federation.stop(code).await?;
        federation.set(code, |setup| setup.catalogue = Some(directory.clone())).await?;
        federation.start_node(code).await?;
        upgraded.push(code);
        let more = closed(case(number, "2025-07-01"), "成功", "2026-01-06");
        let client = federation.client([WORKROOM, WORKROOM_2][number % 2])?;
        client.submit(&more).await?;
        client.amend(&more.with("people_count", integer(50)), 1).await?;
        wuji_tests::quiet::wait(&federation).await?;

        let counting: Vec<&str> =
            [WORKROOM, WORKROOM_2].into_iter().filter(|workroom| upgraded.contains(workroom)).collect();
        for tier in [TOWNSHIP, COUNTY, CITY, PROVINCE] {
            let client = federation.client(tier)?;
            let (first, _) = counted(&federation, &[WORKROOM, WORKROOM_2]).await?;
            let (_, second) = counted(&federation, &counting).await?;
            assert_eq!(recount::total(client, &format!("{MEASURE}@1"), "2025").await?, first, "{tier} {upgraded:?}");
            if upgraded.contains(&tier) {
                assert_eq!(recount::total(client, &format!("{MEASURE}@2"), "2025").await?, second, "{tier}");
                assert_eq!(revision_asked(&federation, tier).await?, 2, "the newest, unless told");
            } else {
                assert_eq!(revision_asked(&federation, tier).await?, 1, "the only one that it knows");
            }
        }
    }
    federation.finish().await
}

/// Which revision a node answers with when it is told none.
async fn revision_asked(federation: &Federation, code: &str) -> Result<u32> {
    let request =
        v1::QueryRequest { measures: vec![MEASURE.to_owned()], from: "2025".to_owned(), ..Default::default() };
    let replies = federation.client(code)?.query(request).await?;
    let head = replies.into_iter().find_map(|reply| match reply.part {
        Some(v1::query_reply::Part::Head(head)) => head.columns.into_iter().next(),
        _ => None,
    });
    Ok(head.context("the answer has no head")?.revision)
}

#[tokio::test]
async fn a_revision_that_is_defined_otherwise_than_before_is_refused_at_the_start() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.exact().await?;
    let other = catalogue(&federation, |text| {
        text.replace("sum = \"people_count\"\n", "sum = \"people_count\"\nwhere = { result = [\"成功\"] }\n")
    })?;
    for code in [WORKROOM, TOWNSHIP] {
        federation.stop(code).await?;
        federation.set(code, |setup| setup.catalogue = Some(other.clone())).await?;
        let refused = federation.refused(code).await?;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        for words in ["mediation.people revision 1", "a revision never changes", "next revision"] {
            assert!(refused.words.contains(words), "{words:?} is not in {}", refused.words);
        }
        // Nothing is lost: with the former catalogue it goes on.
        federation.set(code, |setup| setup.catalogue = None).await?;
        federation.start_node(code).await?;
    }
    federation.exact().await?;
    federation.finish().await
}
