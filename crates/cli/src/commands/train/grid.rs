//! `lookalike train grid`: a run for every combination of settings, and their comparison.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use lookalike_eval::{GridSearchReport, GridSearchRun};
use lookalike_train::{EpochLog, Outcome};

use super::data::Data;
use crate::args::train::grid::{GridArgs, GridRun};
use crate::interrupt::stop_on_ctrl_c;
use crate::output::report::{now, this_command, write_files};
use crate::output::{count, print};

pub(crate) fn run(args: &GridArgs) -> anyhow::Result<()> {
    let runs = args.runs()?;
    let common = &args.common;
    let side = runs.first().map_or(0, |run| run.settings.side);
    let data = Data::load(common, side)?;
    let stop = stop_on_ctrl_c()?;
    let mut report = GridSearchReport {
        title: "Training runs side by side".to_owned(),
        created_at: now(),
        command: this_command(),
        notes: vec![
            ("photos".to_owned(), common.catalog.photos.display().to_string()),
            ("trained on".to_owned(), count(data.train.len() as u64, "photo")),
            ("validated on".to_owned(), count(data.val.len() as u64, "photo")),
            ("products".to_owned(), data.classes.len().to_string()),
            ("initial weights".to_owned(), data.weights.display().to_string()),
        ],
        hyperparameters: GridArgs::COLUMNS.map(str::to_owned).to_vec(),
        runs: Vec::with_capacity(runs.len()),
    };
    let mut finished = true;
    for (number, run) in runs.iter().enumerate() {
        let folder = common.out.join(folder_name(run));
        if !common.output.quiet() {
            eprintln!("run {} of {}: {}", number + 1, runs.len(), name(run));
        }
        let mut trainer = data.trainer(common, folder.clone(), run.settings.clone())?;
        let outcome = data.train(common, &mut trainer, &stop)?;
        finished = outcome.finished;
        if !finished {
            break;
        }
        report.runs.push(cell(run, &folder, &outcome)?);
        // After each run, so that a long grid can be read before it ends.
        let files = [("grid.json", report.to_json()?), ("grid.html", report.page()?)];
        write_files(&common.out, &files)?;
    }
    if common.output.json() {
        return print(&report.to_json()?);
    }
    let mut text = format!("{:34} top-1   top-3   best epoch\n", "");
    for cell in report.best_first() {
        let (top1, top3) = (100.0 * cell.top1, 100.0 * cell.top3);
        let _ =
            writeln!(text, "{:34} {top1:4.1} %  {top3:4.1} %  {:4}", cell.name, cell.best_epoch);
    }
    if finished {
        let _ = writeln!(text, "wrote {}", common.out.join("grid.html").display());
    } else {
        let left = count((runs.len() - report.runs.len()) as u64, "run");
        let _ = writeln!(text, "stopped, {left} left: the same command resumes");
    }
    print(&text)
}

fn name(run: &GridRun) -> String {
    let [batch, schedule, dropout] = &run.differs;
    format!("batch {batch}, {schedule}, dropout {dropout}")
}

fn folder_name(run: &GridRun) -> String {
    let [batch, schedule, dropout] = &run.differs;
    format!("batch-{batch}-{schedule}-dropout-{dropout}")
}

fn cell(run: &GridRun, folder: &Path, outcome: &Outcome) -> anyhow::Result<GridSearchRun> {
    let file = folder.join("log.jsonl");
    let log = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let epochs: Vec<EpochLog> = log
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is damaged: remove its folder", file.display()))?;
    let curve = |value: fn(&EpochLog) -> f64| {
        epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch))).collect()
    };
    Ok(GridSearchRun {
        name: name(run),
        values: run.differs.to_vec(),
        top1: outcome.top1,
        top3: outcome.top3,
        best_epoch: outcome.epoch,
        seconds: epochs.last().map_or(0.0, |epoch| epoch.seconds),
        top1_curve: curve(|epoch| epoch.top1),
        loss_curve: curve(|epoch| epoch.val_loss),
        weights: outcome.weights.display().to_string(),
    })
}
