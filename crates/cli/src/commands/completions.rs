//! `lookalike completions`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::output;

pub(crate) fn run(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lookalike", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
