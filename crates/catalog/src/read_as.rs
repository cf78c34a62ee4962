//! What was understood of a manifest that does not say it in the usual way.

use std::fmt;

use crate::Encoding;

/// How a manifest was read, where that is not plain. Its text is one line: `read as CP949, separated by semicolons;
/// 상품명 is the name, 판매가 the price`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadAs {
    /// The kind of feed.
    pub feed: Option<Feed>,
    /// The encoding, unless it is UTF-8.
    pub encoding: Option<Encoding>,
    /// What separates columns, unless it is what the file's ending says.
    pub separator: Option<char>,
    /// The columns that have names of the shop's own.
    pub columns: Vec<ReadColumn>,
}

/// A feed of products in the form of another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feed {
    /// Google Merchant Center's, as a table or in XML.
    GoogleMerchant,
    /// Shopify's export of products.
    Shopify,
}

/// A column of the shop's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadColumn {
    /// Its name in the file.
    pub given: String,
    /// What it means, such as `the price`.
    pub is: &'static str,
    /// The column that was taken in its place: this one stays a column of its own.
    pub instead: Option<String>,
}

impl ReadAs {
    /// Itself, if there is anything to say.
    pub(crate) fn or_none(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GoogleMerchant => "a Google Merchant feed",
            Self::Shopify => "a Shopify product file",
        })
    }
}

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = match (self.feed, self.encoding) {
            (Some(feed), Some(encoding)) => format!("read as {feed} in {encoding}"),
            (Some(feed), None) => format!("read as {feed}"),
            (None, Some(encoding)) => format!("read as {encoding}"),
            (None, None) => String::new(),
        };
        if let Some(separator) = self.separator {
            let name = match separator {
                ',' => "commas".to_owned(),
                ';' => "semicolons".to_owned(),
                '\t' => "tabs".to_owned(),
                other => format!("'{other}'"),
            };
            start += if start.is_empty() { "separated by " } else { ", separated by " };
            start += &name;
        }
        let mut parts = Vec::from_iter((!start.is_empty()).then_some(start));
        let chosen = self.columns.iter().filter(|column| column.instead.is_none());
        let chosen: Vec<String> = chosen
            .enumerate()
            .map(|(at, ReadColumn { given, is, .. })| match at {
                0 => format!("{given} is {is}"),
                _ => format!("{given} {is}"),
            })
            .collect();
        if !chosen.is_empty() {
            parts.push(chosen.join(", "));
        }
        for ReadColumn { given, is, instead } in &self.columns {
            if let Some(taken) = instead {
                parts.push(format!("{given} stays a column of its own, as {taken} is {is}"));
            }
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_was_understood() {
        let column = |given: &str, is, instead: Option<&str>| ReadColumn {
            given: given.to_owned(),
            is,
            instead: instead.map(str::to_owned),
        };
        let mut read_as = ReadAs {
            encoding: Some(Encoding::Cp949),
            separator: Some(';'),
            columns: vec![
                column("상품명", "the name", None),
                column("판매가", "the price", None),
                column("title", "the name", Some("상품명")),
            ],
            ..ReadAs::default()
        };
        assert_eq!(
            read_as.to_string(),
            "read as CP949, separated by semicolons; 상품명 is the name, 판매가 the price; title stays a column of \
             its own, as 상품명 is the name"
        );
        read_as.columns.clear();
        (read_as.feed, read_as.encoding) = (Some(Feed::Shopify), None);
        assert_eq!(read_as.to_string(), "read as a Shopify product file, separated by semicolons");
        read_as.feed = None;
        assert_eq!(read_as.to_string(), "separated by semicolons");
        assert_eq!(ReadAs::default().or_none(), None);
    }
}
