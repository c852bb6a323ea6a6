use std::fs;

use super::*;

/// A shell script in the place of a node.
fn script(dir: &Path, script: &str) -> Launch {
    Launch {
        code: "37".parse().unwrap(),
        name: "山东省".to_owned(),
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        log: dir.join("node.log"),
    }
}

#[tokio::test]
async fn a_node_is_ready_when_it_says_so_and_stops_when_its_input_closes() {
    let dir = tempfile::tempdir().unwrap();
    let stopped = dir.path().join("stopped");
    let text = format!("echo hello; echo ready 37 https://127.0.0.1:1; cat; touch {}", stopped.display());
    let mut process = Process::start(script(dir.path(), &text), Progress::stderr());
    process.ready().await.unwrap();
    assert!(!stopped.exists());
    process.stop().await;
    assert!(stopped.exists(), "it ended by itself, after its input closed");
}

#[tokio::test]
async fn a_node_that_cannot_start_is_reported_with_this_runs_log() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("node.log"), "an old line\n").unwrap();
    let text = "echo 'the key is missing' >&2; exit 7";
    let error = Process::start(script(dir.path(), text), Progress::stderr()).ready().await.unwrap_err().to_string();
    assert!(error.contains("37 山东省") && error.contains("exit status: 7"), "{error}");
    assert!(error.contains("the key is missing") && !error.contains("an old line"), "{error}");

    let mut launch = script(dir.path(), "");
    launch.program = dir.path().join("missing");
    let error = Process::start(launch, Progress::stderr()).ready().await.unwrap_err().to_string();
    assert!(error.contains("cannot be started"), "{error}");
}

#[tokio::test]
async fn a_ready_line_of_another_unit_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let text = "echo ready 3711 https://127.0.0.1:1; exit 0";
    assert!(Process::start(script(dir.path(), text), Progress::stderr()).ready().await.is_err());
}

#[tokio::test]
async fn a_node_that_dies_while_serving_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let starts = dir.path().join("starts");
    let text =
        format!("echo start >> {0}; echo ready 37 x; [ $(wc -l < {0}) -gt 1 ] && cat || exit 3", starts.display());
    let mut process = Process::start(script(dir.path(), &text), Progress::stderr());
    process.ready().await.unwrap();
    while fs::read_to_string(&starts).unwrap_or_default().lines().count() < 2 {
        sleep(Duration::from_millis(20)).await;
    }
    process.stop().await;
    assert_eq!(fs::read_to_string(&starts).unwrap().lines().count(), 2);
}
