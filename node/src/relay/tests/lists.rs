//! Records of another unit, within the fields' ceilings.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Code;
use wuji_proto::v1::pull_reply::Part;
use wuji_proto::v1::value::Kind;
use wuji_proto::{RecordId, Tier, v1};

use super::world::{WITHIN, World, code};
use crate::api::refusal;
use crate::catalogue::{CLASS_SEALED_MIN, Catalogue, FieldKind};
use crate::pull::double::Scripted;
use crate::relay::RelayError;

const UNIT: &str = "371122101201";

/// A record with a value in every field of the ledger, and in every column of its lists.
fn full(number: u8) -> v1::Record {
    let catalogue = Catalogue::embedded().unwrap();
    let text = |text: &str| v1::Value { kind: Some(Kind::Text(text.to_owned())) };
    let value = |field: &crate::catalogue::Field| match field.kind() {
        FieldKind::List { columns, .. } => {
            let values: BTreeMap<_, _> =
                columns.iter().map(|column| (column.name().to_owned(), text(column.name()))).collect();
            v1::Value { kind: Some(Kind::List(v1::List { rows: vec![v1::Row { values }] })) }
        }
        _ => text(field.name()),
    };
    let fields = catalogue.ledger("mediation").unwrap().fields();
    let mut values: BTreeMap<_, _> = fields.iter().map(|field| (field.name().to_owned(), value(field))).collect();
    values.insert("unheard_of".to_owned(), text("x"));
    v1::Record {
        ledger: "mediation".to_owned(),
        id: RecordId::derived([number; 16]).to_string(),
        event_date: 42_000,
        values,
        author: "王建国".to_owned(),
        void_reason: "张三 died".to_owned(),
        unit: UNIT.to_owned(),
        ..v1::Record::default()
    }
}

fn request() -> v1::ListRequest {
    v1::ListRequest { ledger: "mediation".to_owned(), unit: UNIT.to_owned(), ..v1::ListRequest::default() }
}

async fn listed(world: &World, node: &str, request: v1::ListRequest) -> Result<v1::ListReply, RelayError> {
    let own = code(node);
    world.relays[&own].records(request, own.tier(), WITHIN).await
}

fn world() -> World {
    let world = World::new(&[]);
    *world.nodes[&code(UNIT)].listed.lock() = vec![full(1), full(2)];
    world
}

#[tokio::test]
async fn each_tier_sees_exactly_what_the_ceilings_let_it_see() {
    let world = world();
    let catalogue = Catalogue::embedded().unwrap();
    let ledger = catalogue.ledger("mediation").unwrap();
    for (node, tier) in
        [("37", Tier::Province), ("3711", Tier::City), ("371122", Tier::County), ("371122101", Tier::Township)]
    {
        let page = listed(&world, node, request()).await.unwrap();
        assert_eq!(page.records.len(), 2);
        let record = &page.records[0];
        let wanted: Vec<&str> =
            ledger.fields().iter().filter(|field| field.ceiling() <= tier).map(crate::catalogue::Field::name).collect();
        let mut sorted = wanted.clone();
        sorted.sort_unstable();
        assert_eq!(record.values.keys().map(String::as_str).collect::<Vec<_>>(), sorted, "{tier}");
        for field in ledger.fields().iter().filter(|field| field.ceiling() <= tier) {
            let Some(Kind::List(list)) = record.values[field.name()].kind.clone() else { continue };
            for column in field.kind().columns() {
                let there = list.rows[0].values.contains_key(column.name());
                assert_eq!(there, column.ceiling() <= tier, "{tier} {} {}", field.name(), column.name());
            }
        }
        assert_eq!((record.author.as_str(), record.void_reason.as_str()), ("", ""), "{tier}");
        let date = ledger.field("accepted_on").unwrap().ceiling();
        assert_eq!(record.event_date != 0, date <= tier, "{tier}");
    }
    assert!(ledger.fields().iter().any(|field| field.class() >= CLASS_SEALED_MIN), "the ledger has such fields");
}

#[tokio::test]
async fn a_claim_to_be_lower_shows_no_more() {
    let world = world();
    let claims = v1::ListRequest { asker: "workroom".to_owned(), ..request() };
    let honest = listed(&world, "3711", request()).await.unwrap();
    assert_eq!(listed(&world, "3711", claims.clone()).await.unwrap(), honest);
    // The claim of a hop is not believed by the next one either.
    let parts = crate::pull::Below::ask(
        world.below[&code("371122")].as_ref(),
        code("371122101"),
        crate::pull::Ask::Records(claims),
        WITHIN,
    );
    let Part::Records(v1::RecordsReply { page: Some(page) }) = parts.only().await.unwrap() else { panic!() };
    assert!(page.records[0].values.contains_key("case_no") && !page.records[0].values.contains_key("parties"));
}

#[tokio::test]
async fn records_are_not_picked_by_a_date_that_the_asker_may_not_see() {
    let world = world();
    let dated = v1::ListRequest { from: Some(1), ..request() };
    let error = listed(&world, "37", dated.clone()).await.unwrap_err();
    assert!(error.to_string().contains("accepted_on up to the city"), "{error}");
    assert!(world.below[&code("37")].asked().is_empty());
    assert_eq!(listed(&world, "3711", dated).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn a_unit_that_is_unknown_or_away_is_told_apart() {
    let world = world();
    let unit = |unit: &str| v1::ListRequest { unit: unit.to_owned(), ..request() };
    world.below[&code("371122101")].disconnect(UNIT);
    for (request, code, words) in [
        (unit("371122101209"), Code::NotFound, "`wuji tree` shows"),
        (unit("37112"), Code::InvalidArgument, "unit"),
        (unit(UNIT), Code::Unavailable, "no answer through 单位371122101201"),
        (v1::ListRequest { ledger: "mediaton".to_owned(), ..request() }, Code::InvalidArgument, "did you mean"),
    ] {
        let status = refusal::relay(listed(&world, "37", request).await.unwrap_err());
        assert!(status.code() == code && status.message().contains(words), "{status:?}");
    }
}

#[tokio::test]
async fn a_page_travels_in_parts_with_its_token_and_what_does_not_belong_is_refused() {
    let world = world();
    let mut large = full(3);
    large.values.insert("case_no".to_owned(), v1::Value { kind: Some(Kind::Text("x".repeat(100 << 10))) });
    let many: Vec<v1::Record> = (3..9).map(|number| v1::Record { id: full(number).id, ..large.clone() }).collect();
    *world.nodes[&code(UNIT)].listed.lock() = many.clone();
    let page = listed(&world, "371122101", request()).await.unwrap();
    let ids = |records: &[v1::Record]| records.iter().map(|record| record.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&page.records), ids(&many));

    let part = |record: v1::Record, token: &str| {
        Ok(Part::Records(v1::RecordsReply {
            page: Some(v1::ListReply { records: vec![record], next_page_token: token.to_owned() }),
        }))
    };
    let token = full(2).id;
    for (words, parts) in [
        ("another unit", vec![part(v1::Record { unit: "371122101202".to_owned(), ..full(1) }, "")]),
        ("another unit or ledger", vec![part(v1::Record { ledger: "staff".to_owned(), ..full(1) }, "")]),
        ("another unit", vec![part(v1::Record { id: "1".to_owned(), ..full(1) }, "")]),
        ("more records", vec![part(full(1), ""), part(full(2), "")]),
        ("after its last part", vec![part(full(1), &token), part(full(2), "")]),
        ("token is none", vec![part(full(1), "here")]),
        ("another kind", vec![Ok(Part::Query(v1::QueryReply::default()))]),
    ] {
        let parts = parking_lot::Mutex::new(parts);
        let scripted = Scripted(move |_| std::mem::take(&mut *parts.lock()));
        world.below[&code("371122101")].connect(UNIT, Arc::new(scripted));
        let page_size = u32::from(words == "more records");
        let error = listed(&world, "371122101", v1::ListRequest { page_size, ..request() }).await.unwrap_err();
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}
