//! The directory of a stopped node verified. Its journal is only read; its index is opened as
//! the node would open it.

use std::sync::Arc;

use wuji_proto::v1::VerifyCheck;

use super::VerifyError;
use super::online::{audit, chain, without_journal};
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
    let mut chain = chain(&inspected.reader).end();
    if let Some(torn) = &inspected.torn {
        chain.detail = format!("{} · {torn}", chain.detail);
    }
    let of_index = match store {
        Err(why) => not_compared(&why),
        Ok(_) if chain.count > 0 => without_journal(),
        Ok(store) => index(env, &Arc::new(store), &inspected.reader, &catalogue).await?,
    };
    Ok([chain].into_iter().chain(of_index).collect())
}

fn not_compared(why: &str) -> [VerifyCheck; 2] {
    without_journal().map(|check| VerifyCheck { not_compared: why.to_owned(), ..check })
}

async fn index(
    env: &Env,
    store: &Arc<Store>,
    journal: &JournalReader,
    catalogue: &Arc<Catalogue>,
) -> Result<[VerifyCheck; 2], VerifyError> {
    if refold::is_new(store.index(), catalogue)? || store.index().get(&keys::head())?.is_none() {
        return Ok(not_compared("the index was folded by another catalogue: configure that one"));
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
    audit(&Arc::new(auditor)).await
}
