//! Both ends of a TLS connection against each other, over real sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::testing::Authority;
use super::*;
use crate::config::TlsConfig;
use crate::env::Env;

struct Server {
    address: String,
    refusals: Arc<Refusals>,
    metrics: Arc<Metrics>,
}

/// A health service behind TLS.
async fn serve(files: &TlsConfig) -> Server {
    let (refusals, metrics) = (Arc::new(Refusals::default()), Metrics::new());
    let config = Identity::load(files).unwrap().server_config(Env::production().clock, Arc::clone(&refusals)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = TlsListener::new(listener, config, Arc::clone(&metrics)).unwrap();
    let address = format!("https://{}", listener.address());
    let (_, health) = tonic_health::server::health_reporter();
    tokio::spawn(tonic::transport::Server::builder().add_service(health).serve_with_incoming(listener));
    Server { address, refusals, metrics }
}

/// Why a call fails; `None` if it succeeds.
async fn call(server: &Server, files: &TlsConfig, unit: &str) -> Option<String> {
    let config = Identity::load(files).unwrap().client_config(Env::production().clock).unwrap();
    let dial = TlsDial::new(&server.address, unit.parse().unwrap(), Duration::from_secs(10), config).unwrap();
    let channel = match dial.dial().await {
        Ok(channel) => channel,
        Err(error) => return Some(error.to_string()),
    };
    match HealthClient::new(channel).check(HealthCheckRequest::default()).await {
        Ok(_) => None,
        Err(status) => Some(explain(&status)),
    }
}

#[tokio::test]
async fn two_nodes_of_one_federation_talk() {
    let authority = Authority::new();
    let server = serve(&authority.files(&["3711.unit.wuji"])).await;
    assert_eq!(call(&server, &authority.files(&["371122.unit.wuji"]), "3711").await, None);
    assert_eq!(server.metrics.failed_handshakes.get(), 0);
}

#[tokio::test]
async fn the_dialling_end_says_what_is_wrong_with_the_other_nodes_certificate() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let own = authority.files(&["371122.unit.wuji"]);
    let expired = serve(&authority.expired_files(&["3711.unit.wuji"])).await;
    let other_unit = serve(&authority.files(&["3712.unit.wuji"])).await;
    let other_authority = serve(&foreign.files(&["3711.unit.wuji"])).await;

    let reason = call(&expired, &own, "3711").await.unwrap();
    assert!(reason.contains("the other node's certificate has expired"), "{reason}");
    let reason = call(&other_unit, &own, "3711").await.unwrap();
    assert!(reason.contains("3712.unit.wuji") && reason.contains("3711.unit.wuji"), "{reason}");
    let reason = call(&other_authority, &own, "3711").await.unwrap();
    assert!(reason.contains("not from our authority"), "{reason}");
}

#[tokio::test]
async fn a_refused_certificate_is_explained_at_both_ends() {
    let authority = Authority::new();
    let server = serve(&authority.files(&["3711.unit.wuji"])).await;

    let reason = call(&server, &authority.expired_files(&["371122.unit.wuji"]), "3711").await.unwrap();
    assert!(reason.contains("refused our certificate: it has expired"), "{reason}");
    let (noted, _) = server.refusals.of("371122".parse().unwrap()).unwrap();
    assert!(noted.contains("its certificate has expired"), "{noted}");

    let other = Authority::new();
    let foreign = TlsConfig { authority: authority.authority_file(), ..other.files(&["371121.unit.wuji"]) };
    let reason = call(&server, &foreign, "3711").await.unwrap();
    assert!(reason.contains("refused our certificate: it is not from that node's authority"), "{reason}");
    let (noted, _) = server.refusals.of("371121".parse().unwrap()).unwrap();
    assert!(noted.contains("is not from our authority"), "{noted}");
}

#[tokio::test]
async fn a_caller_without_certificate_or_with_an_older_tls_gets_no_connection() {
    let authority = Authority::new();
    let server = serve(&authority.files(&["3711.unit.wuji"])).await;
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(authority.authority_file()).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let dial =
            TlsDial::new(&server.address, "3711".parse().unwrap(), Duration::from_secs(10), Arc::new(config)).unwrap();
        let reached = match dial.dial().await {
            Ok(channel) => HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok(),
            Err(_) => false,
        };
        assert!(!reached, "{version:?}");
    }
}

#[tokio::test]
async fn plain_text_and_silence_hold_up_nobody() {
    let authority = Authority::new();
    let server = serve(&authority.files(&["3711.unit.wuji"])).await;
    let target = server.address.trim_start_matches("https://").to_owned();
    let _silent = tokio::net::TcpStream::connect(&target).await.unwrap();
    let mut plain = tokio::net::TcpStream::connect(&target).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"PRI * HTTP/2.0\r\n\r\n").await.unwrap();
    assert_eq!(call(&server, &authority.files(&["371122.unit.wuji"]), "3711").await, None);
}

#[test]
fn files_that_do_not_fit_are_named() {
    let authority = Authority::new();
    let good = authority.files(&["3711.unit.wuji"]);
    let load = |files: &TlsConfig| Identity::load(files).map(|_| ()).unwrap_err().to_string();

    let missing = TlsConfig { key: "/nowhere/k.pem".into(), ..good.clone() };
    assert!(load(&missing).contains("reading the key /nowhere/k.pem"), "{}", load(&missing));
    let swapped = TlsConfig { key: good.certificate.clone(), ..good.clone() };
    assert!(load(&swapped).contains("no private key in PEM"), "{}", load(&swapped));
    let empty = TlsConfig { certificate: good.key.clone(), ..good.clone() };
    assert!(load(&empty).contains("no certificate in PEM"), "{}", load(&empty));

    let strange_key = TlsConfig { key: authority.files(&["x.wuji"]).key, ..good.clone() };
    let unfit = Identity::load(&strange_key).unwrap().client_config(Env::production().clock).map(|_| ()).unwrap_err();
    assert!(unfit.to_string().starts_with("using the certificate "), "{unfit}");

    let identity = Identity::load(&good).unwrap();
    assert!(identity.require_unit("3711".parse().unwrap()).is_ok());
    let other = identity.require_unit("371122".parse().unwrap()).unwrap_err().to_string();
    assert!(other.contains("is for 3711.unit.wuji") && other.contains("371122.unit.wuji"), "{other}");
}

#[tokio::test]
async fn a_call_without_tls_is_unauthenticated() {
    let access = Access::new("3711".parse().unwrap(), Metrics::new());
    assert_eq!(access.caller(&tonic::Request::new(())).unwrap_err().code(), Code::Unauthenticated);
}
