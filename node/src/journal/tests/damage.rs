use super::*;

/// Three groups of acknowledged entries and a stop, so that all but the stop are proven.
fn stopped_journal() -> (DoubleDisk, Vec<NewEntry>, usize) {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let mut kept = Vec::new();
    for n in 0..3 {
        let group = group(&format!("group {n}"), 4);
        opened.writer.append(&group).unwrap();
        kept.extend(group);
    }
    let last = opened.writer.append(&[stopped()]).unwrap()[0];
    (disk, kept, last.offset as usize)
}

#[test]
fn a_flipped_bit_in_what_was_confirmed_stops_the_node_and_names_the_place() {
    let (disk, _, last) = stopped_journal();
    for at in 0..last {
        let damaged = disk.kill();
        damaged.flip(&segment(1), at, 1 << (at % 8));
        let before = damaged.content(&segment(1));
        let error = try_open_with(&damaged, &options()).err().unwrap_or_else(|| panic!("byte {at} goes unnoticed"));
        match &error {
            JournalError::Damaged { file, offset, .. } => {
                assert_eq!(file, &segment(1));
                assert!(*offset <= at as u64, "byte {at}: {error}");
            }
            _ => panic!("byte {at}: {error}"),
        }
        assert_eq!(damaged.content(&segment(1)), before, "nothing may be changed");
    }
}

#[test]
fn a_flipped_bit_behind_the_last_mark_loses_no_proven_entry() {
    let (disk, kept, last) = stopped_journal();
    let end = disk.content(&segment(1)).iter().rposition(|byte| *byte != 0).unwrap() + 64;
    for at in last..end {
        let damaged = disk.kill();
        damaged.flip(&segment(1), at, 0x10);
        let opened = open_on(&damaged);
        let found = appended(&opened.reader);
        assert!(found.starts_with(&kept) && found.len() <= kept.len() + 1, "byte {at}");
        assert!(opened.recovery.cut_bytes > 0, "byte {at}");
        assert!(!opened.recovery.clean_stop);
    }
}

#[test]
fn a_flipped_bit_in_an_older_segment_is_found_by_verifying() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    for n in 0..20 {
        opened.writer.append(&group(&format!("group {n}"), 20)).unwrap();
    }
    drop(opened);
    let end = disk.content(&segment(1)).iter().rposition(|byte| *byte != 0).unwrap();
    for at in (HEADER_BYTES..end).step_by(97) {
        let damaged = disk.kill();
        damaged.flip(&segment(1), at, 0x04);
        let reader = open_on(&damaged).reader;
        match verify(&reader) {
            Err(JournalError::Damaged { file, offset, .. }) => {
                assert_eq!(file, segment(1));
                assert!(offset <= at as u64);
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_missing_or_renamed_segment_stops_the_node() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    for n in 0..40 {
        opened.writer.append(&group(&format!("group {n}"), 20)).unwrap();
    }
    drop(opened);
    for missing in [1, 2] {
        let damaged = disk.kill();
        crate::env::Disk::remove(&damaged, &segment(missing)).unwrap();
        let error = try_open_with(&damaged, &options()).err().unwrap().to_string();
        assert!(error.contains(&format!("{missing:08}.wal")) && error.contains("missing"), "{error}");
    }
    let swapped = disk.kill();
    swapped.set_content(&segment(2), disk.content(&segment(1)));
    let error = try_open_with(&swapped, &options()).err().unwrap().to_string();
    assert!(error.contains("renamed"), "{error}");
}

#[test]
fn bytes_that_no_torn_write_leaves_stop_the_node() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let positions = opened.writer.append(&group("one", 4)).unwrap();
    opened.writer.append(&[stopped()]).unwrap();
    drop(opened);
    // Behind the end, further away than a group can reach.
    let far = disk.kill();
    let mut content = far.content(&segment(1));
    content.resize(usize::try_from(GROUP_BYTES_MAX).unwrap() + (64 << 10), 0);
    *content.last_mut().unwrap() = 1;
    far.set_content(&segment(1), content);
    let error = try_open_with(&far, &options()).err().unwrap().to_string();
    assert!(error.contains("unknown bytes"), "{error}");

    // The end of the file is gone, with acknowledged entries: the index knows.
    let short = disk.kill();
    let mut content = short.content(&segment(1));
    content.truncate(positions[2].offset as usize);
    short.set_content(&segment(1), content);
    let incarnation = open_on(&disk).recovery.incarnation;
    let options = OpenOptions { index_mark: Some(IndexMark { sequence: 6, incarnation }), ..options() };
    let error = try_open_with(&short, &options).err().unwrap().to_string();
    assert!(error.contains("entries 4..6"), "{error}");
}

#[test]
fn a_whole_entry_that_does_not_continue_the_chain_stops_the_node_also_at_the_end() {
    let twin = |note: &str| {
        let disk = DoubleDisk::default();
        let mut opened = open_on(&disk);
        opened.writer.append(&[record(note, "")]).unwrap();
        let last = opened.writer.append(&[stopped()]).unwrap()[0];
        (disk, last.offset as usize)
    };
    let ((one, last), (other, _)) = (twin("one"), twin("two"));
    let mut content = one.content(&segment(1));
    content.splice(last.., other.content(&segment(1)).split_off(last));
    one.set_content(&segment(1), content);
    match try_open_with(&one, &options()).err().unwrap() {
        JournalError::Damaged { offset, what, .. } => assert!(offset == last as u64 && what.contains("cannot follow")),
        error => panic!("{error}"),
    }
}
