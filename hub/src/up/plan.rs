//! Which units a federation consists of, and on which ports they listen.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use wuji_node::division::{Directory, Division};
use wuji_proto::DivisionCode;

use crate::sample::{Sample, SampleName};

/// The form of `federation.toml`.
pub const FORMAT: u32 = 1;

/// Ports are taken from below the range that systems give to outgoing connections: there one
/// could be taken, as somebody's source port, between our choosing it and the node's start.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A federation, as kept in `federation.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// The sample it was made for.
    pub sample: SampleName,
    /// The sample's first month, so that starting again next month means the same entries.
    pub first_month: String,
    /// The units, every parent before its children.
    pub units: Vec<Unit>,
}

/// One node of the federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Its division code.
    pub code: DivisionCode,
    /// Its name in the directory.
    pub name: String,
    /// The unit above; none at the province.
    pub parent: Option<DivisionCode>,
    /// Where it serves gRPC, on 127.0.0.1.
    pub port: u16,
    /// Where it serves metrics, on 127.0.0.1.
    pub metrics_port: u16,
}

impl Unit {
    /// Where it serves gRPC.
    pub fn address(&self) -> String {
        format!("https://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }
}

impl Plan {
    /// The sample's workrooms and all units above them, on free ports searched from a place
    /// that `seed` chooses: federations that start at the same time do not want the same ones.
    pub fn new(sample: &Sample, directory: &Directory, seed: u64) -> anyhow::Result<Self> {
        let mut divisions: BTreeMap<DivisionCode, Division> = BTreeMap::new();
        for workroom in &sample.settings.workrooms {
            let path = directory.path(*workroom);
            if path.is_empty() {
                bail!("the sample's workroom {workroom} is not in the division directory");
            }
            divisions.extend(path.into_iter().map(|division| (division.code, division)));
        }
        let mut divisions: Vec<Division> = divisions.into_values().collect();
        divisions.sort_by_key(|division| (division.code.tier(), division.code));
        let mut ports = FreePorts::from(seed, Vec::new());
        let units = divisions.into_iter().map(|division| {
            let (port, metrics_port) = (ports.next()?, ports.next()?);
            Ok(Unit { code: division.code, name: division.name, parent: division.parent, port, metrics_port })
        });
        Ok(Self {
            format: FORMAT,
            sample: sample.name,
            first_month: sample.first.to_string(),
            units: units.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Gives new ports to units whose ports another program has taken since; says to whom.
    pub fn move_taken_ports(&mut self, seed: u64) -> anyhow::Result<Vec<DivisionCode>> {
        let used = self.units.iter().flat_map(|unit| [unit.port, unit.metrics_port]).collect();
        let mut ports = FreePorts::from(seed, used);
        let mut moved = Vec::new();
        for unit in &mut self.units {
            if !is_free(unit.port) || !is_free(unit.metrics_port) {
                (unit.port, unit.metrics_port) = (ports.next()?, ports.next()?);
                moved.push(unit.code);
            }
        }
        Ok(moved)
    }

    /// The unit at the top.
    pub fn root(&self) -> anyhow::Result<&Unit> {
        self.units.first().context("the federation has no unit: remove its directory and start again")
    }

    /// The unit with this code.
    pub fn unit(&self, code: DivisionCode) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.code == code)
    }

    /// The units directly under `code`.
    pub fn children(&self, code: DivisionCode) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(move |unit| unit.parent == Some(code))
    }
}

struct FreePorts {
    next: u16,
    used: Vec<u16>,
}

impl FreePorts {
    fn from(seed: u64, used: Vec<u16>) -> Self {
        let offset = u16::try_from(seed % PORTS.len() as u64).unwrap_or(0);
        Self { next: PORTS.start + offset, used }
    }

    fn next(&mut self) -> anyhow::Result<u16> {
        for _ in PORTS {
            let port = self.next;
            self.next = if port + 1 < PORTS.end { port + 1 } else { PORTS.start };
            if !self.used.contains(&port) && is_free(port) {
                self.used.push(port);
                return Ok(port);
            }
        }
        bail!("no port from {} to {} is free on 127.0.0.1: stop some programs", PORTS.start, PORTS.end - 1)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn plan(name: SampleName, seed: u64) -> Plan {
        let sample = Sample::new(name, "2025-11".parse().unwrap()).unwrap();
        Plan::new(&sample, &Directory::embedded().unwrap(), seed).unwrap()
    }

    #[test]
    fn every_parent_is_planned_before_its_children_on_ports_of_their_own() {
        for (name, units, root) in [(SampleName::Ju, 12, "山东省"), (SampleName::Huangshi, 22, "湖北省")] {
            let plan = plan(name, 7);
            assert_eq!((plan.units.len(), plan.root().unwrap().name.as_str()), (units, root));
            let mut known = BTreeSet::new();
            for unit in &plan.units {
                assert!(unit.parent.is_none_or(|parent| known.contains(&parent)), "{}", unit.code);
                known.insert(unit.code);
            }
            let ports: BTreeSet<u16> = plan.units.iter().flat_map(|unit| [unit.port, unit.metrics_port]).collect();
            assert_eq!(ports.len(), 2 * units);
            assert!(ports.iter().all(|port| PORTS.contains(port)));
        }
    }

    #[test]
    fn a_plan_survives_its_file() {
        let plan = plan(SampleName::Ju, 11);
        assert_eq!(toml::from_str::<Plan>(&toml::to_string(&plan).unwrap()).unwrap(), plan);
    }

    #[test]
    fn only_units_whose_port_is_taken_get_new_ports() {
        let mut plan = plan(SampleName::Ju, 4_321);
        let before = plan.clone();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, plan.units[3].port)).unwrap();
        assert_eq!(plan.move_taken_ports(4_321).unwrap(), [before.units[3].code]);
        assert_ne!(plan.units[3].port, before.units[3].port);
        plan.units[3] = before.units[3].clone();
        assert_eq!(plan, before);
    }

    #[test]
    fn the_search_for_ports_goes_round() {
        let mut ports = FreePorts::from(u64::from(PORTS.end - PORTS.start) - 1, Vec::new());
        let found: BTreeSet<u16> = (0..3).map(|_| ports.next().unwrap()).collect();
        assert_eq!(found.len(), 3);
    }
}
