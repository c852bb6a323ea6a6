//! `wuji`: where people meet the federation.

use std::process::ExitCode;

fn main() -> ExitCode {
    wuji::main()
}
