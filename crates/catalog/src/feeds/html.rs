//! HTML as plain text.

/// The text of HTML: without tags, with its entities resolved and its spaces collapsed.
pub(crate) fn text(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let used =
            if rest.starts_with('<') { tag(rest, &mut plain) } else { entity(rest, &mut plain) };
        rest = &rest[used..];
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The length of a tag, with the content of one that shows none. Writes a space for a block's.
fn tag(rest: &str, plain: &mut String) -> usize {
    // "<3" is no tag.
    if !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        plain.push('<');
        return 1;
    }
    if rest.starts_with("<!--") {
        return rest.find("-->").map_or(rest.len(), |end| end + 3);
    }
    let Some(end) = rest.find('>') else { return rest.len() };
    let (inner, closes) = match rest[1..end].strip_prefix('/') {
        Some(inner) => (inner, true),
        None => (&rest[1..end], false),
    };
    let name = inner.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
    let name = name.to_ascii_lowercase();
    if !["a", "b", "em", "i", "span", "strong", "u", "font", ""].contains(&name.as_str()) {
        plain.push(' ');
    }
    if !closes && ["script", "style"].contains(&name.as_str()) {
        let close = format!("</{name}");
        let bytes = rest.as_bytes();
        let at = (end..bytes.len()).find(|&at| {
            bytes[at] == b'<'
                && bytes
                    .get(at..at + close.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(close.as_bytes()))
        });
        return at.unwrap_or(rest.len());
    }
    end + 1
}

/// The length of an entity. Writes its character, or the ampersand of what is none.
fn entity(rest: &str, plain: &mut String) -> usize {
    const LONGEST: usize = 12;
    let end = rest.bytes().take(LONGEST).position(|byte| byte == b';');
    match end.and_then(|end| Some((end, character(&rest[1..end])?))) {
        Some((end, c)) => {
            plain.push(c);
            end + 1
        }
        None => {
            plain.push('&');
            1
        }
    }
}

/// The character of an entity's name, or of its number as in `#44032` and `#xAC00`.
pub(crate) fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "bull" => '•',
        "copy" => '©',
        "deg" => '°',
        "eacute" => 'é',
        "euro" => '€',
        "hellip" => '…',
        "laquo" => '«',
        "ldquo" => '“',
        "lsquo" => '‘',
        "mdash" => '—',
        "middot" => '·',
        "ndash" => '–',
        "raquo" => '»',
        "rdquo" => '”',
        "reg" => '®',
        "rsquo" => '’',
        "times" => '×',
        "trade" => '™',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_as_text() {
        for (html, want) in [
            ("<p>참나무 <b>의</b>자</p><ul><li>1</li><li>2</li></ul>", "참나무 의자 1 2"),
            ("a &amp; b&nbsp;&#44032;&#xAC00; &unknown; &", "a & b 가가 &unknown; &"),
            ("<style>p > a { }</style>text<SCRIPT>x < y</Script >!", "text !"),
            ("x <!-- <b> --> y", "x y"),
            ("1 < 2, I <3 it", "1 < 2, I <3 it"),
            ("cut <a href='", "cut"),
            ("&가나다라마바사;", "&가나다라마바사;"),
            ("&#0;&#x110000;", "&#0;&#x110000;"),
        ] {
            assert_eq!(text(html), want, "{html}");
        }
    }

    #[test]
    fn broken_html_takes_no_long_time() {
        for piece in ["<", "&", "<a", "<!--", "<script>", "</"] {
            text(&piece.repeat(300_000));
        }
    }
}
