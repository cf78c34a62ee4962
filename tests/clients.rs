//! Real clients of the server: the examples, a browser, schemathesis. What this machine lacks is skipped,
//! with a notice.

use std::path::Path;
use std::process::{Command, Output};

use lookalike_testkit::skipped;

use crate::helpers::{PRODUCTS, Shop, fixture, new_photo_of};
use crate::objects::two_objects;
use crate::running_server::Server;

const TOKEN: &str = "a token for examples";

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        skipped(&format!("no {program} on this machine"));
    }
    found
}

fn example(program: &str, file: &str, photo: &Path, server: &Server, token: &str) -> Output {
    let file = fixture("../crates/server/examples").join(file);
    let mut command = Command::new(program);
    command.arg(file).arg(photo).arg(format!("http://{}", server.address));
    command.env("LOOKALIKE_TOKEN", token).output().expect("it starts")
}

/// The examples that the documentation shows.
#[test]
fn the_examples_work() {
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--read-token", TOKEN], &[]);
    let photo = shop.beside("query.jpg", new_photo_of(4));
    let no_photo = shop.beside("query.txt", "no photo");
    for (needs, program, file) in [
        ("curl", "sh", "search.sh"),
        ("python3", "python3", "search.py"),
        ("node", "node", "search.mjs"),
    ] {
        if !has(needs) {
            continue;
        }
        let output = example(program, file, &photo, &server, TOKEN);
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{file}: {text}{errors}");
        assert!(text.contains(PRODUCTS[4]), "{file}: {text}{errors}");
        for (photo, token, told) in
            [(&photo, "wrong", "needs a token"), (&no_photo, TOKEN, "not a photo")]
        {
            let failed = example(program, file, photo, &server, token);
            let all = [failed.stdout, failed.stderr].concat();
            let all = String::from_utf8_lossy(&all);
            assert!(!failed.status.success() && all.contains(told), "{file}: {all}");
        }
    }
}

/// What a shop's own program would send.
#[test]
fn the_example_for_shops_works() {
    if !has("curl") {
        return;
    }
    let shop = Shop::indexed();
    let server = Server::start_with(&shop, &["--admin-token", TOKEN], &[]);
    let photo = shop.beside("a new photo.jpg", new_photo_of(40));
    let add = |token: &str| {
        let mut command = Command::new("sh");
        command.arg(fixture("../crates/server/examples/upsert.sh"));
        command.args([r#"{"id": "new", "name": "새 의자; @", "price": 1}"#]).args([&photo, &photo]);
        command.env("LOOKALIKE_SERVER", format!("http://{}", server.address));
        command.env("LOOKALIKE_ADMIN_TOKEN", token).output().expect("it starts")
    };
    let output = add(TOKEN);
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    let best = server.post(&new_photo_of(40)).json()["matches"][0].clone();
    assert_eq!(
        (&best["product"]["id"], &best["product"]["name"]),
        (&"new".into(), &"새 의자; @".into())
    );
    assert!(!add("a wrong token").status.success());
}

/// The page in a real browser: `tests/browser`.
#[test]
fn the_page_works_in_a_browser() {
    let folder = fixture("browser");
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    if !has("node") || !has(&browser) {
        return;
    }
    if !folder.join("node_modules/playwright-core").is_dir() {
        skipped("the page in a browser: run `npm ci --prefix tests/browser` first");
        return;
    }
    let shop = Shop::with_cards();
    // A made-up network sees objects nowhere.
    shop.build_with(&shop.folder.path().join("shop.jsonl"), "bundled".as_ref()).ok();
    let server = Server::start(&shop);
    let photos = shop.folder.path().join("queries");
    std::fs::create_dir_all(&photos).expect("a folder");
    for product in 0..3 {
        std::fs::write(photos.join(format!("{product}.jpg")), new_photo_of(product))
            .expect("written");
    }
    let (objects, _) = two_objects(&shop);
    std::fs::rename(objects, photos.join("9 방.jpg")).expect("written");
    let mut command = Command::new("node");
    command.args(["--test", "page.test.mjs"]).current_dir(folder);
    command.env("SERVER", format!("http://{}", server.address)).env("PHOTOS", photos);
    let output = command.env("CHROMIUM", browser).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// What the description says is what the server does, whatever is sent.
#[test]
fn the_description_holds() {
    if !has("schemathesis") {
        return;
    }
    let shop = Shop::with_cards();
    let server = Server::start_with(&shop, &["--admin-token", TOKEN], &[]);
    // What is no photo is a valid request with a problem for an answer, and a form's fields are bytes,
    // whatever they say.
    let not_ours = "positive_data_acceptance,negative_data_rejection,unsupported_method";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for which in [
        &["--exclude-path-regex", "^/v1/admin/"][..],
        &["--include-path-regex", "^/v1/admin/(upsert|remove)$", "--header", &bearer],
    ] {
        let mut command = Command::new("schemathesis");
        // It leaves notes where it runs.
        command.current_dir(shop.folder.path());
        command.arg("run").arg(format!("http://{}/openapi.json", server.address));
        command.args(["--checks", "all", "--exclude-checks", not_ours]).args(which);
        command.args(["--max-examples", "15", "--seed", "7"]);
        let output =
            command.args(["--phases", "examples,coverage,fuzzing"]).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}
