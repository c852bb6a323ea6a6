use std::path::{Path, PathBuf};

use super::load::load_with;
use super::*;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name)
}

fn load_text(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Config, ConfigError> {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        node: NodeArgs,
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("node.toml");
    std::fs::write(&file, text).unwrap();
    let line = ["node", "--config", file.to_str().unwrap()];
    let command = <Command as clap::Parser>::parse_from(line.iter().chain(flags));
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with(&command.node, variables)
}

/// The error, without the directory of the file.
fn refusal(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let error = load_text(text, variables, flags).unwrap_err().to_string();
    error.split_once("node.toml").map_or(error.clone(), |(_, rest)| format!("node.toml{rest}"))
}

const COUNTY: &str = r#"
code = "371122"
name = "莒县"
parent = { code = "3711", address = "https://127.0.0.1:7300" }
tls = { authority = "a.pem", certificate = "c.pem", key = "k.pem" }
"#;

#[test]
fn every_example_file_is_understood_and_prints_what_loads_as_the_same() {
    for tier in Tier::ALL {
        let file = example(&format!("{tier}.toml"));
        let config = load_with(&NodeArgs::of_file(&file), std::iter::empty()).unwrap();
        assert_eq!(config.tier(), tier);
        assert!(config.data_directory.is_absolute() && config.tls.key.is_absolute());
        let printed = config.to_toml().unwrap();
        assert_eq!(load_text(&printed, &[], &[]).unwrap(), config, "{printed}");
    }
}

#[test]
fn the_examples_form_one_chain_of_parents() {
    let load =
        |tier: Tier| load_with(&NodeArgs::of_file(example(&format!("{tier}.toml"))), std::iter::empty()).unwrap();
    for pair in Tier::ALL.windows(2) {
        let (above, below) = (load(pair[0]), load(pair[1]));
        let parent = below.parent.unwrap();
        assert_eq!(parent.code, above.code);
        assert!(parent.address.ends_with(&format!(":{}", above.listen.port())), "{}", parent.address);
    }
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file() {
    let file = format!("{COUNTY}\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n[link]\nwindow_frames = 4\n");
    let variables = [("WUJI_LISTEN", "127.0.0.1:2"), ("WUJI_LOG__LEVEL", "debug"), ("WUJI_LINK__WINDOW_FRAMES", "5")];
    let config = load_text(&file, &variables, &["--listen", "127.0.0.1:3", "--log-format", "json"]).unwrap();
    assert_eq!((config.listen.port(), config.log.level.as_str()), (3, "debug"));
    assert_eq!((config.link.window_frames, config.log.format), (5, LogFormat::Json));
    assert_eq!(config.index, IndexConfig::default());
}

#[test]
fn codes_need_no_quotation_marks_and_the_command_lines_variables_set_no_key() {
    let variables = [("WUJI_CODE", "371121"), ("WUJI_CONTEXT", "37"), ("WUJI_CONTEXTS", "x"), ("PATH", "/bin")];
    assert_eq!(load_text(COUNTY, &variables, &[]).unwrap().code.as_str(), "371121");
    let unquoted = COUNTY.replace("\"371122\"", "371122");
    assert_eq!(load_text(&unquoted, &[], &[]).unwrap().code.as_str(), "371122");
}

#[test]
fn a_wrong_file_is_refused_with_file_key_and_remedy() {
    let wrong = include_str!("../../tests/fixtures/wrong.toml");
    let refusals: Vec<String> = wrong
        .split("\n# ---\n")
        .map(|part| {
            let whole = if part.contains("code =") { part.to_owned() } else { format!("{COUNTY}\n{part}") };
            format!("{}\n=> {}", part.trim(), refusal(&whole, &[], &[]))
        })
        .collect();
    insta::assert_snapshot!(refusals.join("\n\n"));
}

#[test]
fn a_wrong_variable_or_flag_is_named_as_such() {
    insta::assert_snapshot!(
        [
            refusal(COUNTY, &[("WUJI_LINK__WINDOW_FRAME", "5")], &[]),
            refusal(COUNTY, &[("WUJI_LINK__WINDOW_FRAMES", "many")], &[]),
            refusal(COUNTY, &[("WUJI_LINK__WINDOW_FRAMES", "0")], &[]),
            refusal(COUNTY, &[], &["--log-level", "loud"]),
            refusal(COUNTY, &[], &["--metrics-listen", "0.0.0.0:9300"]),
        ]
        .join("\n")
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = load_with(&NodeArgs::of_file("/nowhere/node.toml"), std::iter::empty()).unwrap_err().to_string();
    assert!(error.starts_with("reading the configuration /nowhere/node.toml: "), "{error}");
}
