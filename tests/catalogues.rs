//! Catalogues as shops export them, and photos at web addresses and on standard input.

use std::path::Path;
use std::process::{Command, Stdio};

use lookalike_testkit::hub::Hub;
use lookalike_testkit::photos;
use serde_json::Value;

use crate::helpers::{PRODUCTS, Shop, command, finish, made_up_weights, new_photo_of};

fn build(shop: &Shop, source: &Path, args: &[&str]) -> Command {
    let mut build = command(["index", "build", "--out"]);
    build.arg(shop.index()).arg("--weights").arg(made_up_weights()).arg(source).args(args);
    build.env("LOOKALIKE_PHOTO_CACHE", shop.folder.path().join("cache"));
    build
}

fn first(answer: &Value) -> &str {
    answer["matches"][0]["product"]["id"].as_str().expect("an id")
}

#[test]
fn a_table_of_a_korean_shop_is_read_as_it_is() {
    let shop = Shop::new();
    let rows: Vec<String> = (0..3)
        .map(|n| {
            format!("{n};{};\"{}\";photos/{}/*.jpg;\r\n", PRODUCTS[n], "12,900원", PRODUCTS[n])
        })
        .collect();
    let text = format!("상품코드;상품명;판매가;리뷰사진;\r\n{};;;;\r\n", rows.concat());
    let (bytes, _, unmapped) = encoding_rs::EUC_KR.encode(&text);
    assert!(!unmapped && text.contains("참나무"));
    let manifest = shop.beside("상품.csv", bytes);
    let built = finish(build(&shop, &manifest, &["--quiet", "--json"]));
    assert!(built.stderr.contains("read as CP949, separated by semicolons"), "{}", built.stderr);
    assert!(built.stderr.contains("상품명 the name"), "{}", built.stderr);
    let built = built.json();
    assert_eq!((&built["products"], &built["build_report"]["indexed"]), (&3.into(), &9.into()));
    let answer = shop.search(&shop.beside("q.jpg", new_photo_of(0)));
    assert_eq!(first(&answer), "0");
    assert_eq!(answer["matches"][0]["product"]["price"], 12900.0);
    assert_eq!(answer["matches"][0]["product"]["currency"], "KRW");
}

#[test]
fn all_wrong_lines_are_told_and_may_be_left_out() {
    let shop = Shop::new();
    let text = "id,name,price,photos\n\
                a,A,12900,photos/rug 1/*.jpg\nb,B,cheap,photos/rug 2/*.jpg\n,C,1,photos/rug 2/*.jpg\n";
    let manifest = shop.beside("m.csv", text);
    let refused = finish(build(&shop, &manifest, &["--quiet"]));
    assert_eq!(refused.code, 3);
    for line in ["line 3", "line 4", "'cheap'"] {
        assert!(refused.stderr.contains(line), "{}", refused.stderr);
    }
    let built = finish(build(&shop, &manifest, &["--quiet", "--json", "--skip-bad-rows"])).json();
    assert_eq!((&built["products"], &built["build_report"]["indexed"]), (&1.into(), &3.into()));
    let skipped = built["build_report"]["skipped"].to_string();
    assert!(skipped.contains("line 3") && skipped.contains("line 4"), "{skipped}");
}

#[test]
fn photos_of_a_feed_are_fetched_once() {
    let (shop, hub) = (Shop::empty(), Hub::start());
    let picture = |seed: u32| photos::jpeg(&photos::pattern(seed, 320, 240), 90);
    let item = |seed: u32| {
        let image = hub.put_url(&format!("/{seed}.jpg"), &picture(seed));
        format!(
            "<item><g:id>p{seed}</g:id><title>의자 {seed} &amp; more</title><g:price>{seed}900 KRW</g:price>\
             <g:availability>in stock</g:availability><g:image_link>{image}</g:image_link></item>"
        )
    };
    let mut items: Vec<String> = (0..4).map(item).collect();
    let gone = item(9).replace("/9.jpg", "/none.jpg");
    items.push(gone);
    let feed = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\"><channel>{}</channel></rss>",
        items.concat()
    );
    let feed = shop.beside("feed.xml", feed);
    let built = finish(build(&shop, &feed, &["--quiet", "--json"]));
    assert!(built.stderr.contains("a Google Merchant feed"), "{}", built.stderr);
    let built = built.json();
    assert_eq!((&built["products"], &built["build_report"]["indexed"]), (&4.into(), &4.into()));
    assert!(built["build_report"]["skipped"].to_string().contains("none.jpg"), "{built}");
    let requests = hub.requests().len();
    finish(build(&shop, &feed, &["--quiet"])).ok();
    // Only for the photo that there is none of.
    assert_eq!(hub.requests().len(), requests + 1);

    // Searched for by its address, on a public host only, and from standard input.
    let address = hub.put_url("/query.jpg", &picture(2));
    let search = |photo: &str| {
        let mut search = command(["search", photo, "--json", "--index"]);
        search.arg(shop.index());
        search
    };
    let refused = finish(search(&address)).error(3);
    assert!(refused.contains("private network") && refused.contains("query.jpg"), "{refused}");
    let mut allowed = search(&address);
    allowed.env("LOOKALIKE_PRIVATE_ADDRESSES", "allow");
    let answer = finish(allowed).json();
    assert_eq!((first(&answer), answer["query"].as_str()), ("p2", Some(address.as_str())));
    let file = shop.beside("q.jpg", picture(3));
    let mut input = search("-");
    input.stdin(Stdio::from(std::fs::File::open(&file).expect("a file")));
    let answer = finish(input).json();
    assert_eq!((first(&answer), answer["query"].as_str()), ("p3", Some("-")));
    let mut empty = search("-");
    empty.stdin(Stdio::null());
    assert!(finish(empty).error(3).contains("0 bytes"));
}
