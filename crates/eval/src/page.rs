//! Renders report pages.

use lookalike_base::html;
use minijinja::{Environment, Value, context};

use crate::{ReportError, plot};

/// Renders a template that extends the base page and includes `style.css`. The ending of its name turns on escaping.
pub(crate) fn render(name: &str, template: &str, content: Value) -> Result<String, ReportError> {
    let render = || {
        let mut templates = Environment::new();
        let style = context! { neutral => plot::NEUTRAL };
        templates.add_template(html::BASE_NAME, html::BASE)?;
        templates.add_template("style.css", include_str!("template/style.css"))?;
        templates.add_template(name, template)?;
        templates.get_template(name)?.render(context! { ..content, ..style })
    };
    render().map_err(ReportError::Page)
}

/// A fraction, 0 to 1, in per cent with one decimal.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.1}", 100.0 * fraction)
}
