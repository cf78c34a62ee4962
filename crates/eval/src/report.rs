//! The report of an evaluation, with what is needed to repeat it.

use serde::{Deserialize, Serialize};

use crate::RankingMetrics;

/// A product's number and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductName {
    /// The number that queries and rankings use.
    pub id: u32,
    /// The name to show.
    pub name: String,
}

/// Methods compared on the same queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Heading of the report.
    pub title: String,
    /// The data set.
    pub dataset: String,
    /// The split that the queries are from.
    pub split: String,
    /// When it was measured, as shown.
    pub created_at: String,
    /// The command that repeats it.
    pub command: String,
    /// Further facts, such as the seed: labels and values, in the order to show.
    pub notes: Vec<(String, String)>,
    /// Names of the products. Others are shown by their number.
    pub products: Vec<ProductName>,
    /// The methods, in the order to show.
    pub methods: Vec<RankingMetrics>,
}

/// Why a report cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report cannot be serialised.
    #[error("the report cannot be written as JSON")]
    Write(#[source] serde_json::Error),
    /// The text is no report, or of another version.
    #[error("this is not a report of this version")]
    Read(#[source] serde_json::Error),
    /// The page cannot be rendered.
    #[error("the report's page cannot be rendered")]
    Page(#[source] minijinja::Error),
}

impl Report {
    /// The method with the highest top-1 accuracy; ties are broken by top-3 accuracy, then
    /// by order. `None` without methods.
    pub fn best(&self) -> Option<&RankingMetrics> {
        self.methods.iter().reduce(|best, method| {
            let better = method.top1.total_cmp(&best.top1).then(method.top3.total_cmp(&best.top3));
            if better.is_gt() { method } else { best }
        })
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

    /// Reads what [`Report::to_json`] wrote; numbers are exact.
    ///
    /// # Errors
    /// [`ReportError::Read`] if it is something else.
    pub fn from_json(json: &str) -> Result<Self, ReportError> {
        serde_json::from_str(json).map_err(ReportError::Read)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Neighbours, Query, RankingEvaluator};

    /// Two methods over photos of three products; the second is better.
    pub(crate) fn made_up() -> Report {
        let method = |name: &str, skill: u32| {
            let mut method = RankingEvaluator::new(name);
            for photo in 0..12_u32 {
                let (truth, step) = (photo % 3, u32::from(photo % 7 >= skill));
                let predicted = (truth + step) % 3;
                method.add(Query {
                    photo: format!("사과/{photo}.jpg"),
                    truth,
                    ranking: vec![
                        (predicted, 0.7),
                        ((predicted + 1) % 3, 0.2),
                        ((predicted + 2) % 3, 0.1),
                    ],
                    neighbours: Some(Neighbours {
                        products: vec![predicted, predicted, truth],
                        relevant: 3,
                    }),
                });
            }
            method.metrics()
        };
        Report {
            title: "Which network?".to_owned(),
            dataset: "made up".to_owned(),
            split: "test".to_owned(),
            created_at: "2026-01-02".to_owned(),
            command: "eval --seed 7".to_owned(),
            notes: vec![("seed".to_owned(), "7".to_owned())],
            products: vec![
                ProductName { id: 0, name: "사과 주스".to_owned() },
                ProductName { id: 1, name: "<script>alert('&')</script>".to_owned() },
            ],
            methods: vec![method("poor", 2), method("good", 5)],
        }
    }

    #[test]
    fn json_round_trip() -> Result<(), ReportError> {
        let report = made_up();
        let json = report.to_json()?;
        assert_eq!(Report::from_json(&json)?, report);
        assert!(json.contains("사과 주스") && json.contains("\"top1_interval\""), "{json}");
        assert_eq!(made_up().to_json()?, json);
        assert!(matches!(Report::from_json("{}"), Err(ReportError::Read(_))));
        Ok(())
    }

    #[test]
    fn best_is_the_first_of_the_best() {
        let mut report = made_up();
        assert_eq!(report.best().map(|method| method.name.as_str()), Some("good"));
        let mut other = report.methods[1].clone();
        other.name = "equal".to_owned();
        report.methods.push(other);
        assert_eq!(report.best().map(|method| method.name.as_str()), Some("good"));
        report.methods[1].top3 -= 0.01;
        assert_eq!(report.best().map(|method| method.name.as_str()), Some("equal"));
        report.methods.clear();
        assert_eq!(report.best(), None);
    }
}
