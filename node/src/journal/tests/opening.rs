use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_first_entry_names_the_unit_and_a_random_life() {
    let disk = DoubleDisk::default();
    let opened = open_on(&disk);
    assert!(opened.recovery.created && !opened.recovery.clean_stop);
    let first = &all(&opened.reader)[0].entry;
    let Some(stored::entry::Event::Created(created)) = &first.event else { panic!("{first:?}") };
    assert_eq!(created.code, "371122001");
    assert_eq!(created.incarnation, opened.recovery.incarnation.to_bytes());
    let incarnation = opened.recovery.incarnation;
    drop(opened);
    let again = open_on(&disk);
    assert!(!again.recovery.created);
    assert_eq!(again.recovery.incarnation, incarnation);
    assert_ne!(
        open(&env(&DoubleDisk::default(), 8), directory(), &options()).unwrap().recovery.incarnation,
        incarnation
    );
}

#[test]
fn a_clean_stop_is_seen_only_if_it_is_the_last_entry() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    opened.writer.append(&[stopped()]).unwrap();
    drop(opened);
    let mut opened = open_on(&disk);
    assert!(opened.recovery.clean_stop);
    assert_eq!(opened.recovery.last_at_ms, 1_472_000_000_002);
    opened.writer.append(&group("one", 1)).unwrap();
    drop(opened);
    assert!(!open_on(&disk).recovery.clean_stop);
}

#[test]
fn another_units_journal_is_refused() {
    let disk = DoubleDisk::default();
    drop(open_on(&disk));
    let other = OpenOptions { code: "371122002".parse().unwrap(), ..options() };
    let error = try_open_with(&disk, &other).err().unwrap().to_string();
    assert!(error.contains("371122001") && error.contains("371122002"), "{error}");
}

#[test]
fn two_writers_never_share_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let opened = open(&Env::production(), directory.path(), &options()).unwrap();
    let error = open(&Env::production(), directory.path(), &options()).err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(opened.writer);
    open(&Env::production(), directory.path(), &options()).unwrap();
}

#[test]
fn a_journal_on_a_real_disk_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let kept = group("kept", 30);
    let mut opened = open(&Env::production(), directory.path(), &options()).unwrap();
    opened.writer.append(&kept).unwrap();
    let key = opened.reader.content_key();
    drop(opened);
    let opened = open(&Env::production(), directory.path(), &options()).unwrap();
    assert_eq!(appended(&opened.reader), kept);
    assert_eq!(opened.reader.content_key(), key);
    let mode = fs::metadata(directory.path().join("node.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&Env::production(), directory.path(), &options()).unwrap());
    let key = directory.path().join("node.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = open(&Env::production(), directory.path(), &options()).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn a_missing_short_or_wrong_key_is_refused() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    opened.writer.append(&group("one", 2)).unwrap();
    drop(opened);
    let key = directory().join("node.key");
    let refused = |disk: &DoubleDisk| try_open_with(disk, &options()).err().unwrap().to_string();
    let missing = disk.kill();
    crate::env::Disk::remove(&missing, &key).unwrap();
    assert!(refused(&missing).contains("missing"));
    disk.set_content(&key, vec![1; 31]);
    assert!(refused(&disk).contains("31 bytes"));
    disk.set_content(&key, vec![1; 32]);
    assert!(refused(&disk).contains("not the key"));
}

#[test]
fn a_newer_format_is_refused_with_advice() {
    let disk = DoubleDisk::default();
    drop(open_on(&disk));
    let mut content = disk.content(&segment(1));
    content[8] = 2;
    let crc = crc32c::crc32c(&content[..HEADER_BYTES - 4]);
    content[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    disk.set_content(&segment(1), content);
    let error = try_open_with(&disk, &options()).err().unwrap().to_string();
    assert!(error.contains("newer program"), "{error}");
}

#[test]
fn impossible_segment_sizes_are_refused() {
    for segment_bytes in [0, SEGMENT_BYTES_MIN - 1, SEGMENT_BYTES_MAX + 1] {
        let options = OpenOptions { segment_bytes, ..options() };
        assert!(matches!(try_open_with(&DoubleDisk::default(), &options), Err(JournalError::Options(_))));
    }
}

#[test]
fn opening_reads_the_last_segment_only() {
    let disk = DoubleDisk::default();
    let mut opened = open_on(&disk);
    while opened.reader.segments().len() < 30 {
        opened.writer.append(&group("group", 100)).unwrap();
    }
    let bytes = opened.reader.bytes();
    drop(opened);
    let before = disk.read_bytes();
    drop(open_on(&disk));
    let read = disk.read_bytes() - before;
    assert!(read < 4 * options().segment_bytes && read < bytes / 5, "{read} of {bytes} bytes were read");
}
