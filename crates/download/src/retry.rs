//! Retries with exponential backoff.

use std::thread;
use std::time::Duration;

use lookalike_base::progress::Progress;

use crate::{DownloadError, Settings};

/// Retries of a host that cannot be reached: few, so that a network that is down is reported soon.
const UNREACHABLE_RETRIES: u32 = 2;

/// A failed attempt.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another attempt would fail in the same way.
    Final(DownloadError),
    /// A refusing status, which the caller turns into an error.
    Status { status: u16, host: String },
    /// Another attempt may succeed, after the wait that the server asks for.
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

/// Counts the failed attempts.
pub(crate) struct Retry<'a> {
    pub settings: &'a Settings,
    pub progress: &'a dyn Progress,
    pub name: &'a str,
    /// The error of a refusing status.
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

    /// Waits for the next attempt, or gives up.
    pub fn wait_after(&mut self, failure: Failure) -> Result<(), DownloadError> {
        self.failures += 1;
        let attempts = self.failures;
        let (reason, wait) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Status { status, host } => return Err((self.refusal)(status, host)),
            Failure::Unreachable { host, reason }
                if attempts > self.settings.retries.min(UNREACHABLE_RETRIES) =>
            {
                return Err(DownloadError::Unreachable { name: self.name.into(), host, reason });
            }
            Failure::Transient { reason, .. } if attempts > self.settings.retries => {
                return Err(DownloadError::GaveUp { name: self.name.into(), attempts, reason });
            }
            Failure::Unreachable { host, reason } => (format!("{host}: {reason}"), None),
            Failure::Transient { reason, wait } => (reason, wait),
        };
        let wait = wait.unwrap_or_else(|| self.doubled()).min(self.settings.longest_wait);
        self.progress.note(&format!("{reason}: trying again in {} s", wait.as_secs_f32()));
        thread::sleep(wait);
        Ok(())
    }

    /// Counts from 0 again, after an attempt that transferred enough.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn doubled(&self) -> Duration {
        let times = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        self.settings.backoff.checked_mul(times).unwrap_or(self.settings.longest_wait)
    }
}
