//! What a node can say without asking others.

use std::sync::Arc;

use wuji_proto::{DivisionCode, Tier, period, v1};

use crate::catalogue::Catalogue;
use crate::index::IndexError;
use crate::ledger::LedgerError;
use crate::pull::Local;
use crate::statistics::answer::{Answer, Asked, QueryError, answer};
use crate::statistics::directory::Directory;
use crate::statistics::records::{self, Of};
use crate::statistics::reporting::Reporting;
use crate::statistics::warm::warm;
use crate::time::civil_date;

/// A node's own knowledge. All but [`settled`](Self::settled) block briefly.
#[tonic::async_trait]
pub trait Here: Send + Sync {
    /// The unit.
    fn own(&self) -> DivisionCode;

    /// Its catalogue.
    fn catalogue(&self) -> &Catalogue;

    /// Waits until what was acknowledged is in the index.
    async fn settled(&self);

    /// Its civil date, days since 1900-01-01.
    fn today(&self) -> i32;

    /// The units below.
    fn directory(&self) -> Result<Arc<Directory>, IndexError>;

    /// Which workroom below was expected and has reported when, as answers say it; by day where
    /// days are asked for and known here.
    fn reporting(&self, by_day: bool) -> Result<Arc<Reporting>, IndexError>;

    /// The answer from the cells that are held.
    fn answer(&self, question: &v1::QueryRequest) -> Result<Answer, QueryError>;

    /// The rows of what the unit itself wrote, from its records.
    fn entries(&self, question: &v1::QueryRequest, asker: Tier) -> Result<Vec<v1::QueryRow>, QueryError>;

    /// A page of the unit's own records, with all their values.
    fn list(&self, request: &v1::ListRequest) -> Result<v1::ListReply, LedgerError>;
}

#[tonic::async_trait]
impl Here for Local {
    fn own(&self) -> DivisionCode {
        self.store.own
    }

    fn catalogue(&self) -> &Catalogue {
        self.ledgers.catalogue()
    }

    async fn settled(&self) {
        self.ledgers.settled().await;
    }

    fn today(&self) -> i32 {
        period::days(civil_date(self.ledgers.now_ms()))
    }

    fn directory(&self) -> Result<Arc<Directory>, IndexError> {
        let view = self.store.view();
        let figures = view.figures();
        figures.memory.directory(figures.index)
    }

    fn reporting(&self, by_day: bool) -> Result<Arc<Reporting>, IndexError> {
        Reporting::held(by_day, &self.store.view().figures())
    }

    fn answer(&self, question: &v1::QueryRequest) -> Result<Answer, QueryError> {
        // What is refused here is refused again below.
        let _ = warm(question, &self.store, self.ledgers.catalogue());
        let now_ms = self.ledgers.now_ms();
        let asked = Asked { catalogue: self.ledgers.catalogue(), now_ms, standings: self.standings.as_ref() };
        answer(question, &self.store.view().figures(), &asked)
    }

    fn entries(&self, question: &v1::QueryRequest, asker: Tier) -> Result<Vec<v1::QueryRow>, QueryError> {
        let of = Of { unit: self.store.own, today: self.today() };
        records::rows(question, self.ledgers.catalogue(), self.store.view().index, of, asker)
    }

    fn list(&self, request: &v1::ListRequest) -> Result<v1::ListReply, LedgerError> {
        self.ledgers.list(request)
    }
}
