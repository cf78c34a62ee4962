//! Drawing shared by the plots: frames, axes, legends, number formats.

use std::iter::once;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Sizes in units of the SVG. plotters draws letters smaller by a factor of 1.24.
pub(super) const WIDTH: u32 = 460;
const HEIGHT: u32 = 310;
pub(super) const LEGEND: u32 = 24;
pub(super) const TITLE: i32 = 20;
pub(super) const LETTERS: i32 = 18;

pub(super) const INK: RGBColor = RGBColor(0x76, 0x76, 0x76);
pub(super) const SERIES: [RGBColor; 8] = [
    RGBColor(0x3a, 0x7b, 0xd5),
    RGBColor(0xd9, 0x73, 0x0d),
    RGBColor(0x2e, 0x9e, 0x6b),
    RGBColor(0x9b, 0x5f, 0xd0),
    RGBColor(0xd6, 0x45, 0x45),
    RGBColor(0x16, 0x98, 0xa6),
    RGBColor(0xa9, 0x74, 0x3a),
    RGBColor(0xd0, 0x55, 0x9b),
];

/// Points of a series up to which each has a mark.
const MARKED: usize = 40;

pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
    /// Radius of each point's mark; `None` for small ones, if there are few points.
    pub(super) sizes: Option<Vec<u32>>,
}

/// A plot without its data; pairs are x and y.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) labels: (&'a str, &'a str),
    pub(super) ranges: (Range<f64>, Range<f64>),
    pub(super) numbers: (&'a dyn Fn(f64) -> String, &'a dyn Fn(f64) -> String),
    pub(super) diagonal: bool,
}

pub(super) fn chart(frame: &Frame<'_>, series: &[Series<'_>]) -> String {
    let size = (WIDTH, HEIGHT + LEGEND * series.len() as u32);
    svg(size, |root| {
        let (upper, legend) = root.split_vertically(HEIGHT);
        let (x, y) = frame.ranges.clone();
        let mut chart = ChartBuilder::on(&upper)
            .caption(frame.title, letters(TITLE))
            .margin_top(6)
            .margin_bottom(8)
            .margin_right(24)
            .x_label_area_size(50)
            .y_label_area_size(78)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(frame.labels.0)
            .y_desc(frame.labels.1)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| (frame.numbers.0)(*x))
            .y_label_formatter(&|y| (frame.numbers.1)(*y))
            .label_style(letters(LETTERS))
            .bold_line_style(INK.mix(0.3))
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .draw()?;
        if frame.diagonal {
            let line = vec![(0.0, 0.0), (1.0, 1.0)];
            chart.draw_series(once(PathElement::new(line, INK.stroke_width(1))))?;
        }
        for (series, colour) in series.iter().zip(SERIES.iter().cycle()) {
            let points = || series.points.iter().copied();
            chart.draw_series(LineSeries::new(points(), colour.stroke_width(2)))?;
            let few = series.points.len() <= MARKED;
            let sizes = series.sizes.iter().flatten().copied();
            let small =
                once(3).cycle().take(if few && series.sizes.is_none() { MARKED } else { 0 });
            let marks = points().zip(sizes.chain(small));
            chart.draw_series(marks.map(|(at, size)| Circle::new(at, size, colour.filled())))?;
        }
        let names: Vec<_> = series.iter().map(|series| series.name).collect();
        key(&legend, &names)
    })
}

/// The legend: one line for each name, in the colours of the series.
pub(super) fn key(area: &Area<'_>, names: &[&str]) -> Drawn {
    let style = letters(LETTERS).pos(Pos::new(HPos::Left, VPos::Center));
    for (row, (name, colour)) in names.iter().zip(SERIES.iter().cycle()).enumerate() {
        let middle = LEGEND as i32 * row as i32 + LEGEND as i32 / 2;
        area.draw(&Rectangle::new([(20, middle - 5), (34, middle + 5)], colour.filled()))?;
        area.draw(&Text::new(shorten(name), (42, middle), style.clone()))?;
    }
    Ok(())
}

/// Draws an SVG of `size`. An empty text if it cannot be drawn; writing into memory does not fail.
pub(super) fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&root).and_then(|()| root.present())
    };
    drawn.map(|()| text).unwrap_or_default()
}

pub(super) fn letters(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

/// The smallest range that holds all `values`, widened by the fraction `room` at both ends; never empty.
pub(super) fn cover(values: impl Iterator<Item = f64>, room: f64) -> Range<f64> {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let Some((low, high)) = ends else { return 0.0..1.0 };
    // Below a millionth of the numbers themselves, the axis' labels would all be the same.
    let least = 1e-6 * low.abs().max(high.abs()).max(1e-3);
    if high - low < least {
        let half = if low == high { low.abs().max(1.0) / 2.0 } else { least };
        return low - half..high + half;
    }
    let room = room * (high - low);
    low - room..high + room
}

pub(super) fn percent(fraction: f64) -> String {
    format!("{:.0} %", 100.0 * fraction)
}

/// A number with at most `digits` after the point, by powers of ten if it is long otherwise.
pub(super) fn number(value: f64, digits: usize) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// As much of a name as fits into a line; letters beyond Latin, Greek and Cyrillic are twice as wide.
pub(super) fn shorten(name: &str) -> String {
    let mut room = 48_usize;
    let fits = |&letter: &char| {
        let left = room.checked_sub(if letter < '\u{1100}' { 1 } else { 2 });
        room = left.unwrap_or(0);
        left.is_some()
    };
    let fitting: String = name.chars().take_while(fits).collect();
    if fitting.len() == name.len() { fitting } else { format!("{}…", fitting.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        assert_eq!(
            (number(0.5, 2), number(-0.001, 2), number(20.0, 0)),
            ("0.5".into(), "0".into(), "20".into())
        );
        assert_eq!(number(12_000_000.0, 0), "1.2e7");
        assert_eq!(shorten("사과"), "사과");
        assert_eq!(shorten(&"사".repeat(40)).chars().count(), 25);
        assert_eq!(shorten(&"a".repeat(48)), "a".repeat(48));
    }
}
