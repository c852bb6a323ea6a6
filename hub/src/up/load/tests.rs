//! Against servers in this process that keep records as nodes do, over real gRPC.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use wuji_proto::v1::catalogue_server::{Catalogue, CatalogueServer};
use wuji_proto::v1::ledger_server::{Ledger, LedgerServer};

use super::*;
use crate::sample::{Sample, SampleName};
use crate::up::recount;

/// Records by (ledger, id), and how many calls still fail as if the node were starting.
#[derive(Clone, Default)]
struct FakeNode {
    records: Arc<Mutex<BTreeMap<(String, String), v1::Record>>>,
    away: Arc<AtomicU32>,
    submitted: Arc<AtomicU32>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Ledger for FakeNode {
    type ImportStream = ReceiverStream<Result<v1::ImportReply, Status>>;

    async fn zero_report(&self, _: Request<v1::ZeroReportRequest>) -> Answer<v1::ZeroReportReply> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::Receipt> {
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("starting"));
        }
        self.submitted.fetch_add(1, Ordering::SeqCst);
        let v1::SubmitRequest { ledger, id, values } = request.into_inner();
        if ledger == "refused" {
            let details = ErrorDetails::with_bad_request_violation("people_count", "write a number, like 2");
            return Err(Status::with_error_details(tonic::Code::InvalidArgument, "not accepted", details));
        }
        let record = v1::Record { ledger: ledger.clone(), id: id.clone(), values, state: 1, ..Default::default() };
        self.records.lock().await.insert((ledger, id), record);
        Ok(Response::new(v1::Receipt::default()))
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Answer<v1::ListReply> {
        const PAGE: usize = 50;
        let request = request.into_inner();
        let records = self.records.lock().await;
        let after = (request.ledger.clone(), request.page_token);
        let rest = records.range(after.clone()..).filter(|(key, _)| **key != after && key.0 == request.ledger);
        let page: Vec<v1::Record> = rest.map(|(_, record)| record.clone()).take(PAGE).collect();
        let full = page.len() == PAGE;
        let next_page_token = page.last().filter(|_| full).map_or(String::new(), |record| record.id.clone());
        Ok(Response::new(v1::ListReply { records: page, next_page_token }))
    }

    async fn amend(&self, _: Request<v1::AmendRequest>) -> Answer<v1::Receipt> {
        Err(Status::unimplemented(""))
    }

    async fn void(&self, _: Request<v1::VoidRequest>) -> Answer<v1::Receipt> {
        Err(Status::unimplemented(""))
    }

    async fn get(&self, _: Request<v1::GetRequest>) -> Answer<v1::Record> {
        Err(Status::unimplemented(""))
    }

    async fn import(&self, _: Request<Streaming<v1::ImportRequest>>) -> Answer<Self::ImportStream> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl Catalogue for FakeNode {
    async fn get(&self, _: Request<v1::GetCatalogueRequest>) -> Answer<v1::CatalogueReply> {
        let ids = ["mediation", "screening", "publicity", "service", "legal_aid", "special", "staff", "workroom"];
        let ledgers =
            ids.map(|id| v1::LedgerDefinition { id: id.to_owned(), ..Default::default() }).into_iter().collect();
        Ok(Response::new(v1::CatalogueReply { ledgers, ..Default::default() }))
    }
}

async fn serve(code: DivisionCode, node: FakeNode) -> Connection {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(LedgerServer::new(node.clone())).add_service(CatalogueServer::new(node));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    Connection::new(code, Endpoint::from_shared(address).unwrap().connect_lazy())
}

/// A fake node for each of the codes.
async fn federation(codes: &[DivisionCode]) -> (BTreeMap<DivisionCode, FakeNode>, Connections) {
    let (mut nodes, mut connections) = (BTreeMap::new(), Connections::new());
    for code in codes {
        let node = FakeNode::default();
        connections.insert(*code, serve(*code, node.clone()).await);
        nodes.insert(*code, node);
    }
    (nodes, connections)
}

#[tokio::test]
async fn every_entry_is_submitted_once_and_loading_again_submits_only_what_is_missing() {
    let sample = Sample::new(SampleName::Huangshi, "2016-08".parse().unwrap()).unwrap();
    let entries = sample.entries();
    let (nodes, connections) = federation(&sample.settings.workrooms).await;
    let progress = Progress::stderr();

    let loaded = submit(&connections, entries.clone(), &progress).await.unwrap();
    assert_eq!(loaded, Loaded { written: 869, present: 0 });
    for (code, node) in &nodes {
        let wanted = entries.iter().filter(|entry| entry.unit == *code).count();
        assert_eq!(node.records.lock().await.len(), wanted, "{code}");
    }
    let one = nodes.values().next().unwrap();
    one.records.lock().await.pop_first();
    let again = submit(&connections, entries, &progress).await.unwrap();
    assert_eq!(again, Loaded { written: 1, present: 868 });
    let submitted: u32 = nodes.values().map(|node| node.submitted.load(Ordering::SeqCst)).sum();
    assert_eq!(submitted, 870);
}

#[tokio::test]
async fn the_recount_reads_every_page_of_every_ledger_of_every_workroom() {
    let sample = Sample::new(SampleName::Ju, "2025-11".parse().unwrap()).unwrap();
    let mut codes = sample.settings.workrooms.clone();
    let province = "37".parse().unwrap();
    codes.push(province);
    let (_, connections) = federation(&codes).await;
    let entries = sample.entries();
    submit(&connections, entries.clone(), &Progress::stderr()).await.unwrap();
    let records = recount::records(&connections, province).await.unwrap();
    let mut listed: Vec<(String, String)> = records.into_iter().map(|record| (record.unit, record.id)).collect();
    let mut wanted: Vec<(String, String)> =
        entries.iter().map(|entry| (entry.unit.to_string(), entry.id.to_string())).collect();
    listed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
}

#[tokio::test]
async fn a_node_that_is_away_for_a_moment_is_asked_again() {
    let sample = Sample::new(SampleName::Huangshi, "2016-08".parse().unwrap()).unwrap();
    let unit = sample.settings.workrooms[0];
    let (nodes, connections) = federation(&[unit]).await;
    nodes[&unit].away.store(2, Ordering::SeqCst);
    let entries = sample.entries().into_iter().filter(|entry| entry.unit == unit).take(3).collect();
    let loaded = submit(&connections, entries, &Progress::stderr()).await.unwrap();
    assert_eq!((loaded.written, nodes[&unit].records.lock().await.len()), (3, 3));
}

#[tokio::test]
async fn a_refused_entry_is_named_with_its_field_and_what_to_do() {
    let sample = Sample::new(SampleName::Huangshi, "2016-08".parse().unwrap()).unwrap();
    let unit = sample.settings.workrooms[0];
    let (_, connections) = federation(&[unit]).await;
    let mut entry = sample.entries().into_iter().find(|entry| entry.unit == unit).unwrap();
    entry.ledger = "refused";
    let id = entry.id.to_string();
    let error = submit(&connections, vec![entry], &Progress::stderr()).await.unwrap_err().to_string();
    for wanted in [id.as_str(), unit.as_str(), "people_count: write a number"] {
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn nothing_to_load_is_done_at_once() {
    assert_eq!(submit(&Connections::new(), Vec::new(), &Progress::stderr()).await.unwrap(), Loaded::default());
}
