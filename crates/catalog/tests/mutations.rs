//! Changed manifests and feeds end in a catalogue or an error.

use lookalike_catalog::{Catalog, OpenOptions};
use lookalike_testkit::Mutations;

const INTERESTING: [&[u8]; 12] = [
    b"\"",
    b",",
    b";",
    b"\t",
    b"\r",
    b"\n",
    b"\0",
    b"|",
    b"<![CDATA[",
    b"&#x10FFFF;",
    b"</item>",
    b"[\xC7\xD1",
];

const FILES: [(&str, &str); 5] = [
    (
        "shop.csv",
        "\u{feff}id;상품명;가격;사진;재고\r\nmug;머그컵;\"12,900원\";a/1.jpg|a/2.jpg;판매중\r\n;;;;\r\nvase;꽃병;₩9,900;a/*.jpg;0\r\n",
    ),
    (
        "shop.jsonl",
        "{\"id\":\"b\",\"name\":\"의자\",\"photos_train\":[\"a/1.jpg\"],\"price\":12900,\"in_stock\":true}\n{\"id\":7,\"name\":\"A\",\"photos\":\"a/*.jpg\"}\n",
    ),
    (
        "feed.tsv",
        "id\ttitle\timage_link\tadditional_image_link\tprice\tsale_price\tavailability\n1\tMug\thttps://shop.example/1.jpg\thttps://shop.example/2.jpg,https://shop.example/3.jpg\t12900 KRW\t9900 KRW\tin stock\n",
    ),
    (
        "feed.xml",
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\"><channel><item><g:id>1</g:id><title><![CDATA[머그 & 컵]]></title><g:price>12900 KRW</g:price><g:image_link>https://shop.example/1.jpg</g:image_link></item></channel></rss>",
    ),
    (
        "products.csv",
        "Handle,Title,Body (HTML),Vendor,Type,Published,Variant SKU,Variant Price,Variant Inventory Qty,Image Src,Image Position,Status\nmug,Mug,<p>A &amp; B</p>,V,Cups,true,1,12.90,3,https://shop.example/1.jpg,1,active\nmug,,,,,,,,,https://shop.example/2.jpg,2,\n",
    ),
];

#[test]
fn mutated_manifests_and_feeds() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("a")).expect("a folder");
    for photo in ["a/1.jpg", "a/2.jpg"] {
        std::fs::write(folder.path().join(photo), "").expect("a file");
    }
    let (mut opened, mut refused) = (0, 0);
    for (name, text) in FILES {
        let manifest = folder.path().join(name);
        std::fs::write(&manifest, text).expect("a manifest");
        Catalog::open(&manifest, None).unwrap_or_else(|error| panic!("{name} as it is: {error}"));
        let mut mutations = Mutations::new(name.len() as u64);
        for number in 0..Mutations::count(5_000) / FILES.len() {
            std::fs::write(&manifest, mutations.of(text.as_bytes(), &INTERESTING))
                .expect("a manifest");
            let options = OpenOptions { skip_bad_rows: number % 2 == 1, ..OpenOptions::default() };
            match Catalog::open_with(&manifest, None, options) {
                Ok(_) => opened += 1,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(opened > 300 && refused > 300, "{opened} {refused}");
}
