//! Asks a node whether it accepts the operator's certificate.
//!
//! Under TLS 1.3 a node refuses a certificate after the client has finished its handshake,
//! so a refused operator sees a connection that opens and then breaks, and whether h2 keeps
//! the node's alert or only notes that the connection closed is a race. So a connection that
//! broke is looked at once more without gRPC.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::CONNECT_SECONDS_MAX;
use crate::contexts::Chosen;

/// What every HTTP/2 client says first; a node that accepts the client answers it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Opens a TLS connection and waits for the node's first bytes. Blocks; an error that is or
/// holds a [`rustls::Error`] tells which end refused what.
pub fn probe(chosen: &Chosen) -> io::Result<()> {
    let other = |error: rustls::pki_types::pem::Error| io::Error::other(error);
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(&chosen.authority).map_err(other)? {
        roots.add(root.map_err(other)?).map_err(io::Error::other)?;
    }
    let chain = CertificateDer::pem_file_iter(&chosen.context.certificate).map_err(other)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(other)?;
    let key = PrivateKeyDer::from_pem_file(&chosen.context.key).map_err(other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(format!("{}.unit.wuji", chosen.code)).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, connect(&chosen.context.address)?);
    // A refusing node may have closed already; what it said before that is still to be read.
    let _ = stream.write_all(PREFACE).and_then(|()| stream.flush());
    stream.read(&mut [0; 1]).map(|_| ())
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let patience = Duration::from_secs(CONNECT_SECONDS_MAX);
    let authority = address.trim_start_matches("https://").trim_end_matches('/');
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
