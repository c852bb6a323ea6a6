//! Contexts, addresses and certificates that do not fit.

use crate::harness::{Authority, CODE, Dir};

fn fails(dir: &Dir, args: &[&str], code: i32, needles: &[&str]) {
    let said = dir.wuji(args);
    assert_eq!(said.code, code, "{args:?}: {}", said.err);
    for needle in needles {
        assert!(said.err.contains(needle), "{args:?}: {needle} is not in: {}", said.err);
    }
    assert_eq!(said.out, "");
}

#[test]
fn a_missing_contexts_file_names_the_way_to_one() {
    fails(&Dir::new(), &["status", "--contexts", "none.toml"], 2, &["none.toml", "wuji up", "WUJI_CONTEXTS"]);
}

#[test]
fn an_unknown_context_names_the_nearest() {
    fails(&Dir::new(), &["status", "-c", "371123"], 2, &["\"371123\"", "371122 莒县"]);
}

#[test]
fn a_wrong_contexts_file_names_the_place() {
    let dir = Dir::new();
    dir.write("contexts.toml", b"authority = \"a\"\nadress = 3\n[contexts]\n");
    fails(&dir, &["status"], 2, &["contexts.toml", "adress"]);
}

#[test]
fn a_context_can_be_named_before_and_after_the_command_and_by_its_name() {
    let dir = Dir::new();
    for args in [["-c", CODE, "tree"], ["tree", "--context", "莒县"]] {
        assert!(dir.out(&args).starts_with("371122 莒县"));
    }
}

#[test]
fn a_missing_key_is_named() {
    let dir = Dir::new();
    std::fs::remove_file(dir.path().join("operator.key")).unwrap();
    fails(&dir, &["status"], 2, &["operator's key", "operator.key", "contexts file"]);
}

#[test]
fn a_node_that_does_not_run_is_told_with_address_and_next_step() {
    let dir = Dir::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    dir.contexts(&format!("https://{free}"), CODE);
    fails(&dir, &["status"], 4, &[&free.to_string(), "refused", "wuji up"]);
}

#[test]
fn an_address_without_tls_is_refused() {
    let dir = Dir::new();
    dir.contexts("http://127.0.0.1:1", CODE);
    fails(&dir, &["status"], 2, &["https://"]);
}

#[test]
fn another_units_node_at_the_address_is_noticed() {
    let dir = Dir::new();
    let text = String::from_utf8(dir.read("contexts.toml")).unwrap().replace(CODE, "371121");
    dir.write("contexts.toml", text.as_bytes());
    fails(&dir, &["status"], 1, &["not for 371121.unit.wuji", "another unit"]);
}

#[test]
fn a_node_of_another_federation_is_noticed() {
    let dir = Dir::new();
    let other = Authority::new();
    dir.write("authority.pem", other.pem().as_bytes());
    fails(&dir, &["status"], 1, &["does not lead to the authority"]);
}

#[test]
fn an_operators_certificate_that_the_node_refuses_is_named() {
    let dir = Dir::new();
    dir.issue(&Authority::new(), "operator");
    fails(&dir, &["status"], 1, &["refused the operator's certificate"]);
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let dir = Dir::new();
    dir.fake.0.lock().cut_answers = true;
    let said = dir.wuji(&["stats", "-m", "mediation.accepted"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("stopped before its end"), "{}", said.err);
}
