//! Trying again, a bounded number of times, with waits that grow.

use std::thread;
use std::time::Duration;

use crate::{DownloadError, Progress, Settings};

/// How often to try again to reach a host that is not there. A network that is down is better told of
/// at once than after a minute.
const UNREACHABLE_RETRIES: u32 = 2;

/// Why one try did not work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another try would end in the same way.
    Final(DownloadError),
    /// A status that says no, to be put into words by who knows what was asked for.
    Status { status: u16, place: String },
    /// Another try may work, after the wait that the server asks for.
    Transient { reason: String, wait: Option<Duration> },
    /// No connection.
    Unreachable { host: String, reason: String },
}

impl Failure {
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), wait: None }
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

/// Counts the tries.
pub(crate) struct Retry<'a> {
    pub settings: &'a Settings,
    pub progress: &'a dyn Progress,
    pub name: &'a str,
    /// Puts a status that says no into words.
    pub refusal: &'a dyn Fn(u16, String) -> DownloadError,
    failures: u32,
}

impl<'a> Retry<'a> {
    pub fn new(
        settings: &'a Settings,
        progress: &'a dyn Progress,
        name: &'a str,
        refusal: &'a dyn Fn(u16, String) -> DownloadError,
    ) -> Self {
        Self { settings, progress, name, refusal, failures: 0 }
    }

    /// Waits for the next try, or gives up.
    pub fn absorb(&mut self, failure: Failure) -> Result<(), DownloadError> {
        self.failures += 1;
        let tries = self.failures;
        let (reason, wait) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Status { status, place } => return Err((self.refusal)(status, place)),
            Failure::Unreachable { host, reason }
                if tries > self.settings.retries.min(UNREACHABLE_RETRIES) =>
            {
                return Err(DownloadError::Unreachable { name: self.name.into(), host, reason });
            }
            Failure::Transient { reason, .. } if tries > self.settings.retries => {
                return Err(DownloadError::GaveUp { name: self.name.into(), tries, reason });
            }
            Failure::Unreachable { host, reason } => (format!("{host}: {reason}"), None),
            Failure::Transient { reason, wait } => (reason, wait),
        };
        let wait = wait.unwrap_or_else(|| self.doubled()).min(self.settings.longest_wait);
        self.progress.note(&format!("{reason}: trying again in {} s", wait.as_secs_f32()));
        thread::sleep(wait);
        Ok(())
    }

    /// The transfer got further: whatever went wrong before is over.
    pub fn got_further(&mut self) {
        self.failures = 0;
    }

    fn doubled(&self) -> Duration {
        let times = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        self.settings.backoff.checked_mul(times).unwrap_or(self.settings.longest_wait)
    }
}
