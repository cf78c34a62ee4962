//! Shopify's export of products: <https://help.shopify.com/manual/products/import-export/using-csv>.
//!
//! A product has a row for each variant and each further picture. They share the handle.

use std::collections::{BTreeMap, HashMap};

use csv::StringRecord;
use serde_json::Value;

use crate::columns::{clean, key};
use crate::feeds::{google, html};
use crate::manifest::{Lines, cells};
use crate::row::Row;
use crate::table::Table;
use crate::{RowProblem, values};

/// The columns that mean something here, by the keys of their names in the older and the newer export.
const NAMES: &[(&str, &str)] = &[
    ("handle", "id"),
    ("urlhandle", "id"),
    ("title", "name"),
    ("bodyhtml", "description"),
    ("description", "description"),
    ("type", "category"),
    ("productcategory", "taxonomy"),
    ("status", "status"),
    ("published", "published"),
    ("publishedononlinestore", "published"),
    ("variantsku", "sku"),
    ("sku", "sku"),
    ("variantprice", "price"),
    ("price", "price"),
    ("variantcompareatprice", "list_price"),
    ("compareatprice", "list_price"),
    ("variantinventorytracker", "tracker"),
    ("inventorytracker", "tracker"),
    ("variantinventoryqty", "quantity"),
    ("inventoryquantity", "quantity"),
    ("variantinventorypolicy", "policy"),
    ("continuesellingwhenoutofstock", "policy"),
    ("imagesrc", "image"),
    ("productimageurl", "image"),
    ("imageposition", "position"),
    ("variantimage", "variant_image"),
    ("variantimageurl", "variant_image"),
];

/// Whether a table's header is that of an export.
pub(crate) fn is_header<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let keys: Vec<String> = names.take(200).map(key).collect();
    let has = |names: &[&str]| keys.iter().any(|key| names.contains(&key.as_str()));
    has(&["handle", "urlhandle"])
        && has(&["title"])
        && has(&["variantprice", "imagesrc", "bodyhtml", "productimageurl", "compareatprice"])
}

/// A product's rows.
#[derive(Default)]
struct Group {
    line: u64,
    /// The first value of each column.
    first: BTreeMap<String, String>,
    /// Pictures with their positions.
    images: Vec<(u64, String)>,
    /// How many there are to sell.
    quantity: Option<i64>,
    /// Whether a variant is sold whatever its quantity is.
    is_always_sold: bool,
    problem: Option<RowProblem>,
}

/// Adds an export's products. Returns whether there is none.
pub(crate) fn read(lines: &mut Lines, table: &mut Table<'_>, header: &StringRecord) -> bool {
    let names: Vec<String> = header.iter().map(clean).collect();
    let columns: Vec<Option<&str>> = names
        .iter()
        .map(|name| {
            let key = key(name);
            NAMES.iter().find(|(own, _)| *own == key).map(|(_, column)| *column)
        })
        .collect();
    for (column, name) in columns.iter().zip(&names) {
        if let Some(column) = column {
            lines.given.insert((*column).to_owned(), name.clone());
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut by_handle: HashMap<String, usize> = HashMap::new();
    let mut is_empty = true;
    while let Some((line, record)) = table.next() {
        is_empty = false;
        // Problems wait for their products: they are told in the order of the lines.
        let mut wrong = |problem| {
            groups.push(Group { line, problem: Some(problem), ..Group::default() });
        };
        let record = match record.and_then(|record| cells(&record, names.len())) {
            Ok(record) => record,
            Err(problem) => {
                wrong(problem);
                continue;
            }
        };
        let known = columns.iter().zip(&record).filter_map(|(column, cell)| {
            Some(((*column)?, cell.trim())).filter(|(_, cell)| !cell.is_empty())
        });
        let known: HashMap<&str, &str> = known.collect();
        let Some(handle) = known.get("id") else {
            wrong(RowProblem::Missing("id".to_owned()));
            continue;
        };
        let group = *by_handle.entry((*handle).to_owned()).or_insert_with(|| {
            groups.push(Group { line, ..Group::default() });
            groups.len() - 1
        });
        let group = &mut groups[group];
        let others =
            columns.iter().zip(&names).zip(&record).filter_map(|((column, name), cell)| {
                let cell = cell.trim();
                // What varies is not the product's.
                let is_product = column.is_none() && !name.is_empty() && !varies(name);
                (is_product && !cell.is_empty()).then(|| (name.clone(), cell.to_owned()))
            });
        for (name, cell) in others {
            group.first.entry(name).or_insert(cell);
        }
        let tracks = columns.contains(&Some("tracker"));
        if let Err(problem) = group.add(&known, tracks) {
            group.problem.get_or_insert(problem);
        }
    }
    for group in groups {
        let (line, row) = (group.line, group.row());
        match row {
            Ok(Ok(row)) => lines.add(line, Ok(row)),
            Ok(Err(hidden)) => lines.skip(line, hidden),
            Err(problem) => lines.add(line, Err(problem)),
        }
    }
    is_empty
}

/// Whether a column is one of a variant or of a picture.
fn varies(name: &str) -> bool {
    let key = key(name);
    ["variant", "option", "image", "cost", "barcode"].iter().any(|start| key.starts_with(start))
}

impl Group {
    /// Adds a row. `tracks`: whether the file says whether quantities are tracked.
    fn add(&mut self, row: &HashMap<&str, &str>, tracks: bool) -> Result<(), RowProblem> {
        const ONCE: [&str; 8] =
            ["id", "name", "description", "category", "taxonomy", "status", "published", "price"];
        // The list price belongs to the price's variant.
        if row.contains_key("price") && !self.first.contains_key("price") {
            for column in ["list_price", "sku"] {
                if let Some(value) = row.get(column) {
                    self.first.insert(column.to_owned(), (*value).to_owned());
                }
            }
        }
        for column in ONCE {
            if let Some(value) = row.get(column) {
                self.first.entry(column.to_owned()).or_insert_with(|| (*value).to_owned());
            }
        }
        if let Some(image) = row.get("image") {
            let position = row.get("position").and_then(|text| values::count(text));
            self.images.push((position.unwrap_or(u64::MAX - 1), (*image).to_owned()));
        }
        if let Some(image) = row.get("variant_image") {
            self.images.push((u64::MAX, (*image).to_owned()));
        }
        let quantity = match row.get("quantity") {
            None => None,
            Some(text) => Some(quantity(text).ok_or_else(|| RowProblem::BadValue {
                column: "quantity".to_owned(),
                wanted: "a whole number",
                value: crate::errors::shown(text),
            })?),
        };
        if let Some(quantity) = quantity {
            // One variant that is oversold takes nothing from another.
            let sum = self.quantity.unwrap_or(0).saturating_add(quantity.max(0));
            self.quantity = Some(sum);
        }
        let is_variant = ["price", "sku", "quantity"].iter().any(|column| row.contains_key(column));
        let is_untracked = tracks && !row.contains_key("tracker");
        let continues = row.get("policy").is_some_and(|policy| {
            ["continue", "true"].iter().any(|word| policy.eq_ignore_ascii_case(word))
        });
        self.is_always_sold |= is_variant && (is_untracked || continues);
        Ok(())
    }

    /// The product's row, or why it is not for shoppers.
    fn row(mut self) -> Result<Result<Row, String>, RowProblem> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let status = self.first.get("status").map(|status| status.to_lowercase());
        if let Some(status @ ("draft" | "archived")) = status.as_deref() {
            return Ok(Err(format!("not for sale: its status is {status}")));
        }
        if self.first.remove("published").is_some_and(|text| text.eq_ignore_ascii_case("false")) {
            return Ok(Err("not for sale: it is not published".to_owned()));
        }
        // A compare-at price of 0 is none.
        if self
            .first
            .get("list_price")
            .and_then(|text| values::amount(text))
            .is_some_and(|amount| amount.value == 0.0)
        {
            self.first.remove("list_price");
        }
        let taxonomy = self.first.remove("taxonomy");
        if !self.first.contains_key("category")
            && let Some(taxonomy) = taxonomy
        {
            self.first.insert("category".to_owned(), google::nested(&taxonomy));
        }
        if let Some(description) = self.first.get_mut("description") {
            *description = html::text(description);
        }
        self.images.sort_by_key(|(position, _)| *position);
        let mut columns: BTreeMap<String, Value> =
            self.first.into_iter().map(|(column, text)| (column, Value::String(text))).collect();
        let mut images = self.images.into_iter().map(|(_, image)| Value::String(image));
        if let Some(image) = images.next() {
            columns.insert("image".to_owned(), image);
            columns.insert("additional_images".to_owned(), Value::Array(images.collect()));
        }
        match self.quantity {
            _ if self.is_always_sold => {
                columns.insert("availability".to_owned(), Value::from("in stock"));
            }
            Some(quantity) => {
                columns.insert("stock".to_owned(), Value::from(quantity));
            }
            None => {}
        }
        Ok(Ok(Row { columns, is_table: true, currency: None }))
    }
}

/// A whole number, negative for what is oversold.
fn quantity(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| i64::try_from(values::count(text)?).ok())
}

#[cfg(test)]
mod tests {
    use crate::manifest::tests::open;
    use crate::{Catalog, CatalogError, CataloguePictures, Feed, Stock};

    const HEADER: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
        Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src,Image Position,Status\n";

    fn shop(rows: &str) -> Result<Catalog, CatalogError> {
        open("products.csv", HEADER.to_owned() + rows)
    }

    #[test]
    fn rows_of_one_handle_are_one_product() {
        let catalog = shop(concat!(
            "oak-chair,참나무 의자,<p>튼튼한 <b>의자</b></p>,나무집,의자,\"new, oak\",TRUE,색,갈색,oc-1,3,129000,159000,",
            "https://cdn.kr/2.jpg,2,active\n",
            "oak-chair,,,,,,,,검정,oc-2,-2,139000,,https://cdn.kr/1.jpg,1,\n",
            "lamp,램프,,,,,TRUE,,,l-1,0,5,0,https://cdn.kr/l.jpg,1,active\n",
            "oak-chair,,,,,,,,,,,,,https://cdn.kr/3.jpg,3,\n",
            "secret,비밀,,,,,TRUE,,,s-1,1,5,,,,draft\n",
            "hidden,숨김,,,,,false,,,s-1,1,5,,,,active\n",
        ))
        .expect("open");
        let ids: Vec<_> = catalog.products.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["lamp", "oak-chair"]);
        let (lamp, chair) = (&catalog.products[0], &catalog.products[1]);
        assert_eq!((chair.name.as_str(), chair.category.as_deref()), ("참나무 의자", Some("의자")));
        assert_eq!((chair.price, chair.list_price), (Some(129000.0), Some(159000.0)));
        assert_eq!(chair.description.as_deref(), Some("튼튼한 의자"));
        assert_eq!(chair.extra["stock"], 3);
        assert_eq!((chair.stock(), lamp.stock()), (Some(Stock::InStock), Some(Stock::OutOfStock)));
        assert_eq!(
            (&chair.extra["Vendor"], &chair.extra["sku"]),
            (&"나무집".into(), &"oc-1".into())
        );
        assert_eq!(lamp.list_price, None, "0 is none");
        assert_eq!(chair.image.as_deref(), Some("https://cdn.kr/1.jpg"));
        let more: Vec<_> =
            catalog.more_pictures.iter().map(|p| (p.product, p.path.as_str())).collect();
        assert_eq!(more, [(1, "https://cdn.kr/2.jpg"), (1, "https://cdn.kr/3.jpg")]);
        assert!(catalog.photos.is_empty());
        let reasons: Vec<_> = catalog.skipped.iter().map(|s| s.reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["not for sale: its status is draft", "not for sale: it is not published"]
        );
        assert_eq!(catalog.read_as.as_ref().and_then(|read| read.feed), Some(Feed::Shopify));
        let indexed = catalog.with_catalogue_pictures(CataloguePictures::Only);
        assert_eq!(indexed.addresses().len(), 4);
    }

    #[test]
    fn what_is_not_tracked_is_in_stock() {
        let catalog = open(
            "products.csv",
            "Handle,Title,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price\n\
             a,가,,0,deny,5\nb,나,shopify,0,continue,5\nc,다,shopify,0,deny,5\n",
        )
        .expect("open");
        let stock: Vec<_> = catalog.products.iter().filter_map(|p| p.stock()).collect();
        assert_eq!(stock, [Stock::InStock, Stock::InStock, Stock::OutOfStock]);
    }

    #[test]
    fn the_newer_export_and_wrong_rows() {
        let catalog = open(
            "products.csv",
            "Title,URL handle,Description,Product category,Price,Compare-at price,Inventory quantity,Product image URL\n\
             의자,oak,<p>튼튼</p>,Home & Garden > Chairs,129000,,2,https://cdn.kr/1.jpg\n",
        )
        .expect("open");
        let chair = &catalog.products[0];
        assert_eq!(
            (chair.id.as_str(), chair.category.as_deref()),
            ("oak", Some("Home & Garden/Chairs"))
        );
        let error = shop(concat!(
            "a,가,,,,,,,,,many,5,,,,\n",
            ",나,,,,,,,,,1,5,,,,\n",
            "c,다,,,,,,,,,1,cheap,,,,\n",
        ));
        let text = error.expect_err("wrong rows").to_string();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("  line 2: 'Variant Inventory Qty' must be"), "{text}");
        assert!(lines[1].starts_with("  line 3: the column 'Handle' is missing"), "{text}");
        assert!(lines[2].starts_with("  line 4: 'Variant Price' must be"), "{text}");
    }
}
