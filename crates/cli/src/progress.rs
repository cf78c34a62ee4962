//! Progress: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use lookalike_engine::{Phase, Progress};

use crate::output::thousands;

/// Seconds between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar, or lines where standard error is no terminal.
pub(crate) fn reporter(quiet: bool) -> Box<dyn Progress> {
    if quiet {
        Box::new(lookalike_engine::Silent)
    } else if stderr().is_terminal() {
        Box::new(Bar(Mutex::new(ProgressBar::hidden())))
    } else {
        Box::new(Lines(Mutex::new(None)))
    }
}

struct Bar(Mutex<ProgressBar>);

impl Bar {
    fn bar(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Bar {
    fn begin(&self, phase: Phase<'_>) {
        let style = ProgressStyle::with_template(
            "{msg:20} [{wide_bar}] {human_pos}/{human_len}  {rate}/s  {eta} left",
        );
        let bar = ProgressBar::new(phase.total.unwrap_or(0)).with_message(phase.label.to_owned());
        bar.set_position(phase.done);
        // The template is a constant; a plain bar would do as well.
        if let Ok(style) = style {
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.1}", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        *self.bar() = bar;
    }

    fn advance(&self, steps: u64) {
        self.bar().inc(steps);
    }

    fn end(&self) {
        self.bar().finish_and_clear();
    }
}

struct Running {
    label: String,
    total: u64,
    /// Steps that an earlier run did.
    before: u64,
    done: u64,
    started: Instant,
    last_line: Instant,
}

struct Lines(Mutex<Option<Running>>);

impl Lines {
    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Lines {
    fn begin(&self, phase: Phase<'_>) {
        let now = Instant::now();
        let (label, total) = (phase.label.to_owned(), phase.total.unwrap_or(0));
        let (before, done) = (phase.done, phase.done);
        *self.running() =
            Some(Running { label, total, before, done, started: now, last_line: now });
    }

    fn advance(&self, steps: u64) {
        let mut running = self.running();
        let Some(run) = running.as_mut() else { return };
        run.done += steps;
        if run.last_line.elapsed() < LINE_EVERY {
            return;
        }
        run.last_line = Instant::now();
        let rate = (run.done - run.before) as f64 / run.started.elapsed().as_secs_f64();
        let left = run.total.saturating_sub(run.done) as f64 / rate.max(f64::MIN_POSITIVE);
        eprintln!(
            "{}: {} of {} ({rate:.1}/s, {left:.0} s left)",
            run.label,
            thousands(run.done),
            thousands(run.total)
        );
    }

    fn end(&self) {
        *self.running() = None;
    }
}

/// Follows downloads.
pub(crate) fn downloads(quiet: bool) -> Box<dyn lookalike_base::progress::Progress> {
    if quiet {
        return Box::new(lookalike_base::progress::Silent);
    }
    Box::new(Download {
        bar: Mutex::new(ProgressBar::hidden()),
        on_terminal: stderr().is_terminal(),
    })
}

/// A bar on a terminal; elsewhere a line when it begins, and notes.
struct Download {
    bar: Mutex<ProgressBar>,
    on_terminal: bool,
}

impl Download {
    fn bar(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl lookalike_base::progress::Progress for Download {
    fn begin(&self, phase: lookalike_base::progress::Phase<'_>) {
        let lookalike_base::progress::Phase { label: name, total, done, .. } = phase;
        if !self.on_terminal {
            let size = total.map(|total| format!(" ({})", crate::output::bytes(total)));
            eprintln!("fetching {name}{}", size.unwrap_or_default());
            return;
        }
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let style = ProgressStyle::with_template(
            "{msg} [{wide_bar}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(name.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        *self.bar() = bar;
    }

    fn advance(&self, bytes: u64) {
        self.bar().inc(bytes);
    }

    fn note(&self, line: &str) {
        self.bar().suspend(|| eprintln!("note: {line}"));
    }

    fn end(&self) {
        self.bar().finish_and_clear();
    }
}

/// Follows training.
pub(crate) fn training(
    quiet: bool,
    on_terminal: bool,
) -> Box<dyn lookalike_train::TrainingProgress> {
    if quiet {
        return Box::new(lookalike_base::progress::Silent);
    }
    Box::new(Training { bar: Mutex::new(ProgressBar::hidden()), on_terminal })
}

/// A bar for each epoch on a terminal, and everywhere a line when it is over.
struct Training {
    bar: Mutex<ProgressBar>,
    on_terminal: bool,
}

impl Training {
    fn bar(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl lookalike_base::progress::Progress for Training {
    fn begin(&self, phase: lookalike_base::progress::Phase<'_>) {
        if !self.on_terminal {
            return;
        }
        let bar = ProgressBar::new(phase.total.unwrap_or(0)).with_prefix(phase.label.to_owned());
        bar.set_position(phase.done);
        let template = "{prefix} [{wide_bar}] {pos}/{len}  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        *self.bar() = bar;
    }

    fn advance(&self, steps: u64) {
        self.bar().inc(steps);
    }

    fn status(&self, text: &str) {
        self.bar().set_message(text.to_owned());
    }

    fn end(&self) {
        self.bar().finish_and_clear();
    }
}

impl lookalike_train::TrainingProgress for Training {
    fn on_epoch(&self, log: &lookalike_train::EpochLog) {
        let percent = |fraction: f64| 100.0 * fraction;
        self.bar().suspend(|| {
            eprintln!(
                "epoch {}: loss {:.3}, training top-1 {:.1} %, validation top-1 {:.1} %, top-3 {:.1} % \
                 (loss {:.3}), {:.1} photos/s, {:.0} s so far",
                log.epoch,
                log.loss,
                percent(log.train_top1),
                percent(log.top1),
                percent(log.top3),
                log.val_loss,
                log.photos_per_second,
                log.seconds
            );
        });
    }
}
