//! Text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use lookalike_catalog::{Product, Skipped};
use lookalike_engine::{Answer, ItemBox, ItemsAnswer, Match, Reasons, Verdict};

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
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
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
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", thousands(number))
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
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        rest.iter().for_each(|photo| *reasons.entry(&photo.reason).or_default() += 1);
        for (reason, number) in reasons.into_iter().take(LISTED) {
            let _ = writeln!(text, "  {}: {}", count(number, "photo"), one_line(reason));
        }
    }
    text
}

/// What a product card says, in one line; empty if nothing is known.
pub(crate) fn facts(product: &Product) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(category) = &product.category {
        facts.push(category.replace('/', " / "));
    }
    let currency = product.currency.as_ref().map(|c| format!(" {c}")).unwrap_or_default();
    if let Some(price) = product.price {
        facts.push(format!("{}{currency}", amount(price)));
    }
    if let Some(list_price) = product.list_price {
        facts.push(format!("instead of {}{currency}", amount(list_price)));
    }
    if let Some(discount) = product.discount {
        facts.push(format!("{} % off", amount(discount)));
    }
    match (product.rating, product.review_count) {
        (Some(rating), Some(reviews)) => {
            facts.push(format!("★ {rating:.1} ({})", count(reviews, "review")));
        }
        (Some(rating), None) => facts.push(format!("★ {rating:.1}")),
        (None, Some(reviews)) => facts.push(count(reviews, "review")),
        (None, None) => {}
    }
    facts.extend(product.delivery.clone());
    facts
}

/// 12900 as `12,900`, 4.5 as `4.50`.
fn amount(number: f64) -> String {
    if number >= 1e15 {
        return format!("{number:e}");
    }
    let cents = (number * 100.0).round() as u64;
    let whole = thousands(cents / 100);
    if cents.is_multiple_of(100) { whole } else { format!("{whole}.{:02}", cents % 100) }
}

/// How sure an answer is.
pub(crate) fn certainty(verdict: &Verdict) -> String {
    if verdict.is_match {
        return format!("{:.0} % sure of the first", 100.0 * verdict.confidence);
    }
    "no match: nothing that is sold here looks enough like it; the nearest are".to_owned()
}

/// An answer as text; with what scores are made of where the networks' names are given.
pub(crate) fn answer(answer: &Answer, explained: Option<&Vec<&str>>) -> String {
    products(answer.verdict.as_ref(), &answer.matches, explained)
}

/// The things in a photo as text, each with its products.
pub(crate) fn items(answer: &ItemsAnswer, explained: Option<&Vec<&str>>) -> String {
    let mut text = format!("{}\n", count(answer.items.len() as u64, "thing"));
    for (number, item) in (1..).zip(&answer.items) {
        let ItemBox { x, y, width, height } = item.place;
        let percent = |share: f32| (100.0 * share).round();
        let _ = write!(
            text,
            "\n[{number}] from {}, {} to {}, {} % of the photo",
            percent(x),
            percent(y),
            percent(x + width),
            percent(y + height)
        );
        if let Some(label) = &item.label {
            let _ = write!(text, ", {}", one_line(label));
        }
        if !item.copies.is_empty() {
            let _ = write!(text, ", and {} more like it", item.copies.len());
        }
        text.push('\n');
        for line in products(item.verdict.as_ref(), &item.matches, explained).lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// Products as text, and how sure they are.
fn products(verdict: Option<&Verdict>, matches: &[Match], explained: Option<&Vec<&str>>) -> String {
    let mut text = String::new();
    if let Some(verdict) = verdict.filter(|_| !matches.is_empty()) {
        let _ = writeln!(text, "{}", certainty(verdict));
    }
    for found in matches {
        let product = &found.product;
        let share = 100.0 * found.score;
        let _ = writeln!(text, "{}. {}  {share:.0} %", found.rank, one_line(&product.name));
        let facts = facts(product).join(" · ");
        for line in [Some(facts), product.url.clone()].into_iter().flatten() {
            if !line.is_empty() {
                let _ = writeln!(text, "   {}", one_line(&line));
            }
        }
        if let Some(networks) = explained {
            let _ = writeln!(text, "   {}", reasons(&found.reasons, networks));
        }
        for photo in &found.evidence {
            let _ =
                writeln!(text, "   similarity {:.3}  {}", photo.similarity, one_line(&photo.photo));
        }
    }
    if matches.is_empty() {
        text += "no product that may be found has a photo like it\n";
    }
    text
}

/// What a score is made of, in one line.
fn reasons(reasons: &Reasons, networks: &[&str]) -> String {
    let percent = |share: f32| format!("{:.1} %", 100.0 * share);
    let mut parts = vec![format!("nearest photos {}", percent(reasons.vote))];
    parts.extend(reasons.prototype.map(|share| format!("its photos' mean {}", percent(share))));
    for (share, network) in reasons.classifiers.iter().zip(networks) {
        parts.extend(share.map(|share| format!("{network}'s classifier {}", percent(share))));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(46_976), "46,976");
        assert_eq!(amount(12_900.0), "12,900");
        assert_eq!(amount(4.5), "4.50");
        assert_eq!(count(1, "photo"), "1 photo");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
