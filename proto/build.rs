//! Compiles the .proto files with protox, so that no `protoc` is needed.

use prost::Message;

const FILES: [&str; 11] = [
    "wuji/v1/value.proto",
    "wuji/v1/ledger.proto",
    "wuji/v1/catalogue.proto",
    "wuji/v1/statistics.proto",
    "wuji/v1/report.proto",
    "wuji/v1/node.proto",
    "wuji/v1/upkeep.proto",
    "wuji/v1/mark.proto",
    "wuji/v1/pull.proto",
    "wuji/v1/federation.proto",
    "wuji/stored/v1/stored.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("wuji.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().btree_map(".").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
