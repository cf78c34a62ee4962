//! Bytes from the network into a partial file, until it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use ureq::http::Response;
use ureq::http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE,
};
use ureq::{Body, ResponseExt};

use crate::digest::{Digest, Running};
use crate::files::folder_of;
use crate::http::Http;
use crate::known::{Disagreement, Known};
use crate::retry::{Failure, Retry};
use crate::urls::host;
use crate::{DownloadError, Progress};

/// A transfer that brought this much was worth its try.
const WORTH_A_TRY: u64 = 1 << 20;

/// One file to fetch.
pub(crate) struct Transfer<'a> {
    pub http: &'a Http,
    pub url: String,
    pub name: &'a str,
    pub partial: &'a Path,
    /// The variable that names the folder of `partial`.
    pub variable: &'static str,
    pub known: &'a Known,
    /// Whether the partial file's name stands for one content only.
    pub one_content: bool,
    pub progress: &'a dyn Progress,
    /// Puts into words that what comes cannot be the file.
    pub mismatch: &'a dyn Fn(Disagreement) -> DownloadError,
}

impl Transfer<'_> {
    /// Fetches what is missing. The file is whole then, but not yet checked.
    pub fn run(&self, mut retry: Retry) -> Result<Digest, DownloadError> {
        // A piece of another version would go unnoticed where nothing is known of the file.
        let keep = self.one_content || self.known.has_checksum();
        let mut partial = self.open(keep)?;
        let mut state = State { begun: false, validator: None };
        let done = loop {
            let before = partial.bytes();
            if self.known.bytes.is_some_and(|bytes| bytes == before) {
                break Ok(());
            }
            let Err(failure) = self.attempt(&mut partial, &mut state) else { break Ok(()) };
            if partial.bytes() >= before + WORTH_A_TRY {
                retry.got_further();
            }
            if let Err(error) = retry.absorb(failure) {
                break Err(error);
            }
        };
        if state.begun {
            self.progress.end();
        }
        if done.is_err() && partial.bytes() == 0 {
            // An empty file is nothing to go on from.
            let _ = std::fs::remove_file(self.partial);
        }
        done?;
        partial.file.sync_all().map_err(|error| self.unwritable(error))?;
        Ok(partial.running.finish())
    }

    fn open(&self, keep: bool) -> Result<Partial, DownloadError> {
        let mut partial = Partial::open(self.partial).map_err(|error| self.unwritable(error))?;
        let too_long = self.known.bytes.is_some_and(|bytes| partial.bytes() > bytes);
        if partial.bytes() > 0 && (!keep || too_long) {
            self.restart(&mut partial)?;
        }
        Ok(partial)
    }

    fn restart(&self, partial: &mut Partial) -> Result<(), DownloadError> {
        if partial.bytes() > 0 {
            self.progress.note(&format!("{}: starting over", self.name));
        }
        partial.restart().map_err(|error| self.unwritable(error))
    }

    fn unwritable(&self, source: io::Error) -> DownloadError {
        let (folder, variable) = (folder_of(self.partial), self.variable);
        DownloadError::Unwritable { folder, source, variable }
    }

    fn attempt(&self, partial: &mut Partial, state: &mut State) -> Result<(), Failure> {
        let resumable = self.one_content || self.known.has_checksum() || state.validator.is_some();
        if partial.bytes() > 0 && !resumable {
            self.restart(partial)?;
        }
        let from = partial.bytes();
        let mut headers = Vec::new();
        if from > 0 {
            headers.push((RANGE.as_str(), format!("bytes={from}-")));
            headers.extend(state.validator.clone().map(|value| (IF_RANGE.as_str(), value)));
        }
        let response = self.http.get(&self.url, self.name, &headers)?;
        let total = match self.place(&response, from) {
            Place::Whole => return Ok(()),
            Place::From(start, total) if start == partial.bytes() => total,
            Place::From(0, total) => {
                self.restart(partial)?;
                total
            }
            Place::From(..) | Place::Nowhere => {
                self.restart(partial)?;
                return Err(Failure::transient("the server has another part of the file"));
            }
        };
        if let Some(total) = total {
            self.known.check_size(total).map_err(self.mismatch)?;
        }
        if !self.one_content {
            state.validator = validator(response.headers());
        }
        let total = total.or(self.known.bytes);
        self.progress.begin(self.name, total, partial.bytes());
        state.begun = true;
        self.receive(response, partial, total)
    }

    /// Which part of the file an answer holds.
    fn place(&self, response: &Response<Body>, from: u64) -> Place {
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        match response.status().as_u16() {
            206 => match range.and_then(content_range) {
                Some((start, total)) => Place::From(start, total),
                None => Place::Nowhere,
            },
            416 => {
                match range.and_then(|range| range.strip_prefix("bytes */")?.parse::<u64>().ok()) {
                    Some(total) if from == total => Place::Whole,
                    _ => Place::Nowhere,
                }
            }
            _ => Place::From(0, number(response.headers(), CONTENT_LENGTH.as_str())),
        }
    }

    fn receive(
        &self,
        response: Response<Body>,
        partial: &mut Partial,
        total: Option<u64>,
    ) -> Result<(), Failure> {
        let host = host(response.get_uri());
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.http.interrupted(error, &host)),
            };
            partial.append(&buffer[..count]).map_err(|error| self.unwritable(error))?;
            self.progress.advance(count as u64);
            if total.is_some_and(|total| partial.bytes() > total) {
                // Whatever this is, it shall not fill the disk.
                break;
            }
        }
        match total {
            Some(total) if partial.bytes() < total => {
                Err(Failure::transient(format!("{host} cut the connection")))
            }
            _ => Ok(()),
        }
    }
}

struct State {
    begun: bool,
    /// What tells whether the file at a plain address is still the one that began to come.
    validator: Option<String>,
}

enum Place {
    /// From this byte on; the whole size, where it is told.
    From(u64, Option<u64>),
    /// Nothing is missing.
    Whole,
    Nowhere,
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 5-9/10`, or `*` for the size.
fn content_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (part, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = part.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// A weak tag does not say that every byte is the same.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text(ETAG).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

/// A file that is coming, and the checksum of what is there.
struct Partial {
    file: File,
    running: Running,
}

impl Partial {
    fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut running = Running::default();
        running.absorb(&file)?;
        Ok(Self { file, running })
    }

    fn bytes(&self) -> u64 {
        self.running.bytes
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.running = Running::default();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).inspect_err(|_| {
            // Part of it may have been written: cut back to what the checksum covers.
            let _ = self.file.set_len(self.running.bytes);
        })?;
        self.running.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("items 5-9/10"), None);
        assert_eq!(content_range("bytes */10"), None);
    }
}
