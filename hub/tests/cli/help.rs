//! Help for every command.

use crate::harness::Dir;

const COMMANDS: [&[&str]; 37] = [
    &["ledger", "add"],
    &["ledger", "amend"],
    &["ledger", "void"],
    &["ledger", "show"],
    &["ledger", "list"],
    &["ledger", "import"],
    &["ledger", "export"],
    &["ledger", "zero-report"],
    &["status"],
    &["tree"],
    &["stats"],
    &["stats", "explain"],
    &["rank"],
    &["audit", "totals"],
    &["report", "monthly"],
    &["report", "workrooms"],
    &["report", "show"],
    &["report", "list"],
    &["child", "register"],
    &["child", "adopt"],
    &["child", "unsettled"],
    &["child", "settle"],
    &["child", "release"],
    &["child", "retire"],
    &["child", "list"],
    &["division", "find"],
    &["node"],
    &["node", "backup"],
    &["node", "restore"],
    &["node", "verify"],
    &["node", "snapshot"],
    &["node", "compact"],
    &["journal", "show"],
    &["journal", "export"],
    &["up"],
    &["dev", "certificates"],
    &["completion"],
];

#[test]
fn every_command_has_help_with_examples() {
    let dir = Dir::new();
    for command in COMMANDS {
        let help = dir.out(&[command, &["--help"]].concat());
        let name = format!("wuji {}", command.join(" "));
        assert!(help.contains(&format!("Usage: {name}")), "{help}");
        let examples = help.split_once("EXAMPLES").unwrap_or_else(|| panic!("{name} has no examples:\n{help}")).1;
        assert!(examples.contains(&name), "{help}");
        assert!(help.contains("--context") && help.contains("WUJI_CONTEXTS"), "{help}");
    }
}

#[test]
fn the_top_level_help_names_every_command_and_the_exit_codes() {
    let help = Dir::new().out(&["--help"]);
    for word in ["ledger", "status", "tree", "stats", "rank", "audit", "child", "completion", "EXIT CODES"] {
        assert!(help.contains(word), "{help}");
    }
}

#[test]
fn completion_scripts_exist_for_the_usual_shells() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = dir.out(&["completion", shell]);
        assert!(script.contains("ledger") && script.contains("workrooms"));
    }
}

#[test]
fn unknown_commands_are_wrong_usage() {
    let said = Dir::new().wuji(&["statis"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("'stats'") || said.err.contains("'status'"), "{}", said.err);
}
