//! Bad calls and frames, from a client that speaks the protocol by hand.

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wuji_proto::v1;
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::payload::Items as Packed;
use wuji_proto::v1::statistics_client::StatisticsClient;

use crate::case::{Held, ID};
use crate::harness::{COUNTY, Node, Place, STRANGER, TOWNSHIP};

/// A connection to the county with a certificate of `certificates/`.
async fn connect(place: &Place, node: &Node, certificate: &str) -> Channel {
    let read = |name: &str| place.read(&format!("certificates/{name}"));
    let tls = ClientTlsConfig::new()
        .domain_name(format!("{COUNTY}.unit.wuji"))
        .ca_certificate(Certificate::from_pem(read("authority.pem")))
        .identity(Identity::from_pem(read(&format!("{certificate}.pem")), read(&format!("{certificate}.key"))));
    Endpoint::from_shared(node.address.clone()).unwrap().tls_config(tls).unwrap().connect().await.unwrap()
}

fn frame(frame: Frame) -> v1::FeedFrame {
    v1::FeedFrame { frame: Some(frame) }
}

fn opening(change: impl FnOnce(&mut v1::Opening)) -> v1::FeedFrame {
    let mut opening = v1::Opening {
        protocol: 1,
        code: TOWNSHIP.to_owned(),
        incarnation: vec![7; 16],
        starts: vec![v1::FeedStart { number: 1, epoch: 11, sequence: 1 }],
        head: Some(mark(9)),
        name: "店子集街道".to_owned(),
        version: "0.1.0".to_owned(),
        ..Default::default()
    };
    change(&mut opening);
    frame(Frame::Opening(opening))
}

/// A place in the only start of the feed; 0: its beginning.
fn mark(number: u64) -> v1::Mark {
    if number == 0 { v1::Mark::default() } else { v1::Mark { start: 1, number, epoch: 11 } }
}

fn anchor() -> v1::Anchor {
    v1::Anchor { sequence: 3, hash: vec![5; 32] }
}

fn batch(after: u64, items: Option<Packed>) -> v1::FeedFrame {
    frame(Frame::Batch(v1::Batch {
        after: Some(mark(after)),
        upto: Some(mark(9)),
        view: Some(mark(9)),
        anchor: Some(anchor()),
        payload: items.map(|items| v1::Payload { items: Some(items) }),
        ..Default::default()
    }))
}

fn plain(items: Vec<v1::Item>) -> Packed {
    Packed::Plain(v1::Items { items }.encode_to_vec())
}

fn amount(key: &[u8], amount: i64) -> v1::Item {
    v1::Item { key: key.to_vec(), value: Some(v1::item::Value::Amount(amount)) }
}

fn range(items: Vec<v1::Item>) -> v1::FeedFrame {
    frame(Frame::Range(v1::Range {
        view: Some(mark(9)),
        digest: Some(v1::FeedDigest { sum: vec![0; 16], count: 2 }),
        anchor: Some(anchor()),
        payload: Some(v1::Payload { items: Some(plain(items)) }),
        ..Default::default()
    }))
}

/// How the county answers these frames, at the last.
async fn answer(channel: Channel, frames: Vec<v1::FeedFrame>) -> Result<String, Status> {
    let (send, outgoing) = mpsc::channel(frames.len());
    for frame in frames {
        send.try_send(frame).unwrap();
    }
    let mut client = FederationClient::new(channel).max_encoding_message_size(64 << 20);
    let mut answers = client.push(ReceiverStream::new(outgoing)).await?.into_inner();
    let mut last = String::new();
    while let Some(answer) = answers.message().await? {
        if let Some(Ack::Close(close)) = answer.ack {
            last = close.reason;
        }
    }
    Ok(last)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn each_bad_opening_is_refused_and_nothing_is_lost() {
    let place = Place::new();
    let node = place.county();
    place.wuji(&["child", "register", TOWNSHIP, "--name", "店子集街道"]).done();
    let held = Held::new(&place);
    let good = || opening(|_| ());
    let unplanned = opening(|it| it.code = STRANGER.to_owned());
    let operator = format!("operator-{COUNTY}");
    let cases: [(&str, &str, v1::FeedFrame, Code, &str); 10] = [
        ("no opening first", TOWNSHIP, batch(0, None), Code::InvalidArgument, "lacks its opening"),
        ("nothing", TOWNSHIP, v1::FeedFrame::default(), Code::InvalidArgument, "lacks its opening"),
        ("another protocol", TOWNSHIP, opening(|it| it.protocol = 9), Code::FailedPrecondition, "version 9"),
        ("no code", TOWNSHIP, opening(|it| it.code = "村".to_owned()), Code::InvalidArgument, "division code"),
        ("no incarnation", TOWNSHIP, opening(|it| it.incarnation.clear()), Code::InvalidArgument, "incarnation"),
        ("no head", TOWNSHIP, opening(|it| it.head = None), Code::InvalidArgument, "head"),
        (
            "starts in disorder",
            TOWNSHIP,
            opening(|it| it.starts.push(it.starts[0])),
            Code::InvalidArgument,
            "newest comes last",
        ),
        ("another unit's certificate", STRANGER, good(), Code::PermissionDenied, "371121.unit.wuji"),
        ("an operator's certificate", &operator, good(), Code::PermissionDenied, "371122.operator.wuji"),
        ("a unit of the same tier", STRANGER, unplanned, Code::FailedPrecondition, "must be of a higher tier"),
    ];
    for (wrong, certificate, first, code, says) in cases {
        let status = runtime()
            .block_on(async { answer(connect(&place, &node, certificate).await, vec![first]).await.expect_err(wrong) });
        assert_eq!(status.code(), code, "{wrong}: {status}");
        assert!(status.message().contains(says), "{wrong}: {status}");
        held.check(&place, wrong);
    }
    let children = place.wuji(&["child", "list", "--output", "csv"]).done();
    assert!(children.contains(TOWNSHIP) && !children.contains(STRANGER), "{children}");
}

#[test]
fn each_bad_frame_closes_the_stream_with_its_reason_and_nothing_of_it_is_counted() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    let stranger = runtime()
        .block_on(async { answer(connect(&place, &node, TOWNSHIP).await, vec![opening(|_| ())]).await.unwrap() });
    assert!(stranger.contains("wuji child register 371122101"), "an unplanned child: {stranger}");
    place.wuji(&["child", "register", TOWNSHIP, "--name", "店子集街道"]).done();
    let figures =
        || place.wuji(&["stats", "-m", "mediation.accepted,publicity.events", "--from", "2026", "--output", "json"]);
    let before = figures().json();

    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    let walk = || frame(Frame::WalkBegin(v1::WalkBegin { head: Some(mark(9)), anchor: Some(anchor()) }));
    let key = [1; 300];
    let heard = v1::Heard { units: vec![v1::HeardUnit { code: 5, at: 1, state: 1 }] };
    let mut no_anchor = batch(0, None);
    if let Some(Frame::Batch(batch)) = &mut no_anchor.frame {
        batch.anchor = None;
    }
    let cases: [(&str, Vec<v1::FeedFrame>, &str); 14] = [
        ("a payload of 2 MiB", vec![batch(0, Some(Packed::Plain(vec![0; 2 << 20])))], "too large"),
        ("a compression bomb", vec![batch(0, Some(Packed::Zstd(bomb)))], "at most 1048576"),
        ("garbage for zstd", vec![batch(0, Some(Packed::Zstd(vec![7; 90])))], "cannot be decompressed"),
        ("garbage for items", vec![batch(0, Some(Packed::Plain(vec![0xff; 9])))], "cannot be decoded"),
        ("an amount beyond 2^53", vec![batch(0, Some(plain(vec![amount(b"k", (1 << 53) + 1)])))], "beyond 2^53"),
        ("too long a key", vec![batch(0, Some(plain(vec![amount(&key, 1)])))], "key is too long"),
        ("too many items", vec![batch(0, Some(plain(vec![amount(b"k", 1); 5_000])))], "more than 4096 items"),
        ("no anchor", vec![no_anchor], "lacks its anchor"),
        ("an opening again", vec![opening(|_| ())], "opens once"),
        ("a frame of no kind", vec![v1::FeedFrame::default()], "bring both nodes to one version"),
        ("a unit that is none", vec![frame(Frame::Heard(heard))], "division code"),
        ("a batch that does not continue", vec![batch(4, None)], "do not continue what is held"),
        ("a range without a walk", vec![range(Vec::new())], "no walk has begun"),
        ("a range in disorder", vec![walk(), range(vec![amount(b"b", 1), amount(b"a", 1)])], "out of order"),
    ];
    for (wrong, frames, says) in cases {
        let frames = std::iter::once(opening(|_| ())).chain(frames).collect();
        let told = runtime().block_on(async { answer(connect(&place, &node, TOWNSHIP).await, frames).await });
        let told = told.unwrap_or_else(|status| status.message().to_owned());
        let status = place.wuji(&["status", "--output", "json"]).done();
        assert!(told.contains(says) || status.contains(says), "{wrong}: {told} / {status}");
        held.check(&place, wrong);
        assert_eq!(figures().json()["rows"], before["rows"], "after {wrong}");
    }
}

#[test]
fn each_bad_call_is_refused_by_the_node_itself() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    let text = |text: &str| v1::Value { kind: Some(v1::value::Kind::Text(text.to_owned())) };
    let submit = |ledger: &str, id: &str, values: &[(&str, &str)]| v1::SubmitRequest {
        ledger: ledger.to_owned(),
        id: id.to_owned(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
    };
    let values = [("on", "2026-03-05"), ("topic", "a"), ("form", "宣讲"), ("audience", "1")];
    let colour = [&values[..], &[("topik", "b")]].concat();
    let random = "7d444840-9dc0-41d1-b245-5ffdce74fad2";
    let fresh = "01936a1c-0000-7000-8000-000000000005";
    let submits = [
        ("an unknown ledger", submit("publicty", fresh, &values), Code::InvalidArgument, "did you mean \"publicity\""),
        ("an id that is none", submit("publicity", "", &values), Code::InvalidArgument, "UUID of version 7"),
        ("a random id", submit("publicity", random, &values), Code::InvalidArgument, "UUID of version 7"),
        ("an unknown field", submit("publicity", fresh, &colour), Code::InvalidArgument, "did you mean topic"),
        ("other values", submit("publicity", ID, &values), Code::AlreadyExists, "exists with other values"),
    ];
    let query = |measure: &str, from: &str, scope: &str| v1::QueryRequest {
        measures: vec![measure.to_owned()],
        from: from.to_owned(),
        scope: scope.to_owned(),
        ..Default::default()
    };
    let queries = [
        (
            "an unknown measure",
            query("publicity.event", "2026", ""),
            Code::InvalidArgument,
            "did you mean publicity.events",
        ),
        ("no period", query("publicity.events", "", ""), Code::InvalidArgument, "from"),
        ("a bad scope", query("publicity.events", "2026", "441900000000"), Code::InvalidArgument, "short form"),
        ("a scope beside", query("publicity.events", "2026", "3712"), Code::NotFound, "wuji tree"),
    ];
    let said = |status: &Status| {
        let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        let fields: Vec<String> = fields.into_iter().map(|it| format!("{}: {}", it.field, it.description)).collect();
        format!("{} {}", status.message(), fields.join("; "))
    };
    let runtime = runtime();
    let channel = runtime.block_on(connect(&place, &node, &format!("operator-{COUNTY}")));
    for (wrong, request, code, says) in submits {
        let status = runtime.block_on(LedgerClient::new(channel.clone()).submit(request)).expect_err(wrong);
        assert_eq!(status.code(), code, "{wrong}: {status}");
        assert!(said(&status).contains(says), "{wrong}: {}", said(&status));
        held.check(&place, wrong);
    }
    for (wrong, request, code, says) in queries {
        let status = runtime.block_on(StatisticsClient::new(channel.clone()).query(request)).expect_err(wrong);
        assert_eq!(status.code(), code, "{wrong}: {status}");
        assert!(said(&status).contains(says), "{wrong}: {}", said(&status));
    }
    let rows = v1::ImportRequest { part: Some(v1::import_request::Part::Rows(v1::ImportRows::default())) };
    let status = runtime.block_on(async {
        let mut replies = LedgerClient::new(channel).import(tokio_stream::iter([rows])).await?.into_inner();
        replies.message().await
    });
    let status = status.expect_err("rows without a header");
    assert!(status.message().contains("begins with a header"), "{status}");
    held.check(&place, "all bad calls");
}
