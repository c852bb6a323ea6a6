use std::sync::Arc;

use wuji_proto::v1;

use crate::env::Env;
use crate::ledger::Ledgers;
use crate::statistics::Figures;
use crate::statistics::answer::{self, Answer, Asked, QueryError};
use crate::statistics::rank;
use crate::statistics::standing::Standings;
use crate::statistics::warm::warm;
use crate::store::Store;

/// What this node answers from its own view, to its people, its parent and its children.
#[derive(Clone)]
pub struct Local {
    /// How blocking reads run.
    pub env: Env,
    /// The cells.
    pub store: Arc<Store>,
    /// What is asked waits for what was acknowledged.
    pub ledgers: Ledgers,
    /// How the units below stand.
    pub standings: Arc<dyn Standings>,
}

impl Local {
    /// Answers a question. `None`: the node was interrupted.
    pub async fn answer(&self, question: v1::QueryRequest) -> Option<Result<Answer, QueryError>> {
        self.warm(question.clone()).await?;
        self.read(move |figures, asked| answer::answer(&question, figures, asked)).await
    }

    /// Places units. `None`: the node was interrupted.
    pub async fn rank(&self, request: v1::RankRequest) -> Option<Result<v1::RankReply, QueryError>> {
        self.warm(rank::question(&request)).await?;
        self.read(move |figures, asked| rank::rank(&request, figures, asked)).await
    }

    /// Has what a question needs in memory before its view is taken. A question that is
    /// refused here is refused again by who answers it.
    async fn warm(&self, question: v1::QueryRequest) -> Option<()> {
        let (store, ledgers) = (Arc::clone(&self.store), self.ledgers.clone());
        let warmed = self.env.blocking(move || warm(&question, &store, ledgers.catalogue()));
        warmed.await.map(drop)
    }

    /// Reads from one view that has everything that was acknowledged.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Figures<'_>, &Asked<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Option<Result<T, QueryError>> {
        self.ledgers.settled().await;
        let Self { store, ledgers, standings, .. } = self.clone();
        let done = self.env.blocking(move || {
            let now_ms = ledgers.now_ms();
            let asked = Asked { catalogue: ledgers.catalogue(), now_ms, standings: standings.as_ref() };
            let view = store.view();
            work(&view.figures(), &asked)
        });
        done.await
    }
}
