//! A temporary directory with a contexts file, certificates and a fake node in it, and the
//! program run there.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use wuji_proto::v1::catalogue_server::CatalogueServer;
use wuji_proto::v1::ledger_server::LedgerServer;
use wuji_proto::v1::node_server::NodeServer;
use wuji_proto::v1::reports_server::ReportsServer;
use wuji_proto::v1::statistics_server::StatisticsServer;

use crate::fake::Fake;

/// The unit that the fake node is.
pub const CODE: &str = "371122";

/// A directory with a running fake node.
pub struct Dir {
    directory: TempDir,
    /// What the node holds and was asked.
    pub fake: Arc<Fake>,
    _runtime: tokio::runtime::Runtime,
}

/// What the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// An authority that issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Certificate and key for a DNS name.
    pub fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

impl Dir {
    /// Starts a fake node and writes the contexts file that names it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let authority = Authority::new();
        let fake = Arc::new(Fake::default());
        let (certificate, key) = authority.issue(&format!("{CODE}.unit.wuji"), ExtendedKeyUsagePurpose::ServerAuth);
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate, key))
            .client_ca_root(Certificate::from_pem(&authority.pem));
        let address = runtime.block_on(serve(tls, Arc::clone(&fake)));
        let dir = Self { directory, fake, _runtime: runtime };
        dir.write("authority.pem", authority.pem.as_bytes());
        dir.issue(&authority, "operator");
        dir.contexts(&format!("https://{address}"), CODE);
        dir
    }

    /// Writes an operator's certificate and key of some authority.
    pub fn issue(&self, authority: &Authority, name: &str) {
        let (certificate, key) = authority.issue(&format!("{CODE}.operator.wuji"), ExtendedKeyUsagePurpose::ClientAuth);
        self.write(&format!("{name}.pem"), certificate.as_bytes());
        self.write(&format!("{name}.key"), key.as_bytes());
    }

    /// Writes the contexts file: one unit at an address.
    pub fn contexts(&self, address: &str, code: &str) {
        let text = format!(
            "default = \"{code}\"\nauthority = \"authority.pem\"\n[contexts.{code}]\nname = \"莒县\"\n\
             address = \"{address}\"\ncertificate = \"operator.pem\"\nkey = \"operator.key\"\n"
        );
        self.write("contexts.toml", text.as_bytes());
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Runs `wuji` in the directory.
    pub fn wuji(&self, args: &[&str]) -> Said {
        self.wuji_with(args, b"")
    }

    /// Runs `wuji` with something on its stdin.
    pub fn wuji_with(&self, args: &[&str], stdin: &[u8]) -> Said {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// `wuji` in the directory, to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wuji"));
        command.args(args).current_dir(self.path()).env("WUJI_CONTEXTS", "contexts.toml").env_remove("WUJI_CONTEXT");
        command
    }

    /// Runs `wuji`, expects success, returns stdout.
    pub fn out(&self, args: &[&str]) -> String {
        let said = self.wuji(args);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        said.out
    }
}

async fn serve(tls: ServerTlsConfig, fake: Arc<Fake>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .tls_config(tls)
        .unwrap()
        .add_service(LedgerServer::from_arc(Arc::clone(&fake)))
        .add_service(CatalogueServer::from_arc(Arc::clone(&fake)))
        .add_service(StatisticsServer::from_arc(Arc::clone(&fake)))
        .add_service(ReportsServer::from_arc(Arc::clone(&fake)))
        .add_service(NodeServer::from_arc(fake));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}
