//! Builds a province's data directory by the real code path: a node's state in this process,
//! its cities registered and accepted through the journal, their feeds taken frame by frame
//! as from their links, a clean stop. Only the wire between is left out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use wuji::output::number;
use wuji::up::progress::Progress;
use wuji_node::catalogue::Catalogue;
use wuji_node::config::{IndexConfig, IndexKind, LinkConfig};
use wuji_node::env::Env;
use wuji_node::feed::exchange::{Admission, Anchor, ChildFrame, ChildJob, ChildOpening, FeedStart, FrameOutcome};
use wuji_node::feed::item::{FeedItem, ItemHasher};
use wuji_node::state::{NodeState, StateOptions};
use wuji_node::telemetry::Metrics;
use wuji_proto::{Digest, DivisionCode, Incarnation, MeasureId, Sequence, Tier, Watermark};

use super::args::ProvinceArgs;
use super::entries::Span;
use super::feed::{CityFeed, Feeds};
use super::home::{Built, Home, NAME};
use super::tree::Tree;
use super::{machine, memory};

/// Items of a frame: as many as a parent takes.
const FRAME_ITEMS: usize = 4_096;

/// Frames that may wait for their answers.
const WINDOW_FRAMES: usize = 8;

/// Of the cities' one start.
const EPOCH: u64 = 0x5755_4a49;

/// Builds it, or finds it built, and says what it is.
pub async fn run(args: &ProvinceArgs) -> anyhow::Result<()> {
    let (built, fresh) = build(args).await?;
    let per_second = built.items_sent / built.seconds.max(1);
    println!(
        "{}: {} workrooms, {} townships, {} counties, {} cities, {} to {}",
        if fresh { "built" } else { "there already" },
        built.workrooms,
        built.townships,
        built.counties,
        built.cities,
        built.first,
        built.last
    );
    println!(
        "{} cells; {} of index on disk; {} s, {} items/s; peak {}",
        number::grouped(built.cells.into()),
        number::bytes(built.index_bytes),
        built.seconds,
        number::grouped(per_second.into()),
        number::bytes(built.peak_rss_bytes)
    );
    Ok(())
}

/// Builds it unless it is there. True: it was not.
pub async fn build(args: &ProvinceArgs) -> anyhow::Result<(Built, bool)> {
    let home = Home::new(&args.dir);
    if let Some(built) = home.begin(args)? {
        return Ok((built, false));
    }
    let began = Instant::now();
    let tree = Arc::new(Tree::shandong(args.workrooms)?);
    let span = Span { first: args.first, months: args.months };
    let catalogue = Arc::new(Catalogue::embedded()?);
    let options = options(&home, &tree, args.cache_mib);
    let state = NodeState::open(&Env::production(), &options, Arc::clone(&catalogue), &Metrics::new())?;
    let sent = send_all(&state, &tree, &catalogue, span).await?;
    let items = state.store.view().state.head.digest.count;
    state.stop().await.context("stopping the province")?;
    let count = |tier| tree.count(tier);
    let id = |measure: &MeasureId| catalogue.measure_numbered(*measure).map(|measure| measure.id().to_owned());
    let built = Built {
        workrooms: count(Tier::Workroom),
        townships: count(Tier::Township),
        counties: count(Tier::County),
        cities: count(Tier::City),
        months: args.months,
        first: span.first.to_string(),
        last: span.last().to_string(),
        cells: items.saturating_sub(tree.subtree(tree.province).count() as u64),
        items_sent: sent.items,
        index_bytes: memory::on_disk(&home.data().join("index"))?,
        seconds: began.elapsed().as_secs(),
        peak_rss_bytes: memory::own_peak()?,
        commit: machine::commit(),
        totals: sent.totals.iter().filter_map(|(measure, total)| Some((id(measure)?, *total))).collect(),
    };
    home.finish(&built)?;
    Ok((built, true))
}

fn options(home: &Home, tree: &Tree, cache_mib: u32) -> StateOptions {
    let checkpoint_every = Duration::from_secs(IndexConfig::default().checkpoint_seconds.into());
    StateOptions {
        code: tree.province,
        name: NAME.to_owned(),
        parent: None,
        directory: home.data(),
        segment_bytes: 1 << 20,
        index: IndexKind::Sled,
        cache_bytes: u64::from(cache_mib) << 20,
        checkpoint_every,
        hold: Duration::from_secs(LinkConfig::default().hold_seconds.into()),
        accept_loss: false,
    }
}

/// What all cities sent.
#[derive(Default)]
struct Sent {
    items: u64,
    totals: BTreeMap<MeasureId, i64>,
}

/// Each city's feed is made while the one before is taken.
async fn send_all(state: &NodeState, tree: &Arc<Tree>, catalogue: &Arc<Catalogue>, span: Span) -> anyhow::Result<Sent> {
    let progress = Progress::stderr();
    let mut count = progress.count("workrooms", tree.count(Tier::Workroom) as u64);
    let mut sent = Sent::default();
    let make = |city: DivisionCode| {
        let (tree, catalogue) = (Arc::clone(tree), Arc::clone(catalogue));
        tokio::task::spawn_blocking(move || Feeds::new(&tree, &catalogue, span).of(city))
    };
    let mut cities = tree.children(tree.province).iter().copied();
    let mut next = cities.next().map(|city| (city, make(city)));
    while let Some((city, feed)) = next {
        let feed = feed.await.context("making a city's feed")?;
        next = cities.next().map(|city| (city, make(city)));
        let name = tree.subtree(city).next().map(|unit| unit.name.clone()).unwrap_or_default();
        state.ledgers.register_child(city, name.clone(), span.days().0, "wuji-bench").await?;
        // The writer knows it once it has applied the entry.
        state.ledgers.settled().await;
        for (measure, total) in &feed.totals {
            *sent.totals.entry(*measure).or_default() += total;
        }
        let (workrooms, items, began) = (feed.workrooms, feed.len() as u64, Instant::now());
        send(&state.child_jobs(), city, feed).await.with_context(|| format!("sending the feed of {city}"))?;
        sent.items += items;
        let seconds = began.elapsed().as_secs_f64();
        progress.say(&format!("{city} {name}: {} items in {seconds:.1} s", number::grouped(items.into())));
        count.add(workrooms);
    }
    Ok(sent)
}

/// One link, from its opening to a complete mark with equal digests.
async fn send(jobs: &mpsc::Sender<ChildJob>, city: DivisionCode, feed: CityFeed) -> anyhow::Result<()> {
    let incarnation = Incarnation::from_random(*city.as_str().repeat(4).as_bytes().first_chunk().context("a code")?);
    let (hasher, total) = (ItemHasher::new(city, incarnation), feed.len());
    let mut link = Link { jobs, city, stream: 1, waiting: VecDeque::new() };
    let at = |number: usize| Watermark { at: Sequence { start: 1, number: number as u64 }, epoch: EPOCH };
    link.open(incarnation, at(total)).await?;
    let (mut after, mut digest) = (Watermark::ZERO, Digest::default());
    let mut items = feed.into_items().peekable();
    while items.peek().is_some() {
        let part: Vec<FeedItem> = items.by_ref().take(FRAME_ITEMS).collect();
        for item in &part {
            digest = digest.with(hasher.hash(&item.key, &item.value.to_bytes()));
        }
        let done = usize::try_from(digest.count)?;
        let frame = ChildFrame::Batch {
            after,
            upto: at(done),
            view: at(total),
            anchor: ANCHOR,
            items: part,
            complete: items.peek().is_none().then_some(digest),
            remaining: (total - done) as u64,
        };
        after = at(done);
        link.frame(frame).await?;
    }
    let last = link.settle().await?;
    ensure!(last == Some(true), "the parent's copy differs from what was sent");
    link.close().await
}

/// Of the cities' journals, which have no more than their start.
const ANCHOR: Anchor = Anchor { sequence: 1, hash: [7; 32] };

struct Link<'j> {
    jobs: &'j mpsc::Sender<ChildJob>,
    city: DivisionCode,
    stream: u64,
    waiting: VecDeque<oneshot::Receiver<FrameOutcome>>,
}

impl Link<'_> {
    async fn send(&self, job: ChildJob) -> anyhow::Result<()> {
        self.jobs.send(job).await.map_err(|_| anyhow!("the province's writer has ended"))
    }

    async fn open(&self, incarnation: Incarnation, head: Watermark) -> anyhow::Result<()> {
        let (reply, answer) = oneshot::channel();
        let opening = ChildOpening {
            code: self.city,
            incarnation,
            starts: vec![FeedStart { number: 1, epoch: EPOCH, sequence: ANCHOR.sequence }],
            head,
            name: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue_version: String::new(),
            clock_ms: 0,
        };
        self.send(ChildJob::Open { opening, stream: self.stream, reply }).await?;
        match answer.await? {
            Admission::Welcome(welcome) if welcome.low == Watermark::ZERO && welcome.walk.is_none() => Ok(()),
            Admission::Welcome(welcome) => bail!("the province already holds something: {welcome:?}"),
            Admission::Refused(refusal) | Admission::Recount(_, refusal) => {
                bail!("the province refuses it: {}", refusal.reason)
            }
        }
    }

    async fn frame(&mut self, frame: ChildFrame) -> anyhow::Result<()> {
        if self.waiting.len() >= WINDOW_FRAMES {
            self.answer().await?;
        }
        let (reply, answer) = oneshot::channel();
        self.send(ChildJob::Frame { child: self.city, stream: self.stream, frame, reply }).await?;
        self.waiting.push_back(answer);
        Ok(())
    }

    /// The oldest frame's answer; whether the digests were equal, at a complete mark.
    async fn answer(&mut self) -> anyhow::Result<Option<bool>> {
        let Some(answer) = self.waiting.pop_front() else { return Ok(None) };
        match answer.await? {
            FrameOutcome::Applied { equal, .. } => Ok(equal),
            FrameOutcome::Close(refusal) | FrameOutcome::Differs(refusal) => {
                bail!("the province closes the stream: {}", refusal.reason)
            }
            other @ FrameOutcome::Range { .. } => bail!("the province answers a batch with {other:?}"),
        }
    }

    /// All answers; what the last one says.
    async fn settle(&mut self) -> anyhow::Result<Option<bool>> {
        let mut last = None;
        while !self.waiting.is_empty() {
            last = self.answer().await?;
        }
        Ok(last)
    }

    async fn close(self) -> anyhow::Result<()> {
        self.send(ChildJob::Closed { child: self.city, stream: self.stream }).await
    }
}
