use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use wuji_proto::DivisionCode;

use super::caller::names;
use super::refusals::Refusals;
use super::unit_name;
use super::verify::NotingVerifier;
use crate::config::TlsConfig;
use crate::env::Clock;

/// The largest PEM file that is read, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// The one protocol that both ends speak over TLS.
const ALPN_HTTP2: &[u8] = b"h2";

/// What is wrong with the files of an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read.
    #[error("reading the {what} {file}: {problem}; check `tls.{what}` in the configuration")]
    File {
        /// `authority`, `certificate` or `key`.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// The certificate is for somebody else.
    #[error("the certificate {file} is for {found}, and this unit needs one for {wanted}: ask the unit above for it")]
    OtherUnit {
        /// The file.
        file: PathBuf,
        /// The names in it.
        found: String,
        /// The name it should have.
        wanted: String,
    },
    /// The files do not fit together.
    #[error("using the certificate {file} with its key and authority: {problem}")]
    Unfit {
        /// The certificate's file.
        file: PathBuf,
        /// Why.
        problem: String,
    },
}

/// A certificate with its key, and the authorities whose certificates it trusts. Both ends
/// of a link are made from the same one.
pub struct Identity {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    file: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    /// Reads the three files.
    pub fn load(files: &TlsConfig) -> Result<Self, IdentityError> {
        let authority = read("authority", &files.authority)?;
        let certificate = read("certificate", &files.certificate)?;
        let key = read("key", &files.key)?;
        let of = |what, file: &Path| {
            let file = file.to_owned();
            move |problem: String| IdentityError::File { what, file: file.clone(), problem }
        };
        let mut roots = RootCertStore::empty();
        for root in certificates(&authority).map_err(of("authority", &files.authority))? {
            roots.add(root).map_err(|error| of("authority", &files.authority)(error.to_string()))?;
        }
        Ok(Self {
            roots: Arc::new(roots),
            chain: certificates(&certificate).map_err(of("certificate", &files.certificate))?,
            key: PrivateKeyDer::from_pem_slice(&key)
                .map_err(|error| of("key", &files.key)(format!("no private key in PEM ({error})")))?,
            file: files.certificate.clone(),
            provider: provider(),
        })
    }

    /// Fails unless the certificate names the node of this unit: better at the start than
    /// at every connection.
    pub fn require_unit(&self, code: DivisionCode) -> Result<(), IdentityError> {
        let (wanted, found) = (unit_name(code), self.names());
        if found.contains(&wanted) {
            return Ok(());
        }
        Err(IdentityError::OtherUnit { file: self.file.clone(), found: found.join(", "), wanted })
    }

    /// The DNS names in the certificate.
    pub fn names(&self) -> Vec<String> {
        self.chain.first().map_or_else(Vec::new, names)
    }

    /// For the accepting end: TLS 1.3, a caller's certificate required. Certificates that
    /// are turned away are noted in `refusals`.
    pub fn server_config(
        &self,
        clock: Arc<dyn Clock>,
        refusals: Arc<Refusals>,
    ) -> Result<Arc<ServerConfig>, IdentityError> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| self.unfit(&error))?;
        let mut config =
            ServerConfig::builder_with_details(Arc::clone(&self.provider), Arc::new(NodeTime(Arc::clone(&clock))))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .map_err(|error| self.unfit(&error))?
                .with_client_cert_verifier(Arc::new(NotingVerifier::new(verifier, refusals, clock)))
                .with_single_cert(self.chain.clone(), self.key.clone_key())
                .map_err(|error| self.unfit(&error))?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        // A resumed session would skip the certificate's dates.
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// For the dialling end: TLS 1.3, with this certificate.
    pub fn client_config(&self, clock: Arc<dyn Clock>) -> Result<Arc<ClientConfig>, IdentityError> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| self.unfit(&error))?;
        let mut config = ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::new(NodeTime(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| self.unfit(&error))?
            .with_webpki_verifier(verifier)
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| self.unfit(&error))?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn unfit(&self, error: &dyn fmt::Display) -> IdentityError {
        IdentityError::Unfit { file: self.file.clone(), problem: error.to_string() }
    }
}

/// The one place that chooses the cryptography; a certified module would be named here.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, IdentityError> {
    let refuse = |problem: String| IdentityError::File { what, file: file.to_owned(), problem };
    let length = std::fs::metadata(file).map_err(|error| refuse(error.to_string()))?.len();
    if length > PEM_BYTES_MAX {
        return Err(refuse(format!("{length} bytes are too many for a PEM file")));
    }
    std::fs::read(file).map_err(|error| refuse(error.to_string()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("no certificate in PEM".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("no certificate in PEM ({error})")),
    }
}

/// Certificates are judged by the node's time, which a simulation replaces.
struct NodeTime(Arc<dyn Clock>);

impl TimeProvider for NodeTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since = u64::try_from(self.0.now_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since)))
    }
}

impl fmt::Debug for NodeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeTime")
    }
}
