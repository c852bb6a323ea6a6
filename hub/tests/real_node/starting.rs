//! Bad configurations, catalogues and data directories: the node does not start, says why,
//! and what it held is there when the cause is removed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::case::{Held, case, check_said};
use crate::harness::{COUNTY, Place, STRANGER};

/// Where a damaged byte is put: in the first entry, behind the segment's header.
const DAMAGED_AT: u64 = 160;

#[test]
fn each_bad_configuration_names_file_and_key_and_what_to_write() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    node.stop();
    let good = place.read("county.toml");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    damaged_catalogue(&place);
    place.write("certificates/other.key", "no key");
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let parent = "parent = { code = \"3711\", address = \"https://127.0.0.1:9\" }\n";
    let listen = "listen = \"127.0.0.1:0\"";
    let files: [(&str, String, &[&str]); 19] = [
        ("an unknown key", change("listen =", "lisen ="), &["bad.toml", "`lisen`", "did you mean `listen`?"]),
        ("a wrong type", change("segment_mib = 1", "segment_mib = \"1\""), &["journal.segment_mib", "whole number"]),
        (
            "a size out of range",
            change("segment_mib = 1", "segment_mib = 4096"),
            &["journal.segment_mib", "out of range; write 1 to"],
        ),
        ("a missing key", change(&format!("code = \"{COUNTY}\"\n"), ""), &["`code` is missing", "config/"]),
        ("a missing certificate", change(&format!("/{COUNTY}.pem"), "/none.pem"), &["none.pem", "tls.certificate"]),
        ("a key that is none", change(&format!("/{COUNTY}.key"), "/other.key"), &["other.key", "tls.key"]),
        ("another unit's key", change(&format!("/{COUNTY}.key"), &format!("/{STRANGER}.key")), &["371122.pem", "key"]),
        (
            "another unit's certificate",
            change(&format!("/{COUNTY}.pem"), &format!("/{STRANGER}.pem")),
            &["371121.unit.wuji", "371122.unit.wuji", "ask the unit above"],
        ),
        ("a parent of a lower tier", change("\"3711\"", "\"371122101\""), &["parent.code", "tier must be higher"]),
        ("a county without parent", change(parent, ""), &["`parent`", "a county (县) has a parent"]),
        (
            "a province with a parent",
            change(&format!("code = \"{COUNTY}\""), "code = \"37\""),
            &["`parent`", "a province has no parent"],
        ),
        (
            "a parent's address without TLS",
            change("https://127", "http://127"),
            &["parent.address", "write https://HOST:PORT"],
        ),
        (
            "a code of two meanings",
            change(&format!("code = \"{COUNTY}\""), "code = \"441900000000\""),
            &["`code`", "short form"],
        ),
        (
            "a port that is taken",
            change(listen, &format!("listen = \"{taken}\"")),
            &[&taken, "`listen`", "another program"],
        ),
        (
            "numbers for everybody",
            format!("{good}[metrics]\nlisten = \"0.0.0.0:9300\"\n"),
            &["metrics.listen", "127.0.0.1:PORT"],
        ),
        (
            "a page's port that is taken",
            format!("{good}[metrics]\nlisten = \"{taken}\"\n"),
            &[&taken, "`metrics.listen`"],
        ),
        ("a log level that is none", change("\"warn\"", "\"loud\""), &["log.level", "error, warn, info"]),
        (
            "a catalogue with errors",
            format!("{good}[catalogue]\ndirectory = \"catalogue\"\n"),
            &["mediation.toml:", "amuont", "publicity.toml:", "txt"],
        ),
        ("a catalogue that is not there", format!("{good}[catalogue]\ndirectory = \"none\"\n"), &["none", "catalogue"]),
    ];
    for (wrong, text, says) in &files {
        place.write("bad.toml", text);
        check_said(wrong, &place.refused_start(&["--config", "bad.toml"]), 1, says);
    }
    place.write("bad.toml", "code = \"371122");
    let flags: [(&str, &[&str], i32, &[&str]); 4] = [
        ("no TOML", &["--config", "bad.toml"], 1, &["bad.toml", "line 1"]),
        ("no configuration", &["--config", "none.toml"], 1, &["none.toml", "--config FILE"]),
        ("a bad flag", &["--config", "county.toml", "--listen", "7301"], 2, &["--listen", "7301"]),
        ("a bad level", &["--config", "county.toml", "--log-level", "loud"], 1, &["log.level", "loud"]),
    ];
    for (wrong, args, code, says) in flags {
        check_said(wrong, &place.refused_start(args), code, says);
    }
    let node = place.county();
    held.check(&place, "all bad configurations");
    node.stop();
}

/// The shipped catalogue with a mistake in each of two files.
fn damaged_catalogue(place: &Place) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/catalogue");
    fs::create_dir(place.at("catalogue")).unwrap();
    for entry in fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        let mut text = fs::read_to_string(entry.path()).unwrap();
        match entry.file_name().to_str() {
            Some("mediation.toml") => text = text.replacen("sum = \"amount\"", "sum = \"amuont\"", 1),
            Some("publicity.toml") => text = text.replacen("type = \"text\"", "type = \"txt\"", 1),
            _ => {}
        }
        fs::write(place.at("catalogue").join(entry.file_name()), text).unwrap();
    }
}

#[test]
fn a_data_directory_that_is_not_as_the_node_left_it_is_refused_and_left_alone() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    let busy = place.refused_start(&["--config", "county.toml"]);
    check_said("a directory in use", &busy, 1, &["data-371122", "in use", "two nodes never share a journal"]);
    held.check(&place, "a directory in use");
    node.stop();

    place.configure("stranger.toml", STRANGER, "");
    let theirs = place.read("stranger.toml").replace("data-371121", "data-371122");
    place.write("stranger.toml", theirs);
    let said = place.refused_start(&["--config", "stranger.toml"]);
    check_said("another unit's directory", &said, 1, &["data-371122", "unit 371122, not of 371121", "check `code`"]);

    let key = place.at("data-371122/node.key");
    let aside = place.at("node.key.aside");
    fs::rename(&key, &aside).unwrap();
    let said = place.refused_start(&["--config", "county.toml"]);
    check_said("a removed key", &said, 1, &["node.key", "missing", "Restore it from the backup"]);
    assert!(!key.exists(), "no new key may take the place of the lost one");
    fs::rename(&aside, &key).unwrap();

    let mut segments: Vec<_> =
        fs::read_dir(place.at("data-371122/segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let segment = segments[0].clone();
    let file = fs::File::options().read(true).write(true).open(&segment).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, DAMAGED_AT).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], DAMAGED_AT).unwrap();
    let before = fs::read(&segment).unwrap();
    let said = place.refused_start(&["--config", "county.toml"]);
    check_said("a damaged byte", &said, 1, &["00000001.wal", "damaged at byte 128", "Restore this file from a backup"]);
    assert_eq!(fs::read(&segment).unwrap(), before, "nothing may be changed");
    file.write_all_at(&byte, DAMAGED_AT).unwrap();

    fs::remove_dir_all(place.at("data-371122/index")).unwrap();
    let node = place.county();
    held.check(&place, "a lost index, which is rebuilt");
    node.stop();
}

#[test]
fn a_node_that_is_asked_to_stop_by_a_signal_ends_well() {
    let place = Place::new();
    for signal in ["INT", "TERM"] {
        place.county().stop_by(signal);
        let log = place.read("county.toml.log");
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[test]
fn what_was_written_is_there_after_a_kill_and_after_a_stop() {
    let place = Place::new();
    let node = place.county();
    let held = Held::new(&place);
    drop(node);
    let node = place.county();
    held.check(&place, "a kill");
    node.stop();
    let node = place.county();
    held.check(&place, "a stop");
    let case = case("nobody", &["status"], 4, &["see that it runs"]);
    node.stop();
    check_said(case.wrong, &place.wuji(&case.args), case.code, &case.says);
}
