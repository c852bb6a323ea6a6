//! The care of a node's data: backup, restore, verify, compact, and its journal for auditors.

use std::fmt::Write as _;
use std::fs;

use crate::case::{CASE, Held, check_said};
use crate::harness::{COUNTY, Node, Place};

fn county_with_case() -> (Place, Node) {
    let place = Place::new();
    let node = place.county();
    Held::new(&place);
    (place, node)
}

#[test]
fn a_node_comes_back_from_its_backup_with_everything_that_was_in_it() {
    let (place, node) = county_with_case();
    let held = Held::of(&place);
    let backup = place.wuji(&["node", "backup", "county.wuji", "--output", "json"]);
    assert!(backup.err.contains("node key"), "{}", backup.err);
    let backup = backup.json();
    assert_eq!((&backup["code"], &backup["with_key"]), (&COUNTY.into(), &true.into()), "{backup}");
    let status = place.wuji(&["status", "--output", "json"]).json();
    assert_eq!(status["backup"]["sequence"], backup["sequence"], "{status}");
    assert_eq!(status["backup"]["place"], backup["place"], "the node counts what was verified");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(place.at("county.wuji")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!place.at("county.wuji.part").exists());
    check_said("a file that is there", &place.wuji(&["node", "backup", "county.wuji"]), 2, &["name another file"]);
    check_said(
        "a directory in use",
        &place.wuji(&["node", "restore", "county.wuji", "--config", "county.toml"]),
        1,
        &["is not empty"],
    );
    node.stop();

    fs::rename(place.at(&format!("data-{COUNTY}")), place.at("lost")).unwrap();
    let restored =
        place.wuji(&["node", "restore", "county.wuji", "--config", "county.toml", "--output", "json"]).json();
    assert_eq!(restored["former_incarnation"], backup["incarnation"]);
    assert_ne!(restored["incarnation"], backup["incarnation"]);
    let node = place.county();
    held.check(&place, "a restore");
    let shown = place.wuji(&["journal", "show", "--kind", "restored", "--output", "json"]).json();
    assert_eq!(shown["entries"].as_array().unwrap().len(), 1, "{shown}");
    node.stop();
}

#[test]
fn a_backup_that_is_not_whole_is_refused_and_nothing_is_restored() {
    let (place, node) = county_with_case();
    place.wuji(&["node", "backup", "county.wuji", "--without-key"]).done();
    let whole = place.wuji(&["node", "verify", "--backup", "county.wuji"]).done();
    assert!(whole.contains("no differences") && whole.contains("without the node key"), "{whole}");
    node.stop();
    let bytes = fs::read(place.at("county.wuji")).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    place.write("flipped.wuji", &flipped);
    place.write("cut.wuji", &bytes[..bytes.len() - 9]);
    for file in ["flipped.wuji", "cut.wuji"] {
        let says: &[&str] = &[file, "damaged at byte"];
        check_said(file, &place.wuji(&["node", "restore", file, "--data-directory", "new"]), 1, says);
        let verified = place.wuji(&["node", "verify", "--backup", file]);
        assert!(verified.code == 1 && verified.out.contains("damaged at byte"), "{}", verified.out);
        assert!(!place.at("new").exists());
    }
    let keyless = place.wuji(&["node", "restore", "county.wuji", "--data-directory", "new"]);
    check_said("a backup without its key", &keyless, 1, &["without the node key"]);
    let key = format!("data-{COUNTY}/node.key");
    place.wuji(&["node", "restore", "county.wuji", "--data-directory", "new", "--key", &key]).done();
}

#[test]
fn a_node_is_verified_at_work_and_at_rest() {
    let (place, node) = county_with_case();
    let verified = place.wuji(&["node", "verify", "--output", "json"]).json();
    assert_eq!(verified["differences"], 0, "{verified}");
    let names: Vec<&str> =
        verified["checks"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["journal", "records", "figures", "children", "parent"]);
    let offline: &[&str] = &["node", "verify", "--offline", "--config", "county.toml"];
    check_said("a directory in use", &place.wuji(offline), 1, &["in use"]);
    node.stop();
    assert!(place.wuji(offline).done().contains("no differences"));

    let segment = place.at(&format!("data-{COUNTY}/segments/00000001.wal"));
    let mut bytes = fs::read(&segment).unwrap();
    bytes[300] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    check_said("a damaged journal", &place.wuji(offline), 1, &["00000001.wal", "at byte"]);
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing is changed");
}

#[test]
fn an_auditor_gets_the_journal_with_hashes_and_without_personal_values() {
    let (place, _node) = county_with_case();
    let name = CASE.iter().find_map(|value| value.strip_prefix("summary=")).unwrap();
    let mut previous = "0".repeat(64);
    let export = place.wuji(&["journal", "export"]).done();
    for line in export.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(entry["previous_hash"], previous, "{line}");
        entry["chain_hash"].as_str().unwrap().clone_into(&mut previous);
    }
    let mut hexed = String::new();
    name.bytes().for_each(|byte| write!(hexed, "{byte:02x}").unwrap());
    assert!(!export.contains(&hexed) && !export.contains(name));
    let csv = place.wuji(&["journal", "export", "--format", "csv", "--from", "2", "--to", "3"]).done();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let shown = place.wuji(&["journal", "show"]).done();
    assert!(shown.contains("submitted") && shown.contains("mediation") && !shown.contains(name), "{shown}");
    assert!(shown.lines().last().unwrap().contains(&previous[..16]), "{shown}");
    let kind = place.wuji(&["journal", "show", "--kind", "submited"]);
    check_said("an unknown kind", &kind, 3, &["submited", "submitted"]);
}

#[test]
fn a_snapshot_and_a_compaction_leave_everything_as_it_was() {
    let (place, node) = county_with_case();
    let held = Held::of(&place);
    let snapshot = place.wuji(&["node", "snapshot", "--output", "json"]).json();
    assert!(snapshot["keys"].as_u64().unwrap() > 10, "{snapshot}");
    let status = place.wuji(&["status", "--output", "json"]).json();
    assert_eq!(status["index"]["live_bytes"], snapshot["live_bytes"], "{status}");
    let compacted = place.wuji(&["node", "compact", "--output", "json"]).json();
    assert!(compacted["bytes_after"].as_u64().unwrap() > 0, "{compacted}");
    held.check(&place, "a compaction");
    node.stop();
    let node = place.county();
    held.check(&place, "a start after a compaction");
    let status = place.wuji(&["status", "--output", "json"]).json();
    assert!(status["index"]["rebuilt"].is_null(), "{status}");
    node.stop();
}
