//! The program `wuji-bench` works: its figures are all there and its answers tie out. Times
//! are not judged here.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests; helpers are not test functions to clippy")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wuji-bench")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Whether these are times that belong together.
fn is_latency(of: &Value) -> bool {
    let times = ["p50_ms", "p95_ms", "p99_ms", "max_ms"].map(|name| of[name].as_f64().unwrap_or(-1.0));
    times.is_sorted() && times[0] > 0.0 && of["repetitions"].as_u64().is_some_and(|count| count > 0)
}

#[test]
fn the_query_scenario_writes_all_its_figures_and_its_answers_tie_out() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("query.json");
    let output = bench(&["query", "--small", "--json", json.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["scenario"], "query");
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(is_latency(&report["limits"]["round_trip"]) && is_latency(&report["limits"]["append_fdatasync"]));
    assert!(report["start"]["ready_ms"].as_f64().unwrap() > 0.0);
    assert!(report["province"]["cells"].as_u64().unwrap() > 1_000);
    let figures = report["figures"].as_array().unwrap();
    let names: Vec<&str> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    let wanted = [
        "province_total",
        "province_year_ago",
        "province_by_dispute_type",
        "counties_by_month",
        "townships_by_month",
        "ranking",
    ];
    assert_eq!(names, wanted);
    for figure in figures {
        assert!(is_latency(&figure["latency"]) && figure["cold_ms"].as_f64().unwrap() > 0.0, "{figure}");
    }
    let streams = report["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    for stream in streams {
        let bytes = ["rss_before_bytes", "rss_most_bytes"].map(|name| stream[name].as_u64().unwrap());
        assert!(bytes[0] > 0 && bytes.is_sorted() && stream["rows"].as_u64().unwrap() > 0, "{stream}");
    }
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() > 40 && checks.iter().all(|check| check["wanted"] == check["found"]), "{checks:?}");
    assert!(checks.iter().any(|check| check["wanted"].as_i64().unwrap() > 50), "the province is not empty");
    // The table of the page is of the same figures.
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(figures.iter().all(|figure| table.contains(figure["question"].as_str().unwrap())), "{table}");
}

#[test]
fn a_finished_province_is_used_as_it_is_and_another_one_is_not_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("province");
    let at = at.to_str().unwrap();
    let build = |workrooms| bench(&["province", "--dir", at, "--workrooms", workrooms, "--months", "1"]);
    let (first, second) = (build("3"), build("3"));
    assert!(said(&first).contains("built: 3 workrooms") && first.status.success(), "{}", said(&first));
    assert!(said(&second).contains("there already: 3 workrooms") && second.status.success(), "{}", said(&second));
    let other = build("4");
    assert!(!other.status.success() && said(&other).contains("name another directory"), "{}", said(&other));
    let nothing = bench(&["query", "--dir", directory.path().to_str().unwrap()]);
    assert!(!nothing.status.success() && said(&nothing).contains("wuji-bench province"), "{}", said(&nothing));
}

/// What a scenario of speed or size wrote: each figure once, with its target where there is one.
fn figures_of(directory: &Path, scenario: &str) -> Vec<Value> {
    let text = std::fs::read(directory.join(format!("{scenario}.json"))).unwrap();
    let report: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(report["scenario"], scenario);
    for limit in ["round_trip", "append_fdatasync", "overwrite_fdatasync"] {
        assert!(is_latency(&report["limits"][limit]), "{scenario}: {limit}");
    }
    let checks = report["checks"].as_array().unwrap();
    assert!(!checks.is_empty() && checks.iter().all(|check| check["wanted"] == check["found"]), "{checks:?}");
    assert!(checks.iter().any(|check| check["wanted"].as_i64().unwrap() > 0), "{scenario} wrote something");
    let figures = report["figures"].as_array().unwrap();
    let is_measured = |figure: &Value| {
        let times = &figure["latency"];
        figure["value"].as_f64().unwrap() > 0.0 && (times.is_null() || is_latency(times))
    };
    assert!(figures.iter().all(is_measured), "{figures:?}");
    figures.clone()
}

#[test]
fn all_scenarios_write_their_figures_beside_targets_and_their_answers_tie_out() {
    let home = tempfile::tempdir().unwrap();
    let results = home.path().join("results");
    let at = home.path().to_str().unwrap();
    let output = bench(&["all", "--small", "--at", at, "--dir", results.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let tables = std::fs::read_to_string(results.join("all.md")).unwrap();
    for (scenario, count, targets) in
        [("ingest", 3, 3), ("freshness", 4, 2), ("catch-up", 3, 2), ("fan-in", 8, 4), ("footprint", 33, 13)]
    {
        let figures = figures_of(&results, scenario);
        let with_target = figures.iter().filter(|figure| figure["met"].is_boolean()).count();
        assert!(figures.len() >= count && with_target >= targets, "{scenario}: {figures:?}");
        for figure in &figures {
            assert!(tables.contains(&format!("| {} |", figure["name"].as_str().unwrap())), "{figure}");
        }
    }
    assert!(results.join("query.json").is_file() && tables.contains("### query"), "{tables}");
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["results"], "the nodes' directories are removed");
}
