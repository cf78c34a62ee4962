//! Training runs that differ in their settings, side by side.

use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use crate::html::render;
use crate::{ReportError, plot};

/// Curves in one plot; more cannot be told apart.
const CURVES: usize = 6;

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridCell {
    /// The run in a few words: `batch 64, step, dropout 0.3`.
    pub name: String,
    /// What it differs in, in the order of [`GridReport::columns`].
    pub settings: Vec<String>,
    /// Top-1 on the validation photos after the best epoch, 0 to 1.
    pub top1: f64,
    /// Top-3 after the same epoch, 0 to 1.
    pub top3: f64,
    /// That epoch, counted from 1; 0 is the new classifier on the network as it was.
    pub best_epoch: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// After each epoch, its number and top-1 on the validation photos, 0 to 1.
    pub top1_curve: Vec<(f64, f64)>,
    /// After each epoch, its number and the mean cross-entropy on the validation photos.
    pub loss_curve: Vec<(f64, f64)>,
    /// The weights of the best epoch.
    pub weights: String,
}

/// Runs with every combination of some settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridReport {
    /// Heading of the report.
    pub title: String,
    /// When it was written, as it is to be shown.
    pub created: String,
    /// The command that runs it again.
    pub command: String,
    /// What else is to be known: labels and values, in the order to show.
    pub notes: Vec<(String, String)>,
    /// What the runs differ in.
    pub columns: Vec<String>,
    /// The runs, in the order in which they ran.
    pub cells: Vec<GridCell>,
}

impl GridReport {
    /// The runs, the best first: by top-1, then by top-3, then as they ran.
    pub fn best_first(&self) -> Vec<&GridCell> {
        let mut cells: Vec<&GridCell> = self.cells.iter().collect();
        cells.sort_by(|a, b| b.top1.total_cmp(&a.top1).then(b.top3.total_cmp(&a.top3)));
        cells
    }

    /// The report as indented JSON, with a line's end.
    ///
    /// # Errors
    /// [`ReportError::Write`], which nothing in a report gives cause for.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let mut json = serde_json::to_string_pretty(self).map_err(ReportError::Write)?;
        json.push('\n');
        Ok(json)
    }

    /// The report as one HTML page that needs neither network nor scripts: a table, the best run
    /// first, and the curves of the best runs.
    ///
    /// # Errors
    /// [`ReportError::Page`], which nothing in a report gives cause for.
    pub fn page(&self) -> Result<String, ReportError> {
        let cells = self.best_first();
        let percent = |share: f64| format!("{:.1}", 100.0 * share);
        let rows = cells.iter().map(|cell| {
            context! {
                settings => &cell.settings,
                top1 => percent(cell.top1),
                top3 => percent(cell.top3),
                epoch => cell.best_epoch,
                minutes => format!("{:.1}", cell.seconds / 60.0),
            }
        });
        let shown = &cells[..cells.len().min(CURVES)];
        let series = |curve: fn(&GridCell) -> &Vec<(f64, f64)>| -> Vec<_> {
            shown.iter().map(|cell| (cell.name.as_str(), curve(cell).as_slice())).collect()
        };
        let top1 = plot::curves("Top-1", "epoch", "share", &series(|cell| &cell.top1_curve));
        let loss = plot::curves("Loss", "epoch", "cross-entropy", &series(|cell| &cell.loss_curve));
        // plotters escapes what it draws.
        let plots = [
            ("Line chart: top-1 on the validation photos after each epoch", top1),
            ("Line chart: loss on the validation photos after each epoch", loss),
        ]
        .map(|(label, svg)| context! { label, svg => Value::from_safe_string(svg) });
        let created = [("Created".to_owned(), self.created.clone())];
        let facts = self.notes.iter().chain(&created);
        let content = context! {
            title => &self.title,
            command => &self.command,
            facts => facts.map(|(label, value)| context! { label, value }).collect::<Vec<_>>(),
            columns => &self.columns,
            rows => rows.collect::<Vec<_>>(),
            plots => plots.to_vec(),
            more => cells.len().saturating_sub(CURVES),
        };
        render("grid.html", include_str!("template/grid.html"), content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(name: &str, top1: f64, top3: f64) -> GridCell {
        GridCell {
            name: name.to_owned(),
            settings: vec![name.to_owned()],
            top1,
            top3,
            best_epoch: 2,
            seconds: 90.0,
            top1_curve: vec![(0.0, 0.5), (1.0, top1)],
            loss_curve: vec![(0.0, 2.0), (1.0, 1.5)],
            weights: "best.safetensors".to_owned(),
        }
    }

    fn report() -> GridReport {
        GridReport {
            title: "Grid".to_owned(),
            created: "today".to_owned(),
            command: "lookalike train grid".to_owned(),
            notes: vec![("사진".to_owned(), "<b>40</b>".to_owned())],
            columns: vec!["Batch <size>".to_owned()],
            cells: vec![cell("64", 0.7, 0.8), cell("<128>", 0.75, 0.8), cell("256", 0.7, 0.9)],
        }
    }

    #[test]
    fn the_best_run_is_first_and_text_is_escaped() -> Result<(), ReportError> {
        let report = report();
        let order: Vec<_> = report.best_first().iter().map(|cell| cell.name.as_str()).collect();
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
        let page = GridReport { cells: Vec::new(), ..report() }.page()?;
        assert!(page.contains("Grid") && page.trim_end().ends_with("</html>"));
        Ok(())
    }

    #[test]
    fn json_keeps_everything() -> Result<(), Box<dyn std::error::Error>> {
        let report = report();
        assert_eq!(serde_json::from_str::<GridReport>(&report.to_json()?)?, report);
        Ok(())
    }
}
