use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn codes(texts: &[&str]) -> Vec<DivisionCode> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn outcomes(certificates: &[Certificate]) -> Vec<Outcome> {
    certificates.iter().map(|certificate| certificate.outcome).collect()
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

#[test]
fn doing_it_again_keeps_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let codes = codes(&["37", "3711"]);
    let first = ensure(dir.path(), &codes, NOW_MS).unwrap();
    assert_eq!(outcomes(&first), [Outcome::Issued; 5]);
    let before = contents(dir.path());
    assert_eq!(outcomes(&ensure(dir.path(), &codes, NOW_MS + DAY_MS).unwrap()), [Outcome::Kept; 5]);
    assert_eq!(contents(dir.path()), before);
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "37.key",
            "37.pem",
            "3711.key",
            "3711.pem",
            "authority.key",
            "authority.pem",
            "operator-37.key",
            "operator-37.pem",
            "operator-3711.key",
            "operator-3711.pem"
        ]
    );
}

#[test]
fn keys_can_be_read_by_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    ensure(dir.path(), &codes(&["37"]), NOW_MS).unwrap();
    for name in ["authority.key", "37.key", "operator-37.key"] {
        assert_eq!(fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn certificates_say_who_and_what_for_and_until_when() {
    let dir = tempfile::tempdir().unwrap();
    ensure(dir.path(), &codes(&["371122"]), NOW_MS).unwrap();
    let text = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let good = |stem: &str, name: &str, role, days: i64| {
        let time = Duration::from_millis((NOW_MS + days * DAY_MS).try_into().unwrap());
        check::good_at(
            &text("authority.pem"),
            &text(&format!("{stem}.pem")),
            &text(&format!("{stem}.key")),
            name,
            role,
            time,
        )
    };
    for days in [0, 824] {
        assert!(good("371122", "371122.unit.wuji", Role::Node, days));
        assert!(good("operator-371122", "371122.operator.wuji", Role::Operator, days));
    }
    for days in [-2, 826] {
        assert!(!good("371122", "371122.unit.wuji", Role::Node, days), "{days}");
    }
    assert!(!good("371122", "371121.unit.wuji", Role::Node, 0), "another unit's name");
    assert!(!good("371122", "371122.operator.wuji", Role::Operator, 0), "a node is no operator");
    assert!(!good("operator-371122", "371122.operator.wuji", Role::Node, 0), "an operator is no server");
}

#[test]
fn what_ends_soon_or_is_damaged_is_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let codes = codes(&["37"]);
    ensure(dir.path(), &codes, NOW_MS).unwrap();
    let later = NOW_MS + (825 - 29) * DAY_MS;
    assert_eq!(
        outcomes(&ensure(dir.path(), &codes, later).unwrap()),
        [Outcome::Kept, Outcome::Renewed, Outcome::Renewed]
    );
    for (file, damage) in [("37.pem", &b"-----BEGIN"[..]), ("37.key", b""), ("37.pem", &[0xff; 9])] {
        fs::write(dir.path().join(file), damage).unwrap();
        let outcomes = outcomes(&ensure(dir.path(), &codes, later).unwrap());
        assert_eq!(outcomes, [Outcome::Kept, Outcome::Renewed, Outcome::Kept], "{file}");
    }
    fs::copy(dir.path().join("operator-37.key"), dir.path().join("37.key")).unwrap();
    assert_eq!(ensure(dir.path(), &codes, later).unwrap()[1].outcome, Outcome::Renewed, "the key of another");
}

#[test]
fn another_authority_renews_every_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let codes = codes(&["37"]);
    ensure(dir.path(), &codes, NOW_MS).unwrap();
    fs::remove_file(dir.path().join("authority.pem")).unwrap();
    fs::remove_file(dir.path().join("authority.key")).unwrap();
    let after = ensure(dir.path(), &codes, NOW_MS).unwrap();
    assert_eq!(outcomes(&after), [Outcome::Issued, Outcome::Renewed, Outcome::Renewed]);
}

#[test]
fn half_an_authority_is_refused_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    ensure(dir.path(), &codes(&["37"]), NOW_MS).unwrap();
    let key = dir.path().join("authority.key");
    fs::copy(dir.path().join("37.key"), &key).unwrap();
    let error = ensure(dir.path(), &codes(&["37"]), NOW_MS).unwrap_err().to_string();
    assert!(error.contains("another certificate"), "{error}");
    fs::remove_file(&key).unwrap();
    let error = ensure(dir.path(), &codes(&["37"]), NOW_MS).unwrap_err().to_string();
    assert!(error.contains("authority.key is missing") && error.contains("remove the directory"), "{error}");
}
