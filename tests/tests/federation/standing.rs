//! Starting, stopping, and who is let in.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use wuji_proto::v1;
use wuji_tests::client::Client;
use wuji_tests::records::case;
use wuji_tests::{CITY, COUNTY, Federation, PROVINCE, TIERS, TOWNSHIP, WORKROOM, WORKROOM_2, recount, wait};

#[tokio::test]
async fn nodes_that_are_asked_to_stop_end_well_and_start_without_holding_anything_back() -> Result<()> {
    let federation = Federation::start(&TIERS).await?;
    federation.client(WORKROOM)?.submit(&case(1, "2025-03-04")).await?;
    federation.exact().await?;
    for code in TIERS {
        // With a hold so long that no test would outlive it.
        federation.set(code, |setup| setup.hold_seconds = 3_600).await?;
        let status = federation.stop(code).await?;
        assert_eq!(status.code(), Some(0), "{code}: {status}");
    }
    for code in TIERS {
        federation.start_node(code).await?;
        let status = federation.client(code)?.status().await?;
        assert_eq!(status.holding, "", "{code}");
        assert_eq!(status.journal.unwrap().recovered, "", "{code}");
        assert_eq!(status.index.unwrap().rebuilt, "", "{code}");
    }
    let resyncs = federation.client(WORKROOM)?.uplink().await?.resyncs;
    assert_eq!(resyncs, 0, "it continues where it stopped");
    federation.exact().await?;
    assert_eq!(recount::total(federation.client(PROVINCE)?, "mediation.accepted", "2025").await?, 1);
    federation.finish().await
}

#[tokio::test]
async fn a_second_process_on_the_same_data_directory_is_refused_and_harms_nothing() -> Result<()> {
    let federation = Federation::start(&TIERS[..1]).await?;
    let refused = federation.refused(PROVINCE).await?;
    assert_eq!(refused.status.code(), Some(1));
    let data = federation.directory(PROVINCE).join("data");
    for words in ["is in use by process", &data.display().to_string()] {
        assert!(refused.words.contains(words), "{words:?} is not in {}", refused.words);
    }
    federation.client(PROVINCE)?.status().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_node_with_the_certificate_of_another_unit_does_not_start() -> Result<()> {
    let federation = Federation::plan(&TIERS).await?;
    federation.up(PROVINCE).await?;
    federation.register(CITY).await?;
    federation.set(CITY, |setup| setup.certificate = Some(COUNTY.to_owned())).await?;
    let refused = federation.refused(CITY).await?;
    assert_eq!(refused.status.code(), Some(1));
    for words in [CITY, COUNTY, "certificate"] {
        assert!(refused.words.contains(words), "{words:?} is not in {}", refused.words);
    }
    federation.finish().await
}

/// What a child's line to its parent says once it is so.
async fn until_uplink(client: &Client, told: &str) -> Result<v1::ParentStatus> {
    wait::until(&format!("{} tells of its parent: {told}", client.code), async || {
        let up = client.uplink().await.map_err(|error| error.to_string())?;
        if up.reason.contains(told) { Ok(up) } else { Err(format!("{} {}", up.state, up.reason)) }
    })
    .await
}

#[tokio::test]
async fn a_child_whose_certificate_is_of_another_authority_is_refused_with_the_reason_on_both_sides() -> Result<()> {
    let federation = Federation::start(&[PROVINCE, CITY]).await?;
    let stranger = Federation::plan(&[PROVINCE, CITY]).await?;
    federation.exact().await?;
    federation.stop(CITY).await?;
    // The unit's name, signed by somebody else; it trusts its parent as before.
    let (here, there) = (federation.directory("certificates"), stranger.directory("certificates"));
    for file in ["3711.pem", "3711.key"] {
        std::fs::copy(there.join(file), here.join(file))?;
    }
    federation.start_node(CITY).await?;
    let city = federation.client_trusting(CITY, &there.join("authority.pem"))?;
    until_uplink(&city, "the other node refused our certificate").await?;
    let parent = federation.client(PROVINCE)?;
    let child = wait::until("the province tells why the city does not come in", async || {
        let child = parent.child(CITY.parse().unwrap()).await.map_err(|error| error.to_string())?;
        if child.reason.is_empty() { Err(child.state) } else { Ok(child) }
    })
    .await?;
    assert_eq!(child.state, "absent");
    assert!(child.reason.contains("certificate is not from our authority"), "{}", child.reason);
    stranger.finish().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_child_that_reaches_another_unit_than_its_parent_sends_nothing_and_says_why() -> Result<()> {
    let federation = Federation::start(&[PROVINCE, CITY, COUNTY]).await?;
    federation.stop(CITY).await?;
    // What answers at the city's address is the province.
    federation.mislead(COUNTY, PROVINCE).await?;
    let up = until_uplink(federation.client(COUNTY)?, "is for 37.unit.wuji").await?;
    assert!(up.reason.contains("we dialled 3711.unit.wuji"), "{}", up.reason);
    assert_eq!(up.state, "connecting");
    federation.start_node(CITY).await?;
    federation.exact().await?;
    federation.finish().await
}

#[tokio::test]
async fn a_child_that_nobody_planned_is_held_with_the_reason_until_it_is_registered() -> Result<()> {
    let federation = Federation::plan(&TIERS).await?;
    for code in [PROVINCE, CITY, COUNTY, TOWNSHIP, WORKROOM] {
        federation.up(code).await?;
    }
    federation.start_node(WORKROOM_2).await?;
    federation.client(WORKROOM_2)?.submit(&case(1, "2025-03-04")).await?;
    let up = until_uplink(federation.client(WORKROOM_2)?, "wuji child register").await?;
    assert_eq!(up.state, "held", "{}", up.reason);
    let total = async || recount::total(federation.client(PROVINCE)?, "mediation.accepted", "2025").await;
    assert_eq!(total().await?, 0);
    federation.register(WORKROOM_2).await?;
    federation.exact().await?;
    assert_eq!(total().await?, 1);
    federation.finish().await
}

#[tokio::test]
async fn health_reflection_and_numbers_are_served() -> Result<()> {
    let federation = Federation::plan(&[PROVINCE]).await?;
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    federation.set(PROVINCE, |setup| setup.metrics_port = Some(port)).await?;
    federation.start_node(PROVINCE).await?;
    let channel = federation.client(PROVINCE)?.channel();

    for service in ["", "wuji.v1.Ledger"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let health = HealthClient::new(channel.clone()).check(request).await?.into_inner();
        assert_eq!(health.status(), ServingStatus::Serving, "{service:?}");
    }

    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::once(list)).await?.into_inner();
    let answer = answers.message().await?.and_then(|answer| answer.message_response);
    let Some(MessageResponse::ListServicesResponse(listed)) = answer else { bail!("{answer:?}") };
    let names: Vec<String> = listed.service.into_iter().map(|service| service.name).collect();
    for name in ["wuji.v1.Ledger", "wuji.v1.Statistics", "wuji.v1.Node", "wuji.v1.Catalogue", "wuji.v1.Federation"] {
        assert!(names.iter().any(|listed| listed == name), "{name} is not among {names:?}");
    }

    let mut page = TcpStream::connect(("127.0.0.1", port)).await?;
    page.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    page.read_to_string(&mut text).await?;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let types = text.lines().filter(|line| line.starts_with("# TYPE wuji_")).count();
    assert!(types > 0 && text.contains("# EOF"), "{text}");
    federation.finish().await.context("stopping")
}
