//! Manifests as shops write them, from their bytes to a catalogue.

use crate::{Catalog, CatalogError, CataloguePictures, OpenOptions, RowProblem, Split};

pub(crate) fn open(name: &str, text: impl AsRef<[u8]>) -> Result<Catalog, CatalogError> {
    open_with(name, text, OpenOptions::default())
}

pub(crate) fn open_with(
    name: &str,
    text: impl AsRef<[u8]>,
    options: impl Into<OpenOptions>,
) -> Result<Catalog, CatalogError> {
    let folder = tempfile::tempdir().expect("a folder");
    for photo in ["a/1.jpg", "a/2.jpg", "a/note.txt", "b [x]/1.jpg", "머그, 컵/1;2.jpg"] {
        let path = folder.path().join(photo);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, "").expect("a file");
    }
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a manifest");
    Catalog::open_with(&path, None, options)
}

fn problem(name: &str, text: impl AsRef<[u8]>) -> (u64, RowProblem) {
    match open(name, text) {
        Err(CatalogError::Rows { mut problems, more: 0, .. }) if problems.len() == 1 => {
            let wrong = problems.remove(0);
            (wrong.line, wrong.problem)
        }
        other => panic!("expected one wrong line, got {other:?}"),
    }
}

#[test]
fn jsonl_with_patterns_splits_and_extra_columns() {
    let catalog = open(
        "shop.jsonl",
        concat!(
            r#"{"id":"b","name":"의자","photos_train":["b [x]/1.jpg"],"photos_test":"a/2.jpg","#,
            r#""price":12900,"rating":"4.5","review_count":7,"colours":["red"],"sku":null}"#,
            "\n\n",
            r#"{"id":7,"name":"A","photos":["a/*.jpg","a/1.jpg","none/*.png"],"split":"train"}"#,
        ),
    )
    .expect("open");
    assert_eq!(catalog.products.len(), 2);
    let (seven, b) = (&catalog.products[0], &catalog.products[1]);
    assert_eq!((seven.id.as_str(), b.name.as_str()), ("7", "의자"));
    assert_eq!((b.price, b.rating, b.review_count), (Some(12900.0), Some(4.5), Some(7)));
    assert_eq!(b.extra["colours"], serde_json::json!(["red"]));
    let photos: Vec<_> =
        catalog.photos.iter().map(|p| (p.product, p.path.as_str(), p.split)).collect();
    assert_eq!(
        photos,
        [
            (0, "a/1.jpg", Some(Split::Train)),
            (0, "a/2.jpg", Some(Split::Train)),
            (1, "a/2.jpg", Some(Split::Test)),
            (1, "b [x]/1.jpg", Some(Split::Train)),
        ]
    );
    assert_eq!(catalog.skipped.len(), 1);
}

#[test]
fn csv_with_lists_quotes_and_a_byte_order_mark() {
    let text = "\u{feff}id,name,photos,weight\nx,\"Cup, red\",a/1.jpg | a/2.jpg,12 kg\n";
    let catalog = open("shop.csv", text).expect("open");
    assert_eq!(catalog.products[0].name, "Cup, red");
    assert_eq!(catalog.products[0].extra["weight"], "12 kg");
    assert_eq!(catalog.photos.len(), 2);
}

#[test]
fn problems_come_with_their_line() {
    use RowProblem as P;
    let row = |json: &str| problem("m.jsonl", json);
    assert_eq!(row(r#"{"name":"x","photos":"a/1.jpg"}"#), (1, P::Missing("id".into())));
    assert_eq!(row("\n{\"id\":\"x\",\"photos\":\"a/1.jpg\"}"), (2, P::Missing("name".into())));
    assert_eq!(row(r#"{"id":"x","name":"y"}"#), (1, P::NoPhotosColumn));
    assert!(matches!(row("{"), (1, P::Json(_))));
    assert!(matches!(
        row(r#"{"id":"x","name":"y","photos":"a/1.jpg","price":"cheap"}"#),
        (1, P::BadValue { .. })
    ));
    assert!(matches!(
        row(r#"{"id":"x","name":"y","photos_train":"a/1.jpg","photos_test":"a/*.jpg"}"#),
        (1, P::TwoSplits { .. })
    ));
    assert_eq!(problem("m.csv", "id,name,photos\n\n\n,y,a/1.jpg\n"), (4, P::Missing("id".into())));
    let twice = "id,name,photos\nx,y,a/1.jpg\nx,z,a/2.jpg\n";
    assert_eq!(problem("m.csv", twice), (3, P::DuplicateId { id: "x".into(), first: 2 }));
    let there = "id, photos".to_owned();
    let missing = P::MissingColumn { column: "name", there };
    assert_eq!(problem("m.csv", "id,photos\nx,a/1.jpg\n"), (1, missing));
    assert_eq!(problem("m.csv", "id,name\nx,y\n"), (1, P::NoPhotosColumn));
    assert!(matches!(problem("m.csv", "id,name,photos\nx,y\n"), (2, P::Csv(_))));
    let (_, unquoted) = problem("m.csv", "id,name,photos,price\nx,y,a/1.jpg,12,900\n");
    assert!(unquoted.to_string().contains("needs quotation marks"), "{unquoted}");
    // "é" of a Western code page.
    let latin = b"id,name,photos\nx,y,a/1.jpg\nz,caf\xE9,a/1.jpg\n";
    assert_eq!(problem("m.csv", latin), (3, P::NotText));
    assert_eq!(problem("m.jsonl", b"{\"id\":\"\xE9\"}"), (1, P::NotUtf8));
}

#[test]
fn a_product_without_photos_yet_is_a_product() {
    let catalog = open("m.csv", "id,name,photos\nx,y,\nz,w,a/1.jpg\n").expect("open");
    assert_eq!((catalog.products.len(), catalog.photos.len()), (2, 1));
    let json = r#"{"id":"x","name":"y","photos":[]}"#.to_owned() + "\n";
    let more = r#"{"id":"z","name":"w","photos":"a/1.jpg"}"#;
    assert_eq!(open("m.jsonl", json + more).expect("open").products.len(), 2);
}

#[test]
fn a_file_that_is_no_manifest_is_refused() {
    assert!(matches!(open("a.jpg", "x"), Err(CatalogError::UnknownKind { .. })));
    assert!(matches!(open("a.jsonl", "\n"), Err(CatalogError::EmptyManifest { .. })));
    assert!(matches!(open("a.csv", "\u{feff}"), Err(CatalogError::EmptyManifest { .. })));
    assert!(matches!(open("a.csv", "\r\n,,\r\n"), Err(CatalogError::EmptyManifest { .. })));
    let error = open("a.csv", "id,name,photos\r\n").expect_err("no products").to_string();
    assert!(error.ends_with("a.csv has a header and no products below it"), "{error}");
    let none = open("a.csv", "id,name,photos\nx,y,\n");
    assert!(matches!(none, Err(CatalogError::NoPhotosNamed { .. })));
}

#[test]
fn tables_as_excel_and_korean_shops_write_them() {
    let table = "상품코드;상품명;판매가;정가;리뷰사진;재고;평점;리뷰수;색상\r\n\
        m-1;머그컵;12,900원;15,900원;\"머그, 컵/1;2.jpg, a/*.jpg\";품절;4,5;1,234건;빨강\r\n;;;;;;;;\r\n";
    let korean = encoding_rs::EUC_KR.encode(table).0.into_owned();
    let said = "separated by semicolons; 상품코드 is the id, 상품명 the name, 판매가 the price, 정가 the list price, \
        평점 the rating, 리뷰수 the number of reviews, 리뷰사진 the photos, 재고 the stock";
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for (bytes, want) in [
        (table.as_bytes().to_vec(), said.to_owned()),
        (korean, format!("read as CP949, {said}")),
        (wide(&format!("\u{feff}{table}")), format!("read as UTF-16, {said}")),
        (wide(table), format!("read as UTF-16, {said}")),
        (table.replace("\r\n", "\r").into_bytes(), said.to_owned()),
        (format!("\u{feff}sep=;\r\n{table}").into_bytes(), said.to_owned()),
    ] {
        let catalog = open("shop.csv", bytes).expect("open");
        let mug = &catalog.products[0];
        assert_eq!((mug.id.as_str(), mug.name.as_str()), ("m-1", "머그컵"));
        assert_eq!((mug.price, mug.list_price), (Some(12900.0), Some(15900.0)));
        assert_eq!((mug.rating, mug.review_count), (Some(4.5), Some(1234)));
        assert_eq!(mug.currency.as_deref(), Some("KRW"));
        assert_eq!(mug.stock(), Some(crate::Stock::OutOfStock));
        assert_eq!(mug.extra["색상"], "빨강");
        let paths: Vec<_> = catalog.photos.iter().map(|photo| photo.path.as_str()).collect();
        assert_eq!(paths, ["a/1.jpg", "a/2.jpg", "머그, 컵/1;2.jpg"]);
        assert_eq!(catalog.read_as.map(|read| read.to_string()), Some(want));
    }
    let plain = open("shop.csv", "ID,Name,Photos\nx,y,a/1.jpg\n").expect("open");
    assert_eq!((plain.read_as, plain.photos.len()), (None, 1));
    let tabs = open("shop.tsv", "id\tname\tphotos\nx\ty\ta/1.jpg\n").expect("open");
    assert_eq!(tabs.read_as, None);
}

#[test]
fn all_wrong_lines_are_told_or_skipped() {
    let mut table = "id,name,photos,판매가\n".to_owned();
    for line in 2..34 {
        let price = if line % 2 == 0 { "5" } else { "싸다" };
        table += &format!("p{line},이름,a/1.jpg,{price}\n");
    }
    for _ in 0..8 {
        table += "p2,again,a/1.jpg,5\n";
    }
    let error = open("m.csv", &table).expect_err("wrong lines");
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("m.csv: 24 lines are wrong:"), "{text}");
    assert!(lines[1].starts_with("  line 3: '판매가' must be an amount"), "{text}");
    assert!(lines[1].ends_with("not '싸다'"), "{text}");
    assert_eq!((lines.len(), lines[21]), (22, "  … and 4 more"));
    let options = OpenOptions { skip_bad_rows: true, ..OpenOptions::default() };
    let catalog = open_with("m.csv", &table, options).expect("the rest");
    assert_eq!((catalog.products.len(), catalog.skipped.len()), (16, 24));
    assert!(catalog.skipped[0].path.ends_with("m.csv, line 3"), "{:?}", catalog.skipped[0]);
    assert!(catalog.skipped[0].reason.contains("not '싸다'"));
    let all_wrong = open_with("m.csv", "id,name,photos,price\nx,y,a/1.jpg,no\n", options);
    assert!(matches!(all_wrong, Err(CatalogError::Rows { .. })));
    let no_header = open_with("m.csv", "id,photos\nx,a/1.jpg\n", options);
    assert!(no_header.is_err(), "no line can be read");
}

#[test]
fn currencies_of_columns_and_texts_agree() {
    let open = |header: &str, row: &str| {
        open("m.csv", format!("id;name;photos;{header}\nx;y;a/1.jpg;{row}\n"))
    };
    let currency = |header: &str, row: &str| {
        open(header, row).expect("open").products[0].currency.clone().unwrap_or_default()
    };
    for (header, row, want) in [
        ("price", "$12.90", "USD"),
        ("price;currency", "12,900원;원", "원"),
        ("price;currency", "$12.90;CAD", "CAD"),
        ("price;list_price", "12;€15", "EUR"),
        ("가격(원)", "12,900", "KRW"),
        ("가격(원)", "", ""),
        ("price", "12900", ""),
    ] {
        assert_eq!(currency(header, row), want, "{header}: {row}");
    }
    for (header, row) in [("price;currency", "$12.90;KRW"), ("price;list_price", "$5;5원")] {
        let error = open(header, row).expect_err("two currencies").to_string();
        assert!(error.contains("is in"), "{error}");
    }
}

#[test]
fn photos_on_the_web_are_not_looked_for() {
    let cell = "https://cdn.kr/1,w=2.jpg?a=*,https://cdn.kr/2.jpg";
    let text = format!("id,name,photos,image\nx,y,\"{cell}\",https://cdn.kr/3.jpg\n");
    let catalog = open("m.csv", &text).expect("open");
    assert_eq!(catalog.addresses(), ["https://cdn.kr/1,w=2.jpg?a=*", "https://cdn.kr/2.jpg"]);
    let along = open_with("m.csv", &text, CataloguePictures::Along).expect("open");
    assert_eq!(along.addresses().len(), 3);
    assert!(along.skipped.is_empty());
}

#[test]
fn a_cell_may_name_all_pictures() {
    let text = "id,name,photos,상품이미지\nx,y,a/1.jpg,a/2.jpg|https://cdn.kr/1.jpg\n";
    let catalog = open_with("m.csv", text, CataloguePictures::Only).expect("open");
    assert_eq!(catalog.products[0].image.as_deref(), Some("a/2.jpg"));
    let paths: Vec<_> = catalog.photos.iter().map(|photo| photo.path.as_str()).collect();
    assert_eq!(paths, ["a/2.jpg", "https://cdn.kr/1.jpg"]);
    assert!(catalog.has_pictures());
}

#[test]
fn names_of_macs_are_those_of_others() {
    use unicode_normalization::UnicodeNormalization;
    let nfd = |text: &str| text.nfd().collect::<String>();
    let text = format!(
        "id,name,category,photos,image\n{},{},{},{},{}\n",
        nfd("가방"),
        nfd("가방"),
        nfd("가구/의자"),
        nfd("\"머그, 컵/*.jpg\""),
        nfd("\"머그, 컵/1;2.jpg\"")
    );
    let catalog = open("m.csv", &text).expect("open");
    let bag = &catalog.products[0];
    assert_eq!((bag.id.as_str(), bag.name.as_str()), ("가방", "가방"));
    assert_eq!(bag.category.as_deref(), Some("가구/의자"));
    assert_eq!(catalog.photos[0].path, "머그, 컵/1;2.jpg", "as it is on the disk");
    assert_eq!(bag.image.as_deref(), Some("머그, 컵/1;2.jpg"));
    let twice = format!("id,name,photos\n가방,a,\n{},b,\n", nfd("가방"));
    assert!(matches!(problem("m.csv", twice).1, RowProblem::DuplicateId { .. }));
}

#[test]
fn a_google_feed_as_a_table() {
    let feed = "id\ttitle\tlink\timage link\tadditional_image_link\tavailability\tprice\tsale_price\tproduct_type\tbrand\n\
        oak\t참나무 의자\thttps://shop.kr/oak\thttps://cdn.kr/1.jpg\thttps://cdn.kr/2.jpg,https://cdn.kr/3.jpg\tin_stock\t\
        15900 KRW\t12900 KRW\t가구 > 의자\t나무집\nlamp\t램프\t\thttps://cdn.kr/4.jpg\t\tpreorder\t9900 KRW\t\t\t\n";
    let catalog = open("feed.tsv", feed).expect("open");
    let [lamp, oak] = catalog.products.as_slice() else { panic!("{:?}", catalog.products) };
    assert_eq!((oak.price, oak.list_price), (Some(12900.0), Some(15900.0)));
    assert_eq!((lamp.price, lamp.list_price), (Some(9900.0), None));
    assert_eq!(oak.currency.as_deref(), Some("KRW"));
    assert_eq!(
        (oak.category.as_deref(), &oak.extra["brand"]),
        (Some("가구/의자"), &"나무집".into())
    );
    assert_eq!(oak.image.as_deref(), Some("https://cdn.kr/1.jpg"));
    assert_eq!(oak.stock(), Some(crate::Stock::InStock));
    assert!(catalog.photos.is_empty());
    let said = catalog.read_as.map(|read| read.to_string());
    assert_eq!(said.as_deref(), Some("read as a Google Merchant feed"));
    let only = open_with("feed.txt", feed, CataloguePictures::Only).expect("open");
    assert_eq!(only.photos.len(), 4);
    let without = "id,title,image_link,price\nx,y,,5\n";
    assert_eq!(open("m.csv", without).expect("open").products.len(), 1);
    let none = open_with("m.csv", without, CataloguePictures::Along);
    assert!(matches!(none, Err(CatalogError::NoCataloguePictures { .. })));
    let error = open("feed.tsv", feed.replace("참나무 의자", "")).expect_err("no title");
    assert!(error.to_string().contains("line 2: the column 'title' is missing"), "{error}");
}

#[test]
fn damaged_and_huge_tables_end_in_an_answer() {
    let many = "x,".repeat(1_000_000);
    let commas = ",".repeat(1_000_000);
    let name = "가".repeat(1_000_000);
    for (text, want) in [
        (
            format!("id,name,photos\nx,\"y,a/1.jpg\n{}", "z,w,a/1.jpg\n".repeat(100_000)),
            "never closed",
        ),
        (many.clone(), "two columns 'x'"),
        (format!("id,name,photos{commas}\n{many}\n"), "columns where the header has"),
        (format!("id,name,photos\n{many}\n"), "columns where the header has"),
        (format!("id,name,photos,price\nx,y,a/1.jpg,{name}\n"), "가…'"),
        ("id,name,photos\nx,y\0,a/1.jpg\n".to_owned(), "NUL"),
        ("\0".repeat(1001), "NUL"),
        ("\"".repeat(1_000_000), "missing"),
        ("id;name,photos".to_owned(), "there are"),
    ] {
        let error = open("m.csv", &text).expect_err("refused").to_string();
        assert!(error.contains(want) && error.len() < 2000, "{want}: {error:.300}");
    }
    let error = open("m.jsonl", format!("\"{name}\"")).expect_err("no object").to_string();
    assert!(error.contains("not valid JSON") && error.len() < 2000);
    let long = format!("id,name,photos{commas}\nx,{name},a/1.jpg{commas}\n");
    assert_eq!(open("m.csv", long).expect("open").products[0].name.len(), 3_000_000);
}
