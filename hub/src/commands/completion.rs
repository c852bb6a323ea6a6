//! `wuji completion SHELL`.

use std::io;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;

/// What `wuji completion` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
EXAMPLES
  wuji completion bash > ~/.local/share/bash-completion/completions/wuji
  wuji completion zsh > ~/.zfunc/_wuji
  wuji completion fish > ~/.config/fish/completions/wuji.fish")]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionArgs) -> anyhow::Result<ExitCode> {
    // Into memory first: clap_complete panics when the reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wuji", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(Exit::Done.into())
}
