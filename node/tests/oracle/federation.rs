//! A tree of node states in one process, and beside it the oracle with the same records.
//! For each node it is known what of each unit below it has reached it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan;
use wuji_node::config::IndexKind;
use wuji_node::env::{Clock, Env, Workers};
use wuji_node::feed::exchange::FeedSource;
use wuji_node::relay::RelayError;
use wuji_node::report::Reports;
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::statistics::answer::{Asked, QueryError, answer};
use wuji_node::statistics::rank::rank;
use wuji_node::statistics::standing::Unlinked;
use wuji_node::telemetry::Metrics;
use wuji_proto::stored::DayReceived;
use wuji_proto::stored::entry::Event;
use wuji_proto::{RecordId, period, v1};

use super::clock::SetClock;
use super::compare::Answered;
use super::database::{Oracle, Seen};
use super::driver::Driver;
use super::lines::Lines;
use super::random::Random;
use super::records::{day, record, submitted};
use super::reports::{self, Issued};
use super::standard::catalogues;
use super::times::Span;
use super::tree::{Place, tree};

/// Ledgers, those that several records make something of more often.
const LEDGERS: [&str; 16] = [
    "mediation",
    "mediation",
    "mediation",
    "mediation",
    "staff",
    "staff",
    "staff",
    "workroom",
    "workroom",
    "screening",
    "publicity",
    "service",
    "legal_aid",
    "special",
    "funding",
    "subsidy",
];

struct Node {
    state: NodeState,
    driver: Driver,
    /// Up to here the node's journal was looked through for days that it received.
    stamped: u64,
    seen: BTreeMap<usize, Seen>,
    /// When each child last showed a complete mark, milliseconds since 1970.
    complete: BTreeMap<String, i64>,
    lines: Lines,
}

struct Written {
    unit: usize,
    ledger: &'static str,
    id: RecordId,
    revision: u32,
}

pub struct Federation {
    _directory: tempfile::TempDir,
    pub places: Vec<Place>,
    nodes: BTreeMap<usize, Node>,
    pub oracle: Oracle,
    op: u32,
    live: BTreeMap<u32, Written>,
    serial: u32,
    clock: Arc<SetClock>,
    /// Nothing is on its way, and the links' standings are told.
    rests: bool,
    /// Not all have the same catalogue.
    pub mixed: bool,
    /// Nodes state what days they have received.
    states: bool,
    pub issued: Vec<Issued>,
}

impl Federation {
    /// `others`: how many nodes in a hundred have another catalogue.
    pub async fn start(random: &mut Random, root: usize, others: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let catalogues = catalogues();
        let clock = Arc::new(SetClock::default());
        let places = tree(random, root);
        let mut open = |place: &Place| {
            let options = StateOptions {
                code: place.code.parse().unwrap(),
                name: format!("unit {}", place.code),
                parent: place.parent.map(|parent| places[parent].code.parse().unwrap()),
                directory: directory.path().join(&place.code),
                segment_bytes: 1 << 20,
                index: IndexKind::Memory,
                cache_bytes: 1 << 20,
                checkpoint_every: Duration::from_hours(1),
                hold: Duration::ZERO,
                accept_loss: false,
            };
            let env = Env { workers: Workers::Tasks, clock: Arc::clone(&clock) as _, ..Env::production() };
            let catalogue = &catalogues[usize::from(random.percent(others))];
            let state = NodeState::open(&env, &options, Arc::clone(catalogue), &Metrics::new()).unwrap();
            let lines = Lines::new(&env, &state, options.parent);
            let (seen, complete) = (BTreeMap::new(), BTreeMap::new());
            Node { state, driver: Driver::default(), stamped: 0, seen, complete, lines }
        };
        let connected = places.iter().enumerate().filter(|(_, place)| place.connects);
        let nodes = connected.map(|(at, place)| (at, open(place))).collect();
        let mut federation = Self {
            _directory: directory,
            nodes,
            oracle: Oracle::new(),
            op: 0,
            live: BTreeMap::new(),
            serial: 0,
            clock,
            rests: false,
            states: true,
            mixed: others > 0,
            issued: Vec::new(),
            places,
        };
        for at in 0..federation.places.len() {
            federation.plan(at).await;
        }
        federation.connect();
        federation
    }

    async fn plan(&mut self, at: usize) {
        let place = &self.places[at];
        self.op += 1;
        let parent = place.parent.map(|parent| self.places[parent].code.as_str());
        self.oracle.plan(&place.code, parent, place.tier, &place.expected, self.op);
        let Some(parent) = place.parent else { return self.begin(at) };
        let day = period::days(place.expected.parse().unwrap());
        let ledgers = &self.nodes[&parent].state.ledgers;
        ledgers.register_child(place.code.parse().unwrap(), format!("unit {}", place.code), day, "test").await.unwrap();
        self.note(parent);
        if self.places[at].connects {
            self.begin(at);
        }
    }

    /// A unit's node has opened.
    fn begin(&mut self, unit: usize) {
        self.op += 1;
        let version = self.nodes[&unit].state.catalogue.version();
        self.oracle.start(&self.places[unit].code, version, self.op);
        self.note(unit);
    }

    /// A unit has done something: its own node knows at once.
    fn note(&mut self, unit: usize) {
        let seen = Seen { since: self.op, at: self.op };
        self.nodes.get_mut(&unit).unwrap().seen.insert(unit, seen);
    }

    /// Submissions, amendments and voidings, at any units.
    pub async fn write(&mut self, random: &mut Random, acts: usize) {
        self.rests = false;
        for _ in 0..acts {
            let writers: Vec<usize> = self.nodes.keys().copied().filter(|at| self.places[*at].writes).collect();
            if writers.is_empty() {
                return;
            }
            let unit = *random.pick(&writers);
            match random.below(10) {
                0..6 => self.submit(random, unit).await,
                6 if random.percent(50) => self.zero_report(random).await,
                6..9 => self.amend(random).await,
                _ => self.void(random).await,
            }
        }
        for node in self.nodes.values() {
            node.state.ledgers.settled().await;
        }
        self.oracle.refresh();
    }

    async fn submit(&mut self, random: &mut Random, unit: usize) {
        let ledger = *random.pick(&LEDGERS);
        let only_one = ledger == "workroom";
        if only_one && self.live.values().any(|written| (written.unit, written.ledger) == (unit, ledger)) {
            return;
        }
        self.serial += 1;
        let number = self.serial;
        let id = RecordId::derived(u128::from(number).to_be_bytes());
        self.live.insert(number, Written { unit, ledger, id, revision: 0 });
        self.put(random, number).await;
    }

    async fn amend(&mut self, random: &mut Random) {
        let numbers: Vec<u32> = self.live.keys().copied().collect();
        if !numbers.is_empty() {
            let number = *random.pick(&numbers);
            self.put(random, number).await;
        }
    }

    /// Gives a record new values, its first or others.
    async fn put(&mut self, random: &mut Random, number: u32) {
        let Written { unit, ledger, id, revision } = self.live[&number];
        self.serial += 1;
        let form = &self.oracle.standard.ledgers[ledger];
        let values = record(random, form, self.serial);
        let ledgers = &self.nodes[&unit].state.ledgers;
        let submission = ledgers.check(ledger, id, submitted(&values, form)).unwrap();
        let receipt = match revision {
            0 => ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap(),
            _ => ledgers.amend(submission, revision, "test").await.unwrap(),
        };
        self.live.get_mut(&number).unwrap().revision = receipt.revision;
        self.op += 1;
        self.oracle.write(number, &self.places[unit].code, ledger, self.op, Some(&values));
        self.note(unit);
    }

    async fn void(&mut self, random: &mut Random) {
        let numbers: Vec<u32> = self.live.keys().copied().collect();
        if numbers.is_empty() {
            return;
        }
        let number = *random.pick(&numbers);
        let Written { unit, ledger, id, revision } = self.live.remove(&number).unwrap();
        self.nodes[&unit].state.ledgers.void(ledger, id, revision, "entered twice", "test").await.unwrap();
        self.op += 1;
        self.oracle.write(number, &self.places[unit].code, ledger, self.op, None);
        self.note(unit);
    }

    /// Any unit says of some days that there was nothing.
    async fn zero_report(&mut self, random: &mut Random) {
        let unit = *random.pick(&self.asked());
        let from = day(random);
        let to = from.saturating_add(random.between(0, 9).days());
        let ledgers = &self.nodes[&unit].state.ledgers;
        ledgers.zero_report(period::days(from), period::days(to), "test").await.unwrap();
        self.op += 1;
        self.oracle.zero_report(&self.places[unit].code, &from.to_string(), &to.to_string(), self.op);
        self.note(unit);
    }

    /// A node states the days that it has received, and the oracle takes them from its journal.
    async fn stamp(&mut self, at: usize) {
        for _ in 0..100 {
            if self.nodes[&at].state.stamp().await == 0 {
                break;
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        let node = self.nodes.get_mut(&at).unwrap();
        node.state.ledgers.settled().await;
        let former = self.op;
        for frame in node.state.journal.entries_from(node.stamped + 1) {
            let frame = frame.unwrap();
            node.stamped = frame.position.sequence;
            let Some(Event::DaysReceived(received)) = frame.entry.event else { continue };
            for DayReceived { code, day, by_report, on_time } in received.days {
                self.op += 1;
                let day = period::date(day).to_string();
                self.oracle.stamp(&code, &self.places[at].code, &day, by_report, on_time, self.op);
            }
        }
        if self.op > former {
            self.note(at);
        }
    }

    /// Lets a node's link carry up to so many frames; how many there were.
    pub async fn carry(&mut self, at: usize, frames: usize) -> usize {
        let Some(parent) = self.places[at].parent else { return 0 };
        let Some(mut child) = self.nodes.remove(&at) else { return 0 };
        self.clock.forward_ms(1_000);
        child.state.ledgers.settled().await;
        let (feed, marks) = (child.state.feed(), child.driver.marks);
        let held = self.nodes.get_mut(&parent).unwrap();
        let carried = child.driver.run(feed.as_ref() as &dyn FeedSource, &held.state.child_jobs(), frames).await;
        if child.driver.marks > marks {
            held.complete.insert(self.places[at].code.clone(), self.clock.now_ms());
        }
        for (unit, seen) in &child.seen {
            let former = held.seen.get(unit).map_or(0, |seen| seen.since);
            if child.driver.behind {
                held.seen.insert(*unit, Seen { since: former, at: seen.at });
            } else if child.driver.marks > marks {
                held.seen.insert(*unit, *seen);
            }
        }
        if let (Some(upward), Some(applied)) = (&child.lines.upward, child.driver.cursor()) {
            upward.told(applied);
        }
        self.nodes.insert(at, child);
        if self.states {
            self.stamp(parent).await;
        }
        carried
    }

    /// Links carry a little, here and there; some are cut.
    pub async fn carry_some(&mut self, random: &mut Random) {
        for _ in 0..random.below(2 * self.places.len()) {
            let at = random.below(self.places.len());
            if random.percent(10)
                && let Some(node) = self.nodes.get_mut(&at)
            {
                node.driver = node.driver.cut();
            }
            let frames = if random.percent(50) { 500 } else { random.below(6) };
            self.carry(at, frames).await;
        }
    }

    /// Lets all links carry what they have until nothing moves; then says how they stand.
    pub async fn settle(&mut self, random: &mut Random) {
        for _ in 0..60 {
            let mut moved = 0;
            for at in (0..self.places.len()).rev() {
                moved += self.carry(at, 500).await;
            }
            if moved == 0 {
                return self.stand(random);
            }
        }
        panic!("the federation does not settle");
    }

    /// Some node issues a report about a unit below it. Nothing may be on its way.
    pub async fn issue(&mut self, random: &mut Random) {
        let node = *random.pick(&self.asked());
        let own = self.places[node].code.clone();
        let (scope, span) = (random.pick(&self.oracle.below(&own)).clone(), Span::of_months(random));
        self.clock.forward_ms(1_000);
        let NodeState { store, ledgers, journal, .. } = &self.nodes[&node].state;
        let entropy = Env::production().entropy;
        let reports = Reports::new(Arc::clone(store), ledgers.clone(), journal.clone(), entropy, Arc::new(Unlinked));
        let made = reports.make("monthly", &scope, &span.text()).unwrap();
        let report = reports.issue(made, "test").await.unwrap();
        ledgers.settled().await;
        let columns = report.sections.iter().filter_map(|section| section.head.as_ref()).flat_map(|head| &head.columns);
        let mut columns: Vec<String> = columns.map(|column| column.id.clone()).collect();
        columns.sort();
        columns.dedup();
        let issued = Issued { node, scope, span, columns };
        self.look(node);
        reports::keep(&self.oracle, &own, &issued, &report.id, self.clock.now_ms());
        self.issued.push(issued);
    }

    /// Every node's links tell something of the units below.
    fn stand(&mut self, random: &mut Random) {
        self.rests = true;
        self.clock.forward_ms(1_000);
        let now = self.clock.now_ms() / 1_000;
        for (at, node) in &mut self.nodes {
            let above = |unit: &Place| unit.parent.is_some_and(|parent| parent == *at);
            let (children, others): (Vec<&Place>, Vec<&Place>) = self.places.iter().partition(|place| above(place));
            let [children, deeper] =
                [children, others].map(|units| units.iter().map(|unit| unit.code.clone()).collect::<Vec<_>>());
            node.lines.links.tell(random, &children, &deeper, now);
        }
        self.connect();
    }

    /// Lines are open where links are.
    fn connect(&self) {
        for (at, node) in &self.nodes {
            if let Some(parent) = self.places[*at].parent {
                self.nodes[&parent].lines.connect(&node.lines, self.is_open(parent, *at));
            }
        }
    }

    /// Whether a child can be asked.
    pub fn is_open(&self, at: usize, child: usize) -> bool {
        self.places[child].connects && self.nodes[&at].lines.links.away(&self.places[child].code).is_none()
    }

    /// The parent of a unit.
    pub fn above(&self, unit: &str) -> Option<String> {
        let parent = self.places.iter().find(|place| place.code == unit)?.parent?;
        Some(self.places[parent].code.clone())
    }

    /// How a unit stands with its parent, unless it is connected.
    pub fn away(&self, unit: &str) -> Option<String> {
        let parent = self.places.iter().find(|place| place.code == unit)?.parent?;
        self.nodes.get(&parent)?.lines.links.away(unit).map(str::to_owned)
    }

    /// The last operation of every unit that has a node.
    pub fn latest(&self) -> BTreeMap<String, u32> {
        self.nodes.iter().map(|(at, node)| (self.places[*at].code.clone(), node.seen[at].at)).collect()
    }

    /// Has the units of a scope show their newest figures, while links that are open carry a frame
    /// now and then.
    pub async fn confirm(&mut self, node: usize, scope: &str) -> v1::Confirmation {
        let mut confirming = Box::pin(self.nodes[&node].lines.confirm(scope.parse().unwrap()));
        self.states = false;
        loop {
            tokio::select! {
                biased;
                confirmation = &mut confirming => {
                    self.states = true;
                    return confirmation;
                }
                () = std::future::ready(()) => {}
            }
            for at in 0..self.places.len() {
                if self.places[at].parent.is_some_and(|parent| self.is_open(parent, at)) {
                    self.carry(at, 1).await;
                }
            }
        }
    }

    /// From a node down to a unit.
    pub fn path(&self, node: usize, unit: &str) -> Vec<usize> {
        let unit = self.places.iter().position(|place| place.code == unit);
        let mut path: Vec<usize> = std::iter::successors(unit, |at| self.places[*at].parent).collect();
        path.truncate(path.iter().position(|at| *at == node).unwrap() + 1);
        path.reverse();
        path
    }

    /// From now on, the oracle says what a node has to.
    pub fn look(&self, node: usize) {
        self.oracle.look(&self.seen(node));
        if self.rests {
            let Node { lines, complete, .. } = &self.nodes[&node];
            lines.links.note(&self.oracle, complete, self.clock.now_ms());
        }
    }

    /// Nodes that can be asked.
    pub fn asked(&self) -> Vec<usize> {
        self.nodes.keys().copied().collect()
    }

    /// What a node has seen of the units below it.
    pub fn seen(&self, node: usize) -> BTreeMap<String, Seen> {
        self.nodes[&node].seen.iter().map(|(unit, seen)| (self.places[*unit].code.clone(), *seen)).collect()
    }

    pub fn ask(&self, node: usize, request: &v1::QueryRequest) -> Result<Answered, QueryError> {
        let state = &self.nodes[&node].state;
        let (catalogue, now_ms) = (state.catalogue.as_ref(), state.ledgers.now_ms());
        let asked = Asked { catalogue, now_ms, standings: self.nodes[&node].lines.links.as_ref() };
        let answer = answer(request, &state.store.view().figures(), &asked)?;
        Ok(Answered { relayed: answer.head.relayed, rows: answer.rows().collect(), end: answer.end })
    }

    /// The same, where those below are asked for what is not held.
    pub async fn relayed(
        &self,
        node: usize,
        request: &v1::QueryRequest,
        by_asking: bool,
    ) -> Result<Answered, RelayError> {
        self.nodes[&node].lines.ask(request.clone(), by_asking).await
    }

    pub fn rank(&self, node: usize, request: &v1::RankRequest) -> Result<v1::RankReply, QueryError> {
        let state = &self.nodes[&node].state;
        let (catalogue, now_ms) = (state.catalogue.as_ref(), state.ledgers.now_ms());
        let asked = Asked { catalogue, now_ms, standings: self.nodes[&node].lines.links.as_ref() };
        rank(request, &state.store.view().figures(), &asked)
    }
}
