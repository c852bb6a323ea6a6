use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::{DivisionCode, v1};

use super::barrier::WITHIN_DEFAULT;
use super::{Barrier, Local};
use crate::api::refusal;
use crate::link::PushStatus;
use crate::relay::Relay;

/// Units that a confirmation in an answer names, where it is not told how many.
const UNITS_NAMED: u32 = 100;

/// The largest answer about peers, in bytes: a row for each of some thousand units.
const PEERS_BYTES_MAX: usize = 16 << 20;

/// What the way to the parent and back may take beside the time for the answer.
const PEERS_SLACK: Duration = Duration::from_secs(5);

/// What questions of statistics are answered with: the own view, the units below, the one above.
#[derive(Clone)]
pub struct Desk {
    /// What this node answers itself.
    pub local: Local,
    /// For what is to be confirmed.
    pub barrier: Arc<Barrier>,
    /// Asks the nodes below for what is not held here.
    pub relay: Relay,
    /// The line upward; `None` at the province.
    pub parent: Option<Arc<PushStatus>>,
}

impl Desk {
    /// A barrier over a scope, for an answer that names `named` units (0: 100) within
    /// `within_ms` (0: 10,000). `None`: there is no such scope, which the answer will say.
    pub async fn confirm(&self, scope: &str, within_ms: u32, named: u32) -> Option<v1::Confirmation> {
        let scope = if scope.is_empty() { self.local.store.own } else { scope.parse().ok()? };
        let mut confirmation = self.barrier.confirm(scope, within(within_ms)).await;
        let named = if named == 0 { UNITS_NAMED } else { named };
        confirmation.unconfirmed.truncate(usize::try_from(named).unwrap_or(usize::MAX));
        Some(confirmation)
    }

    /// Places units by the own view.
    pub async fn rank(&self, request: v1::RankRequest) -> Result<v1::RankReply, Status> {
        let confirmation =
            if request.confirmed { self.confirm(&request.scope, request.within_ms, 0).await } else { None };
        let ranked = self.local.rank(request).await.ok_or_else(interrupted)?;
        let mut ranked = ranked.map_err(|error| refusal::query(&error))?;
        if let Some(confirmation) = confirmation {
            ranked.coverage.get_or_insert_default().confirmation = Some(confirmation);
        }
        Ok(ranked)
    }

    /// Where this unit stands among its peers: only the parent sees them all.
    pub async fn among_peers(&self, request: v1::RankRequest) -> Result<v1::RankReply, Status> {
        let own = self.local.store.own;
        let Some(parent) = &self.parent else {
            return Err(Status::failed_precondition(format!("{own} has no unit above it, and so no peers")));
        };
        let code = parent.parent();
        let channel = parent.channel().ok_or_else(|| {
            Status::unavailable(format!(
                "{code} is not connected, and only it sees the peers: `wuji status` says why; ask again when it is"
            ))
        })?;
        let longest = within(request.within_ms) + PEERS_SLACK;
        let request = v1::RankRequest { scope: code.to_string(), unit: own.to_string(), among_peers: false, ..request };
        let mut client = FederationClient::new(channel).max_decoding_message_size(PEERS_BYTES_MAX);
        match tokio::time::timeout(longest, client.peers(request)).await {
            Ok(reply) => Ok(reply?.into_inner()),
            Err(_) => Err(Status::deadline_exceeded(format!("{code} did not answer in time: ask again"))),
        }
    }

    /// Where a child, which has shown that it is that unit, stands among its peers. It is
    /// told of all units of its tier under this one, and of no others.
    pub async fn peers_of(&self, child: DivisionCode, request: v1::RankRequest) -> Result<v1::RankReply, Status> {
        let scope = self.local.store.own.to_string();
        let (tier, unit) = (child.tier().name().to_owned(), child.to_string());
        self.rank(v1::RankRequest { scope, tier, unit, among_peers: false, ..request }).await
    }
}

fn within(within_ms: u32) -> Duration {
    match within_ms {
        0 => WITHIN_DEFAULT,
        within_ms => Duration::from_millis(within_ms.into()),
    }
}

fn interrupted() -> Status {
    Status::unavailable("the node was interrupted: ask again")
}
