use super::*;

fn mark(sequence: u64, incarnation: Incarnation) -> OpenOptions {
    OpenOptions { index_mark: Some(IndexMark { sequence, incarnation }), ..options() }
}

fn accepting(options: &OpenOptions) -> OpenOptions {
    OpenOptions { accept_loss: true, ..options.clone() }
}

/// A journal, and a copy of its disk from before the last three entries.
fn rolled_back() -> (DoubleDisk, Incarnation, Vec<NewEntry>) {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let kept = group("kept", 5);
    opened.writer.append(&kept).unwrap();
    let copy = disk.kill();
    opened.writer.append(&group("lost", 3)).unwrap();
    (copy, opened.recovery.incarnation, kept)
}

#[test]
fn an_index_ahead_of_the_journal_names_the_lost_entries_and_nothing_is_changed() {
    let (disk, incarnation, _) = rolled_back();
    let before = disk.content(&segment(1));
    let error = try_open_with(&disk, &mark(9, incarnation)).err().unwrap().to_string();
    let end = disk.content(&segment(1)).iter().rposition(|byte| *byte != 0).unwrap() as u64 / 8 * 8 + 8;
    assert!(error.contains("entries 7..9") && error.contains("--accept-loss"), "{error}");
    assert!(error.contains(&format!("at byte {end}")), "{error}");
    assert_eq!(disk.content(&segment(1)), before);
    assert!(try_open_with(&disk, &mark(6, incarnation)).is_ok());
}

#[test]
fn an_accepted_loss_is_written_down_and_begins_a_new_life() {
    let (disk, incarnation, kept) = rolled_back();
    let opened = try_open_with(&disk, &accepting(&mark(9, incarnation))).unwrap();
    let life = opened.recovery.incarnation;
    assert_ne!(life, incarnation);
    let found = appended(&opened.reader);
    assert_eq!(found[..5], kept);
    let Some(stored::entry::Event::LossAccepted(loss)) = &found[5].entry.event else { panic!("{found:?}") };
    assert_eq!((loss.acknowledged, loss.found), (9, 6));
    assert_eq!(loss.incarnation, life.to_bytes());
    drop(opened);

    // The old index is no proof of a further loss, a later one is.
    let mut opened = try_open_with(&disk, &mark(9, incarnation)).unwrap();
    assert_eq!(opened.recovery.incarnation, life);
    let copy = disk.kill();
    opened.writer.append(&group("more", 4)).unwrap();
    drop(opened);
    assert!(try_open_with(&copy, &mark(11, life)).is_err());
    assert!(try_open_with(&disk, &mark(11, life)).is_ok());
    verify(&open_on(&disk).reader).unwrap();
}

#[test]
fn an_index_of_a_life_that_the_journal_does_not_know_is_proof_of_a_loss() {
    let (disk, incarnation, _) = rolled_back();
    let copy = disk.kill();
    let life = try_open_with(&disk, &accepting(&mark(9, incarnation))).unwrap().recovery.incarnation;
    let error = try_open_with(&copy, &mark(3, life)).err().unwrap().to_string();
    assert!(error.contains("later life"), "{error}");
}

#[test]
fn a_vanished_journal_is_not_begun_anew_in_silence() {
    let (_, incarnation, _) = rolled_back();
    let empty = DoubleDisk::default();
    let error = try_open_with(&empty, &mark(9, incarnation)).err().unwrap().to_string();
    assert!(error.contains("entries 1..9"), "{error}");
    let opened = try_open_with(&empty, &accepting(&mark(9, incarnation))).unwrap();
    assert!(opened.recovery.created);
    assert_eq!(all(&opened.reader).len(), 2);
}

#[test]
fn damage_in_the_last_segment_can_be_given_up_and_the_bytes_are_kept() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    let kept = group("kept", 5);
    opened.writer.append(&kept).unwrap();
    let position = opened.writer.append(&group("damaged", 5)).unwrap()[0];
    opened.writer.append(&[stopped()]).unwrap();
    drop(opened);
    disk.flip(&segment(1), position.offset as usize + 70, 1);
    let before = disk.content(&segment(1));
    let error = try_open_with(&disk, &options()).err().unwrap().to_string();
    assert!(error.contains("entry 7") && error.contains("--accept-loss"), "{error}");
    let opened = try_open_with(&disk, &accepting(&options())).unwrap();
    assert_eq!(opened.reader.segments().len(), 2);
    assert!(!opened.recovery.clean_stop);
    drop(opened);
    assert_eq!(disk.content(&segment(1)), before);
    let found = appended(&open_on(&disk).reader);
    assert_eq!(found[..5], kept);
    assert_eq!(found.len(), 6);
}

#[test]
fn a_loss_whose_acceptance_was_cut_off_is_asked_about_again() {
    let (disk, incarnation, kept) = rolled_back();
    let options = mark(9, incarnation);
    drop(try_open_with(&disk, &accepting(&options)).unwrap());
    // The new segment is there, its first entry is not.
    let mut content = disk.content(&segment(2));
    content[HEADER_BYTES..].fill(0);
    disk.set_content(&segment(2), content);
    assert!(matches!(try_open_with(&disk, &options).err(), Some(JournalError::Lost { .. })));
    let copy = disk.kill();
    let opened = try_open_with(&copy, &accepting(&options)).unwrap();
    assert_eq!(appended(&opened.reader).len(), 6);
    // Without the index the life goes on that has entries.
    let opened = open_on(&disk);
    assert_eq!(opened.recovery.incarnation, incarnation);
    assert_eq!(opened.reader.segments().last().unwrap().incarnation, incarnation);
    assert_eq!(appended(&opened.reader), kept);
}
