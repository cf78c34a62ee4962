//! `lookalike train`.

mod data;
mod environment;
mod grid;

use serde_json::json;

use crate::args::train::{TrainArgs, TrainCommand};
use crate::error::Interrupted;
use crate::interrupt::stop_on_ctrl_c;
use crate::output::{print, print_json};

use data::Data;
use environment::begin_anew_with_better_surroundings;

pub(crate) fn command(command: &TrainCommand) -> anyhow::Result<()> {
    begin_anew_with_better_surroundings();
    match command {
        TrainCommand::Run(args) => run(args),
        TrainCommand::Grid(args) => grid::run(args),
    }
}

fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let settings = args.settings()?;
    let data = Data::load(args, settings.side)?;
    let stop = stop_on_ctrl_c()?;
    let mut trainer = data.trainer(args, args.out.clone(), settings.clone())?;
    if !args.output.quiet() && trainer.epochs_done() > 0 {
        eprintln!("resuming after epoch {}", trainer.epochs_done());
    }
    let outcome = data.train(args, &mut trainer, &stop)?;
    if args.output.json() {
        print_json(&json!({
            "finished": outcome.finished, "epochs": trainer.epochs_done(),
            "best_epoch": outcome.epoch, "top1": outcome.top1, "top3": outcome.top3,
            "weights": outcome.weights, "settings": settings,
        }))?;
        return if outcome.finished { Ok(()) } else { Err(Interrupted.into()) };
    }
    let (top1, top3) = (100.0 * outcome.top1, 100.0 * outcome.top3);
    let mut text = format!(
        "best on the validation photos: top-1 {top1:.1} %, top-3 {top3:.1} %, after epoch {}\n  {}\n",
        outcome.epoch,
        outcome.weights.display()
    );
    if !outcome.finished {
        text.push_str("stopped: the same command resumes\n");
    }
    print(&text)?;
    if outcome.finished { Ok(()) } else { Err(Interrupted.into()) }
}
