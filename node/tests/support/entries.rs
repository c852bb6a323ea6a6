//! What a workroom writes: submissions, retries, amendments, voids and zero reports.

use std::collections::BTreeSet;

use wuji_proto::{RecordId, period};

use super::{Federation, values};

impl Federation {
    pub(super) async fn submit(&mut self, node: usize, seed: u8) {
        self.next_record += 1;
        let id = RecordId::derived([self.next_record; 16]);
        let ledgers = &self.state(node).ledgers;
        let submission = ledgers.check("mediation", id, values(seed, self.next_record)).unwrap();
        let receipt = ledgers.submit(vec![submission], "test").await.pop().unwrap().unwrap();
        assert!(!receipt.repeated);
        self.note_reported(node);
        self.newest.insert(node, (id, seed, self.next_record));
        self.records.entry(node).or_default().push((id, 1));
    }

    pub(super) async fn retry(&mut self, node: usize) {
        let Some((id, seed, number)) = self.newest.get(&node).copied() else { return };
        let ledgers = &self.state(node).ledgers;
        let submission = ledgers.check("mediation", id, values(seed, number)).unwrap();
        match ledgers.submit(vec![submission], "test").await.pop().unwrap() {
            Ok(receipt) => assert!(receipt.repeated),
            // It was amended since: its first values are known no more.
            Err(error) => assert!(matches!(error, wuji_node::ledger::LedgerError::Taken(_)), "{error}"),
        }
    }

    pub(super) async fn amend(&mut self, node: usize, which: u8, seed: u8) {
        let Some((id, revision)) = self.pick(node, which) else { return };
        let ledgers = self.state(node).ledgers.clone();
        let submission = ledgers.check("mediation", id, values(seed, 100 + which % 100)).unwrap();
        match ledgers.amend(submission, revision, "test").await {
            Ok(receipt) => {
                self.note(node, id, receipt.revision);
                self.note_reported(node);
            }
            Err(wuji_node::ledger::LedgerError::NotUnique(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) async fn void(&mut self, node: usize, which: u8) {
        let Some((id, revision)) = self.pick(node, which) else { return };
        let ledgers = self.state(node).ledgers.clone();
        ledgers.void("mediation", id, revision, "entered twice", "test").await.unwrap();
        self.records.get_mut(&node).unwrap().retain(|(other, _)| *other != id);
    }

    /// A zero report of some days around those of the records.
    pub(super) async fn zero(&mut self, node: usize, seed: u8) {
        let first = period::days(period::date(0).with().year(2016).month(5).day(8).build().unwrap());
        let from = first + i32::from(seed % 70);
        let to = from + i32::from(seed % 4);
        let ledgers = self.state(node).ledgers.clone();
        let before = self.reported(node);
        let (days, sequence) = ledgers.zero_report(from, to, "test").await.unwrap();
        let new: BTreeSet<i32> = (from..=to).filter(|day| !before.contains(day)).collect();
        assert_eq!(usize::try_from(days).unwrap(), new.len(), "days {from} to {to}");
        assert_eq!(sequence == 0, new.is_empty());
        // A day that has entries is left as it is, with whatever zero report it had before.
        self.zeros.entry(node).or_default().extend(&new);
        self.note_reported(node);
        assert_eq!(ledgers.zero_report(from, to, "test").await.unwrap(), (0, 0), "a repetition writes nothing");
    }

    fn pick(&self, node: usize, which: u8) -> Option<(RecordId, u32)> {
        let records = self.records.get(&node).filter(|records| !records.is_empty())?;
        Some(records[usize::from(which) % records.len()])
    }

    fn note(&mut self, node: usize, id: RecordId, revision: u32) {
        let records = self.records.get_mut(&node).unwrap();
        records.iter_mut().filter(|(other, _)| *other == id).for_each(|(_, known)| *known = revision);
    }
}
