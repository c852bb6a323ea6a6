use proptest::prelude::*;

use super::*;
use crate::env::double::Survive;

/// A journal with acknowledged groups, and one more that was written but not synced, so that
/// a power cut can leave any part of it.
fn interrupted(acknowledged: usize, last: usize) -> (DoubleDisk, Vec<NewEntry>, Vec<NewEntry>) {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let mut kept = Vec::new();
    for n in 0..acknowledged {
        let group = group(&format!("kept {n}"), 5);
        opened.writer.append(&group).unwrap();
        kept.extend(group);
    }
    let torn = group("torn", last);
    let after = disk_before_sync(&disk, &mut opened.writer, &torn);
    (after, kept, torn)
}

/// The disk as it is right before the group's sync returns.
fn disk_before_sync(disk: &DoubleDisk, writer: &mut JournalWriter, group: &[NewEntry]) -> DoubleDisk {
    let before = disk.kill();
    writer.append(group).unwrap();
    // Only the last segment has changed: lay the change over the copy, without a sync.
    let path = segment(1);
    let now = disk.content(&path);
    let old = before.content(&path);
    assert_eq!(old.len(), now.len(), "the group is to lie in zeroed space");
    let from = old.iter().zip(&now).position(|(old, now)| old != now).unwrap() & !7;
    let to = now.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    crate::env::Disk::open(&before, &path).unwrap().write_at(from as u64, &now[from..to]).unwrap();
    before
}

/// Opens after a power cut: all that was acknowledged is there, and at most a beginning of
/// the group that was not; then it works on.
fn check(disk: &DoubleDisk, kept: &[NewEntry], torn: &[NewEntry]) {
    let mut opened = open_on(disk);
    let found = appended(&opened.reader);
    assert!(found.starts_with(kept), "acknowledged entries are missing");
    assert!(torn.starts_with(&found[kept.len()..]), "entries appear that nobody wrote");
    assert_eq!(opened.recovery.cut_bytes > 0, opened.recovery.report.is_some());
    let more = group("more", 3);
    opened.writer.append(&more).unwrap();
    let wanted = [found, more].concat();
    assert_eq!(appended(&opened.reader), wanted);
    drop(opened);
    let again = open_on(disk);
    assert_eq!(appended(&again.reader), wanted);
    assert_eq!(again.recovery.cut_bytes, 0);
    verify(&again.reader).unwrap();
}

#[test]
fn every_cut_through_the_last_group_leaves_what_was_acknowledged() {
    let (disk, kept, torn) = interrupted(3, 3);
    let unsynced = disk.unsynced_bytes(&segment(1));
    for cut in 0..=unsynced {
        check(&disk.cut_power(Survive::First(cut)), &kept, &torn);
    }
}

#[test]
fn every_cut_through_the_first_start_leaves_a_journal_that_opens() {
    let disk = DoubleDisk::default();
    drop(open_on(&disk));
    // The states on the way: nothing, the key, the segment, the first entry torn.
    check(&DoubleDisk::default(), &[], &[]);
    let whole = disk.content(&segment(1));
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in HEADER_BYTES..=end {
        let torn = disk.kill();
        let mut content = whole.clone();
        content[cut..].fill(0);
        torn.set_content(&segment(1), content);
        let opened = open_on(&torn);
        assert_eq!(opened.recovery.created, opened.recovery.last_at_ms == 0);
        assert_eq!(all(&opened.reader).len(), 1);
        verify(&opened.reader).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_blocks_of_the_last_group_may_survive(seed: u64, last in 1_usize..40) {
        let (disk, kept, torn) = interrupted(2, last);
        let mut state = seed | 1;
        let mut coin = |_: &Path, _: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 63 == 1
        };
        check(&disk.cut_power(Survive::Blocks(&mut coin)), &kept, &torn);
    }

    #[test]
    fn a_power_cut_while_the_tail_is_mended_loses_nothing(seed: u64, last in 2_usize..40) {
        let (disk, kept, torn) = interrupted(2, last);
        let mut state = seed | 1;
        let mut coin = |_: &Path, _: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 63 == 1
        };
        let disk = disk.cut_power(Survive::Blocks(&mut coin));
        // The sync of the mended tail fails, so what it wrote is not durable.
        disk.faults(|faults| faults.failing_syncs = 1);
        let torn_again = match try_open_with(&disk, &options()) {
            Err(JournalError::Io { .. }) => disk.cut_power(Survive::Blocks(&mut coin)),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("opened without a durable tail"),
        };
        check(&torn_again, &kept, &torn);
    }
}

#[test]
fn nothing_is_acknowledged_that_a_power_cut_can_take() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let mut kept = Vec::new();
    for n in 0..40 {
        let group = group(&format!("group {n}"), 30);
        opened.writer.append(&group).unwrap();
        kept.extend(group);
        let after = disk.cut_power(Survive::Nothing);
        assert_eq!(appended(&open_on(&after).reader), kept);
    }
    assert!(opened.reader.segments().len() > 2);
}

#[test]
fn a_segment_whose_making_was_cut_off_is_made_again() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let kept = group("kept", 5);
    opened.writer.append(&kept).unwrap();
    drop(opened);
    let aside = PathBuf::from(format!("{}.new", segment(2).display()));
    disk.set_content(&aside, vec![1, 2, 3]);
    let mut opened = open_on(&disk);
    for n in 0..10 {
        opened.writer.append(&group(&format!("group {n}"), 30)).unwrap();
    }
    drop(opened);
    let reader = open_on(&disk).reader;
    assert!(reader.segments().len() > 1);
    verify(&reader).unwrap();
}
