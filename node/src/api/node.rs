//! A node for its operators: status, tree, registry.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use wuji_proto::v1::node_server::Node;
use wuji_proto::v1::{
    AdoptChildReply, AdoptChildRequest, ListChildrenReply, ListChildrenRequest, RegisterChildReply,
    RegisterChildRequest, StatusReply, StatusRequest, TreeRequest, TreeUnit,
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
        let (replies, out) = mpsc::channel(REPLIES_MAX);
        tokio::spawn(async move {
            for unit in units {
                if replies.send(Ok(unit)).await.is_err() {
                    return; // the caller has gone
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn register_child(
        &self,
        request: Request<RegisterChildRequest>,
    ) -> Result<Response<RegisterChildReply>, Status> {
        let actor = self.access.require_operator(&request)?.to_string();
        let RegisterChildRequest { code: text, name, expected_from } = request.into_inner();
        let from = period::date(expected_from);
        period::check_date(from).map_err(|error| refusal::argument("expected_from", &error))?;
        let registered = self.ledgers.register_child(code(&text)?, name, period::days(from), &actor).await;
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
        Ok(Response::new(AdoptChildReply { incarnation: adopted.0.to_string(), cells: adopted.1 }))
    }

    async fn list_children(
        &self,
        request: Request<ListChildrenRequest>,
    ) -> Result<Response<ListChildrenReply>, Status> {
        self.access.require_operator(&request)?;
        Ok(Response::new(ListChildrenReply { children: self.read(NodeStatus::planned_children).await? }))
    }
}
