//! The wire's frames, checked once; and the forms in which they are sent.

use wuji_proto::wire::digest_sum;
use wuji_proto::{Digest, DivisionCode, ITEM_KEY_BYTES_MAX, Incarnation, Watermark, period, v1};

use super::payload::Unpacker;
use super::{HEARD_UNITS_MAX, OPENING_STARTS_MAX, PROTOCOL_VERSION};
use crate::feed::exchange::{Anchor, ChildFrame, ChildOpening, ChildWelcome, FeedStart, FormerChild};
use crate::writer::held::FORMER_CHILDREN_MAX;

/// The longest name, version or catalogue version in an opening, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// Bytes of a digest's sum.
const SUM_BYTES: usize = 16;

/// What is wrong with a frame. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Malformed {
    #[error("the frame is empty, or of a kind that this node is too old to know: bring both nodes to one version")]
    Kind,
    #[error("the frame lacks its {0}")]
    Missing(&'static str),
    #[error("the frame's {0} is not of the form it should have")]
    Form(&'static str),
    #[error("a stream opens once, with its first frame")]
    Opening,
    #[error("it tells of what it had, and was not asked")]
    Unasked,
    #[error(
        "the other node speaks version {0} of the protocol and this one {PROTOCOL_VERSION}: bring both to one version"
    )]
    Protocol(u32),
    #[error("its items are {bytes} bytes: at most {max} are allowed", max = super::PAYLOAD_BYTES_MAX)]
    PayloadBytes { bytes: usize },
    #[error("it has more than {max} items", max = super::FRAME_ITEMS_MAX)]
    Items,
    #[error("its items cannot be decompressed within the limit")]
    Compression,
    #[error("its items cannot be decoded")]
    Encoding,
    #[error("item {place} of it is refused: {problem}")]
    Item { place: usize, problem: &'static str },
    #[error("item {0} of the range lies outside it or out of order")]
    Order(usize),
}

/// The child's first frame.
pub fn opening(opening: v1::Opening) -> Result<ChildOpening, Malformed> {
    if opening.protocol != PROTOCOL_VERSION {
        return Err(Malformed::Protocol(opening.protocol));
    }
    if opening.starts.len() > OPENING_STARTS_MAX {
        return Err(Malformed::Form("list of starts (at most 4,096)"));
    }
    let starts: Vec<FeedStart> = opening
        .starts
        .iter()
        .map(|start| FeedStart { number: start.number, epoch: start.epoch, sequence: start.sequence })
        .collect();
    if starts.iter().zip(starts.iter().skip(1)).any(|(older, newer)| older.number >= newer.number) {
        return Err(Malformed::Form("list of starts (the newest comes last)"));
    }
    Ok(ChildOpening {
        code: opening.code.parse().map_err(|_| Malformed::Form("division code"))?,
        incarnation: Incarnation::from_slice(&opening.incarnation).ok_or(Malformed::Form("incarnation"))?,
        starts,
        head: mark(opening.head, "head")?,
        name: word(opening.name, "name")?,
        version: word(opening.version, "version")?,
        catalogue_version: word(opening.catalogue_version, "catalogue version")?,
        clock_ms: opening.clock_ms,
    })
}

/// A frame after the opening.
pub fn child_frame(frame: v1::FeedFrame, unpacker: &mut Unpacker) -> Result<ChildFrame, Malformed> {
    use v1::feed_frame::Frame;
    match frame.frame.ok_or(Malformed::Kind)? {
        Frame::Opening(_) => Err(Malformed::Opening),
        Frame::Told(_) => Err(Malformed::Unasked),
        Frame::Batch(batch) => Ok(ChildFrame::Batch {
            after: mark(batch.after, "after")?,
            upto: mark(batch.upto, "upto")?,
            view: mark(batch.view, "view")?,
            anchor: anchor(batch.anchor)?,
            items: batch.payload.map_or_else(|| Ok(Vec::new()), |payload| unpacker.unpack(payload))?,
            complete: batch.complete.map(|complete| digest(complete.digest)).transpose()?,
            remaining: batch.remaining,
        }),
        Frame::WalkBegin(begin) => {
            Ok(ChildFrame::WalkBegin { head: mark(begin.head, "head")?, anchor: anchor(begin.anchor)? })
        }
        Frame::Range(range) => self::range(range, unpacker),
        Frame::Heard(heard) => self::heard(&heard),
    }
}

fn range(range: v1::Range, unpacker: &mut Unpacker) -> Result<ChildFrame, Malformed> {
    let (from, to) = resend(v1::Resend { from: range.from, to: range.to })?;
    let items = range.payload.map(|payload| unpacker.unpack(payload)).transpose()?;
    let mut last: Option<&[u8]> = None;
    for (place, item) in items.iter().flatten().enumerate() {
        let key = item.key.as_slice();
        let outside = key < from.as_slice() || to.as_deref().is_some_and(|to| key >= to);
        if outside || last.is_some_and(|last| key <= last) {
            return Err(Malformed::Order(place));
        }
        last = Some(key);
    }
    Ok(ChildFrame::Range {
        view: mark(range.view, "view")?,
        digest: digest(range.digest)?,
        anchor: anchor(range.anchor)?,
        from,
        to,
        items,
        progress_permille: range.progress.min(1_000),
    })
}

/// A range that is asked for again: its first key, and the first after it.
pub fn resend(range: v1::Resend) -> Result<(Vec<u8>, Option<Vec<u8>>), Malformed> {
    let to = (!range.to.is_empty()).then_some(range.to);
    let too_long = |key: &[u8]| key.len() > ITEM_KEY_BYTES_MAX;
    if too_long(&range.from) || to.as_ref().is_some_and(|to| too_long(to) || *to <= range.from) {
        return Err(Malformed::Form("range of keys"));
    }
    Ok((range.from, to))
}

fn heard(heard: &v1::Heard) -> Result<ChildFrame, Malformed> {
    if heard.units.len() > HEARD_UNITS_MAX {
        return Err(Malformed::Form("list of units"));
    }
    let unit = |unit: &v1::HeardUnit| {
        let code = unit.code.to_string().parse().map_err(|_| Malformed::Form("division code"))?;
        Ok((code, unit.at, unit.state))
    };
    heard.units.iter().map(unit).collect::<Result<_, _>>().map(ChildFrame::Heard)
}

/// The frame that tells when units were last complete.
pub fn heard_frame(units: &[(DivisionCode, u32, u32)]) -> v1::FeedFrame {
    let unit = |(code, at, state): &(DivisionCode, u32, u32)| v1::HeardUnit {
        // Codes begin with a digit that is not 0 and have at most 12: always a number.
        code: code.as_str().parse().unwrap_or_default(),
        at: *at,
        state: *state,
    };
    let heard = v1::Heard { units: units.iter().map(unit).collect() };
    v1::FeedFrame { frame: Some(v1::feed_frame::Frame::Heard(heard)) }
}

/// What the parent holds, as the child reads it.
pub fn welcome(welcome: v1::Welcome) -> Result<ChildWelcome, Malformed> {
    let held = |mark: Option<v1::Mark>| mark.map_or(Watermark::ZERO, Watermark::from);
    let walk = welcome.walk.map(|walk| {
        let fits = walk.next_key.len() <= ITEM_KEY_BYTES_MAX;
        fits.then(|| (walk.next_key, walk.began.map(Watermark::from))).ok_or(Malformed::Form("walk"))
    });
    Ok(ChildWelcome {
        low: held(welcome.low),
        high: held(welcome.high),
        walk: walk.transpose()?,
        anchor: welcome.anchor.map(|held| anchor(Some(held))).transpose()?,
        taken_in: welcome.taken_in.map(|taken_in| former_children(taken_in.children)).transpose()?,
    })
}

fn former_children(children: Vec<v1::FormerChild>) -> Result<Vec<FormerChild>, Malformed> {
    if children.len() > FORMER_CHILDREN_MAX {
        return Err(Malformed::Form("list of former children"));
    }
    let child = |child: v1::FormerChild| {
        let date = period::date(child.expected_from);
        period::check_date(date).map_err(|_| Malformed::Form("date of a former child"))?;
        let code = child.code.parse().map_err(|_| Malformed::Form("division code"))?;
        Ok(FormerChild { code, name: word(child.name, "name")?, expected_from: period::days(date) })
    };
    children.into_iter().map(child).collect()
}

fn former(child: FormerChild) -> v1::FormerChild {
    let FormerChild { code, name, expected_from } = child;
    v1::FormerChild { code: code.to_string(), name, expected_from }
}

/// What the parent holds, as it is sent.
pub fn welcome_ack(welcome: ChildWelcome, window: u32, clock_ms: i64, version: &str) -> v1::FeedAck {
    let walk = welcome.walk.map(|(next_key, began)| v1::Walk { next_key, began: began.map(v1::Mark::from) });
    ack(v1::feed_ack::Ack::Welcome(v1::Welcome {
        low: Some(welcome.low.into()),
        high: Some(welcome.high.into()),
        walk,
        anchor: welcome.anchor.map(anchor_mark),
        taken_in: welcome.taken_in.map(|children| v1::TakenIn { children: children.into_iter().map(former).collect() }),
        window,
        clock_ms,
        version: version.to_owned(),
    }))
}

/// An answer.
pub fn ack(ack: v1::feed_ack::Ack) -> v1::FeedAck {
    v1::FeedAck { ack: Some(ack) }
}

/// An anchor as it is sent.
pub fn anchor_mark(anchor: Anchor) -> v1::Anchor {
    v1::Anchor { sequence: anchor.sequence, hash: anchor.hash.to_vec() }
}

fn mark(mark: Option<v1::Mark>, what: &'static str) -> Result<Watermark, Malformed> {
    mark.map(Watermark::from).ok_or(Malformed::Missing(what))
}

fn anchor(anchor: Option<v1::Anchor>) -> Result<Anchor, Malformed> {
    let anchor = anchor.ok_or(Malformed::Missing("anchor"))?;
    let hash = anchor.hash.try_into().map_err(|_| Malformed::Form("anchor"))?;
    Ok(Anchor { sequence: anchor.sequence, hash })
}

fn digest(digest: Option<v1::FeedDigest>) -> Result<Digest, Malformed> {
    let digest = digest.ok_or(Malformed::Missing("digest"))?;
    if digest.sum.len() != SUM_BYTES {
        return Err(Malformed::Form("digest"));
    }
    Ok(Digest { sum: digest_sum(&digest.sum), count: digest.count })
}

fn word(word: String, what: &'static str) -> Result<String, Malformed> {
    let plain = word.len() <= WORD_BYTES_MAX && !word.contains(char::is_control);
    plain.then_some(word).ok_or(Malformed::Form(what))
}
