//! A report as one self-contained HTML page.

use std::collections::HashMap;

use minijinja::{Value, context};

use crate::page::{percent, render};
use crate::{Confusion, ProductAccuracy, RankingMetrics, Report, ReportError, plot};

/// Rows of the table of products, the least accurate first.
const PRODUCTS: usize = 200;

/// Cells of one column of the table of methods.
struct Column {
    heading: &'static str,
    /// One for each method; `None` where it does not apply.
    values: Vec<Option<f64>>,
    smaller_is_better: bool,
}

impl Report {
    /// The report as one HTML page that needs neither network nor scripts.
    ///
    /// `thumbnail` returns a `data:` URL for a photo's name. Other URLs, and those with quotes, angle brackets or white
    /// space, are left out.
    ///
    /// # Errors
    /// [`ReportError::Page`], which no report causes.
    pub fn page(&self, thumbnail: &dyn Fn(&str) -> Option<String>) -> Result<String, ReportError> {
        render("report.html", include_str!("template/report.html"), self.content(thumbnail))
    }

    fn content(&self, thumbnail: &dyn Fn(&str) -> Option<String>) -> Value {
        let names: HashMap<u32, &str> =
            self.products.iter().map(|product| (product.id, product.name.as_str())).collect();
        let name = |product: u32| {
            names
                .get(&product)
                .map_or_else(|| format!("product {product}"), |&name| name.to_owned())
        };
        let columns = columns(&self.methods);
        let best = self.best().map(|method| {
            let products = worst_first(&method.per_product);
            context! {
                name => &method.name,
                more => products.len().saturating_sub(PRODUCTS),
                products => products.iter().take(PRODUCTS).map(|product| context! {
                    name => name(product.product),
                    queries => product.queries,
                    top1 => percent(product.top1),
                    top3 => percent(product.top3),
                }).collect::<Vec<_>>(),
                confusions => method.confusions.iter()
                    .map(|pair| confusion(pair, &name, thumbnail))
                    .collect::<Vec<_>>(),
            }
        });
        context! {
            title => &self.title,
            facts => facts(self),
            command => &self.command,
            headings => columns.iter().map(|column| column.heading).collect::<Vec<_>>(),
            methods => self.methods.iter().enumerate()
                .map(|(row, method)| method_row(row, method, &columns))
                .collect::<Vec<_>>(),
            depth => depths(&self.methods),
            plots => plots(&self.methods),
            best,
        }
    }
}

/// Labels and values of the page's header.
fn facts(report: &Report) -> Vec<Value> {
    let about = [
        ("Data set", report.dataset.as_str()),
        ("Split", report.split.as_str()),
        ("Created", report.created_at.as_str()),
    ];
    let notes = report.notes.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    let all = about.into_iter().chain(notes).filter(|(_, value)| !value.is_empty());
    all.map(|(label, value)| context! { label, value }).collect()
}

fn columns(methods: &[RankingMetrics]) -> Vec<Column> {
    let column = |heading, value: &dyn Fn(&RankingMetrics) -> Option<f64>| Column {
        heading,
        values: methods.iter().map(value).collect(),
        smaller_is_better: false,
    };
    let mut columns = vec![
        column("Top-1", &|method| Some(method.top1)),
        column("Top-3", &|method| Some(method.top3)),
        column("Top-5", &|method| Some(method.top5)),
    ];
    if methods.iter().any(|method| method.retrieval.is_some()) {
        columns.extend([
            column("Recall@1", &|method| Some(method.retrieval.as_ref()?.recall_at_1)),
            column("Recall@5", &|method| Some(method.retrieval.as_ref()?.recall_at_5)),
            column("Recall@10", &|method| Some(method.retrieval.as_ref()?.recall_at_10)),
            column("mAP", &|method| Some(method.retrieval.as_ref()?.map)),
        ]);
    }
    let error = column("ECE", &|method| Some(method.calibration.ece));
    columns.push(Column { smaller_is_better: true, ..error });
    columns
}

fn method_row(row: usize, method: &RankingMetrics, columns: &[Column]) -> Value {
    let cells = columns.iter().map(|column| {
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
        let mut all = column.values.iter().copied().flatten();
        let first = all.next();
        let best = first.map(|first| {
            all.fold(first, if column.smaller_is_better { f64::min } else { f64::max })
        });
        let value = column.values[row];
        context! {
            text => text(value),
            // Values that are printed the same are equally good.
            best => columns[0].values.len() > 1 && value.is_some() && text(value) == text(best),
        }
    });
    let interval = method.top1_interval;
    context! {
        name => &method.name,
        queries => method.queries,
        interval => format!("{}–{}", percent(interval.low), percent(interval.high)),
        cells => cells.collect::<Vec<_>>(),
    }
}

/// The depths of retrieval, such as "20"; empty without retrieval metrics.
fn depths(methods: &[RankingMetrics]) -> String {
    let depths = methods.iter().filter_map(|method| Some(method.retrieval.as_ref()?.depth));
    let mut depths: Vec<usize> = depths.collect();
    depths.sort_unstable();
    depths.dedup();
    depths.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
}

fn plots(methods: &[RankingMetrics]) -> Vec<Value> {
    [
        ("Bar chart: top-1 and top-3 accuracy of each method", plot::accuracy_bars(methods)),
        ("Line chart: top-k accuracy over k", plot::top_k_curve(methods)),
        (
            "Reliability diagram: accuracy over mean confidence of each method",
            plot::reliability(methods),
        ),
    ]
    .into_iter()
    // plotters escapes the text that it draws.
    .map(|(label, svg)| context! { label, svg => Value::from_safe_string(svg) })
    .collect()
}

fn worst_first(products: &[ProductAccuracy]) -> Vec<ProductAccuracy> {
    let mut products = products.to_vec();
    products.sort_by(|a, b| {
        let accuracy = a.top1.total_cmp(&b.top1).then(a.top3.total_cmp(&b.top3));
        accuracy.then(b.queries.cmp(&a.queries)).then(a.product.cmp(&b.product))
    });
    products
}

fn confusion(
    pair: &Confusion,
    name: &dyn Fn(u32) -> String,
    thumbnail: &dyn Fn(&str) -> Option<String>,
) -> Value {
    let photo = |photo: &String, predicted: bool| {
        let source = thumbnail(photo).filter(|source| is_picture(source));
        // It needs no escaping in HTML; escaping its slashes would only make it longer.
        let file = photo.rsplit('/').next();
        context! { name => photo, file, predicted, source => source.map(Value::from_safe_string) }
    };
    let examples = pair.examples.iter().map(|name| photo(name, false));
    let compare = pair.predicted_example.iter().map(|name| photo(name, true));
    context! {
        truth => name(pair.truth),
        predicted => name(pair.predicted),
        count => pair.count,
        fraction => percent(pair.fraction),
        photos => examples.chain(compare).collect::<Vec<_>>(),
    }
}

fn is_picture(address: &str) -> bool {
    let harmless = |letter: char| !letter.is_whitespace() && !"\"'<>&".contains(letter);
    address.starts_with("data:image/") && address.chars().all(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::made_up;

    const PIXEL: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";

    #[test]
    fn everything_is_escaped() -> Result<(), ReportError> {
        let mut report = made_up();
        let evil = "\"><script>alert(1)</script>";
        for text in
            [&mut report.title, &mut report.dataset, &mut report.split, &mut report.created_at]
        {
            *text = evil.to_owned();
        }
        report.command = evil.to_owned();
        report.notes.push((evil.to_owned(), evil.to_owned()));
        report.methods[1].name = evil.to_owned();
        report.methods[1].confusions[0].examples = vec![evil.to_owned()];
        let page = report.page(&|_| Some(evil.to_owned()))?;
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("\">&lt;script&gt;alert(1)\""), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;&#x2f;script&gt;"),
            "{page}"
        );
        assert!(page.contains("사과 주스"), "{page}");
        Ok(())
    }

    #[test]
    fn the_page_loads_nothing_from_the_network() -> Result<(), ReportError> {
        let page = made_up().page(&|_| Some(PIXEL.to_owned()))?;
        assert!(page.contains(&format!("src=\"{PIXEL}\"")), "{page}");
        let without = page.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "url(", "<link", "@import", "<script", "src=\"/"] {
            assert!(!without.contains(word), "{word}");
        }
        for other in ["https://example.org/a.jpg", "data:text/html,x", "data:image/svg+xml,<svg>"] {
            let page = made_up().page(&|_| Some(other.to_owned()))?;
            assert!(!page.contains(other) && !page.contains("<img"), "{other}");
        }
        Ok(())
    }

    #[test]
    fn tables_have_the_metrics() -> Result<(), ReportError> {
        let report = made_up();
        let page = report.page(&|_| None)?;
        let best = &report.methods[1];
        assert!(page.contains(&format!("<strong>{}</strong>", percent(best.top1))), "{page}");
        assert!(page.contains("mAP over the first 3 "), "{page}");
        // ECE: of the two, the smaller one is the better one.
        let errors = report.methods.iter().map(|method| percent(method.calibration.ece));
        let errors: Vec<_> = errors.collect();
        let smaller = report.methods[0].calibration.ece < report.methods[1].calibration.ece;
        let (good, bad) = if smaller { (0, 1) } else { (1, 0) };
        assert!(page.contains(&format!("<strong>{}</strong></td></tr>", errors[good])), "{page}");
        assert!(!page.contains(&format!("<strong>{}</strong></td></tr>", errors[bad])), "{page}");
        assert_eq!(page.matches("<svg").count(), 3);
        // The page's style colours what the plots leave neutral.
        assert!(page.matches(&format!("stroke=\"{}\"", plot::NEUTRAL)).count() > 1, "{page}");
        Ok(())
    }

    #[test]
    fn worst_product_is_first() {
        let product =
            |product, queries, top1, top3| ProductAccuracy { product, queries, top1, top3 };
        let products = [
            product(1, 9, 1.0, 1.0),
            product(2, 4, 0.5, 0.5),
            product(3, 4, 0.5, 0.25),
            product(4, 5, 0.5, 0.25),
        ];
        let order: Vec<_> = worst_first(&products).iter().map(|p| p.product).collect();
        assert_eq!(order, [4, 3, 2, 1]);
    }

    #[test]
    fn a_report_without_methods_has_a_page() -> Result<(), ReportError> {
        let mut report = made_up();
        report.methods = vec![crate::RankingEvaluator::new("idle").metrics()];
        assert!(report.page(&|_| None)?.contains("idle"));
        report.methods.clear();
        assert!(!report.page(&|_| None)?.contains("Worst"));
        Ok(())
    }
}
