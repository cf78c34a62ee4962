//! The endpoint, over real connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::helpers::{PRODUCTS, Shop, command, fixtures, new_photo_of};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(shop: &Shop) -> Self {
        let mut serve = command(["serve", "--addr", "127.0.0.1:0", "--index"]);
        let mut child =
            serve.arg(shop.index()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, address) = line.trim().rsplit_once("http://").expect("an address");
        Self { address: address.to_owned(), child }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream
    }

    fn send(&self, head: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // A server that refuses early may close before all is sent.
        let _ = stream.write_all(body);
        receive(stream)
    }

    fn post(&self, body: &[u8]) -> (u16, Value) {
        self.send("POST /v1/similar", body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn receive(mut stream: TcpStream) -> (u16, Value) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn a_photo_is_answered_as_on_the_command_line() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let (status, health) = server.send("GET /healthz", b"");
    assert_eq!((status, &health["photos"]), (200, &18.into()));
    let photo = new_photo_of(3);
    let (status, answer) = server.send("POST /v1/similar?top=2", &photo);
    assert_eq!(status, 200, "{answer}");
    let told = shop.search(&shop.beside("query.jpg", photo));
    assert_eq!(answer["matches"].as_array().map(Vec::len), Some(2));
    for rank in 0..2 {
        assert_eq!(answer["matches"][rank], told["matches"][rank]);
    }
    assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[3]);
    let shop_folder = shop.folder.path().to_str().expect("UTF-8");
    assert!(
        !answer.to_string().contains(shop_folder),
        "the server's folders are nobody's business"
    );
}

#[test]
fn bad_requests_are_refused_with_a_reason() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    for file in fixtures("bad") {
        let bytes = std::fs::read(&file).expect("a fixture");
        let (status, problem) = server.post(&bytes);
        let wanted = if bytes.is_empty() { 400 } else { 422 };
        assert_eq!(status, wanted, "{}: {problem}", file.display());
        assert!(problem["detail"].is_string(), "{problem}");
    }
    let photo = new_photo_of(0);
    let similar =
        |parameters: &str| server.send(&format!("POST /v1/similar{parameters}"), &photo).0;
    for parameters in ["?top=0", "?top=101", "?top=-1", "?top=x", "?other=1"] {
        assert_eq!(similar(parameters), 400, "{parameters}");
    }
    assert_eq!(server.send("GET /v1/similar", b"").0, 405);
    assert_eq!(server.send("GET /etc/passwd", b"").0, 404);
    assert_eq!(server.send("GET /../Cargo.toml", b"").0, 404);
    assert_eq!(server.post(&vec![0; 25 << 20]).0, 413);

    let mut form = server.connect();
    let head = "POST /v1/similar HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
                Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n\r\n--x";
    form.write_all(head.as_bytes()).expect("sent");
    assert_eq!(receive(form).0, 415);
    assert_eq!(server.post(&photo).0, 200, "and it still answers");
}

/// Uploads that never end take the places of 32 requests, and no more than that.
#[test]
fn overload_is_refused_and_ends_with_its_cause() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let hang = || {
        let mut stream = server.connect();
        let head = "POST /v1/similar HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nx";
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    };
    let hanging: Vec<TcpStream> = (0..32).map(|_| hang()).collect();
    // The server reads what has arrived in its own time.
    let mut refused = 0;
    for _ in 0..200 {
        refused = server.post(&new_photo_of(0)).0;
        if refused == 503 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(refused, 503);
    assert_eq!(server.send("GET /healthz", b"").0, 200, "health is told even then");
    drop(hanging);
    let mut status = 0;
    for _ in 0..200 {
        status = server.post(&new_photo_of(0)).0;
        if status == 200 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(status, 200);
}

#[test]
fn many_at_once_get_the_same_answers() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    std::thread::scope(|scope| {
        for (number, product) in PRODUCTS.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..4 {
                    let (status, answer) = server.post(&new_photo_of(number));
                    assert_eq!(status, 200);
                    assert_eq!(answer["matches"][0]["product"]["id"], *product);
                }
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn being_told_to_stop_is_no_failure() {
    let shop = Shop::indexed();
    let mut server = Server::start(&shop);
    let pid = server.child.id().to_string();
    let told = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.expect("kill runs").success());
    assert!(server.child.wait().expect("the server ends").success());
}

/// A manifest may name photos by whole paths; over HTTP those are told by their names.
#[test]
fn whole_paths_stay_on_the_machine() {
    let shop = Shop::empty();
    let elsewhere = Shop::empty();
    let photo = elsewhere.add("cup.jpg", &new_photo_of(0));
    let row = serde_json::json!({"id": "cup", "name": "Cup", "photos": photo, "image": photo});
    shop.build_from(&shop.beside("shop.jsonl", row.to_string())).ok();
    let server = Server::start(&shop);
    let (status, answer) = server.post(&new_photo_of(0));
    assert_eq!((status, &answer["matches"][0]["evidence"][0]["photo"]), (200, &"cup.jpg".into()));
    assert_eq!(answer["matches"][0]["product"]["image"], "cup.jpg");
}

/// Fewer pixels than the command line takes: everybody can send them.
#[test]
fn pixel_bombs_are_cheap_to_refuse() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let mut png = std::io::Cursor::new(Vec::new());
    let blank = image::GrayImage::new(7200, 7200);
    blank.write_to(&mut png, image::ImageFormat::Png).expect("written to memory");
    let (status, problem) = server.post(png.get_ref());
    let detail = problem["detail"].as_str().expect("a reason");
    assert!(status == 422 && detail.contains("7200x7200 pixels"), "{status}: {detail}");
}

#[test]
fn an_address_in_use_is_told() {
    let shop = Shop::indexed();
    let server = Server::start(&shop);
    let error = shop.run(["serve", "--addr", &server.address]).error(1);
    assert!(error.contains("choose another with --addr"), "{error}");
}
