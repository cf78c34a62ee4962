//! The report of a grid search: training runs with every combination of some hyperparameters.

use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use crate::page::{percent, render};
use crate::{ReportError, plot};

/// Curves in one plot; more cannot be distinguished.
const CURVES: usize = 6;

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridSearchRun {
    /// The run in a few words: `batch 64, step, dropout 0.3`.
    pub name: String,
    /// Its hyperparameters, in the order of [`GridSearchReport::hyperparameters`].
    pub values: Vec<String>,
    /// Top-1 accuracy on the validation photos after the best epoch, 0 to 1.
    pub top1: f64,
    /// Top-3 accuracy after the same epoch, 0 to 1.
    pub top3: f64,
    /// That epoch, counted from 1; 0 is the new classifier on the pretrained network.
    pub best_epoch: usize,
    /// Duration of the training in seconds.
    pub seconds: f64,
    /// After each epoch, its number and top-1 on the validation photos, 0 to 1.
    pub top1_curve: Vec<(f64, f64)>,
    /// After each epoch, its number and the mean cross-entropy on the validation photos.
    pub loss_curve: Vec<(f64, f64)>,
    /// The file with the weights of the best epoch.
    pub weights: String,
}

/// The report of a grid search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridSearchReport {
    /// Heading of the report.
    pub title: String,
    /// When it was written, as shown.
    pub created_at: String,
    /// The command that runs it again.
    pub command: String,
    /// Further facts: labels and values, in the order to show.
    pub notes: Vec<(String, String)>,
    /// Names of the hyperparameters that vary.
    pub hyperparameters: Vec<String>,
    /// The runs, in the order in which they ran.
    pub runs: Vec<GridSearchRun>,
}

impl GridSearchReport {
    /// The runs, the best first: by top-1, then by top-3, then in their order.
    pub fn best_first(&self) -> Vec<&GridSearchRun> {
        let mut runs: Vec<&GridSearchRun> = self.runs.iter().collect();
        runs.sort_by(|a, b| b.top1.total_cmp(&a.top1).then(b.top3.total_cmp(&a.top3)));
        runs
    }

    /// The report as indented JSON, with a final newline.
    ///
    /// # Errors
    /// [`ReportError::Write`], which no report causes.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let mut json = serde_json::to_string_pretty(self).map_err(ReportError::Write)?;
        json.push('\n');
        Ok(json)
    }

    /// The report as one HTML page that needs neither network nor scripts: a table, the best run
    /// first, and the curves of the best runs.
    ///
    /// # Errors
    /// [`ReportError::Page`], which no report causes.
    pub fn page(&self) -> Result<String, ReportError> {
        let runs = self.best_first();
        let rows = runs.iter().map(|run| {
            context! {
                values => &run.values,
                top1 => percent(run.top1),
                top3 => percent(run.top3),
                epoch => run.best_epoch,
                minutes => format!("{:.1}", run.seconds / 60.0),
            }
        });
        let shown = &runs[..runs.len().min(CURVES)];
        let series = |curve: fn(&GridSearchRun) -> &Vec<(f64, f64)>| -> Vec<_> {
            shown.iter().map(|run| (run.name.as_str(), curve(run).as_slice())).collect()
        };
        let top1 = plot::curves("Top-1", "epoch", "accuracy", &series(|run| &run.top1_curve));
        let loss = plot::curves("Loss", "epoch", "cross-entropy", &series(|run| &run.loss_curve));
        // plotters escapes the text that it draws.
        let plots = [
            ("Line chart: top-1 on the validation photos after each epoch", top1),
            ("Line chart: loss on the validation photos after each epoch", loss),
        ]
        .map(|(label, svg)| context! { label, svg => Value::from_safe_string(svg) });
        let created = [("Created".to_owned(), self.created_at.clone())];
        let facts = self.notes.iter().chain(&created);
        let content = context! {
            title => &self.title,
            command => &self.command,
            facts => facts.map(|(label, value)| context! { label, value }).collect::<Vec<_>>(),
            hyperparameters => &self.hyperparameters,
            rows => rows.collect::<Vec<_>>(),
            plots => plots.to_vec(),
            more => runs.len().saturating_sub(CURVES),
        };
        render("grid_search.html", include_str!("template/grid_search.html"), content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, top1: f64, top3: f64) -> GridSearchRun {
        GridSearchRun {
            name: name.to_owned(),
            values: vec![name.to_owned()],
            top1,
            top3,
            best_epoch: 2,
            seconds: 90.0,
            top1_curve: vec![(0.0, 0.5), (1.0, top1)],
            loss_curve: vec![(0.0, 2.0), (1.0, 1.5)],
            weights: "best.safetensors".to_owned(),
        }
    }

    fn report() -> GridSearchReport {
        GridSearchReport {
            title: "Grid".to_owned(),
            created_at: "today".to_owned(),
            command: "lookalike train grid".to_owned(),
            notes: vec![("사진".to_owned(), "<b>40</b>".to_owned())],
            hyperparameters: vec!["Batch <size>".to_owned()],
            runs: vec![run("64", 0.7, 0.8), run("<128>", 0.75, 0.8), run("256", 0.7, 0.9)],
        }
    }

    #[test]
    fn the_best_run_is_first_and_text_is_escaped() -> Result<(), ReportError> {
        let report = report();
        let order: Vec<_> = report.best_first().iter().map(|run| run.name.as_str()).collect();
        assert_eq!(order, ["<128>", "256", "64"]);
        let page = report.page()?;
        assert!(page.contains("사진") && page.contains("&lt;b&gt;40") && !page.contains("<b>40"));
        assert!(page.contains("&lt;128&gt;") && !page.contains("<128>"), "{page}");
        assert!(page.find("75.0") < page.find("90.0"), "{page}");
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains(&format!("stroke=\"{}\"", plot::NEUTRAL)), "{page}");
        Ok(())
    }

    #[test]
    fn a_report_without_runs_is_a_page_too() -> Result<(), ReportError> {
        let page = GridSearchReport { runs: Vec::new(), ..report() }.page()?;
        assert!(page.contains("Grid") && page.trim_end().ends_with("</html>"));
        Ok(())
    }

    #[test]
    fn json_keeps_everything() -> Result<(), Box<dyn std::error::Error>> {
        let report = report();
        assert_eq!(serde_json::from_str::<GridSearchReport>(&report.to_json()?)?, report);
        Ok(())
    }
}
