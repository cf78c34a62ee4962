//! Google Merchant Center's feeds in XML: RSS 2.0 and Atom.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::encoding::{Encoding, decode_xml};
use crate::feeds::{google, html};
use crate::manifest::Lines;
use crate::table::LinesOf;
use crate::{CatalogError, Feed, ReadAs, RowProblem};

/// Nested elements of a file. Feeds have about five.
const DEEPEST: usize = 100;

/// Namespace of the attributes of products.
const NAMESPACE: &str = "base.google.com/ns/1.0";

/// Most attributes of an element that are looked at.
const ATTRIBUTES: usize = 64;

/// Adds a feed's products.
pub(crate) fn read(lines: &mut Lines, bytes: &[u8]) -> Result<ReadAs, CatalogError> {
    let decoded = decode_xml(bytes);
    if decoded.text.trim().is_empty() {
        return Err(CatalogError::EmptyManifest { path: lines.path.clone() });
    }
    lines.needs_photos = false;
    for (column, attribute) in [("id", "id"), ("name", "title"), ("image", "image_link")] {
        lines.given.insert(column.to_owned(), attribute.to_owned());
    }
    let mut feed = Items {
        reader: Reader::from_str(&decoded.text),
        prefixes: vec!["g".to_owned()],
        line: LinesOf::new(&decoded.text),
        text: &decoded.text,
        is_damaged: decoded.is_damaged,
        depth: 0,
    };
    // Addresses such as "?a=1&b=2" often stand in feeds as they are.
    feed.reader.config_mut().allow_dangling_amp = true;
    let mut is_empty = true;
    while let Some((line, item)) = feed.next() {
        is_empty = false;
        let row = item.map(|values| {
            google::row(values.iter().map(|(column, value)| (column.as_str(), value.as_str())))
        });
        lines.add(line, row);
    }
    if is_empty {
        return Err(CatalogError::NoItems { path: lines.path.clone() });
    }
    Ok(ReadAs {
        feed: Some(Feed::GoogleMerchant),
        encoding: (decoded.encoding != Encoding::Utf8).then_some(decoded.encoding),
        ..ReadAs::default()
    })
}

/// Columns of a product with their texts, in order.
type Values = Vec<(String, String)>;

/// The items of a feed.
struct Items<'t> {
    reader: Reader<&'t [u8]>,
    /// Prefixes of names in the namespace.
    prefixes: Vec<String>,
    line: LinesOf<'t>,
    text: &'t str,
    is_damaged: bool,
    depth: usize,
}

impl Items<'_> {
    /// The next product, with the line that it begins on. Behind an error in the XML, there is no next one.
    fn next(&mut self) -> Option<(u64, Result<Values, RowProblem>)> {
        loop {
            let at = self.reader.buffer_position() as usize;
            match self.event() {
                Ok(Event::Start(start)) => {
                    self.learn_prefixes(&start);
                    if !matches!(start.local_name().as_ref(), "item" | "entry") {
                        continue;
                    }
                    let begins = at;
                    let line = self.line.line_of(begins);
                    let item = self.item().and_then(|values| {
                        let end = (self.reader.buffer_position() as usize).min(self.text.len());
                        let is_damaged = self.is_damaged
                            && self.text.get(begins..end).is_some_and(|t| t.contains('\u{fffd}'));
                        if is_damaged { Err(RowProblem::NotText) } else { Ok(values) }
                    });
                    return Some((line, item));
                }
                Ok(Event::Eof) => return None,
                Ok(_) => {}
                Err(problem) => return Some((self.line.line_of(at), Err(problem))),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'static>, RowProblem> {
        let event = self.reader.read_event().map_err(|error| self.stop(error.to_string()))?;
        match &event {
            Event::Start(_) if self.depth >= DEEPEST => {
                return Err(self.stop(format!("more than {DEEPEST} nested elements")));
            }
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => {
                self.depth = 0;
                return Err(self.stop("the file ends inside an element".to_owned()));
            }
            _ => {}
        }
        Ok(event.into_owned())
    }

    /// An error that nothing is read behind.
    fn stop(&mut self, reason: String) -> RowProblem {
        self.reader = Reader::from_str("");
        self.depth = 0;
        RowProblem::Xml(crate::errors::shown(&reason))
    }

    /// The namespace may have any prefix.
    fn learn_prefixes(&mut self, start: &BytesStart<'_>) {
        if self.depth > 3 {
            return;
        }
        // The check for attributes of one name compares each with each.
        let mut attributes = start.attributes();
        let attributes = attributes.with_checks(false).take(ATTRIBUTES).flatten();
        for attribute in attributes.filter(|attribute| attribute.value.contains(NAMESPACE)) {
            let name: &str = attribute.key.as_ref();
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.prefixes.push(prefix.to_owned());
            }
        }
    }

    /// The values of an item, up to its end. Those of the namespace come first.
    fn item(&mut self) -> Result<Values, RowProblem> {
        let inside = self.depth;
        let (mut of_google, mut others) = (Values::new(), Values::new());
        // The element that is read, and its text.
        let mut open: Option<(bool, String, String)> = None;
        loop {
            let event = self.event()?;
            match event {
                Event::Start(start) if self.depth == inside + 1 => {
                    self.learn_prefixes(&start);
                    open = self.column(&start).map(|(is, column)| (is, column, String::new()));
                }
                Event::Empty(start) if self.depth == inside => {
                    // Atom's links are attributes: <link href="…"/>.
                    if let Some((false, column)) = self.column(&start)
                        && column == "url"
                        && let Some(address) = href(&start)
                    {
                        others.push((column, address));
                    }
                }
                Event::End(_) if self.depth == inside => {
                    if let Some((is_google, column, text)) = open.take() {
                        let values = if is_google { &mut of_google } else { &mut others };
                        values.push((column, text));
                    }
                }
                Event::End(_) if self.depth < inside => {
                    of_google.append(&mut others);
                    return Ok(of_google);
                }
                // What is nested deeper, such as the price of a delivery, is not the product's.
                Event::Text(text) if self.depth == inside + 1 => {
                    if let Some((_, _, value)) = &mut open {
                        value.push_str(&text.xml10_content());
                    }
                }
                Event::CData(text) if self.depth == inside + 1 => {
                    if let Some((_, _, value)) = &mut open {
                        value.push_str(&text.xml10_content());
                    }
                }
                Event::GeneralRef(name) => {
                    let name = name.xml10_content();
                    let c = html::character(&name).ok_or_else(|| {
                        // Entities of the file's own could grow without bounds.
                        self.stop(format!("the entity &{name}; is not known"))
                    })?;
                    if self.depth == inside + 1
                        && let Some((_, _, value)) = &mut open
                    {
                        value.push(c);
                    }
                }
                _ => {}
            }
        }
    }

    /// The column of an element, and whether it is in the namespace; `None` for another's.
    fn column(&self, start: &BytesStart<'_>) -> Option<(bool, String)> {
        let name = start.name();
        let name: &str = name.as_ref();
        match name.split_once(':') {
            Some((prefix, name)) => {
                let is_google = self.prefixes.iter().any(|known| known == prefix);
                is_google.then(|| (true, google::column(name)))
            }
            None => {
                let name = match name {
                    "summary" | "content" => "description",
                    other => other,
                };
                Some((false, google::column(name)))
            }
        }
    }
}

/// Where a link leads, unless it is one of another kind than the page.
fn href(start: &BytesStart<'_>) -> Option<String> {
    let mut attributes = start.attributes();
    let attributes = attributes.with_checks(false).take(ATTRIBUTES).flatten();
    let mut address = None;
    for attribute in attributes {
        let key: &str = attribute.key.as_ref();
        match key {
            "href" => address = Some(html::text(&attribute.value)),
            "rel" if &*attribute.value != "alternate" => return None,
            _ => {}
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use crate::manifest::tests::{open, open_with};
    use crate::{Catalog, CatalogError, CataloguePictures, OpenOptions, PhotoSource, Stock};

    fn rss(items: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\">\n<channel>\n\
             <title>나무집</title>\n<link>https://shop.example</link>\n{items}</channel></rss>"
        )
    }

    const CHAIR: &str = "<item>\n<title>의자</title><link>https://shop.example/oak?a=1&amp;b=2</link>\n\
        <g:id>oak</g:id><g:title><![CDATA[참나무 <의자>]]></g:title><description>튼튼&#54620;&nbsp;의자</description>\n\
        <g:image_link>https://cdn.kr/1.jpg</g:image_link>\n\
        <g:additional_image_link>https://cdn.kr/3.jpg</g:additional_image_link>\n\
        <g:additional_image_link>https://cdn.kr/2.jpg</g:additional_image_link>\n\
        <g:price>15900 KRW</g:price><g:sale_price>12900 KRW</g:sale_price>\n\
        <g:shipping><g:country>KR</g:country><g:price>3000 KRW</g:price></g:shipping>\n\
        <g:availability>in_stock</g:availability><g:product_type>가구 &gt; 의자</g:product_type>\n\
        <media:title>other</media:title><g:brand>나무집</g:brand></item>\n";

    fn check(catalog: &Catalog) {
        let chair = &catalog.products[0];
        assert_eq!((chair.id.as_str(), chair.name.as_str()), ("oak", "참나무 <의자>"));
        assert_eq!(chair.url.as_deref(), Some("https://shop.example/oak?a=1&b=2"));
        assert_eq!((chair.price, chair.list_price), (Some(12900.0), Some(15900.0)));
        assert_eq!(chair.currency.as_deref(), Some("KRW"));
        assert_eq!(chair.category.as_deref(), Some("가구/의자"));
        assert_eq!(chair.stock(), Some(Stock::InStock));
        assert_eq!(chair.extra["brand"], "나무집");
    }

    #[test]
    fn rss_with_the_namespace() {
        let catalog = open("feed.xml", rss(CHAIR)).expect("open");
        check(&catalog);
        assert_eq!(catalog.products[0].description.as_deref(), Some("튼튼한\u{a0}의자"));
        assert!(catalog.photos.is_empty() && catalog.more_pictures.len() == 2);
        let said = catalog.read_as.map(|read| read.to_string());
        assert_eq!(said.as_deref(), Some("read as a Google Merchant feed"));
        let indexed = open_with("feed.xml", rss(CHAIR), CataloguePictures::Along).expect("open");
        let addresses = ["https://cdn.kr/1.jpg", "https://cdn.kr/2.jpg", "https://cdn.kr/3.jpg"];
        assert_eq!(indexed.addresses(), addresses);
        assert!(indexed.photos.iter().all(|photo| photo.source == PhotoSource::Catalogue));
    }

    #[test]
    fn atom_and_another_prefix() {
        let entry = "<entry><id>urn:1</id><p:id>oak</p:id><title>참나무 &lt;의자></title>\
            <link rel='self' href='https://x'/><link href='https://shop.example/oak?a=1&amp;b=2'/>\
            <summary>튼튼</summary><p:price>15900 KRW</p:price><p:sale_price>12900 KRW</p:sale_price>\
            <p:availability>in stock</p:availability><p:google_product_category>가구 > 의자</p:google_product_category>\
            <p:brand>나무집</p:brand><content/></entry>";
        let feed = format!(
            "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:p='http://base.google.com/ns/1.0'>{entry}</feed>"
        );
        check(&open("feed.XML", feed.clone()).expect("open"));
        let utf16: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(feed.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        check(&open("feed.xml", utf16).expect("open"));
    }

    #[test]
    fn broken_feeds_are_errors() {
        let bomb = "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY l2 '&lol;&lol;&lol;'>]>\n\
            <rss><item><id>&l2;</id></item></rss>";
        let deep = "<a>".repeat(1_000_000);
        let many: String = (0..100_000).map(|n| format!(" a{n}='1'")).collect();
        for (xml, want) in [
            (bomb.to_owned(), "line 2: not valid XML (the entity &l2; is not known)"),
            (deep, "nested elements"),
            ("<rss><item><id>1</id>".into(), "ends inside"),
            ("<rss><item></rss>".into(), "not valid XML"),
            ("<rss><item><id>1</id></item></rss>".into(), "the column 'title' is missing"),
            (format!("<rss><item{many}></item></rss>"), "the column 'id' is missing"),
            ("<html><body/></html>".into(), "has no products"),
            ("<<<".into(), "not valid XML"),
            ("\0".into(), "no products"),
            (" ".into(), "is empty"),
            (rss(&CHAIR.replace("12900 KRW", "싸다")), "line 6: 'price' must be an amount"),
            (rss(&(CHAIR.to_owned() + CHAIR)), "already on line 6"),
        ] {
            let error = open("feed.xml", &xml).expect_err("refused").to_string();
            assert!(error.contains(want), "{error}");
        }
        let cut = rss(CHAIR).replace("</channel></rss>", "<item>");
        let options = OpenOptions { skip_bad_rows: true, ..OpenOptions::default() };
        let catalog = open_with("feed.xml", &cut, options).expect("what comes before");
        assert_eq!((catalog.products.len(), catalog.skipped.len()), (1, 1));
        assert!(matches!(open("feed.xml", &cut), Err(CatalogError::Rows { .. })));
    }
}
