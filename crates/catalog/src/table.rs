//! CSV text as the records of a table, with the lines that they are on.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::RowProblem;
use crate::columns::known_among;

/// What may separate columns.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A table without its blank rows. The first record is the header.
pub(crate) struct Table<'t> {
    text: &'t str,
    pub(crate) separator: u8,
    reader: Reader<&'t [u8]>,
    lines: LinesOf<'t>,
    /// Whether U+FFFD in a record stands for bytes of no meaning.
    is_damaged: bool,
}

impl<'t> Table<'t> {
    /// `usual`: the separator that the file's ending says.
    pub(crate) fn new(text: &'t str, usual: u8, is_damaged: bool) -> Self {
        let (separator, body) = match excels_line(text) {
            Some((separator, body)) => (separator, body),
            None => (separator(text, usual), text),
        };
        let mut lines = LinesOf::new(text);
        lines.line_of(text.len() - body.len());
        lines.bytes = body.as_bytes();
        lines.at = 0;
        Self { text: body, separator, reader: reader(body, separator), lines, is_damaged }
    }

    /// The next record that has a cell with something in it, and its first line.
    pub(crate) fn next(&mut self) -> Option<(u64, Result<StringRecord, RowProblem>)> {
        let mut record = StringRecord::new();
        loop {
            let before = self.reader.position().byte() as usize;
            match self.reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    let line = self.lines.line_of(before);
                    return Some((line, Err(RowProblem::Csv(error.to_string()))));
                }
            }
            if record.iter().all(is_blank) {
                continue;
            }
            // csv skips empty lines only when it reads the next record.
            let bytes = self.text.as_bytes();
            let empty = bytes[before..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
            let start = before + empty.count();
            let line = self.lines.line_of(start);
            let end = (self.reader.position().byte() as usize).min(bytes.len());
            return Some((line, self.checked(record, start, end)));
        }
    }

    fn checked(
        &self,
        record: StringRecord,
        start: usize,
        end: usize,
    ) -> Result<StringRecord, RowProblem> {
        let raw = &self.text[start..end];
        if end == self.text.len()
            && raw.trim_end().contains(['\n', '\r'])
            && raw.bytes().filter(|&byte| byte == b'"').count() % 2 == 1
        {
            return Err(RowProblem::OpenQuote);
        }
        if raw.contains('\0') {
            return Err(RowProblem::Nul);
        }
        if self.is_damaged && raw.contains('\u{fffd}') {
            return Err(RowProblem::NotText);
        }
        Ok(record)
    }
}

/// Whether a cell has nothing in it. Of a row of separators, other separators make one cell.
fn is_blank(cell: &str) -> bool {
    cell.chars().all(|c| c.is_whitespace() || matches!(c, ',' | ';'))
}

fn reader(text: &str, separator: u8) -> Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// The separator of a first line `sep=;`, and the text behind it.
fn excels_line(text: &str) -> Option<(u8, &str)> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let line = text[..end].trim_matches([' ', '"']);
    let (name, separator) = line.split_at_checked(4)?;
    if !name.eq_ignore_ascii_case("sep=") || !separator.is_ascii() || separator.len() != 1 {
        return None;
    }
    let body = &text[end..];
    let body =
        body.strip_prefix("\r\n").or_else(|| body.strip_prefix(['\n', '\r'])).unwrap_or(body);
    Some((separator.as_bytes()[0], body))
}

/// The separator that makes the most of the header: known columns first, then any.
fn separator(text: &str, usual: u8) -> u8 {
    let of = |separator: u8| {
        let mut table = Table {
            text,
            separator,
            reader: reader(text, separator),
            lines: LinesOf::new(text),
            is_damaged: false,
        };
        let Some((_, Ok(header))) = table.next() else { return (0, 0) };
        (known_among(header.iter()), header.len())
    };
    let others = SEPARATORS.into_iter().filter(|&separator| separator != usual);
    // The last of several that are alike is taken.
    others.chain([usual]).max_by_key(|&separator| of(separator)).unwrap_or(usual)
}

/// Lines of a text, which end in `\n`, `\r\n` or `\r`.
pub(crate) struct LinesOf<'t> {
    bytes: &'t [u8],
    at: usize,
    line: u64,
}

impl<'t> LinesOf<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line of a byte, counted from 1. Bytes are asked for in their order.
    pub(crate) fn line_of(&mut self, byte: usize) -> u64 {
        let byte = byte.clamp(self.at, self.bytes.len());
        for at in self.at..byte {
            let follows = at.checked_sub(1).map(|before| self.bytes[before]);
            match self.bytes[at] {
                b'\r' => self.line += 1,
                b'\n' if follows != Some(b'\r') => self.line += 1,
                _ => {}
            }
        }
        self.at = byte;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut table = Table::new(text, b',', false);
        let next = || table.next().map(|(line, record)| (line, record.expect("a record")));
        std::iter::from_fn(next)
            .map(|(line, record)| (line, record.iter().map(str::to_owned).collect()))
            .collect()
    }

    #[test]
    fn separators_are_those_of_the_header() {
        for (text, want) in [
            ("id,name", b','),
            ("id;name;photos", b';'),
            ("id\tname\tphotos", b'\t'),
            ("id;name;photos, all, of, it, x", b';'),
            ("상품코드;상품명;가격,원", b';'),
            ("\r\n;;;\r\n상품코드;상품명;판매가", b';'),
            ("\"id, or sku\";name;photos", b';'),
            ("sep=;\r\na,b,c;d", b';'),
            ("SEP=|\na|b,c", b'|'),
            ("\"sep=\t\"\na,b", b'\t'),
            ("id", b','),
            ("", b','),
        ] {
            assert_eq!(Table::new(text, b',', false).separator, want, "{text}");
        }
        assert_eq!(Table::new("a b", b'\t', false).separator, b'\t');
    }

    #[test]
    fn lines_end_in_any_way_and_blank_rows_do_not_count_as_products() {
        let row = |line, cells: &[&str]| (line, cells.iter().map(|c| (*c).to_owned()).collect());
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["id,name", "", "1,의자", ",", " , ", "2,\"두", "줄\"", "3,램프", "", ""];
            let text = lines.join(end);
            let of_two = format!("두{end}줄");
            let want = [
                row(1, &["id", "name"]),
                row(3, &["1", "의자"]),
                row(6, &["2", &of_two]),
                row(8, &["3", "램프"]),
            ];
            assert_eq!(rows(&text), want, "{end:?}");
        }
        let with_separator = rows("sep=;\r\nid;name\r\n1;의자");
        assert_eq!(with_separator, [row(2, &["id", "name"]), row(3, &["1", "의자"])]);
    }

    #[test]
    fn records_that_cannot_be_read_are_told() {
        let last = |text: &str, is_damaged| {
            let mut table = Table::new(text, b',', is_damaged);
            std::iter::from_fn(|| table.next()).last().expect("a record")
        };
        assert_eq!(last("id,name\n1,\"의자\n2,램프\n", false), (2, Err(RowProblem::OpenQuote)));
        assert_eq!(last("id,name\n1,a\0b\n", false), (2, Err(RowProblem::Nul)));
        assert_eq!(last("id,name\n1,\u{fffd}\n", true), (2, Err(RowProblem::NotText)));
        assert!(last("id,name\n1,\u{fffd}\n", false).1.is_ok());
        assert!(last("id,name\n1,19\" screen\n", false).1.is_ok(), "inches");
    }
}
