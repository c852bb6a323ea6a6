//! Where the node's program is: built once, by the cargo that runs the tests, into the same
//! target directory and with the same profile, so that `cargo test` alone is enough and a
//! stale binary is never tested.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, anyhow, ensure};

static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The program `wuji-node`.
pub fn node() -> anyhow::Result<PathBuf> {
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(|error| anyhow!(error))
}

fn build() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("finding the test's own file")?;
    // TARGET/PROFILE/deps/federation-0123456789abcdef
    let directory = test.parent().and_then(Path::parent).context("the test lies in no target directory")?;
    let target = directory.parent().context("the test lies in no target directory")?;
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = Command::new(env!("CARGO"))
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
