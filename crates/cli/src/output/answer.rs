//! An answer as text.

use std::fmt::Write as _;

use lookalike_catalog::Product;
use lookalike_engine::{Answer, Match, ObjectBox, ObjectsAnswer, ScoreParts, Verdict};

use super::{count, one_line, thousands};

/// How sure an answer is.
pub(crate) fn certainty(verdict: &Verdict) -> String {
    if verdict.is_match {
        return format!("{:.0} % sure of the first", 100.0 * verdict.confidence);
    }
    "no match: nothing that is sold here looks enough like it; the nearest are".to_owned()
}

/// An answer as text; with what scores are made of where the networks' names are given.
pub(crate) fn text(answer: &Answer, explained: Option<&Vec<&str>>) -> String {
    let found = products(answer.verdict.as_ref(), &answer.matches, explained);
    let notes = [copy(answer), missing(answer.missing_percent), Some(found)];
    notes.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// That the photo is damaged, where it is.
pub(crate) fn missing(percent: Option<u32>) -> Option<String> {
    let percent = percent?;
    Some(format!(
        "the photo is damaged or cut short: the answer rests on the {} % of it that are there",
        100 - percent.min(99)
    ))
}

/// That the photo is one of the index, where it is.
pub(crate) fn copy(answer: &Answer) -> Option<String> {
    let photo = answer.copy_of.as_ref()?;
    Some(format!("this photo is in the index: {}", one_line(photo)))
}

/// The objects in a photo as text, each with its products.
pub(crate) fn objects_text(answer: &ObjectsAnswer, explained: Option<&Vec<&str>>) -> String {
    let missing = missing(answer.missing_percent).map_or(String::new(), |line| line + "\n");
    let mut text = format!("{missing}{}\n", count(answer.objects.len() as u64, "object"));
    for (number, object) in (1..).zip(&answer.objects) {
        let ObjectBox { x, y, width, height } = object.bbox;
        let percent = |fraction: f32| (100.0 * fraction).round();
        let _ = write!(
            text,
            "\n[{number}] from {}, {} to {}, {} % of the photo",
            percent(x),
            percent(y),
            percent(x + width),
            percent(y + height)
        );
        if let Some(label) = &object.label {
            let _ = write!(text, ", {}", one_line(label));
        }
        if !object.repeats.is_empty() {
            let _ = write!(text, ", and {} more like it", object.repeats.len());
        }
        text.push('\n');
        for line in products(object.verdict.as_ref(), &object.matches, explained).lines() {
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
        let percent = 100.0 * found.score;
        let _ = writeln!(text, "{}. {}  {percent:.0} %", found.rank, one_line(&product.name));
        let facts = facts(product).join(" · ");
        for line in [Some(facts), product.url.clone()].into_iter().flatten() {
            if !line.is_empty() {
                let _ = writeln!(text, "   {}", one_line(&line));
            }
        }
        if let Some(networks) = explained {
            let _ = writeln!(text, "   {}", score_parts(&found.score_parts, networks));
        }
        for photo in &found.evidence {
            let _ =
                writeln!(text, "   similarity {:.3}  {}", photo.similarity, one_line(&photo.photo));
        }
    }
    if matches.is_empty() {
        text += "no product passes the filters\n";
    }
    text
}

/// What a score is made of, in one line.
fn score_parts(parts: &ScoreParts, networks: &[&str]) -> String {
    let percent = |fraction: f32| format!("{:.1} %", 100.0 * fraction);
    let mut words = vec![format!("vote {}", percent(parts.vote))];
    words.extend(parts.prototype.map(|score| format!("prototype {}", percent(score))));
    for (score, network) in parts.classifiers.iter().zip(networks) {
        words.extend(score.map(|score| format!("{network} classifier {}", percent(score))));
    }
    words.join(", ")
}

/// The facts of a product card; empty if nothing is known.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_cents_where_they_are_not_whole() {
        assert_eq!(amount(12_900.0), "12,900");
        assert_eq!(amount(4.5), "4.50");
    }
}
