//! Damage, and audits that find it.

use std::sync::Arc;

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use wuji_node::audit::listener::Listener;
use wuji_node::audit::pass::{Options, Outcome, Pace};
use wuji_node::audit::units;
use wuji_node::feed::exchange::ChildJob;
use wuji_node::feed::item::ItemValue;
use wuji_node::index::keys;
use wuji_node::index::values::{HeldItem, OwnItem};
use wuji_proto::v1::audit_reply::Part;
use wuji_proto::{ItemKey, stored, v1};

use super::{Federation, TREE};

/// What is not as the writer wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// A stored total has another amount.
    Total,
    /// A stored total is gone.
    NoTotal,
    /// What is held of a child, or of the own entries, has another amount.
    Held,
    /// It is gone.
    NoHeld,
    /// The digest of what is held of a child.
    HeldDigest,
    /// The digest of the own feed.
    FeedDigest,
    /// How many records a day has.
    Day,
    /// A record's date.
    Record,
    /// A record points to another entry.
    Place,
    /// A record is gone.
    NoRecord,
    /// A record that nobody wrote.
    Ghost,
    /// A unique value names nobody.
    NoUnique,
    /// A unique value that no record has.
    GhostUnique,
    /// What the registry adds has another amount.
    Registry,
    /// A cell of a child's former life has.
    Kept,
}

/// Steps so small that an audit lasts long.
pub const SLOW: Pace = Pace { keys: 3, parts: 9, pause: std::time::Duration::ZERO };

/// Another value, or none.
type Harmed = Option<Vec<u8>>;

type Change = (Vec<u8>, Harmed);

impl Federation {
    /// Does harm to the index of a running node; false: there is nothing to harm.
    pub fn damage(&self, node: usize, which: u8, harm: Harm) -> bool {
        let store = &self.state(node).store;
        if harm == Harm::FeedDigest {
            store.update(|state| state.head.digest.sum ^= 1 + u128::from(which));
            return true;
        }
        let mut possible: Vec<Change> = Vec::new();
        let scan = store.index().scan(&[], None, &mut |key, value| {
            possible.extend(harmed(key, value, harm).map(|value| (key.to_vec(), value)));
            let ghostly = match harm {
                Harm::Ghost => keys::parse_record(key).is_some(),
                Harm::GhostUnique => keys::parse_unique(key).is_some(),
                _ => false,
            };
            possible.extend(ghostly.then(|| (ghost(key), Some(value.to_vec()))));
            Ok(std::ops::ControlFlow::Continue(()))
        });
        scan.unwrap();
        let Some(at) = usize::from(which).checked_rem(possible.len()) else { return false };
        store.index().apply(&[possible.swap_remove(at)].into()).unwrap();
        true
    }

    /// A node's audit of itself: what it came to, and every difference that it told of.
    ///
    /// As in a node at work, the line of a child that is to send everything anew is opened anew.
    pub async fn audit(&mut self, node: usize, repair: bool) -> (Outcome, Vec<v1::AuditDifference>) {
        self.state(node).ledgers.settled().await;
        let options = Options { scope: None, repair, pace: Pace::BRISK };
        let (parts, mut told) = mpsc::channel(100_000);
        let auditor = Arc::clone(&self.state(node).auditor);
        let outcome = auditor.local(options, &Listener::Caller(parts)).await.unwrap();
        let mut differences = Vec::new();
        while let Ok(reply) = told.try_recv() {
            if let Some(Part::Difference(difference)) = reply.unwrap().part {
                differences.push(difference);
            }
        }
        assert_eq!(outcome.differences, differences.len() as u64);
        for difference in differences.iter().filter(|it| it.state == "re-syncing") {
            let child = TREE.iter().position(|(code, _)| *code == difference.unit).unwrap();
            self.units[child].driver = self.units[child].driver.cut();
        }
        (outcome, differences)
    }

    /// Every node audits itself, from the bottom, until nobody finds anything.
    pub async fn audit_all(&mut self) {
        for _ in 0..10 {
            // Before they speak: a feed whose digest is wrong is compared in vain for ever.
            let mut found = 0;
            for node in (0..TREE.len()).rev() {
                found += self.audit(node, true).await.0.differences;
            }
            self.settle().await;
            if found == 0 {
                return;
            }
        }
        panic!("audits find differences again and again");
    }

    /// A node's parent asks for a unit's keys again, one range after the other.
    pub async fn resend(&mut self, node: usize, which: u8, frames: usize) {
        let (Some(parent), Some(stream)) = (TREE[node].1, self.units[node].driver.stream()) else { return };
        let below: Vec<usize> = (0..TREE.len()).filter(|unit| lies_under(*unit, node)).collect();
        let unit = self.units[below[usize::from(which) % below.len()]].options.code;
        let child = self.units[node].options.code;
        for (from, to) in units::ranges_of(unit) {
            let (reply, asked) = oneshot::channel();
            let (done, replaced) = oneshot::channel();
            let job = ChildJob::Resend { child, from: from.clone(), to: to.clone(), reply, done };
            assert!(self.state(parent).child_jobs().send(job).await.is_ok());
            let Some(open) = asked.await.unwrap() else { return };
            assert_eq!(open, stream);
            self.units[node].driver.asked_again(from, to);
            self.push(node, frames).await;
            drop(replaced);
        }
    }

    /// The ranges that a node has sent again in all: the first key, and how many items.
    pub fn resent(&self, node: usize) -> &[(Vec<u8>, usize)] {
        &self.units[node].driver.resent
    }

    /// At every link the digest of what is held is that of what the child has.
    pub fn check_digests(&self) {
        for (node, (_, parent)) in TREE.iter().enumerate() {
            let Some(parent) = parent else { continue };
            let view = self.state(*parent).store.view();
            let head = view.index.get(&keys::child(self.units[node].options.code)).unwrap().unwrap();
            let head = stored::ChildHead::decode(head.as_slice()).unwrap();
            let own = self.state(node).store.view().state.head.digest;
            assert_eq!((head.digest, head.count), (own.sum.to_le_bytes().to_vec(), own.count));
        }
    }
}

fn lies_under(unit: usize, above: usize) -> bool {
    unit == above || TREE[unit].1.is_some_and(|parent| lies_under(parent, above))
}

/// Another amount.
fn more(value: &[u8]) -> Harmed {
    let mut item = HeldItem::from_bytes(value).unwrap();
    let ItemValue::Amount(amount) = &mut item.value else { return None };
    *amount += 7;
    Some(item.to_bytes())
}

/// A key beside one, with the same value: nobody wrote it.
fn ghost(key: &[u8]) -> Vec<u8> {
    let mut ghost = key.to_vec();
    if let Some(last) = ghost.last_mut() {
        *last ^= 0x55;
    }
    ghost
}

/// What is done to a key; `None`: the harm is not for such a key.
fn harmed(key: &[u8], value: &[u8], harm: Harm) -> Option<Harmed> {
    let own = keys::parse_item(key).map(|item| ItemKey::from_bytes(item).unwrap());
    let held = keys::parse_held_by(key).and_then(|_| ItemKey::from_bytes(keys::parse_held(key)?).ok());
    match (harm, own, held) {
        (Harm::Total, Some(ItemKey::Cell(_)), _) => {
            let mut item = OwnItem::from_bytes(value).unwrap();
            let ItemValue::Amount(amount) = &mut item.value else { return None };
            *amount += 7;
            Some(Some(item.to_bytes()))
        }
        (Harm::Held, _, Some(ItemKey::Cell(_))) => {
            let mut item = HeldItem::from_bytes(value).unwrap();
            let ItemValue::Amount(amount) = &mut item.value else { return None };
            *amount += 7;
            Some(Some(item.to_bytes()))
        }
        (Harm::NoTotal, Some(ItemKey::Cell(_)), _) | (Harm::NoHeld, _, Some(ItemKey::Cell(_))) => Some(None),
        (Harm::HeldDigest, ..) if keys::parse_child(key).is_some() => {
            let mut child = stored::ChildHead::decode(value).unwrap();
            child.digest = vec![9; 16];
            (!child.incarnation.is_empty()).then(|| Some(child.encode_to_vec()))
        }
        (Harm::Record | Harm::Place, ..) if keys::parse_record(key).is_some() => {
            let mut record = stored::RecordHead::decode(value).unwrap();
            if harm == Harm::Record {
                record.event_date += 31;
            } else {
                record.offset += 8;
            }
            Some(Some(record.encode_to_vec()))
        }
        (Harm::NoRecord, ..) if keys::parse_record(key).is_some() => Some(None),
        (Harm::NoUnique, ..) if keys::parse_unique(key).is_some() => Some(None),
        (Harm::Registry, ..) if key.starts_with(&keys::held_by(keys::Link::Registry)) => Some(more(value)),
        (Harm::Kept, ..) if keys::parse_kept_of(key).is_some() => Some(more(value)),
        (Harm::Day, ..) if keys::parse_day(key).is_some() => Some(Some(77_i64.to_be_bytes().to_vec())),
        _ => None,
    }
}
