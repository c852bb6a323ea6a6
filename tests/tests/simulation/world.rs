//! A whole federation in one process, on virtual time: every node with its real services, on a
//! machine and a network that do what they are told.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use turmoil::Sim;
use wuji_node::catalogue::Catalogue;
use wuji_node::invariant::Sequences;
use wuji_proto::DivisionCode;

use crate::clerk::{self, Answers, Errand, Outcome, Request};
use crate::dice::Dice;
use crate::faults::{End, Fault, Striking};
use crate::host::{self, Seat, Seen};
use crate::log::Log;
use crate::machine::{Machine, Time};
use crate::machines::Kept;
use crate::net::{Lines, Way};
use crate::setup::{link_config, names, unit};
use crate::tree::Tree;
use crate::truth::Truth;

/// One step of all hosts. A message takes at least one.
pub const STEP: Duration = Duration::from_millis(20);

/// The way of a message to and from those who write.
const LATENCY: Duration = Duration::from_millis(10);

/// The longest way of a message over a line that is not slow, in milliseconds.
const LATENCY_MAX_MS: u64 = 80;

/// The host of those who write.
const CLERK: &str = "clerk";

/// What ends a simulation early: a broken promise, and where.
pub type Broken = String;

/// A unit: its machine, and the node on it.
pub struct Unit {
    pub code: DivisionCode,
    pub parent: Option<usize>,
    pub host: String,
    pub machine: Machine,
    pub seat: Arc<Mutex<Seat>>,
    /// The node is meant to run.
    pub up: bool,
    /// Starts of a node on this host so far.
    pub lives: u64,
    /// What its present start found has been looked at.
    pub looked_at: bool,
}

/// The federation.
pub struct World {
    pub seed: u64,
    pub tree: Tree,
    pub units: Vec<Unit>,
    pub dice: Dice,
    pub truth: Truth,
    pub lines: Lines,
    pub log: Log,
    /// What workrooms may count by.
    pub catalogues: [Arc<Catalogue>; 2],
    pub sim: Sim<'static>,
    pub time: Time,
    errands: mpsc::UnboundedSender<Errand>,
    answers: Answers,
    last_errand: u64,
    waiting: BTreeMap<u64, Errand>,
    /// Digests that differed in lives that have ended.
    pub digests_differed: u64,
    /// Entries that people wanted to write.
    pub written: u64,
    /// Workrooms in which nobody writes now.
    pub frozen: BTreeSet<usize>,
    /// Workrooms that have ended.
    pub retired: BTreeSet<usize>,
    /// Where people have most to write.
    pub favoured: Option<usize>,
    /// Units whose totals may be anything now.
    pub exempt: BTreeSet<usize>,
    /// Units to which something happens, and those to whose line upward.
    pub busy: BTreeSet<usize>,
    pub busy_lines: BTreeSet<usize>,
    /// Units with a disk that fails: their nodes may fall, and are started again.
    pub excused: BTreeSet<usize>,
    /// Units whose index has been lost.
    pub rebuilds: BTreeSet<usize>,
    /// An index has been damaged.
    pub harmed: bool,
    /// Since the last quiet: totals may be made of parts that are damaged or too old.
    pub unjudged: bool,
    pub striking: Striking,
    /// How often each fault has struck.
    pub struck: BTreeMap<Fault, u64>,
    /// Copies of disks.
    pub kept: BTreeMap<usize, Kept>,
    /// Units that have had a second node.
    pub twins: BTreeSet<usize>,
    pub sequences: Sequences,
    /// What operators were answered.
    pub decided: BTreeMap<u64, Outcome>,
    pub next_sample_ms: i64,
    pub samples: usize,
}

thread_local! {
    /// Whether a step is being made, and what panicked in it.
    static STEPPING: Cell<bool> = const { Cell::new(false) };
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Panics of tasks, which nobody else would notice.
pub fn catch_panics() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if STEPPING.get() {
                let trace = std::backtrace::Backtrace::force_capture();
                PANICS.with_borrow_mut(|panics| panics.push(format!("{panic}\n{trace}")));
            } else {
                former(panic);
            }
        }));
    });
}

impl World {
    pub fn new(seed: u64, tree: Tree, catalogues: &[Arc<Catalogue>; 2]) -> Self {
        catch_panics();
        let dice = Dice::new(seed);
        let mut sim = turmoil::Builder::new()
            .tick_duration(STEP)
            // Each line has its own, which we choose: chance by message would hang on the order in
            // which a node's tasks are woken, and tokio leaves that to a chance of its own.
            .min_message_latency(LATENCY)
            .max_message_latency(LATENCY)
            .simulation_duration(Duration::from_hours(24))
            .tcp_capacity(4_096)
            .rng_seed(seed)
            .build();
        let (time, lines, link) = (Time::default(), Lines::default(), link_config(&dice));
        let (errands, errands_in) = mpsc::unbounded_channel();
        let answers = Answers::default();
        let catalogue = &catalogues[0];
        let truth = Truth::new(catalogue, &tree.leaves());
        let names = names(&tree);
        let units: Vec<Unit> =
            (0..tree.0.len()).map(|at| unit(at, &tree, &link, &lines, &names, catalogue, &time, seed)).collect();
        for unit in &units {
            let seat = Arc::clone(&unit.seat);
            sim.host(unit.host.as_str(), move || host::run(Arc::clone(&seat)));
        }
        let channels = units.iter().enumerate().map(|(at, unit)| {
            let way = Way {
                from: CLERK.to_owned(),
                to: unit.host.clone(),
                keepalive: Duration::from_secs(5),
                lines: lines.clone(),
            };
            (at, way)
        });
        let (channels, taken): (BTreeMap<usize, Way>, _) = (channels.collect(), answers.clone());
        let errands_in = Arc::new(Mutex::new(Some(errands_in)));
        sim.host(CLERK, move || {
            let (errands, taken) = (errands_in.lock().take(), taken.clone());
            let channels = channels.clone();
            async move {
                let channels = channels.iter().map(|(at, way)| (*at, way.lazy())).collect();
                match errands {
                    Some(errands) => clerk::run(errands, channels, taken).await,
                    None => Ok(()),
                }
            }
        });
        let mut world = Self {
            seed,
            tree,
            units,
            dice,
            truth,
            lines,
            log: Log::default(),
            catalogues: catalogues.clone(),
            sim,
            time,
            errands,
            answers,
            last_errand: 0,
            waiting: BTreeMap::new(),
            digests_differed: 0,
            written: 0,
            frozen: BTreeSet::new(),
            retired: BTreeSet::new(),
            favoured: None,
            exempt: BTreeSet::new(),
            busy: BTreeSet::new(),
            busy_lines: BTreeSet::new(),
            excused: BTreeSet::new(),
            rebuilds: BTreeSet::new(),
            harmed: false,
            unjudged: false,
            striking: Striking::default(),
            struck: BTreeMap::new(),
            kept: BTreeMap::new(),
            twins: BTreeSet::new(),
            sequences: Sequences::default(),
            decided: BTreeMap::new(),
            next_sample_ms: 0,
            samples: 0,
        };
        (1..world.units.len()).for_each(|unit| world.choose_latency(unit));
        world
    }

    /// The hosts at the ends of a unit's line upward.
    pub fn line(&self, unit: usize) -> (String, String) {
        let parent = self.units[unit].parent.unwrap();
        (self.units[unit].host.clone(), self.units[parent].host.clone())
    }

    /// How long messages of a line are on their way, from now on.
    pub fn choose_latency(&mut self, unit: usize) {
        let (from, to) = self.line(unit);
        let latency = Duration::from_millis(self.dice.between(1, LATENCY_MAX_MS));
        self.sim.set_link_latency(from, to, latency);
    }

    pub fn note(&mut self, what: impl std::fmt::Display) {
        self.log.note(self.time.ms(), what);
    }

    /// Notes something of a unit.
    pub fn tell(&mut self, unit: usize, what: impl std::fmt::Display) {
        let code = self.units[unit].code;
        self.note(format_args!("{code}: {what}"));
    }

    /// Gives somebody something to do.
    pub fn send(&mut self, unit: usize, request: Request, twice: bool) -> u64 {
        self.last_errand += 1;
        let errand = Errand { number: self.last_errand, unit, request, twice };
        self.truth.begin(&errand);
        self.waiting.insert(errand.number, errand.clone());
        assert!(self.errands.send(errand).is_ok(), "the clerk is gone");
        self.last_errand
    }

    /// Whether nobody waits for an answer.
    pub fn idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One step of virtual time.
    pub fn step(&mut self) -> Result<(), Broken> {
        STEPPING.set(true);
        let stepped = self.sim.step();
        STEPPING.set(false);
        let panics = PANICS.with_borrow_mut(std::mem::take);
        self.time.set(i64::try_from(self.sim.elapsed().as_millis()).unwrap());
        stepped.map_err(|error| format!("a host failed: {error}"))?;
        if let Some(panic) = panics.first() {
            return Err(format!("a task panicked: {panic}"));
        }
        let answers = std::mem::take(&mut *self.answers.lock());
        for (number, outcome) in answers {
            self.answered(number, &outcome)?;
        }
        self.end_due();
        self.look_after_fallen()?;
        self.look_at_starts()
    }

    /// An index is built anew only where it was lost, or where its node has not yet heard from
    /// all its children since.
    fn look_at_starts(&mut self) -> Result<(), Broken> {
        for unit in 0..self.units.len() {
            let Some(seen) = self.seen(unit).filter(|_| !self.units[unit].looked_at) else { continue };
            self.units[unit].looked_at = true;
            let rebuilt = seen.report.rebuilt;
            if !rebuilt.is_empty() && !self.harmed && !self.rebuilds.contains(&unit) {
                return Err(format!("{} builds its index anew: {rebuilt}", self.units[unit].code));
            }
        }
        Ok(())
    }

    /// A node that falls without an excuse breaks a promise; another is started again.
    fn look_after_fallen(&mut self) -> Result<(), Broken> {
        let Some((unit, reason)) = self.fallen() else { return Ok(()) };
        if self.busy.contains(&unit) {
            return Ok(());
        }
        self.tell(unit, format_args!("fell: {reason}"));
        if !self.excused.contains(&unit) {
            return Err(format!("{} fell: {reason}", self.units[unit].code));
        }
        self.units[unit].machine.kill();
        self.units[unit].up = false;
        self.busy.insert(unit);
        self.end_later(500, 1_000, End::Start(unit));
        Ok(())
    }

    fn answered(&mut self, number: u64, outcome: &Outcome) -> Result<(), Broken> {
        let errand = self.waiting.remove(&number).ok_or_else(|| format!("errand {number} was answered twice"))?;
        self.tell(errand.unit, format_args!("{number} {outcome:?}"));
        self.truth.finish(number, outcome);
        match (&errand.request, outcome) {
            (Request::Adopt(..) | Request::Settle(_) | Request::Retire(_), _) => {
                self.decided.insert(number, outcome.clone());
                Ok(())
            }
            (_, Outcome::Refused(reason)) => Err(format!("{errand:?} was refused: {reason}")),
            (_, Outcome::Done(_)) => Ok(()),
        }
    }

    /// Lets virtual time pass.
    pub fn run(&mut self, time: Duration) -> Result<(), Broken> {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step()?;
        }
        Ok(())
    }

    /// What can be seen of a unit's node; `None`: it is not running.
    pub fn seen(&self, unit: usize) -> Option<Seen> {
        self.units[unit].seat.lock().seen.clone()
    }

    /// Starts a unit's node on its machine as that is now.
    pub fn start(&mut self, unit: usize) {
        let seed = self.seed;
        let Unit { machine, seat, host, lives, up, looked_at, .. } = &mut self.units[unit];
        (*lives, *up, *looked_at) = (*lives + 1, true, false);
        {
            let mut seat = seat.lock();
            seat.env = machine.env(life_seed(seed, unit, *lives));
            seat.stop.send_replace(false);
            seat.failed = None;
        }
        let host = host.clone();
        self.sim.bounce(host.as_str());
        self.tell(unit, "starts");
    }

    /// Ends a unit's node at once; its machine stays as programs see it.
    pub fn kill(&mut self, unit: usize) {
        self.digests_differed += self.seen(unit).map_or(0, |seen| seen.metrics.digests_differed.get());
        let host = self.units[unit].host.clone();
        self.sim.crash(host.as_str());
        self.units[unit].seat.lock().seen = None;
        self.units[unit].up = false;
        self.units[unit].machine.kill();
    }

    /// Ends a unit's node in good order.
    pub fn stop(&mut self, unit: usize) -> Result<(), Broken> {
        self.digests_differed += self.seen(unit).map_or(0, |seen| seen.metrics.digests_differed.get());
        self.units[unit].seat.lock().stop.send_replace(true);
        let host = self.units[unit].host.clone();
        let deadline = self.sim.elapsed() + Duration::from_secs(30);
        while self.sim.is_host_running(host.as_str()) {
            if self.sim.elapsed() > deadline {
                return Err(format!("{} does not stop", self.units[unit].code));
            }
            self.step()?;
        }
        self.units[unit].up = false;
        self.units[unit].machine.kill();
        self.tell(unit, "has stopped");
        let failed = self.units[unit].seat.lock().failed.take();
        match failed.filter(|_| !self.excused.contains(&unit)) {
            Some(reason) => Err(format!("{} stopped badly: {reason}", self.units[unit].code)),
            None => Ok(()),
        }
    }

    /// What a second node of a unit starts with.
    pub fn second_seat(&self, unit: usize, host: &str, machine: &Machine) -> Arc<Mutex<Seat>> {
        let first = self.units[unit].seat.lock();
        Arc::new(Mutex::new(Seat {
            host: host.to_owned(),
            config: first.config.clone(),
            parent: first.parent.clone(),
            catalogue: Arc::clone(&first.catalogue),
            env: machine.env(life_seed(self.seed, unit, u64::MAX)),
            accept_loss: false,
            lines: first.lines.clone(),
            names: Arc::clone(&first.names),
            stop: watch::Sender::new(false),
            seen: None,
            failed: None,
        }))
    }

    /// A node that is meant to run and does not, and why.
    pub fn fallen(&self) -> Option<(usize, String)> {
        self.units.iter().enumerate().find_map(|(at, unit)| {
            let failed = unit.seat.lock().failed.clone();
            failed.filter(|_| unit.up).map(|reason| (at, reason))
        })
    }
}

pub fn life_seed(seed: u64, unit: usize, lives: u64) -> u64 {
    Dice::new(seed ^ ((unit as u64) << 32) ^ (lives << 40)).number()
}
