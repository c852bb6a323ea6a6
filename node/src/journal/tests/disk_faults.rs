use super::*;
use crate::env::double::Survive;

#[test]
fn after_a_failed_sync_the_group_is_refused_and_writing_goes_on_in_a_new_segment() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let kept = group("kept", 5);
    opened.writer.append(&kept).unwrap();
    let tail = opened.reader.tail();
    disk.faults(|faults| faults.failing_syncs = 1);
    let error = opened.writer.append(&group("refused", 5)).unwrap_err();
    assert!(matches!(error, JournalError::Refused { .. }) && error.is_passing(), "{error}");
    assert_eq!(opened.reader.tail(), tail);
    assert_eq!(appended(&opened.reader), kept);
    assert_eq!(appended(&open_on(&disk.kill()).reader), kept);

    let more = group("more", 5);
    let position = opened.writer.append(&more).unwrap()[0];
    assert_eq!((position.segment, position.sequence), (2, tail.sequence + 1));
    let wanted = [kept, more].concat();
    for after in [disk.kill(), disk.cut_power(Survive::Nothing)] {
        let opened = open_on(&after);
        assert_eq!(appended(&opened.reader), wanted);
        verify(&opened.reader).unwrap();
    }
    // The refused entries' places hold nothing.
    let past = u32::try_from(disk.content(&segment(1)).len()).unwrap();
    let places = (0..past).step_by(8).filter_map(|offset| opened.reader.read(1, offset).ok());
    assert!(places.map(|frame| frame.position.sequence).eq(1..=tail.sequence));
}

#[test]
fn while_no_segment_can_be_begun_all_is_refused_and_then_it_goes_on() {
    for directory_syncs in [false, true] {
        let disk = DoubleDisk::default();
        let mut opened = open_on(&disk);
        let kept = group("kept", 5);
        opened.writer.append(&kept).unwrap();
        disk.faults(|faults| {
            faults.failing_syncs = if directory_syncs { 1 } else { 3 };
            faults.failing_directory_syncs = if directory_syncs { 2 } else { 0 };
        });
        let refused = opened.writer.append(&group("refused", 5)).unwrap_err();
        assert!(matches!(refused, JournalError::Refused { .. }), "{refused}");
        let broken = opened.writer.append(&group("refused", 5)).unwrap_err();
        assert!(matches!(broken, JournalError::Broken { .. }), "{broken}");
        assert_eq!(appended(&opened.reader), kept);
        let more = group("more", 5);
        opened.writer.append(&more).unwrap();
        let wanted = [kept, more].concat();
        assert_eq!(appended(&opened.reader), wanted);
        assert_eq!(appended(&open_on(&disk.cut_power(Survive::Nothing)).reader), wanted);
    }
}

#[test]
fn a_segment_that_may_have_got_its_name_ends_the_former_one() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let mut kept = Vec::new();
    disk.faults(|faults| faults.failing_directory_syncs = 1);
    let refused = loop {
        let group = group("group", 20);
        match opened.writer.append(&group) {
            Ok(_) => kept.extend(group),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Io { .. }), "{refused}");
    // This would have room in the former segment.
    assert_eq!(opened.writer.append(&[stopped()]).unwrap()[0].segment, 2);
    kept.push(stopped());
    for after in [disk.kill(), disk.cut_power(Survive::Nothing)] {
        assert_eq!(appended(&open_on(&after).reader), kept);
    }
}

#[test]
fn a_killed_process_does_not_take_the_page_cache_for_the_disk() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    opened.writer.append(&group("kept", 5)).unwrap();
    // The sync fails and no new segment can be begun: the group looks whole, but is not on disk.
    disk.faults(|faults| faults.failing_syncs = 2);
    opened.writer.append(&group("in doubt", 5)).unwrap_err();
    let killed = disk.kill();
    let mut again = open_on(&killed);
    again.writer.append(&group("more", 5)).unwrap();
    let found = appended(&again.reader);
    let after = open_on(&killed.cut_power(Survive::Nothing));
    assert_eq!(appended(&after.reader), found);
}

#[test]
fn a_failed_write_is_handled_as_a_failed_sync() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    disk.faults(|faults| faults.failing_writes = 1);
    opened.writer.append(&group("refused", 5)).unwrap_err();
    let kept = group("kept", 5);
    assert_eq!(opened.writer.append(&kept).unwrap()[0].segment, 2);
    assert_eq!(appended(&open_on(&disk.cut_power(Survive::Nothing)).reader), kept);
}

#[test]
fn on_a_full_disk_entries_are_refused_but_the_node_can_stop_and_start() {
    for free in [0, DISK_RESERVE_BYTES] {
        let disk = DoubleDisk::default();
        let mut opened = open_on(&disk);
        disk.faults(|faults| faults.free_bytes = Some(free));
        let mut kept = Vec::new();
        let error = loop {
            let group = group("group", 20);
            match opened.writer.append(&group) {
                Ok(_) => kept.extend(group),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::Full { .. }) && error.is_passing(), "{error}");
        assert_eq!(appended(&opened.reader), kept);
        disk.faults(|faults| faults.free_bytes = Some(0));
        for _ in 0..10 {
            opened.writer.append(&[stopped()]).unwrap();
            kept.push(stopped());
            drop(opened);
            opened = open_on(&disk);
            assert!(opened.recovery.clean_stop);
            assert!(opened.writer.append(&group("refused", 20)).is_err());
        }
        disk.faults(|faults| faults.free_bytes = None);
        let more = group("more", 20);
        opened.writer.append(&more).unwrap();
        kept.extend(more);
        assert_eq!(appended(&open_on(&disk.cut_power(Survive::Nothing)).reader), kept);
    }
}
