//! A running server, and a minimal HTTP/1.1 client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::helpers::{Shop, command};

pub struct Server {
    pub child: Child,
    pub address: String,
}

/// An answer as it came.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }
}

impl Server {
    pub fn start(shop: &Shop) -> Self {
        Self::start_with(shop, &[], &[])
    }

    /// A server with flags and an environment.
    pub fn start_with(shop: &Shop, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut serve = command(["serve", "--index"]);
        serve.arg(shop.index()).args(flags).envs(environment.iter().copied());
        if !flags.contains(&"--addr") && !flags.contains(&"--config") {
            serve.args(["--addr", "127.0.0.1:0"]);
        }
        Self::run(serve)
    }

    pub fn run(mut serve: Command) -> Self {
        let mut child = serve.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let (_, address) = line.trim().rsplit_once("http://").expect("an address");
        Self { address: address.to_owned(), child }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream
    }

    /// Sends a request. `head` is its first line without the version, further headers on lines of
    /// their own.
    pub fn ask(&self, head: &str, body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
        let mut text = format!("{first} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        headers.lines().for_each(|line| text += &format!("{line}\r\n"));
        text += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(text.as_bytes()).expect("sent");
        // A server that refuses early may close before all is sent.
        let _ = stream.write_all(body);
        receive(stream)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask(&format!("GET {path}"), b"")
    }

    pub fn post(&self, body: &[u8]) -> Reply {
        self.ask("POST /v1/similar", body)
    }

    /// Sends photos as a form.
    pub fn form(&self, path: &str, photos: &[&[u8]]) -> Reply {
        self.fields(path, &photos.iter().map(|photo| ("photo", *photo)).collect::<Vec<_>>())
    }

    pub fn fields(&self, path: &str, fields: &[(&str, &[u8])]) -> Reply {
        let mut body = Vec::new();
        for (name, content) in fields {
            let head = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.jpg\"\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--edge--\r\n");
        let kind = "Content-Type: multipart/form-data; boundary=edge";
        // Further headers may follow the path.
        let (path, headers) = path.split_once('\n').unwrap_or((path, ""));
        self.ask(&format!("POST {path}\n{kind}\n{headers}"), &body)
    }

    /// Tells it to stop, as systems do.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.expect("kill runs").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn receive(mut stream: TcpStream) -> Reply {
    let mut answer = Vec::new();
    // A server that refuses a body may reset the connection once it has answered.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head in UTF-8");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    let body = answer.split_off(end + 4);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!chunked, "this client knows no chunks");
    Reply { status, head, body }
}
