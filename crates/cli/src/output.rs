//! Text for people.

pub(crate) mod answer;
pub(crate) mod page;
pub(crate) mod report;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use lookalike_catalog::Skipped;

/// Lines of a long list that are shown.
const LISTED: usize = 20;

/// Prints to standard output; a reader that went away is an error that `main` knows.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write to standard output")
}

/// An error in one line, with its causes where it does not name them itself.
pub(crate) fn error(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
    }
    one_line(&text)
}

/// Prints a value as JSON, for programs.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Text from elsewhere without what would move a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    let moves = |c: char| {
        // Unicode's directional overrides turn the rest of a line around.
        c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if moves(c) { ' ' } else { c }).collect()
}

/// 46976 as `46,976`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes as people say it.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// `1 photo`, `2 photos`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// What could not be used, with the reasons; the first of them if there are many.
pub(crate) fn skipped(skipped: &[Skipped]) -> String {
    let mut text = String::new();
    if skipped.is_empty() {
        return text;
    }
    let _ = writeln!(text, "skipped {}:", count(skipped.len() as u64, "photo"));
    for Skipped { path, reason } in skipped.iter().take(LISTED) {
        let _ = writeln!(text, "  {}", one_line(&format!("{path}: {reason}")));
    }
    if skipped.len() > LISTED {
        let rest = &skipped[LISTED..];
        let _ = writeln!(text, "  and {} more:", thousands(rest.len() as u64));
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        rest.iter().for_each(|photo| *kinds.entry(kind(&photo.reason)).or_default() += 1);
        let mut kinds: Vec<(String, u64)> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        for (kind, number) in kinds.into_iter().take(LISTED) {
            let _ = writeln!(text, "  {}: {kind}", count(number, "photo"));
        }
    }
    text
}

/// The kind of a reason: without a decoder's own words, which are in brackets, what to do, which follows a colon, and
/// numbers.
fn kind(reason: &str) -> String {
    let end = reason.find(" (").into_iter().chain(reason.find(": ")).min();
    let kind = &reason[..end.unwrap_or(reason.len())];
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let words = kind.split_whitespace().map(|word| if is_number(word) { "…" } else { word });
    one_line(&words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_reasons_are_told_by_their_kind() {
        let photo = |number: usize| Skipped {
            path: format!("{number}.jpg"),
            reason: match number % 3 {
                0 => format!("damaged PNG file (chunk {number} is wrong): copy or export it again"),
                1 => format!("the JPEG file is damaged or cut short: about {number} % is there"),
                _ => format!("{number}x9 pixels are more than the limit: save it smaller"),
            },
        };
        let text = skipped(&(0..400).map(photo).collect::<Vec<_>>());
        for line in
            ["damaged PNG file\n", "the JPEG file is damaged or cut short\n", "… pixels are more"]
        {
            assert_eq!(text.matches(&format!(" photos: {line}")).count(), 1, "{line}: {text}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(46_976), "46,976");
        assert_eq!(count(1, "photo"), "1 photo");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
