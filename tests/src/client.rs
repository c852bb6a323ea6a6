//! The calls of a node's operator. The connection is to a line that stays, so a client lives
//! on when its node is started again.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wuji::certificates::Role;
use wuji_proto::v1::catalogue_client::CatalogueClient;
use wuji_proto::v1::ledger_client::LedgerClient;
use wuji_proto::v1::node_client::NodeClient;
use wuji_proto::v1::statistics_client::StatisticsClient;
use wuji_proto::{DivisionCode, v1};

use crate::records::Entry;
use crate::wait;

const CALL_MAX: Duration = Duration::from_secs(30);

/// An operator's connection to one node.
#[derive(Clone)]
pub struct Client {
    /// Whose node.
    pub code: DivisionCode,
    channel: Channel,
}

impl Client {
    /// It connects at the first call, and again whenever the connection is lost. The node's
    /// certificate must be of `authority`; the operator's is in `certificates`.
    pub fn new(
        code: DivisionCode,
        address: std::net::SocketAddr,
        certificates: &Path,
        authority: &Path,
    ) -> anyhow::Result<Self> {
        Self::patient(code, address, certificates, authority, CALL_MAX)
    }

    /// As [`new`](Self::new), waiting so long for an answer to begin.
    pub fn patient(
        code: DivisionCode,
        address: std::net::SocketAddr,
        certificates: &Path,
        authority: &Path,
        call_max: Duration,
    ) -> anyhow::Result<Self> {
        let endpoint = endpoint((Role::Operator, code), code, address, certificates, authority)?;
        let endpoint = endpoint.timeout(call_max);
        Ok(Self { code, channel: endpoint.connect_lazy() })
    }

    /// For services without a method here.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Writes an entry; fails at once if the node is away.
    pub async fn try_submit(&self, entry: &Entry) -> Result<v1::Receipt, Status> {
        let request = v1::SubmitRequest {
            ledger: entry.ledger.to_owned(),
            id: entry.id.to_string(),
            values: entry.values.clone(),
        };
        Ok(LedgerClient::new(self.channel()).submit(request).await?.into_inner())
    }

    /// Writes an entry.
    pub async fn submit(&self, entry: &Entry) -> anyhow::Result<v1::Receipt> {
        self.try_submit(entry).await.map_err(|status| self.error("submitting", &status))
    }

    /// Writes an entry, again with the same id while the node is away.
    pub async fn submit_until_acknowledged(&self, entry: &Entry) -> anyhow::Result<v1::Receipt> {
        self.until_acknowledged("submitting", async || self.try_submit(entry).await).await
    }

    /// Calls again while the node is away; a call is such that it may be repeated.
    pub async fn until_acknowledged<T>(
        &self,
        doing: &str,
        mut call: impl AsyncFnMut() -> Result<T, Status>,
    ) -> anyhow::Result<T> {
        let what = format!("{} answers {doing}", self.code);
        let called = wait::until(&what, async || match call().await {
            Err(status) if may_have_been_away(&status) => Err(words(&status)),
            other => Ok(other),
        });
        called.await?.map_err(|status| self.error(doing, &status))
    }

    /// Replaces an entry's values; fails at once if the node is away.
    pub async fn try_amend(&self, entry: &Entry, base_revision: u32) -> Result<v1::Receipt, Status> {
        let request = v1::AmendRequest {
            ledger: entry.ledger.to_owned(),
            id: entry.id.to_string(),
            base_revision,
            values: entry.values.clone(),
        };
        Ok(LedgerClient::new(self.channel()).amend(request).await?.into_inner())
    }

    /// Replaces an entry's values.
    pub async fn amend(&self, entry: &Entry, base_revision: u32) -> anyhow::Result<v1::Receipt> {
        self.try_amend(entry, base_revision).await.map_err(|status| self.error("amending", &status))
    }

    /// Voids an entry; fails at once if the node is away.
    pub async fn try_void(&self, ledger: &str, id: &str, base_revision: u32) -> Result<v1::Receipt, Status> {
        let (ledger, id, reason) = (ledger.to_owned(), id.to_owned(), "重复录入".to_owned());
        let request = v1::VoidRequest { ledger, id, base_revision, reason };
        Ok(LedgerClient::new(self.channel()).void(request).await?.into_inner())
    }

    /// Voids an entry.
    pub async fn void(&self, entry: &Entry, base_revision: u32) -> anyhow::Result<v1::Receipt> {
        let voided = self.try_void(entry.ledger, &entry.id.to_string(), base_revision).await;
        voided.map_err(|status| self.error("voiding", &status))
    }

    /// Imports a file of at most 1,000 rows; fails at once if the node is away. What a row became, in the
    /// order of rows.
    pub async fn try_import(
        &self,
        ledger: &str,
        columns: &[&str],
        rows: &[Vec<String>],
    ) -> Result<Vec<v1::ImportVerdict>, Status> {
        use v1::import_request::Part;
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let header = v1::ImportHeader { ledger: ledger.to_owned(), columns };
        let rows = (1..).zip(rows).map(|(line, cells)| v1::ImportRow { line, cells: cells.clone() }).collect();
        let parts = [Part::Header(header), Part::Rows(v1::ImportRows { rows })];
        let requests = parts.map(|part| v1::ImportRequest { part: Some(part) });
        let replies = LedgerClient::new(self.channel()).import(tokio_stream::iter(requests)).await;
        let (mut replies, mut verdicts) = (replies?.into_inner(), Vec::new());
        while let Some(reply) = replies.message().await? {
            if let Some(v1::import_reply::Part::Verdicts(more)) = reply.part {
                verdicts.extend(more.verdicts);
            }
        }
        Ok(verdicts)
    }

    /// Says that there was nothing to enter, in days since 1900-01-01; how many days are new.
    pub async fn zero_report(&self, from: i32, to: i32) -> anyhow::Result<u32> {
        let reply = LedgerClient::new(self.channel()).zero_report(v1::ZeroReportRequest { from, to }).await;
        Ok(reply.map_err(|status| self.error("reporting zero", &status))?.into_inner().days)
    }

    /// All records of all ledgers, voided ones included.
    pub async fn records(&self) -> anyhow::Result<Vec<v1::Record>> {
        let catalogue = CatalogueClient::new(self.channel()).get(v1::GetCatalogueRequest {}).await;
        let catalogue = catalogue.map_err(|status| self.error("reading the catalogue", &status))?.into_inner();
        let mut records = Vec::new();
        for ledger in catalogue.ledgers {
            let mut request = v1::ListRequest { ledger: ledger.id, page_size: 1_000, ..Default::default() };
            loop {
                let page = LedgerClient::new(self.channel()).list(request.clone()).await;
                let page = page.map_err(|status| self.error("listing", &status))?.into_inner();
                records.extend(page.records);
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
        }
        Ok(records)
    }

    /// Asks for statistics.
    pub async fn query(&self, request: v1::QueryRequest) -> anyhow::Result<Vec<v1::QueryReply>> {
        let asking = |status: Status| self.error(&format!("asking for {:?}", request.measures), &status);
        let mut stream =
            StatisticsClient::new(self.channel()).query(request.clone()).await.map_err(asking)?.into_inner();
        let mut replies = Vec::new();
        while let Some(reply) = stream.message().await.map_err(asking)? {
            replies.push(reply);
        }
        Ok(replies)
    }

    /// What the node tells of itself.
    pub async fn status(&self) -> anyhow::Result<v1::StatusReply> {
        let reply = NodeClient::new(self.channel()).status(v1::StatusRequest {}).await;
        Ok(reply.map_err(|status| self.error("asking for the status", &status))?.into_inner())
    }

    /// Its line to its parent.
    pub async fn uplink(&self) -> anyhow::Result<v1::ParentStatus> {
        self.status().await?.parent.with_context(|| format!("{} has no parent", self.code))
    }

    /// How a child stands.
    pub async fn child(&self, code: DivisionCode) -> anyhow::Result<v1::ChildStatus> {
        let children = self.status().await?.children;
        let child = children.into_iter().find(|child| child.code == code.as_str());
        child.with_context(|| format!("{} knows no child {code}", self.code))
    }

    /// Decides about a child that came back with another journal.
    pub async fn adopt(&self, code: DivisionCode, keep_history: bool) -> anyhow::Result<()> {
        let request = v1::AdoptChildRequest { code: code.to_string(), keep_history };
        NodeClient::new(self.channel()).adopt_child(request).await.map_err(|status| self.error("adopting", &status))?;
        Ok(())
    }

    /// What a child lost and counts on is given up; how many amounts.
    pub async fn give_up(&self, code: DivisionCode) -> anyhow::Result<u64> {
        let request = v1::SettleChildRequest { code: code.to_string(), re_entered: false };
        let reply = NodeClient::new(self.channel()).settle_child(request).await;
        Ok(reply.map_err(|status| self.error("settling", &status))?.into_inner().amounts)
    }

    /// Ends a unit from a day on, days since 1900-01-01.
    pub async fn retire(&self, code: DivisionCode, from: i32) -> anyhow::Result<()> {
        let request = v1::RetireChildRequest { code: code.to_string(), from };
        let reply = NodeClient::new(self.channel()).retire_child(request).await;
        reply.map(drop).map_err(|status| self.error("retiring a child", &status))
    }

    /// Plans a child.
    pub async fn register(&self, code: DivisionCode, name: &str, expected_from: i32) -> anyhow::Result<()> {
        let request = v1::RegisterChildRequest { code: code.to_string(), name: name.to_owned(), expected_from };
        let reply = NodeClient::new(self.channel()).register_child(request).await;
        reply.map(drop).map_err(|status| self.error("registering a child", &status))
    }

    fn error(&self, doing: &str, status: &Status) -> anyhow::Error {
        anyhow!("{doing} at {}: {}", self.code, words(status))
    }
}

/// A line over mutual TLS: who calls is in `certificates`, who is called shows a certificate of `authority`.
pub fn endpoint(
    (role, own): (Role, DivisionCode),
    called: DivisionCode,
    address: std::net::SocketAddr,
    certificates: &Path,
    authority: &Path,
) -> anyhow::Result<Endpoint> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let files = certificates.join(role.file_stem(own));
    let identity = Identity::from_pem(read(&files.with_extension("pem"))?, read(&files.with_extension("key"))?);
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(authority)?))
        .identity(identity)
        .domain_name(Role::Node.dns_name(called));
    Ok(Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?)
}

/// The answer is lost, or there never was one; whether the entry was written is not known.
fn may_have_been_away(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}

fn words(status: &Status) -> String {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let fields: Vec<String> = violations.iter().map(|v| format!("; {}: {}", v.field, v.description)).collect();
    format!("{} ({:?}){}", status.message(), status.code(), fields.concat())
}
