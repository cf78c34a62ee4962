//! Plots as SVG, for a page or a file of their own: curves, accuracy bars, top-k curves, reliability diagrams.
//!
//! They have no background, and colours that stand out on light and dark pages. A page may recolour [`NEUTRAL`] by CSS.
//! All are 460 units wide; the legend is below, one line for each series.

mod draw;

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use self::draw::{
    Frame, INK, LEGEND, LETTERS, SERIES, Series, TITLE, WIDTH, chart, cover, key, letters, number,
    percent, shorten, svg,
};
use crate::{Calibration, RankingMetrics};

/// The colour of text, axes and lines other than the series'.
pub const NEUTRAL: &str = "#767676";

/// Height of a method's bars with its name.
const ROW: u32 = 70;

/// Largest absolute value in a curve; the arithmetic of axes has room beyond it.
const LIMIT: f64 = 1e30;

/// Lines through points, such as a loss over a training's epochs.
///
/// `series` are names with their points, x and y, in the order to connect them; the axes cover them all.
/// Points that are not finite, or beyond ±1e30, are left out. Without points the axes are 0 to 1.
pub fn curves<N: AsRef<str>, P: AsRef<[(f64, f64)]>>(
    title: &str,
    x_label: &str,
    y_label: &str,
    series: &[(N, P)],
) -> String {
    let shown = |value: f64| value.abs() <= LIMIT; // false for NaN
    let series: Vec<_> = series
        .iter()
        .map(|(name, points)| {
            let points = points.as_ref().iter().copied();
            let points: Vec<_> = points.filter(|&(x, y)| shown(x) && shown(y)).collect();
            Series { name: name.as_ref(), points, sizes: None }
        })
        .collect();
    let points = || series.iter().flat_map(|series| &series.points);
    let x = cover(points().map(|point| point.0), 0.0);
    let y = cover(points().map(|point| point.1), 0.05);
    let digits = |axis: &Range<f64>| {
        let step = (axis.end - axis.start) / 5.0;
        (1.0 - step.log10().floor()).clamp(0.0, 6.0) as usize
    };
    let (x_digits, y_digits) = (digits(&x), digits(&y));
    chart(
        &Frame {
            title,
            labels: (x_label, y_label),
            ranges: (x, y),
            numbers: (&|x| number(x, x_digits), &|y| number(y, y_digits)),
            diagonal: false,
        },
        &series,
    )
}

/// Top-1 and top-3 accuracy of each method as bars, top-1 with its confidence interval.
pub fn accuracy_bars(methods: &[RankingMetrics]) -> String {
    let rows = methods.len().max(1);
    let size = (WIDTH, 80 + ROW * rows as u32 + 2 * LEGEND);
    svg(size, |root| {
        let (upper, legend) = root.split_vertically(size.1 - 2 * LEGEND);
        let mut chart = ChartBuilder::on(&upper)
            .caption("Accuracy", letters(TITLE))
            .margin_top(6)
            .margin_left(20)
            .margin_right(74)
            .x_label_area_size(32)
            .build_cartesian_2d(0.0..1.0, rows as f64..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(6)
            .x_label_formatter(&|fraction| percent(*fraction))
            .label_style(letters(LETTERS))
            .bold_line_style(INK.mix(0.3))
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .draw()?;
        let area = chart.plotting_area();
        let value = letters(LETTERS).pos(Pos::new(HPos::Left, VPos::Center));
        for (row, method) in methods.iter().enumerate() {
            let at = |offset: f64| row as f64 + offset;
            let interval = method.top1_interval;
            area.draw(&Text::new(shorten(&method.name), (0.01, at(0.06)), letters(LETTERS)))?;
            for (bar, accuracy, label_at) in
                [(0, method.top1, interval.high.max(method.top1)), (1, method.top3, method.top3)]
            {
                let top = at(0.36 + 0.29 * f64::from(bar));
                let corners = [(0.0, top), (accuracy, top + 0.25)];
                area.draw(&Rectangle::new(corners, SERIES[bar as usize].filled()))?;
                let text = format!("{:.1} %", 100.0 * accuracy);
                let text = Text::new(text, (6, 0), value.clone());
                area.draw(&(EmptyElement::at((label_at, top + 0.125)) + text))?;
            }
            let middle = at(0.36 + 0.125);
            let line = vec![(interval.low, middle), (interval.high, middle)];
            area.draw(&PathElement::new(line, INK.stroke_width(2)))?;
        }
        key(&legend, &["top-1, with its 95 % confidence interval", "top-3"])
    })
}

/// Top-k accuracy over k, for each method.
pub fn top_k_curve(methods: &[RankingMetrics]) -> String {
    let series: Vec<_> = methods
        .iter()
        .map(|method| {
            let points = (1..).map(f64::from).zip(method.accuracy_at_k.iter().copied()).collect();
            Series { name: &method.name, points, sizes: None }
        })
        .collect();
    let last = methods.iter().map(|method| method.accuracy_at_k.len()).max().unwrap_or(0);
    let lowest =
        methods.iter().flat_map(|method| &method.accuracy_at_k).fold(1.0_f64, |a, &b| a.min(b));
    chart(
        &Frame {
            title: "Top-k accuracy",
            labels: ("k", "accuracy"),
            ranges: (
                1.0..last.max(2) as f64,
                (lowest * 10.0 - 0.5).floor().clamp(0.0, 9.0) / 10.0..1.0,
            ),
            numbers: (&|k| number(k, 0), &|fraction| percent(fraction)),
            diagonal: false,
        },
        &series,
    )
}

/// Accuracy over confidence for each method, as in Guo et al. 2017; on the diagonal, both agree.
///
/// A point is a bin, the larger the more of the queries are in it; empty bins have none.
pub fn reliability(methods: &[RankingMetrics]) -> String {
    let named: Vec<_> =
        methods.iter().map(|method| (method.name.as_str(), &method.calibration)).collect();
    reliability_of(&named)
}

/// [`reliability`] of calibrations with their names.
pub fn reliability_of(calibrations: &[(&str, &Calibration)]) -> String {
    let series: Vec<_> = calibrations
        .iter()
        .map(|(name, calibration)| {
            let bins = || calibration.bins.iter().filter(|bin| bin.queries > 0);
            let all: u64 = bins().map(|bin| bin.queries).sum();
            let fraction = |queries: u64| queries as f64 / all.max(1) as f64;
            Series {
                name,
                points: bins().map(|bin| (bin.confidence, bin.accuracy)).collect(),
                sizes: Some(
                    bins().map(|b| 2 + (10.0 * fraction(b.queries).sqrt()) as u32).collect(),
                ),
            }
        })
        .collect();
    chart(
        &Frame {
            title: "Reliability",
            labels: ("mean confidence", "accuracy"),
            ranges: (0.0..1.0, 0.0..1.0),
            numbers: (&|fraction| percent(fraction), &|fraction| percent(fraction)),
            diagonal: true,
        },
        &series,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::made_up;

    fn numbers_are_sound(svg: &str) {
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains(&i32::MAX.to_string()) && !svg.contains(&i32::MIN.to_string()));
    }

    #[test]
    fn curves_escape_and_connect() {
        let loss = vec![(1.0, 2.5), (2.0, 1.5), (3.0, 1.25)];
        let svg = curves("손실 <b>", "epoch", "loss & more", &[("train <script>", loss)]);
        numbers_are_sound(&svg);
        assert!(svg.contains("손실 &lt;b&gt;") && svg.contains("loss &amp; more"), "{svg}");
        assert!(svg.contains("train &lt;script&gt;") && !svg.contains("<script"), "{svg}");
        let line = svg.lines().find(|l| l.contains("polyline") && l.contains("#3A7BD5"));
        let points = line.and_then(|line| line.split("points=\"").nth(1)?.split('"').next());
        let points: Vec<_> = points.unwrap_or("").split_whitespace().collect();
        assert_eq!(points.len(), 3);
        let y = |point: &str| point.split(',').nth(1).and_then(|y| y.parse::<i32>().ok());
        assert!(y(points[0]) < y(points[1]) && y(points[1]) < y(points[2]), "{points:?}");
        assert_eq!(svg.matches("<circle").count(), 3);
    }

    #[test]
    fn curves_take_any_numbers() {
        let none: [(&str, Vec<(f64, f64)>); 0] = [];
        numbers_are_sound(&curves("", "", "", &none));
        for points in [
            vec![],
            vec![(1.0, 2.0)],
            vec![(0.0, 0.0), (0.0, 0.0)],
            vec![(1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 1e300)],
            vec![(0.0, 1e30), (1.0, -1e30), (2.0, 1.0)],
            vec![(1e16, 1e-300), (1e16 + 2.0, 2e-300)],
            vec![(-5.0, 1e-9), (5.0, 3e-9)],
        ] {
            numbers_are_sound(&curves("t", "x", "y", &[("s", points)]));
        }
    }

    #[test]
    fn methods_are_all_drawn() {
        let methods = made_up().methods;
        for svg in [accuracy_bars(&methods), top_k_curve(&methods), reliability(&methods)] {
            numbers_are_sound(&svg);
            assert!(svg.contains("#3A7BD5") && svg.contains("#D9730D"), "{svg}");
        }
        assert!(accuracy_bars(&methods).contains(&format!("{:.1} %", 100.0 * methods[1].top1)));
        assert!(top_k_curve(&methods).contains("good"));
        for svg in [accuracy_bars(&[]), top_k_curve(&[]), reliability(&[])] {
            numbers_are_sound(&svg);
        }
    }
}
