//! Values as shops write them: prices with their currency, percents, stars and counts.
//!
//! A text that has no certain meaning has none: the readers return `None`, and the caller names the column.

use unicode_normalization::UnicodeNormalization;

/// An amount of money, with its currency where the text names one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    pub(crate) value: f64,
    /// A code of ISO 4217.
    pub(crate) currency: Option<&'static str>,
}

/// Signs and words of currencies, in lower case. A backslash is the won's sign in Korean fonts.
const CURRENCIES: &[(&str, &str)] = &[
    ("₩", "KRW"),
    ("\\", "KRW"),
    ("원", "KRW"),
    ("won", "KRW"),
    ("us$", "USD"),
    ("$", "USD"),
    ("달러", "USD"),
    ("€", "EUR"),
    ("유로", "EUR"),
    ("¥", "JPY"),
    ("円", "JPY"),
    ("엔", "JPY"),
    ("£", "GBP"),
    ("파운드", "GBP"),
    ("元", "CNY"),
    ("위안", "CNY"),
];

/// Codes of ISO 4217 that shops price in.
const CODES: &[&str] = &[
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR",
    "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KRW", "KZT", "MNT", "MXN", "MYR",
    "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB",
    "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
];

/// The code of a currency's sign, word or code, as a cell or a header has it.
pub(crate) fn currency(text: &str) -> Option<&'static str> {
    let text = plain(text).to_lowercase();
    if let Some((_, code)) = CURRENCIES.iter().find(|(sign, _)| *sign == text) {
        return Some(code);
    }
    CODES.iter().find(|code| code.eq_ignore_ascii_case(&text)).copied()
}

/// Whether a price's currency may be another: signs such as `$` are those of several.
pub(crate) fn is_same_currency(of_price: &str, other: &str) -> bool {
    const DOLLARS: &[&str] =
        &["AUD", "BRL", "CAD", "CLP", "COP", "HKD", "MXN", "NZD", "SGD", "TWD", "USD"];
    match of_price {
        "USD" => DOLLARS.contains(&other),
        "JPY" => ["JPY", "CNY"].contains(&other),
        _ => of_price == other,
    }
}

/// An amount of 0 or more: `12,900원`, `$12.90`, `1.299,00 €`, `12900 KRW`.
pub(crate) fn amount(text: &str) -> Option<Amount> {
    let text = plain(text);
    let first = text.find(|c: char| c.is_ascii_digit() || c == '.')?;
    let last = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (before, after) = (text.get(..first)?.trim(), text.get(last..)?.trim());
    let value = grouped(text.get(first..last)?)?;
    let currency = match (before, after) {
        ("", "") => None,
        (one, "") | ("", one) => Some(currency(one)?),
        // "₩12,900원" names one currency twice.
        (one, other) => Some(currency(one).filter(|one| currency(other) == Some(one))?),
    };
    Some(Amount { value, currency })
}

/// A number of 0 or more without thousands: `4.5`, `4,5`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let text = plain(text);
    let (whole, rest) = text.split_once([',', '.']).unwrap_or((&text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.is_empty() || !digits(whole) || !digits(rest) {
        return None;
    }
    finite(&format!("{whole}.{rest}"))
}

/// Percent, 0 to 100: `25%`, `25`, `12,5 %`.
pub(crate) fn percent(text: &str) -> Option<f64> {
    let text = plain(text);
    decimal(text.strip_suffix('%').unwrap_or(&text)).filter(|percent| *percent <= 100.0)
}

/// Stars: `4.5`, `4,5`, `4.5/5`, `4.5점`.
pub(crate) fn stars(text: &str) -> Option<f64> {
    let text = plain(text);
    let number = |text: &str| {
        let text = text.trim().trim_start_matches(['★', '⭐']);
        decimal(text.strip_suffix('점').unwrap_or(text))
    };
    match text.split_once('/') {
        None => number(&text),
        // Stars of another scale would need a conversion that no column asks for.
        Some((stars, of)) => {
            let of_five = number(of) == Some(5.0);
            number(stars).filter(|stars| of_five && *stars <= 5.0)
        }
    }
}

/// A whole number of 0 or more: `1,234`, `1,234건`, `12.0`.
pub(crate) fn count(text: &str) -> Option<u64> {
    const UNITS: &[&str] = &["건", "개", "명", "회", "ea", "pcs", "reviews", "review"];
    let text = plain(text).to_lowercase();
    let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(&text);
    let number = UNITS.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text).trim_end();
    if let Ok(count) = number.parse() {
        return Some(count);
    }
    whole(grouped(number)?)
}

/// A number as a count, if it is one. Programs write whole numbers with `.0`.
pub(crate) fn whole(number: f64) -> Option<u64> {
    // Above 2^53, neighbouring whole numbers are one float.
    let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_whole.then_some(number as u64)
}

/// Full-width characters and odd spaces as plain ones.
fn plain(text: &str) -> String {
    let text = text.trim();
    match text.is_ascii() {
        true => text.to_owned(),
        false => text.nfkc().collect::<String>().trim().to_owned(),
    }
}

/// Digits with thousands and decimals in either style.
///
/// Of two kinds of separators, the last is decimal. One kind alone separates thousands where three digits follow each,
/// and decimals where it is alone and one or two digits follow.
fn grouped(text: &str) -> Option<f64> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if is_digits(text) {
        return finite(text);
    }
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        // Excel writes wide numbers as 1.29E+04.
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let is_number = mantissa.split('.').count() <= 2 && mantissa.split('.').all(is_digits);
        return if is_number && is_digits(exponent) { finite(text) } else { None };
    }
    let decimal = |whole: &str, rest: &str| {
        let whole = without_thousands(whole)?;
        if is_digits(rest) { finite(&format!("{whole}.{rest}")) } else { None }
    };
    match (text.rfind(','), text.rfind('.')) {
        (Some(comma), Some(point)) => {
            let (last, other) = if comma > point { (comma, ',') } else { (point, '.') };
            let (whole, rest) = (&text[..last], &text[last + 1..]);
            if whole.contains(other) { None } else { decimal(whole, rest) }
        }
        (None, None) => finite(&without_thousands(text)?),
        (Some(last), None) | (None, Some(last)) => {
            let (whole, rest) = (&text[..last], &text[last + 1..]);
            let is_comma = text.as_bytes()[last] == b',';
            let is_alone = !whole.contains([',', '.']);
            // Nobody groups the digits of 0.125 or 1234.567.
            let can_group =
                !whole.starts_with('0') && (!is_alone || (1..=3).contains(&whole.len()));
            match rest.len() {
                3 if can_group => finite(&without_thousands(text)?),
                _ if !is_alone => None,
                1 | 2 => decimal(whole, rest).or_else(|| point_first(whole, rest, is_comma)),
                3 if whole == "0" => decimal(whole, rest),
                _ if is_comma => None,
                _ => decimal(whole, rest).or_else(|| point_first(whole, rest, is_comma)),
            }
        }
    }
}

/// `.5`
fn point_first(whole: &str, rest: &str, is_comma: bool) -> Option<f64> {
    let is_digits = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && !is_comma && is_digits { finite(&format!("0.{rest}")) } else { None }
}

/// A whole number without the separators of its thousands, all of one kind.
fn without_thousands(text: &str) -> Option<String> {
    let Some(separator) = text.chars().find(|c| !c.is_ascii_digit()) else {
        return (!text.is_empty()).then(|| text.to_owned());
    };
    if ![',', '.', ' ', '\'', '’'].contains(&separator) {
        return None;
    }
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = text.split(separator);
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()) && is_digits(first))?;
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !is_digits(group) {
            return None;
        }
        digits += group;
    }
    Some(digits)
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_either_style_with_their_currency() {
        for (text, value, currency) in [
            ("12900", 12900.0, None),
            ("12,900", 12900.0, None),
            (" 12,900원 ", 12900.0, Some("KRW")),
            ("₩12,900", 12900.0, Some("KRW")),
            ("￦ 12,900", 12900.0, Some("KRW")),
            ("\\12,900", 12900.0, Some("KRW")),
            ("₩12,900원", 12900.0, Some("KRW")),
            ("１２，９００원", 12900.0, Some("KRW")),
            ("$12.90", 12.9, Some("USD")),
            ("US$ 1,299.5", 1299.5, Some("USD")),
            ("1.299,00 €", 1299.0, Some("EUR")),
            ("1 299,00\u{a0}€", 1299.0, Some("EUR")),
            ("1'299.00 CHF", 1299.0, Some("CHF")),
            ("12900 KRW", 12900.0, Some("KRW")),
            ("KRW 12900", 12900.0, Some("KRW")),
            ("12.90 usd", 12.9, Some("USD")),
            ("¥1,200", 1200.0, Some("JPY")),
            ("1200円", 1200.0, Some("JPY")),
            ("£5", 5.0, Some("GBP")),
            ("12.900", 12900.0, None),
            ("1.234.567", 1234567.0, None),
            ("1,234,567.89", 1234567.89, None),
            ("12,5", 12.5, None),
            ("0.125", 0.125, None),
            ("1234.567", 1234.567, None),
            ("12.5000", 12.5, None),
            (".5", 0.5, None),
            ("1.29E+04", 12900.0, None),
            ("0", 0.0, None),
        ] {
            assert_eq!(amount(text), Some(Amount { value, currency }), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_not_guessed() {
        for text in [
            "",
            "싸다",
            "-5",
            "12,90,0",
            "1,2345",
            "12,9000",
            "1.2.3",
            "1,299.00.5",
            "1.299,00,5",
            "12..5",
            "12,",
            "12.",
            "$",
            "12900 foo",
            "12900~15900",
            "12,900원 (세일)",
            "1e999",
            "$5€",
            "nan",
            "inf",
            "1만 2천원",
            "0,1,2",
            "1,23.4",
            "🙂5",
            "5🙂",
            ",5",
            "1234,567",
            "012,900",
        ] {
            assert_eq!(amount(text), None, "{text}");
        }
        let long = "1,".repeat(1_000_000);
        assert_eq!(amount(&long), None);
    }

    #[test]
    fn percents_stars_and_counts() {
        for (text, want) in [
            ("25%", Some(25.0)),
            ("25", Some(25.0)),
            ("0.25", Some(0.25)),
            ("12,5 %", Some(12.5)),
            ("２５％", Some(25.0)),
            ("101%", None),
            ("-5%", None),
            ("quarter", None),
            ("", None),
        ] {
            assert_eq!(percent(text), want, "{text}");
        }
        for (text, want) in [
            ("4,5", Some(4.5)),
            ("4.5", Some(4.5)),
            ("4.567", Some(4.567)),
            ("4.5/5", Some(4.5)),
            ("4,5 / 5.0", Some(4.5)),
            ("★4.5", Some(4.5)),
            ("4.5점", Some(4.5)),
            ("8/10", None),
            ("6/5", None),
            ("/5", None),
            ("좋음", None),
        ] {
            assert_eq!(stars(text), want, "{text}");
        }
        for (text, want) in [
            ("1,234", Some(1234)),
            ("1,234건", Some(1234)),
            ("1,234 개", Some(1234)),
            ("(12)", Some(12)),
            ("12.0", Some(12)),
            ("18446744073709551615", Some(u64::MAX)),
            ("1.5", None),
            ("999+", None),
            ("-1", None),
            ("많음", None),
        ] {
            assert_eq!(count(text), want, "{text}");
        }
    }

    #[test]
    fn currencies_have_signs_words_and_codes() {
        for (text, want) in
            [("원", Some("KRW")), ("krw", Some("KRW")), ("$", Some("USD")), ("포인트", None)]
        {
            assert_eq!(currency(text), want, "{text}");
        }
    }
}
