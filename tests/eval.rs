//! Measuring, on splits whose right answers are known.

use lookalike_testkit::weights;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};

fn photo_of(shop: &Shop, product: &str, number: usize) -> Vec<u8> {
    std::fs::read(shop.photos().join(product).join(format!("{number}.jpg"))).expect("a photo")
}

#[test]
fn splits_products_and_copies_are_kept_apart() {
    let shop = Shop::new();
    let mut manifest = String::from("id,name,photos_train,photos_val,photos_test\n");
    for (number, product) in PRODUCTS.iter().enumerate() {
        shop.add(&format!("test/{number}.jpg"), &new_photo_of(number));
        let train = format!("photos/{product}/[01].jpg");
        let val = format!("photos/{product}/2.jpg");
        manifest += &format!("{number},{product},{train},{val},photos/test/{number}.jpg\n");
    }
    // A test photo that is a training photo under another name, and a product without training photos.
    let copy = std::fs::read(shop.photos().join(PRODUCTS[0]).join("0.jpg")).expect("a photo");
    shop.add("test/copy.jpg", &copy);
    shop.add("test/new.jpg", &new_photo_of(99));
    manifest = manifest.replace("photos/test/0.jpg", "photos/test/0.jpg|photos/test/copy.jpg");
    manifest += "99,New,,,photos/test/new.jpg\n";
    let manifest = shop.beside("shop.csv", manifest);

    let text = shop.build_from(&manifest).ok();
    assert!(text.contains("indexed 12 of 12 photos"), "{text}");
    assert!(
        text.contains("1 product without a usable photo, which no search can find: 99"),
        "{text}"
    );
    let eval = |split: &str| {
        let manifest = manifest.to_str().expect("UTF-8");
        shop.run(["eval", manifest, "--quiet", "--json", "--split", split]).json()
    };
    let test = eval("test");
    assert_eq!(test["queries"], 6);
    assert_eq!((&test["in_index"], &test["not_in_index"]), (&1.into(), &1.into()));
    assert_eq!(test["top1"], 1.0, "{test}");
    assert_eq!((&test["top3"], &test["recall_at_10"]), (&1.0.into(), &1.0.into()));
    assert_eq!(eval("val")["queries"], 6);
    let manifest = manifest.to_str().expect("UTF-8");
    let nothing_left = shop.run(["eval", manifest, "--quiet", "--split", "train"]).error(3);
    assert!(nothing_left.contains("not one photo can be measured"), "{nothing_left}");
    assert!(
        shop.run(["eval", manifest, "--quiet"]).ok().contains("vote             100.0 %  100.0 %")
    );
}

#[test]
fn networks_are_compared_on_ones_own_catalogue() {
    let shop = Shop::new();
    for (number, product) in PRODUCTS.iter().enumerate() {
        shop.beside(&format!("all/train/{product}/0.jpg"), photo_of(&shop, product, 0));
        shop.beside(&format!("all/train/{product}/1.jpg"), photo_of(&shop, product, 1));
        shop.beside(&format!("all/test/{product}/new.jpg"), new_photo_of(number));
    }
    let lite = shop.folder.path().join("lite.safetensors");
    weights::write(&lite, &weights::timm_efficientnet_lite(0, 10), weights::values);
    let (all, lite) = (shop.folder.path().join("all"), lite.to_str().expect("UTF-8").to_owned());
    let all = all.to_str().expect("UTF-8");
    let names = format!("bundled,{lite}");
    let found = shop.run(["eval", all, "--networks", &names, "--quiet", "--json"]).json();
    let backbones: Vec<_> = (0..2).map(|at| found[at]["backbone"].clone()).collect();
    assert_eq!(backbones, ["mobilenet_v3_minimalistic", "efficientnet_lite0"], "{found}");
    assert_eq!((&found[0]["queries"], &found[0]["top1"]), (&6.into(), &1.0.into()), "{found}");
    assert!(found[1]["embed_ms"].as_f64() > Some(0.0), "{found}");
    let text = shop.run(["eval", all, "--networks", "bundled", "--quiet"]).ok();
    assert!(text.contains("6 photos of the split test") && text.contains("bundled"), "{text}");
    let wrong = shop.run(["eval", all, "--networks", "resnet51"]).error(1);
    assert!(wrong.contains("'resnet51' is no file, and no network"), "{wrong}");
}

#[test]
fn what_a_search_does_not_do_is_measured_beside_it() {
    let shop = Shop::indexed();
    for (number, product) in PRODUCTS.iter().enumerate() {
        shop.beside(&format!("test/{product}/new.jpg"), new_photo_of(number));
    }
    let test = shop.folder.path().join("test");
    let test = test.to_str().expect("UTF-8");
    let names = |args: &[&str]| -> Vec<String> {
        let found = shop.run([&["eval", test, "--quiet", "--json"], args].concat()).json();
        let methods = found["methods"].as_array().expect("methods");
        assert!(methods.iter().all(|method| method["queries"] == 6), "{found}");
        methods.iter().map(|m| m["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&[]).len(), 3);
    let all = names(&["--variants"]);
    assert_eq!(all.len(), 3 + 7 + 2 + 3, "{all:?}");
    assert!(all.iter().any(|name| name.contains("categories")), "{all:?}");
    assert!(all.iter().any(|name| name == "search, views plain"), "{all:?}");
    assert!(!all.iter().any(|name| name == "search, views middle"), "{all:?}");
    assert!(all.last().is_some_and(|name| name.starts_with("search: ")), "{all:?}");
}

#[test]
fn a_wrong_answer_counts_as_wrong() {
    let shop = Shop::indexed();
    // Photos of product 1 in the folder of product 0: the vote must not name product 0.
    let photo = shop.beside("test/가구/의자/참나무 의자/1.jpg", new_photo_of(1));
    let folder = photo.ancestors().nth(4).expect("the folder").to_str().expect("UTF-8");
    let found = shop.run(["eval", folder, "--quiet", "--json"]).json();
    assert_eq!((&found["queries"], &found["top1"]), (&1.into(), &0.0.into()));
}

#[test]
fn a_split_that_is_not_there_is_named() {
    let shop = Shop::indexed();
    let manifest = shop.beside("s.csv", "id,name,photos_train\nx,X,photos/rug 1/0.jpg\n");
    let error = shop.run(["eval", manifest.to_str().expect("UTF-8"), "--quiet"]).error(3);
    assert!(error.contains("no photos of the split test: the catalogue has train"), "{error}");
}
