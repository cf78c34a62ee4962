//! Several photos in one cell of a table.

use crate::is_web_address;

/// Most separators in a file's name.
const MOST_IN_NAME: usize = 6;

const SEPARATORS: [char; 5] = ['|', ',', ';', '\n', '\r'];

/// The paths, patterns and web addresses of a cell, separated by `|`, `,`, `;` or line breaks.
///
/// A separator in the name of a file that exists, or in a pattern's brackets, separates nothing. Behind a web address, it
/// separates where a space or another address follows.
pub(crate) fn items(cell: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let cell = cell.trim();
    let cuts = cuts(cell);
    if cuts.is_empty() || (!is_web_address(cell) && is_there(cell, &exists)) {
        return Vec::from_iter((!cell.is_empty()).then(|| cell.to_owned()));
    }
    // The items begin behind a cut and end at one.
    let ends: Vec<usize> = cuts.iter().copied().chain([cell.len()]).collect();
    let mut items = Vec::new();
    let (mut start, mut next) = (0, 0);
    while next < ends.len() {
        let text = |end: usize| cell[start..end].trim();
        let last = if is_web_address(text(ends[next])) {
            (next..ends.len()).find(|&at| ends_address(&cell[ends[at]..])).unwrap_or(next)
        } else {
            let most = ends.len().min(next + 1 + MOST_IN_NAME);
            let found = (next..most).find(|&at| {
                let text = text(ends[at]);
                // One name in hand: nothing is asked of the disk for it.
                !text.is_empty() && is_there(text, &exists)
            });
            found.unwrap_or(next)
        };
        let item = text(ends[last]);
        if !item.is_empty() {
            items.push(item.to_owned());
        }
        // Separators are one byte long.
        start = (ends[last] + 1).min(cell.len());
        next = last + 1;
    }
    items
}

/// Where a cell may be cut: at its separators outside brackets.
fn cuts(cell: &str) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut open: Option<usize> = None;
    for (at, c) in cell.char_indices() {
        match c {
            '[' if open.is_none() => open = Some(cuts.len()),
            // What was in brackets is no cut.
            ']' => {
                if let Some(before) = open.take() {
                    cuts.truncate(before);
                }
            }
            // Brackets of patterns hold characters of one name.
            '/' | '\n' | '\r' => {
                open = None;
                if c != '/' {
                    cuts.push(at);
                }
            }
            _ if SEPARATORS.contains(&c) => cuts.push(at),
            _ => {}
        }
    }
    cuts
}

/// Whether a web address ends where a text, which begins with a separator, follows.
fn ends_address(rest: &str) -> bool {
    let mut rest = rest.chars();
    let Some(separator) = rest.next() else { return true };
    let rest = rest.as_str();
    let starts_address = rest.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http"));
    matches!(separator, '\n' | '\r')
        || rest.is_empty()
        || rest.starts_with(char::is_whitespace)
        || starts_address
}

/// Whether a text names a file, or a pattern's files in a folder with a separator in its name.
fn is_there(text: &str, exists: &impl Fn(&str) -> bool) -> bool {
    if exists(text) {
        return true;
    }
    let Some(glob) = text.find(['*', '?', '[']) else { return false };
    let folder = text[..glob].rfind('/').map(|end| &text[..end]);
    // With a cut behind the folder, there would be two items.
    let has_separator = |text: &str| text.contains(SEPARATORS);
    folder.is_some_and(|folder| {
        has_separator(folder) && !has_separator(&text[folder.len()..]) && exists(folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_several_photos() {
        let exists = |path: &str| ["a,b.jpg", "c;d/1.jpg", "빨강, 파랑", "a.jpg"].contains(&path);
        for (cell, want) in [
            ("a.jpg", &["a.jpg"][..]),
            (" ", &[]),
            ("1.jpg | 2.jpg", &["1.jpg", "2.jpg"]),
            ("1.jpg,2.jpg;3.jpg\n4.jpg\r\n5.jpg", &["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]),
            ("1.jpg,,2.jpg,", &["1.jpg", "2.jpg"]),
            ("a,b.jpg", &["a,b.jpg"]),
            ("1.jpg,a,b.jpg,2.jpg", &["1.jpg", "a,b.jpg", "2.jpg"]),
            ("c;d/1.jpg;a.jpg", &["c;d/1.jpg", "a.jpg"]),
            ("빨강, 파랑/*.jpg", &["빨강, 파랑/*.jpg"]),
            ("x/[a,b]*.jpg,y/*.jpg", &["x/[a,b]*.jpg", "y/*.jpg"]),
            ("x[.jpg,y].jpg/1.jpg", &["x[.jpg,y].jpg/1.jpg"]),
            ("x[/1.jpg,y].jpg", &["x[/1.jpg", "y].jpg"]),
            ("https://a.kr/1,w=2;h=3.jpg", &["https://a.kr/1,w=2;h=3.jpg"]),
            (
                "https://a.kr/1,2.jpg,https://a.kr/2.jpg",
                &["https://a.kr/1,2.jpg", "https://a.kr/2.jpg"],
            ),
            ("https://a.kr/1.jpg; HTTP://a.kr/2.jpg", &["https://a.kr/1.jpg", "HTTP://a.kr/2.jpg"]),
            ("https://a.kr/1.jpg\n의자/2.jpg", &["https://a.kr/1.jpg", "의자/2.jpg"]),
            ("의자/2.jpg,https://a.kr/1.jpg", &["의자/2.jpg", "https://a.kr/1.jpg"]),
        ] {
            assert_eq!(items(cell, exists), want, "{cell}");
        }
    }

    #[test]
    fn long_cells_take_no_long_time() {
        let comma = ",".repeat(1_000_000);
        assert!(items(&comma, |_| false).is_empty());
        assert_eq!(items(&"a,".repeat(300_000), |_| false).len(), 300_000);
        assert_eq!(items(&"[".repeat(1_000_000), |_| false).len(), 1);
        let address = format!("http://a.kr/{comma}");
        assert_eq!(items(&address, |_| false).len(), 1);
    }
}
