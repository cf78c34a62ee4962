//! Changed bodies end in photos within the limits or in a problem that repeats nothing of them.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use lookalike_testkit::Mutations;

use crate::problem::Problem;
use crate::settings::Limits;
use crate::{upload, upsert_form};

/// What no problem may say again.
const SENT: &str = "<b>sent</b>";

const INTERESTING: [&[u8]; 16] = [
    SENT.as_bytes(),
    b"\r\n",
    b"\r\n\r\n",
    b"--",
    b"\r\n--border--",
    b"Content-Disposition: form-data; name=\"photo\"\r\n",
    b"filename*=UTF-8''%ZZ",
    b"Content-Transfer-Encoding: base64\r\n",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{\"a\":",
    b"[[[[[[[[",
    b"1e999",
    b"-",
    b"null",
];

fn form(kind: &str, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in fields {
        let head = format!(
            "--border\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"사진.jpg\"\r\n\r\n"
        );
        body.extend(head.bytes().chain(content.bytes()).chain(*b"\r\n"));
    }
    body.extend(*b"--border--\r\n");
    (kind.to_owned(), body)
}

fn request(kind: &str, body: Vec<u8>) -> Request {
    let request = Request::builder().header(header::CONTENT_TYPE, kind);
    request.body(Body::from(body)).expect("a request")
}

fn check(problem: &Problem) {
    let status = problem.status();
    let expected = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
    assert!(expected.contains(&status), "{problem:?}");
    let detail = problem.detail();
    assert!(!detail.is_empty() && !detail.contains("sent"), "{problem:?}");
}

/// Reads a changed body in turn as photos and as a product; how often it was taken, and how often not.
async fn read_changed(
    kind: &str,
    body: &[u8],
    each: usize,
    mutations: &mut Mutations,
) -> [usize; 2] {
    let limits =
        Limits { max_photos: 3, max_photo_bytes: 64, max_body_bytes: 1200, ..Limits::default() };
    let mut counts = [0; 2];
    for number in 0..each {
        let body = mutations.of(body, &INTERESTING);
        // A header's value is one line of visible characters.
        let kind = match number % 4 {
            0 => mutations.of(kind.as_bytes(), &INTERESTING),
            _ => kind.as_bytes().to_vec(),
        };
        let kind = String::from_utf8_lossy(&kind).replace(|c: char| !c.is_ascii_graphic(), " ");
        let request = request(&kind, body);
        let photos = match number % 2 {
            0 => upload::read(&limits, request).await,
            _ => upsert_form::read(&limits, request).await.map(|upsert| upsert.photos),
        };
        match photos {
            Ok(photos) => {
                assert!(photos.len() <= 3, "{} photos", photos.len());
                // A body of another type is a photo as it is.
                assert!(photos.iter().all(|photo| photo.len() <= 64), "a large photo");
                counts[0] += 1;
            }
            Err(problem) => {
                check(&problem);
                counts[1] += 1;
            }
        }
    }
    counts
}

#[test]
fn mutated_bodies_of_requests() {
    let photo = "\u{fffd}JFIF";
    let product = r#"{"id": "의자/1", "name": "A chair", "price": "12,900", "in_stock": "Y", "size": [3, {"a": null}]}"#;
    let wrong = r#"{"id": "1", "name": "A chair", "price": "<b>sent</b>", "rating": "sent"}"#;
    let json = r#"{"photos": ["AQID", "data:image/jpeg;base64,BA==", "-_8\r\n"]}"#;
    let form_type = "multipart/form-data; boundary=border";
    let bodies = [
        form(form_type, &[("photo", photo), ("photo", photo)]),
        form(form_type, &[("product", product), ("photo", photo)]),
        form(form_type, &[("product", wrong), ("photo", photo)]),
        ("application/json; charset=utf-8".to_owned(), json.as_bytes().to_vec()),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let each = Mutations::count(9_000) / bodies.len();
    let mut mutations = Mutations::new(1);
    let mut all = [0; 2];
    for (kind, body) in bodies {
        let counts = runtime.block_on(read_changed(&kind, &body, each, &mut mutations));
        all = [all[0] + counts[0], all[1] + counts[1]];
    }
    assert!(all[0] > 300 && all[1] > 300, "{all:?}");
}
