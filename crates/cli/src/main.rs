//! The command line: arguments, progress, output and exit codes around the libraries.

mod args;
mod commands;
mod error;
mod exit;
mod hints;
mod interrupt;
mod model;
mod output;
mod progress;
mod web_photos;

use std::process::ExitCode;

use clap::Parser;

use args::index::IndexCommand;
use args::weights::WeightsCommand;
use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Index(IndexCommand::Build(args)) => commands::index::build(&args),
        Command::Index(IndexCommand::Add(args)) => commands::index::update::upsert(&args, false),
        Command::Index(IndexCommand::Update(args)) => commands::index::update::upsert(&args, true),
        Command::Index(IndexCommand::Remove(args)) => commands::index::update::remove(&args),
        Command::Index(IndexCommand::Compact(args)) => commands::index::update::compact(&args),
        Command::Index(IndexCommand::Calibrate(args)) => commands::index::calibrate::run(&args),
        Command::Index(IndexCommand::Info(args)) => commands::index::info(&args),
        Command::Index(IndexCommand::Verify(args)) => commands::index::verify(&args),
        Command::Search(args) => commands::search::run(&args),
        Command::Similar(args) => commands::search::similar(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Train(args) => commands::train::command(&args),
        Command::Curate(args) => commands::curate::run(&args),
        Command::Split(args) => commands::split::run(&args),
        Command::Embed(args) => commands::embed::run(&args),
        Command::Weights(WeightsCommand::List(args)) => commands::weights::list(&args),
        Command::Weights(WeightsCommand::Fetch(args)) => commands::weights::fetch(&args),
        Command::Weights(WeightsCommand::Verify(args)) => commands::weights::verify(&args),
        Command::Weights(WeightsCommand::Import(args)) => commands::weights::import_file(&args),
        Command::Weights(WeightsCommand::Quantise(args)) => {
            commands::weights::quantise::quantise(&args)
        }
        Command::Serve(args) => commands::serve::run(*args),
        Command::Completions { shell } => commands::completions::run(shell),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<error::Interrupted>() => exit::code(&error),
        Err(error) => {
            eprintln!("error: {}", hints::message(&error));
            exit::code(&error)
        }
    }
}
