//! A node for its operators: status, tree, registry.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::node_server::Node;
use wuji_proto::v1::{
    AdoptChildReply, AdoptChildRequest, ListChildrenReply, ListChildrenRequest, ListUnsettledRequest,
    RegisterChildReply, RegisterChildRequest, ReleaseChildReply, ReleaseChildRequest, RetireChildReply,
    RetireChildRequest, SettleChildReply, SettleChildRequest, StatusReply, StatusRequest, TreeRequest, TreeUnit,
    UnsettledAmount,
};
use wuji_proto::{DivisionCode, period};

use super::{REPLIES_MAX, Replies, interrupted, refusal};
use crate::access::Access;
use crate::env::Env;
use crate::ledger::Ledgers;
use crate::statistics::standing::Standings;
use crate::status::NodeStatus;

/// The service.
pub struct NodeService {
    /// Who may ask.
    pub access: Access,
    /// How blocking reads run.
    pub env: Env,
    /// What is told.
    pub status: Arc<NodeStatus>,
    /// Writes the registry.
    pub ledgers: Ledgers,
}

impl NodeService {
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&NodeStatus) -> Result<T, crate::index::IndexError> + Send + 'static,
    ) -> Result<T, Status> {
        self.ledgers.settled().await;
        let status = Arc::clone(&self.status);
        let done = self.env.blocking(move || work(&status)).await.ok_or_else(interrupted)?;
        done.map_err(|error| refusal::ledger(error.into()))
    }
}

fn code(text: &str) -> Result<DivisionCode, Status> {
    text.parse().map_err(|error| refusal::argument("code", &error))
}

/// A day that a caller gave, days since 1900-01-01, checked.
fn day(day: i32, field: &str) -> Result<i32, Status> {
    let date = period::date(day);
    period::check_date(date).map_err(|error| refusal::argument(field, &error))?;
    Ok(period::days(date))
}

/// A stream of replies that are all there.
fn sent<T: Send + 'static>(all: Vec<T>) -> Replies<T> {
    let (replies, out) = mpsc::channel(REPLIES_MAX);
    tokio::spawn(async move {
        for reply in all {
            if replies.send(Ok(reply)).await.is_err() {
                return; // the caller has gone
            }
        }
    });
    Box::pin(ReceiverStream::new(out))
}

#[tonic::async_trait]
impl Node for NodeService {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.access.require_operator(&request)?;
        Ok(Response::new(self.read(NodeStatus::report).await?))
    }

    type TreeStream = Replies<TreeUnit>;

    async fn tree(&self, request: Request<TreeRequest>) -> Result<Response<Replies<TreeUnit>>, Status> {
        self.access.require_operator(&request)?;
        let scope = match request.into_inner().scope.as_str() {
            "" => None,
            text => Some(code(text)?),
        };
        let units = self.read(move |status| status.tree(scope)).await?;
        if units.is_empty() {
            return Err(Status::not_found("there is no such unit below this node: `wuji tree` shows what there is"));
        }
        Ok(Response::new(sent(units)))
    }

    async fn register_child(
        &self,
        request: Request<RegisterChildRequest>,
    ) -> Result<Response<RegisterChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let RegisterChildRequest { code: text, name, expected_from } = request.into_inner();
        let from = day(expected_from, "expected_from")?;
        let registered = self.ledgers.register_child(code(&text)?, name, from, &actor).await;
        Ok(Response::new(RegisterChildReply { repeated: registered.map_err(refusal::ledger)? }))
    }

    async fn adopt_child(&self, request: Request<AdoptChildRequest>) -> Result<Response<AdoptChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let AdoptChildRequest { code: text, keep_history } = request.into_inner();
        let code = code(&text)?;
        if self.status.absence(code).is_none() {
            return Err(Status::failed_precondition(format!(
                "{code} is connected with the journal that was accepted: if two machines claim this unit, stop one"
            )));
        }
        let adopted = self.ledgers.adopt_child(code, keep_history, &actor).await.map_err(refusal::ledger)?;
        Ok(Response::new(AdoptChildReply {
            incarnation: adopted.incarnation.to_string(),
            cells: adopted.cells,
            unsettled: adopted.unsettled,
            unknown: adopted.unknown,
        }))
    }

    async fn settle_child(&self, request: Request<SettleChildRequest>) -> Result<Response<SettleChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let SettleChildRequest { code: text, re_entered } = request.into_inner();
        let settled = self.ledgers.settle_child(code(&text)?, re_entered, &actor).await;
        Ok(Response::new(SettleChildReply { amounts: settled.map_err(refusal::ledger)? }))
    }

    type ListUnsettledStream = Replies<UnsettledAmount>;

    async fn list_unsettled(
        &self,
        request: Request<ListUnsettledRequest>,
    ) -> Result<Response<Replies<UnsettledAmount>>, Status> {
        self.access.require_operator(&request)?;
        let of = match request.into_inner().code.as_str() {
            "" => None,
            text => Some(code(text)?),
        };
        Ok(Response::new(sent(self.read(move |status| status.unsettled(of)).await?)))
    }

    async fn release_child(
        &self,
        request: Request<ReleaseChildRequest>,
    ) -> Result<Response<ReleaseChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let code = code(&request.into_inner().code)?;
        if self.status.absence(code).is_none() {
            return Err(Status::failed_precondition(format!(
                "{code} is connected: it shows a complete mark by itself, see `wuji status`"
            )));
        }
        self.ledgers.release_child(code, &actor).await.map_err(refusal::ledger)?;
        Ok(Response::new(ReleaseChildReply {}))
    }

    async fn retire_child(&self, request: Request<RetireChildRequest>) -> Result<Response<RetireChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let RetireChildRequest { code: text, from } = request.into_inner();
        let (code, from) = (code(&text)?, day(from, "from")?);
        let (repeated, cells) = self.ledgers.retire_child(code, from, &actor).await.map_err(refusal::ledger)?;
        self.status.turn_out(code, format!("{code} was retired by its parent's operator: its figures are kept there"));
        Ok(Response::new(RetireChildReply { repeated, cells }))
    }

    async fn list_children(
        &self,
        request: Request<ListChildrenRequest>,
    ) -> Result<Response<ListChildrenReply>, Status> {
        self.access.require_operator(&request)?;
        Ok(Response::new(ListChildrenReply { children: self.read(NodeStatus::planned_children).await? }))
    }
}
