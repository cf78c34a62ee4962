//! A minimal HTTP/1.1 client that keeps its connection.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Client {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None }
    }

    /// Sends a request and reads its answer: status and body. `head` is the first line without the
    /// version, further headers on lines of their own.
    pub fn ask(&mut self, head: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Box<dyn Error>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
        let mut text = format!("{first} HTTP/1.1\r\nHost: {}\r\n", self.address);
        headers.lines().for_each(|line| text += &format!("{line}\r\n"));
        text += &format!("Content-Length: {}\r\n\r\n", body.len());
        connection.get_mut().write_all(text.as_bytes())?;
        connection.get_mut().write_all(body)?;
        let (status, answer, goes_on) = read_answer(&mut connection)?;
        self.connection = goes_on.then_some(connection);
        Ok((status, answer))
    }
}

/// Reads a response: its status, its body, and whether the connection stays open.
fn read_answer(
    connection: &mut BufReader<TcpStream>,
) -> Result<(u16, Vec<u8>, bool), Box<dyn Error>> {
    let (mut line, mut length, mut goes_on) = (String::new(), 0, true);
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let lower = line.trim().to_ascii_lowercase();
        match lower.split_once(": ") {
            Some(("content-length", number)) => length = number.parse()?,
            Some(("connection", "close")) => goes_on = false,
            None if lower.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status, body, goes_on))
}
