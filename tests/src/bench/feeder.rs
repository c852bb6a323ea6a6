//! A child that is no node: it has a workroom's feed and speaks the link's protocol over
//! mutual TLS. Many of them load one parent without the work of as many nodes.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, anyhow, bail, ensure};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use wuji::clock;
use wuji_node::catalogue::Catalogue;
use wuji_node::feed::item::{FeedItem, ItemHasher, ItemValue};
use wuji_node::link::PROTOCOL_VERSION;
use wuji_proto::v1::federation_client::FederationClient;
use wuji_proto::v1::feed_ack::Ack;
use wuji_proto::v1::feed_frame::Frame;
use wuji_proto::v1::payload::Items as Packed;
use wuji_proto::{CellKey, Digest, DivisionCode, Grain, Incarnation, ItemKey, Sequence, Tier, Watermark, period, v1};

use super::case::{Case, LEDGER};
use super::feed::behind_scope;

/// Items of a frame: as many as a parent takes.
const FRAME_ITEMS: usize = 4_096;

/// Frames that wait to be sent; the parent's window is the narrower one.
const FRAMES_WAITING_MAX: usize = 64;

/// As a node compresses its frames.
const COMPRESSION_LEVEL: i32 = 1;

/// Of the one start of every feeder.
const EPOCH: u64 = 0x5755_4a49;

/// Of a journal that has no more than its start.
const ANCHOR: u64 = 1;

/// What cases add up to in a workroom's feed: amounts by what follows the scope in a cell's key.
pub fn cells(numbers: Range<u64>) -> anyhow::Result<BTreeMap<Vec<u8>, i64>> {
    let catalogue = Catalogue::embedded()?;
    let ledger = catalogue.ledger(LEDGER).context("the catalogue has mediation cases")?;
    let scope: DivisionCode = crate::federation::WORKROOM.parse()?;
    let today = period::days("2026-01-01".parse::<wuji_proto::Period>()?.first_day());
    let mut cells = BTreeMap::new();
    for number in numbers {
        let record = ledger.check(Case::new(number).values(), today);
        let record = record.map_err(|violations| anyhow!("case {number}: {violations:?}"))?;
        let facts = ledger.facts(&record.public);
        catalogue.contributions(LEDGER, &facts, record.event_date, &mut |of| {
            *cells.entry(behind_scope(scope, &of, Grain::Day)).or_default() += of.amount;
        });
    }
    cells.retain(|_, amount| *amount != 0);
    Ok(cells)
}

/// A child's end of a link.
pub struct Feeder {
    child: DivisionCode,
    hasher: ItemHasher,
    frames: mpsc::Sender<v1::FeedFrame>,
    acks: Streaming<v1::FeedAck>,
    /// Kept while the stream lives.
    _client: FederationClient<Channel>,
    window: u32,
    sent: u64,
}

impl Feeder {
    /// Connects, and is welcomed as a child of which nothing is held yet.
    pub async fn open(channel: Channel, child: DivisionCode) -> anyhow::Result<Self> {
        let random = child.as_str().repeat(2);
        let incarnation = Incarnation::from_random(*random.as_bytes().first_chunk().context("a code has digits")?);
        let mut client = FederationClient::new(channel);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING_MAX);
        let opening = v1::Opening {
            protocol: PROTOCOL_VERSION,
            code: child.to_string(),
            incarnation: incarnation.to_bytes().to_vec(),
            starts: vec![v1::FeedStart { number: 1, epoch: EPOCH, sequence: ANCHOR }],
            head: Some(at(0).into()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_ms: clock::now_ms(),
            ..v1::Opening::default()
        };
        frames.try_send(frame(Frame::Opening(opening)))?;
        let mut acks = client.push(ReceiverStream::new(outgoing)).await.context("opening a push")?.into_inner();
        let window = match acks.message().await?.and_then(|ack| ack.ack) {
            Some(Ack::Welcome(welcome)) => welcome.window,
            other => bail!("{child} was not welcomed: {other:?}"),
        };
        Ok(Self { child, hasher: ItemHasher::new(child, incarnation), frames, acks, _client: client, window, sent: 0 })
    }

    /// Frames in which every cell, and the unit, changes; every amount is `times` its own.
    pub fn frames(&self, cells: &BTreeMap<Vec<u8>, i64>, times: i64) -> anyhow::Result<Vec<v1::FeedFrame>> {
        let items = self.items(cells, times);
        let hash = |item: &FeedItem| self.hasher.hash(&item.key, &item.value.to_bytes());
        let digest = items.iter().fold(Digest::default(), |digest, item| digest.with(hash(item)));
        let view = self.sent + digest.count;
        let mut upto = self.sent;
        let mut frames = Vec::new();
        for part in items.chunks(FRAME_ITEMS) {
            let after = upto;
            upto += part.len() as u64;
            let complete = v1::Complete { digest: Some(digest.into()), at_ms: clock::now_ms() };
            frames.push(frame(Frame::Batch(v1::Batch {
                after: Some(if after == 0 { Watermark::ZERO } else { at(after) }.into()),
                upto: Some(at(upto).into()),
                view: Some(at(view).into()),
                anchor: Some(v1::Anchor { sequence: ANCHOR, hash: vec![7; 32] }),
                payload: Some(pack(part)?),
                complete: (upto == view).then_some(complete),
                remaining: view - upto,
            })));
        }
        Ok(frames)
    }

    fn items(&self, cells: &BTreeMap<Vec<u8>, i64>, times: i64) -> Vec<FeedItem> {
        let prefix = CellKey::scope_prefix(self.child);
        let unit = v1::UnitEntry {
            name: format!("{}, {times}", self.child),
            parent: self.child.ancestor(Tier::Township).map(|parent| parent.to_string()).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..v1::UnitEntry::default()
        };
        let unit = FeedItem { key: ItemKey::Unit(self.child).to_bytes(), value: ItemValue::Unit(unit) };
        let cells = cells.iter().map(|(rest, amount)| FeedItem {
            key: [prefix.as_slice(), rest].concat(),
            value: ItemValue::Amount(amount * times),
        });
        std::iter::once(unit).chain(cells).collect()
    }

    /// Sends them and takes every answer; at the last one both ends must be equal.
    pub async fn send(&mut self, frames: Vec<v1::FeedFrame>) -> anyhow::Result<()> {
        let (mut unanswered, mut equal) = (0, None);
        let last = frames.iter().filter_map(upto).max();
        for frame in frames {
            while unanswered >= self.window {
                unanswered -= self.answer(&mut equal).await?;
            }
            self.frames.send(frame).await.context("the stream ended")?;
            unanswered += 1;
        }
        while unanswered > 0 {
            unanswered -= self.answer(&mut equal).await?;
        }
        self.sent = last.unwrap_or(self.sent);
        ensure!(equal == Some(true), "the parent's copy of {} differs from what was sent", self.child);
        Ok(())
    }

    /// How many frames the next answer is for.
    async fn answer(&mut self, equal: &mut Option<bool>) -> anyhow::Result<u32> {
        match self.acks.message().await?.and_then(|ack| ack.ack) {
            Some(Ack::Applied(applied)) => {
                *equal = applied.equal.or(*equal);
                Ok(applied.frames)
            }
            other => bail!("the parent answers {} with {other:?}", self.child),
        }
    }
}

fn at(number: u64) -> Watermark {
    Watermark { at: Sequence { start: 1, number }, epoch: EPOCH }
}

fn upto(frame: &v1::FeedFrame) -> Option<u64> {
    match &frame.frame {
        Some(Frame::Batch(batch)) => batch.upto.map(|mark| Watermark::from(mark).at.number),
        _ => None,
    }
}

const fn frame(frame: Frame) -> v1::FeedFrame {
    v1::FeedFrame { frame: Some(frame) }
}

fn pack(items: &[FeedItem]) -> anyhow::Result<v1::Payload> {
    let items = v1::Items { items: items.iter().cloned().map(FeedItem::into_wire).collect() };
    let packed = zstd::bulk::compress(&items.encode_to_vec(), COMPRESSION_LEVEL)?;
    Ok(v1::Payload { items: Some(Packed::Zstd(packed)) })
}

#[cfg(test)]
mod tests {
    use wuji_proto::MeasureId;

    use super::*;

    #[test]
    fn the_cells_of_cases_add_up_to_the_cases() {
        let catalogue = Catalogue::embedded().unwrap();
        let scope: DivisionCode = crate::federation::WORKROOM.parse().unwrap();
        let cells = cells(0..500).unwrap();
        let total = |measure: MeasureId, split: u8| -> i64 {
            let prefix = CellKey::scope_prefix(scope);
            let of = |(rest, amount): (&Vec<u8>, &i64)| match ItemKey::from_bytes(&[prefix.as_slice(), rest].concat()) {
                Ok(ItemKey::Cell(cell)) if cell.measure == measure && cell.part.split == split => *amount,
                _ => 0,
            };
            cells.iter().map(of).sum()
        };
        let accepted = catalogue.measure("mediation.accepted").unwrap().key();
        assert_eq!([1, 2, 3].map(|split| total(accepted, split)), [500; 3]);
        assert!(cells.len() > 500, "many days and words: {}", cells.len());
    }
}
