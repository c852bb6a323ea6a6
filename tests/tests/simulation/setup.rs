//! How units are set up: configurations, certificates, hosts.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use wuji_node::access::{operator_name, unit_name};
use wuji_node::catalogue::Catalogue;
use wuji_node::config::{
    CatalogueConfig, Config, IndexConfig, IndexKind, JournalConfig, LinkConfig, LogConfig, MetricsConfig, ParentConfig,
    TlsConfig,
};
use wuji_proto::DivisionCode;

use crate::dice::Dice;
use crate::host::{Names, Seat};
use crate::machine::{Machine, Time};
use crate::net::Lines;
use crate::tree::Tree;
use crate::world::{Unit, life_seed};

/// Items that may be on the way over one line, at the least.
const LINE_ITEMS_MIN: u64 = 16;

/// How nodes are set up in one simulation.
pub fn link_config(dice: &Dice) -> LinkConfig {
    // Few small frames: more places to be cut at. But a line must carry more than people write.
    let window_frames = dice.between(1, 6);
    let frame_items = dice.between(LINE_ITEMS_MIN / window_frames + 1, 40);
    LinkConfig {
        reconnect_min_ms: 100,
        reconnect_max_ms: 2_000,
        keepalive_seconds: 2,
        heard_seconds: 10,
        window_frames: u32::try_from(window_frames).unwrap(),
        frame_items: u32::try_from(frame_items).unwrap(),
        hold_seconds: 3_600,
    }
}

/// What a host's certificate would say to the node of a unit.
pub fn names(tree: &Tree) -> Names {
    let codes: Vec<DivisionCode> = tree.0.iter().map(|place| place.code).collect();
    Arc::new(move |own, host| {
        // A second node of a unit has its certificate too.
        let unit = host.strip_prefix(['n', 't']).and_then(|at| at.parse::<usize>().ok());
        match unit.and_then(|at| codes.get(at)) {
            Some(code) => unit_name(*code),
            None => operator_name(own),
        }
    })
}

#[expect(clippy::too_many_arguments, reason = "everything that a unit is made of, once")]
pub fn unit(
    at: usize,
    tree: &Tree,
    link: &LinkConfig,
    lines: &Lines,
    names: &Names,
    catalogue: &Arc<Catalogue>,
    time: &Time,
    seed: u64,
) -> Unit {
    let (place, machine, host) = (tree.0[at], Machine::new(time), format!("n{at}"));
    let parent = place.parent.map(|parent| (tree.0[parent].code, format!("n{parent}")));
    let seat = Seat {
        host: host.clone(),
        config: config(place.code, parent.as_ref().map(|(code, _)| *code), link),
        parent,
        catalogue: Arc::clone(catalogue),
        env: machine.env(life_seed(seed, at, 0)),
        accept_loss: false,
        lines: lines.clone(),
        names: Arc::clone(names),
        stop: watch::Sender::new(false),
        seen: None,
        failed: None,
    };
    Unit {
        code: place.code,
        parent: place.parent,
        host,
        machine,
        seat: Arc::new(Mutex::new(seat)),
        up: true,
        lives: 0,
        looked_at: false,
    }
}

fn config(code: DivisionCode, parent: Option<DivisionCode>, link: &LinkConfig) -> Config {
    let tls = TlsConfig { authority: "none".into(), certificate: "none".into(), key: "none".into() };
    Config {
        code,
        name: format!("unit {code}"),
        data_directory: Machine::directory(),
        listen: ([127, 0, 0, 1], 0).into(),
        parent: parent.map(|code| ParentConfig { code, address: "https://simulated:1".to_owned() }),
        tls,
        journal: JournalConfig { segment_mib: 1 },
        index: IndexConfig { kind: IndexKind::Sled, checkpoint_seconds: 2, ..IndexConfig::default() },
        catalogue: CatalogueConfig::default(),
        log: LogConfig::default(),
        metrics: MetricsConfig::default(),
        link: link.clone(),
    }
}
