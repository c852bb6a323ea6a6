use proptest::prelude::*;

use super::*;

fn entries() -> impl Strategy<Value = Vec<Vec<NewEntry>>> {
    let entry = ("[a-z中文]{0,300}", "[王李]{0,40}").prop_map(|(note, name)| record(&note, &name));
    prop::collection::vec(prop::collection::vec(entry, 1..8), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_appended_is_read_back_before_and_after_opening_again(groups in entries()) {
        let disk = DoubleDisk::default();
        let options = OpenOptions { segment_bytes: 16 << 10, ..options() };
        let mut opened = try_open_with(&disk, &options).unwrap();
        let mut positions = Vec::new();
        for group in &groups {
            positions.extend(opened.writer.append(group).unwrap());
        }
        let wanted: Vec<NewEntry> = groups.concat();
        prop_assert_eq!(&appended(&opened.reader), &wanted);
        let tail = opened.reader.tail();
        drop(opened);

        let opened = try_open_with(&disk, &options).unwrap();
        prop_assert_eq!(opened.reader.tail(), tail);
        prop_assert_eq!(&appended(&opened.reader), &wanted);
        prop_assert_eq!(opened.recovery.cut_bytes, 0);
        for (position, new) in positions.iter().zip(&wanted) {
            let frame = opened.reader.read(position.segment, position.offset).unwrap();
            prop_assert_eq!(frame.position, *position);
            prop_assert_eq!(&frame.entry, &new.entry);
            prop_assert_eq!(&opened.reader.unseal(&frame).unwrap(), &new.sealed);
        }
        let verified = verify(&opened.reader).unwrap();
        prop_assert_eq!(verified.entries, tail.sequence);
        prop_assert_eq!(verified.sealed, wanted.iter().filter(|new| new.sealed.is_some()).count() as u64);
    }
}

#[test]
fn a_group_costs_one_sync_and_is_seen_as_a_whole() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let before = disk.syncs();
    let positions = opened.writer.append(&group("one", 50)).unwrap();
    assert_eq!(disk.syncs() - before, 1);
    assert_eq!(positions.len(), 50);
    assert_eq!(opened.reader.tail().sequence, 51);
    assert!(opened.writer.append(&[]).unwrap().is_empty());
    assert_eq!(disk.syncs() - before, 1);
}

#[test]
fn sealed_values_are_nowhere_on_disk_in_the_clear() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    opened.writer.append(&[record("seen", "张三丰的名字")]).unwrap();
    let content = disk.content(&segment(1));
    let has = |needle: &str| content.windows(needle.len()).any(|bytes| bytes == needle.as_bytes());
    assert!(has("seen") && !has("张三丰"));
}

#[test]
fn entries_are_read_from_any_sequence_on_across_segments() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    for n in 0..60 {
        opened.writer.append(&group(&format!("group {n}"), 20)).unwrap();
    }
    assert!(opened.reader.segments().len() > 3);
    let newest = opened.reader.tail().sequence;
    for from in [0, 1, 2, 300, 777, newest, newest + 1] {
        let read: Vec<u64> = opened.reader.entries_from(from).map(|frame| frame.unwrap().position.sequence).collect();
        assert_eq!(read, (from.max(1)..=newest).collect::<Vec<_>>());
    }
}

#[test]
fn an_anchor_is_held_only_with_its_own_hash() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let mut anchors = vec![Anchor { sequence: 0, hash: [0; 32] }];
    for n in 0..60 {
        opened.writer.append(&group(&format!("group {n}"), 20)).unwrap();
        anchors.push(opened.reader.tail());
    }
    drop(opened);
    let reader = open_on(&disk).reader;
    for anchor in anchors {
        assert!(reader.holds(anchor).unwrap(), "{anchor:?}");
        assert!(!reader.holds(Anchor { hash: [1; 32], ..anchor }).unwrap());
        assert!(!reader.holds(Anchor { sequence: anchor.sequence + 1, ..anchor }).unwrap());
    }
}

#[test]
fn a_place_without_a_durable_entry_is_not_read() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let position = opened.writer.append(&group("one", 1)).unwrap()[0];
    let past = u32::try_from(opened.reader.shared.end().offset).unwrap();
    for (segment, offset) in [(0, 128), (2, 128), (1, past), (1, past + 8)] {
        assert!(matches!(opened.reader.read(segment, offset), Err(JournalError::NotThere { .. })));
    }
    assert!(matches!(opened.reader.read(1, position.offset + 8), Err(JournalError::Damaged { .. })));
}

#[test]
fn what_is_too_large_is_refused_and_the_rest_goes_on() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let large = record(&"长".repeat(400_000), "");
    assert!(matches!(opened.writer.append(&[large]), Err(JournalError::EntryTooLarge { .. })));
    let many = group(&"x".repeat(1_000), 80);
    let bytes: u64 = many.iter().map(JournalWriter::frame_bytes).sum();
    assert!(bytes > opened.writer.group_bytes_max());
    assert!(matches!(opened.writer.append(&many), Err(JournalError::GroupTooLarge { .. })));
    opened.writer.append(&many[..40]).unwrap();
    assert_eq!(appended(&opened.reader), many[..40]);
}

#[test]
fn an_erased_value_is_gone_and_the_chain_stays_whole() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let position = opened.writer.append(&[record("a", "李四"), record("b", "王五")]).unwrap()[0];
    opened.writer.append(&[stopped()]).unwrap();
    let frame = opened.reader.read(position.segment, position.offset).unwrap();
    let sealed = frame.sealed.unwrap();
    drop(opened);

    let mut content = disk.content(&segment(1));
    let find = |content: &[u8], needle: &[u8]| content.windows(needle.len()).position(|at| at == needle).unwrap();
    let slot_at = find(&content, &sealed.slot);
    let sealed_at = find(&content, &sealed.ciphertext);
    let slot = seal::place_slot(&seal::erased_slot(), position.segment, u64::from(position.offset));
    content[slot_at..slot_at + slot.len()].copy_from_slice(&slot);
    disk.set_content(&segment(1), content.clone());
    let verified = verify(&open_on(&disk).reader).unwrap();
    assert_eq!((verified.sealed, verified.erased, verified.erasing), (1, 0, 1));

    content[sealed_at..sealed_at + sealed.ciphertext.len()].fill(0);
    disk.set_content(&segment(1), content);
    let reader = open_on(&disk).reader;
    let verified = verify(&reader).unwrap();
    assert_eq!((verified.sealed, verified.erased, verified.erasing), (1, 1, 0));
    let read = all(&reader);
    assert_eq!(read[1].sealed, None);
    assert_eq!(read[1].entry, record("a", "").entry);
    assert_eq!(read[2], record("b", "王五"));
}
