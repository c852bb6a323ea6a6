//! Where the node's program is: built once, by the cargo that runs the tests, into the same
//! target directory and with the same profile, so that `cargo test` alone is enough and a
//! stale binary is never tested.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, anyhow, ensure};

/// Beginnings of the names of variables that cargo sets for a test, but not for a build.
const OF_THE_TEST: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_"];

static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The program `wuji-node`.
pub fn node() -> anyhow::Result<PathBuf> {
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(|error| anyhow!(error))
}

fn build() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("finding the test's own file")?;
    // TARGET/PROFILE/deps/federation-0123456789abcdef, or TARGET/PROFILE/wuji-bench
    let beside = test.parent().context("the test lies in no directory")?;
    let directory = if beside.ends_with("deps") { beside.parent() } else { Some(beside) };
    let directory = directory.context("the test lies in no target directory")?;
    let target = directory.parent().context("the test lies in no target directory")?;
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test of its package is for the test only: build scripts that watch
    // these variables would be run again, now and at the next build, and all that needs them.
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if OF_THE_TEST.iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "--package", "wuji-node", "--bin", "wuji-node", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("running cargo to build wuji-node")?;
    ensure!(built.status.success(), "building wuji-node: {}", String::from_utf8_lossy(&built.stderr));
    let program = directory.join("wuji-node");
    ensure!(program.is_file(), "cargo built wuji-node, but {} is not there", program.display());
    Ok(program)
}
