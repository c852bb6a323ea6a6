use std::time::Duration;

use tonic::Code;
use wuji_proto::v1;
use wuji_proto::v1::federation_client::FederationClient;

use super::world::{LONG, TestNode};
use crate::access::testing::Authority;
use crate::access::{Dial, TlsDial};
use crate::env::Env;

fn question() -> v1::RankRequest {
    v1::RankRequest {
        indicator: "mediation.accepted".to_owned(),
        from: "2025".to_owned(),
        to: "2025".to_owned(),
        among_peers: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_child_is_told_where_it_stands_among_its_peers_and_nobody_else_is() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let first = TestNode::start(&authority, "371122101", Some(&county)).await;
    let _second = TestNode::start(&authority, "371122102", Some(&county)).await;
    // What it asks about others is not what it is told of.
    let asked =
        v1::RankRequest { scope: "37".to_owned(), tier: "county".to_owned(), unit: "37".to_owned(), ..question() };
    let reply = first.desk.among_peers(asked).await.unwrap();
    assert_eq!((reply.scope.as_str(), reply.tier.as_str()), ("371122", "township"));
    assert_eq!(reply.own.unwrap().unit, "371122101");
    assert_eq!(reply.rows.len(), 2);

    let names = ["371122102.unit.wuji"];
    let dialling = authority.identity(&names).client_config(Env::production().clock).unwrap();
    let dial = TlsDial::new(&county.address(), county.code, LONG, dialling).unwrap();
    let mut stranger = FederationClient::new(dial.dial().await.unwrap());
    let status = stranger.peers(v1::RankRequest { unit: "371122101".to_owned(), ..question() }).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = stranger.peers(question()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn who_has_no_peers_or_no_line_is_told_what_to_do() {
    let authority = Authority::new();
    let county = TestNode::start(&authority, "371122", None).await;
    let status = county.desk.among_peers(question()).await.unwrap_err();
    assert!(status.code() == Code::FailedPrecondition && status.message().contains("no peers"), "{status}");

    let township = TestNode::start(&authority, "371122101", Some(&county)).await;
    township.leave();
    while township.desk.parent.as_ref().unwrap().channel().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let status = township.desk.among_peers(question()).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.message().contains("wuji status"), "{status}");
}
