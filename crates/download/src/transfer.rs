//! A resumable transfer into a partial file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use lookalike_base::folder_of;
use lookalike_base::progress::{Phase, Progress, Unit};
use ureq::http::Response;
use ureq::http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE,
};
use ureq::{Body, ResponseExt};

use crate::DownloadError;
use crate::digest::{Digest, Hasher};
use crate::http::Http;
use crate::retry::{Failure, Retry};
use crate::urls::host;
use crate::verification::Mismatch;
use crate::verifier::Verifier;

/// An attempt that transfers so many bytes resets the count of failures.
const ENOUGH_PROGRESS: u64 = 1 << 20;

/// A transfer of one file.
pub(crate) struct Transfer<'a> {
    pub http: &'a Http,
    pub url: String,
    pub name: &'a str,
    pub partial: &'a Path,
    /// The environment variable of the folder of `partial`.
    pub variable: &'static str,
    pub verifier: &'a Verifier,
    /// Whether the partial file is named by its content.
    pub is_content_addressed: bool,
    pub progress: &'a dyn Progress,
    /// The error of a file of another size.
    pub mismatch: &'a dyn Fn(Mismatch) -> DownloadError,
}

impl Transfer<'_> {
    /// Fetches the rest of the file. It is complete then, but not verified.
    pub fn run(&self, mut retry: Retry) -> Result<Digest, DownloadError> {
        // Without a checksum, a part of another version would go unnoticed.
        let keep = self.is_content_addressed || self.verifier.has_checksum();
        let mut partial = self.open(keep)?;
        let mut state = State { begun: false, validator: None };
        let done = loop {
            let before = partial.bytes();
            if self.verifier.bytes.is_some_and(|bytes| bytes == before) {
                break Ok(());
            }
            let Err(failure) = self.attempt(&mut partial, &mut state) else { break Ok(()) };
            if partial.bytes() >= before + ENOUGH_PROGRESS {
                retry.reset();
            }
            if let Err(error) = retry.wait_after(failure) {
                break Err(error);
            }
        };
        if state.begun {
            self.progress.end();
        }
        if done.is_err() && partial.bytes() == 0 {
            // An empty file is nothing to resume.
            let _ = std::fs::remove_file(self.partial);
        }
        done?;
        partial.file.sync_all().map_err(|error| self.unwritable(error))?;
        Ok(partial.hasher.finish())
    }

    fn open(&self, keep: bool) -> Result<Partial, DownloadError> {
        let mut partial = Partial::open(self.partial).map_err(|error| self.unwritable(error))?;
        let too_long = self.verifier.bytes.is_some_and(|bytes| partial.bytes() > bytes);
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
        let (folder, variable) = (folder_of(self.partial).to_owned(), self.variable);
        DownloadError::Unwritable { folder, source, variable }
    }

    fn attempt(&self, partial: &mut Partial, state: &mut State) -> Result<(), Failure> {
        let resumable =
            self.is_content_addressed || self.verifier.has_checksum() || state.validator.is_some();
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
        let total = match self.range_of(&response, from) {
            ContentRange::Complete => return Ok(()),
            ContentRange::From(start, total) if start == partial.bytes() => total,
            ContentRange::From(0, total) => {
                self.restart(partial)?;
                total
            }
            ContentRange::From(..) | ContentRange::Unusable => {
                self.restart(partial)?;
                return Err(Failure::transient("the server sent another part of the file"));
            }
        };
        if let Some(total) = total {
            self.verifier.check_size(total).map_err(self.mismatch)?;
        }
        if !self.is_content_addressed {
            state.validator = validator(response.headers());
        }
        let total = total.or(self.verifier.bytes);
        let (label, done) = (self.name, partial.bytes());
        self.progress.begin(Phase { label, total, done, unit: Unit::Bytes });
        state.begun = true;
        self.receive(response, partial, total)
    }

    /// The part of the file that a response has.
    fn range_of(&self, response: &Response<Body>, from: u64) -> ContentRange {
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        match response.status().as_u16() {
            206 => match range.and_then(content_range) {
                Some((start, total)) => ContentRange::From(start, total),
                None => ContentRange::Unusable,
            },
            416 => {
                match range.and_then(|range| range.strip_prefix("bytes */")?.parse::<u64>().ok()) {
                    Some(total) if from == total => ContentRange::Complete,
                    _ => ContentRange::Unusable,
                }
            }
            _ => ContentRange::From(0, number(response.headers(), CONTENT_LENGTH.as_str())),
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
                // It is not the file; it must not fill the disk.
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
    /// The URL's entity tag or date: whether the file is still that of the first response.
    validator: Option<String>,
}

/// The part of the file that a response has.
enum ContentRange {
    /// From this byte on; the size of the whole file, where the server sends it.
    From(u64, Option<u64>),
    /// The partial file is complete.
    Complete,
    Unusable,
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

/// A validator for `If-Range`. A weak entity tag does not say that every byte is the same.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text(ETAG).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

/// A partial file, and the checksum of its content.
struct Partial {
    file: File,
    hasher: Hasher,
}

impl Partial {
    fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut hasher = Hasher::default();
        hasher.update_from(&file)?;
        Ok(Self { file, hasher })
    }

    fn bytes(&self) -> u64 {
        self.hasher.bytes
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Hasher::default();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).inspect_err(|_| {
            // Some of it may have been written: truncate to what the checksum covers.
            let _ = self.file.set_len(self.hasher.bytes);
        })?;
        self.hasher.update(bytes);
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
