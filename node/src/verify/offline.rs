//! The directory of a stopped node verified. Its journal is only read; its index is opened as
//! the node would open it.

use std::sync::Arc;

use wuji_proto::v1::VerifyCheck;

use super::online::{figures, journal_and_records};
use super::{Check, VerifyError};
use crate::audit::board::Board;
use crate::audit::{Auditor, AuditorParts};
use crate::catalogue::Catalogue;
use crate::config::{Config, IndexKind};
use crate::env::Env;
use crate::index::keys;
use crate::journal::{self, JournalReader};
use crate::state::opening;
use crate::state::refold;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::time::NodeTime;

/// Verifies the data directory that a configuration names.
pub async fn verify(env: &Env, config: &Config) -> Result<Vec<VerifyCheck>, VerifyError> {
    let catalogue = match &config.catalogue.directory {
        Some(directory) => Catalogue::load(directory),
        None => Catalogue::embedded(),
    };
    let catalogue = Arc::new(catalogue.map_err(|error| VerifyError::Catalogue(error.to_string()))?);
    let inspected = journal::inspect(env, &config.data_directory, config.code)?;
    let store = match config.index.kind {
        IndexKind::Memory => Err("the index is kept in memory only".to_owned()),
        IndexKind::Sled => opening::look(env, config, &inspected),
    };
    match store {
        Err(why) => Ok(without_index(&inspected.reader, why)),
        Ok(store) => {
            let store = Arc::new(store);
            let [mut chain, records] = journal_and_records(&store, &inspected.reader)?;
            if let Some(torn) = inspected.torn {
                chain.detail = format!("{} · {torn}", chain.detail);
            }
            Ok(vec![chain, records, figures_of(env, &store, &inspected.reader, &catalogue).await?])
        }
    }
}

/// The journal alone.
fn without_index(reader: &journal::JournalReader, why: String) -> Vec<VerifyCheck> {
    let mut chain = Check::new("journal", "entries");
    match journal::verify(reader) {
        Err(error) => chain.differs(error.to_string()),
        Ok(verified) => chain.compared(verified.entries),
    }
    let mut index = Check::new("records", "records of the index");
    index.not_compared(why);
    vec![chain.end(), index.end()]
}

async fn figures_of(
    env: &Env,
    store: &Arc<Store>,
    journal: &JournalReader,
    catalogue: &Arc<Catalogue>,
) -> Result<VerifyCheck, VerifyError> {
    if refold::is_new(store.index(), catalogue)? || store.index().get(&keys::head())?.is_none() {
        let mut check = Check::new("figures", "totals");
        check.not_compared("the index was folded by another catalogue: configure that one");
        return Ok(check.end());
    }
    // Nobody writes, and nobody is asked to.
    let (jobs, child_jobs) = (tokio::sync::mpsc::channel(1).0, tokio::sync::mpsc::channel(1).0);
    let auditor = Auditor::new(AuditorParts {
        store: Arc::clone(store),
        journal: journal.clone(),
        catalogue: Arc::clone(catalogue),
        env: env.clone(),
        time: NodeTime::new(Arc::clone(&env.clock)),
        jobs: jobs.downgrade(),
        child_jobs: child_jobs.downgrade(),
        board: Arc::new(Board::new(&Metrics::new())),
    });
    figures(&Arc::new(auditor)).await
}
