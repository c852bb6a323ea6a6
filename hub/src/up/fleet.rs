//! All nodes of a federation: started from the top, tier by tier, stopped from the bottom, so
//! that a node's last batch still finds its parent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use tokio::task::JoinSet;
use wuji_proto::{DivisionCode, Tier};

use super::home::Home;
use super::plan::Unit;
use super::process::{Launch, Process};
use super::progress::Progress;

/// The running nodes.
pub struct Fleet {
    program: PathBuf,
    progress: Progress,
    processes: BTreeMap<DivisionCode, Process>,
}

impl Fleet {
    /// No node yet. Nodes run in this very program.
    pub fn new(progress: Progress) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program's own file, to start nodes from it")?;
        Ok(Self { program, progress, processes: BTreeMap::new() })
    }

    /// Starts the nodes of one tier and waits until each serves.
    pub async fn start(&mut self, home: &Home, tier: Tier) -> anyhow::Result<()> {
        let units: Vec<&Unit> = home.plan.units.iter().filter(|unit| unit.code.tier() == tier).collect();
        for unit in &units {
            let launch = self.launch(home, unit);
            self.processes.insert(unit.code, Process::start(launch, self.progress.clone()));
        }
        for unit in units {
            if let Some(process) = self.processes.get_mut(&unit.code) {
                process.ready().await?;
            }
        }
        Ok(())
    }

    fn launch(&self, home: &Home, unit: &Unit) -> Launch {
        let directory = home.of(unit.code);
        Launch {
            code: unit.code,
            name: unit.name.clone(),
            program: self.program.clone(),
            arguments: vec![
                "node".into(),
                "--config".into(),
                directory.join("node.toml").into(),
                "--stop-with-stdin".into(),
            ],
            log: directory.join("node.log"),
        }
    }

    /// Stops all nodes from the bottom; within a tier all at once.
    pub async fn stop(mut self) {
        for tier in Tier::ALL.into_iter().rev() {
            let mut stopping = JoinSet::new();
            let codes: Vec<DivisionCode> = self.processes.keys().copied().filter(|c| c.tier() == tier).collect();
            for process in codes.iter().filter_map(|code| self.processes.remove(code)) {
                stopping.spawn(process.stop());
            }
            stopping.join_all().await;
        }
    }
}
