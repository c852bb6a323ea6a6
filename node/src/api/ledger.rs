//! Writing and reading records.

use tonic::{Request, Response, Status, Streaming};
use wuji_proto::RecordId;
use wuji_proto::v1::ledger_server::Ledger;
use wuji_proto::v1::{
    AmendRequest, GetRequest, ImportReply, ImportRequest, ListReply, ListRequest, Receipt, Record, SubmitRequest,
    VoidRequest, ZeroReportReply, ZeroReportRequest,
};

use super::{Replies, import, interrupted, refusal};
use crate::access::Access;
use crate::env::Env;
use crate::ledger::{self, LedgerError, Ledgers};
use crate::relay::{self, Relay};

/// The service.
pub struct LedgerService {
    /// Who may write and read.
    pub access: Access,
    /// How blocking reads run.
    pub env: Env,
    /// The ledgers.
    pub ledgers: Ledgers,
    /// For other units' records.
    pub relay: Relay,
}

impl LedgerService {
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledgers) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Status> {
        self.ledgers.settled().await;
        let ledgers = self.ledgers.clone();
        let done = self.env.blocking(move || work(&ledgers)).await.ok_or_else(interrupted)?;
        done.map_err(refusal::ledger)
    }
}

fn id(text: &str) -> Result<RecordId, Status> {
    text.parse().map_err(|error| refusal::argument("id", &error))
}

fn receipt(receipt: &ledger::Receipt) -> Receipt {
    Receipt {
        id: receipt.id.to_string(),
        revision: receipt.revision,
        sequence: receipt.sequence,
        recorded_at_ms: receipt.recorded_at_ms,
        repeated: receipt.repeated,
    }
}

#[tonic::async_trait]
impl Ledger for LedgerService {
    async fn zero_report(&self, request: Request<ZeroReportRequest>) -> Result<Response<ZeroReportReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let ZeroReportRequest { from, to } = request.into_inner();
        let (days, sequence) = self.ledgers.zero_report(from, to, &actor).await.map_err(refusal::ledger)?;
        Ok(Response::new(ZeroReportReply { days, sequence }))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<Receipt>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let SubmitRequest { ledger, id: text, values } = request.into_inner();
        let submission = self.ledgers.check(&ledger, id(&text)?, values).map_err(refusal::ledger)?;
        let receipts = self.ledgers.submit(vec![submission], &actor).await;
        let written = receipts.into_iter().next().unwrap_or(Err(LedgerError::Stopping));
        Ok(Response::new(receipt(&written.map_err(refusal::ledger)?)))
    }

    async fn amend(&self, request: Request<AmendRequest>) -> Result<Response<Receipt>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let AmendRequest { ledger, id: text, base_revision, values } = request.into_inner();
        let amended = self.ledgers.check(&ledger, id(&text)?, values).map_err(refusal::ledger)?;
        let written = self.ledgers.amend(amended, base_revision, &actor).await;
        Ok(Response::new(receipt(&written.map_err(refusal::ledger)?)))
    }

    async fn void(&self, request: Request<VoidRequest>) -> Result<Response<Receipt>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let VoidRequest { ledger, id: text, base_revision, reason } = request.into_inner();
        let written = self.ledgers.void(&ledger, id(&text)?, base_revision, &reason, &actor).await;
        Ok(Response::new(receipt(&written.map_err(refusal::ledger)?)))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Record>, Status> {
        self.access.require_operator(&request)?;
        let GetRequest { ledger, id: text } = request.into_inner();
        let id = id(&text)?;
        let name = ledger.clone();
        let found = self
            .read(move |ledgers| if ledger.is_empty() { ledgers.find(id) } else { ledgers.get(&ledger, id) })
            .await?;
        found.map(Response::new).ok_or_else(|| {
            let place = if name.is_empty() { "any ledger".to_owned() } else { format!("ledger {name}") };
            Status::not_found(format!("there is no record {id} in {place} of this node"))
        })
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        self.access.require_operator(&request)?;
        let request = request.into_inner();
        if !request.unit.is_empty() && request.unit != self.ledgers.own().as_str() {
            let (tier, within) = (self.ledgers.own().tier(), relay::within(request.within_ms));
            return self.relay.records(request, tier, within).await.map(Response::new).map_err(refusal::relay);
        }
        Ok(Response::new(self.read(move |ledgers| ledgers.list(&request)).await?))
    }

    type ImportStream = Replies<ImportReply>;

    async fn import(
        &self,
        request: Request<Streaming<ImportRequest>>,
    ) -> Result<Response<Replies<ImportReply>>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        Ok(Response::new(import::run(self.ledgers.clone(), actor, request.into_inner())))
    }
}
