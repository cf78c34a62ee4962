//! Everything known of a file before it is read, and what follows from it for the file found.

use std::fmt;

use crate::digest::Digest;
use crate::{DownloadError, Expected, Recorded};

/// How it is known that a file is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its SHA-256 is the expected one, in all 64 digits.
    Manifest,
    /// Its SHA-256 begins with the published digits.
    Prefix,
    /// Its SHA-256 is the one recorded when it was first fetched.
    Recorded,
    /// Nothing was known beforehand: its SHA-256 is recorded now.
    FirstUse,
}

impl fmt::Display for Trust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Manifest => "checksum as expected",
            Self::Prefix => "agrees with the published digits",
            Self::Recorded => "same as when first fetched",
            Self::FirstUse => "first use: checksum recorded",
        })
    }
}

/// Who says how a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// [`Expected::sha256`].
    Expected,
    /// The checksum recorded when the file was first fetched.
    Record,
    /// The hub, or the name that a hub's cache gave to the file.
    Hub,
    /// [`Expected::bytes`], or the size that the server gave beforehand.
    Size,
}

impl fmt::Display for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Expected => "the expected SHA-256",
            Self::Record => "the SHA-256 recorded at the first fetch",
            Self::Hub => "the hub's SHA-256",
            Self::Size => "the size in bytes",
        })
    }
}

/// A file that is not as somebody says it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disagreement {
    pub authority: Authority,
    pub expected: String,
    pub found: String,
}

/// What must hold for a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Expected digits in lower case, 8 to 64 of them.
    digits: Option<String>,
    recorded: Option<String>,
    hub: Option<String>,
    pub bytes: Option<u64>,
}

impl Known {
    pub fn new(expected: &Expected, recorded: Option<&Recorded>) -> Result<Self, DownloadError> {
        let digits = expected.digits()?;
        // All 64 digits are the program's own word. A record of something older does not stand
        // against a manifest that was brought up to date.
        let pinned = digits.as_ref().is_some_and(|digits| digits.len() == 64);
        let recorded = recorded.filter(|_| !pinned).map(|recorded| recorded.sha256.clone());
        Ok(Self { digits, recorded, hub: None, bytes: expected.bytes })
    }

    /// Whether a file put together from pieces would be found out.
    pub fn has_checksum(&self) -> bool {
        self.digits.is_some() || self.recorded.is_some() || self.hub.is_some()
    }

    /// Adds what a hub says. What it says may disagree with what was known: then there is no need to
    /// fetch anything to see it.
    pub fn learn(&mut self, sha256: Option<&str>, bytes: Option<u64>) -> Result<(), Disagreement> {
        if let Some(found) = sha256 {
            self.check_digits(found)?;
            self.hub = Some(found.to_owned());
        }
        if let Some(bytes) = bytes {
            self.check_size(bytes)?;
            self.bytes = Some(bytes);
        }
        Ok(())
    }

    /// Adds what a hub's cache calls the file, where that is a checksum.
    pub fn named(&mut self, sha256: Option<String>) {
        self.hub = sha256.or_else(|| self.hub.take());
    }

    pub fn check_size(&self, found: u64) -> Result<(), Disagreement> {
        match self.bytes {
            Some(expected) if expected != found => Err(Disagreement {
                authority: Authority::Size,
                expected: expected.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn check_digits(&self, found: &str) -> Result<(), Disagreement> {
        let claims = [
            (Authority::Expected, &self.digits),
            (Authority::Record, &self.recorded),
            (Authority::Hub, &self.hub),
        ];
        for (authority, claim) in claims {
            if let Some(expected) = claim.as_ref().filter(|expected| !found.starts_with(*expected))
            {
                let (expected, found) = (expected.clone(), found.to_owned());
                return Err(Disagreement { authority, expected, found });
            }
        }
        Ok(())
    }

    pub fn check(&self, found: &Digest) -> Result<Trust, Disagreement> {
        // The checksum says more than the size, but a wrong size is easier to understand.
        self.check_size(found.bytes)?;
        self.check_digits(&found.sha256)?;
        Ok(match (&self.digits, &self.recorded) {
            (Some(digits), _) if digits.len() == 64 => Trust::Manifest,
            (Some(_), _) => Trust::Prefix,
            (None, Some(_)) => Trust::Recorded,
            (None, None) => Trust::FirstUse,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(digits: Option<&str>, recorded: Option<&str>) -> Known {
        let expected = Expected { sha256: digits.map(str::to_owned), bytes: None };
        let recorded = recorded.map(|sha256| Recorded { sha256: sha256.into(), bytes: 1 });
        Known::new(&expected, recorded.as_ref()).expect("digits are well-formed")
    }

    fn digest(digit: &str) -> Digest {
        Digest { sha256: digit.repeat(64), bytes: 1 }
    }

    #[test]
    fn trust_names_the_strongest_reason() {
        let [full, other] = ["a".repeat(64), "b".repeat(64)];
        let trust = |known: Known| known.check(&digest("a")).map_err(|no| no.authority);
        assert_eq!(trust(known(Some(&full), None)), Ok(Trust::Manifest));
        assert_eq!(trust(known(Some(&full), Some(&other))), Ok(Trust::Manifest));
        assert_eq!(trust(known(Some("aaaaaaaa"), None)), Ok(Trust::Prefix));
        assert_eq!(trust(known(Some("aaaaaaaa"), Some(&other))), Err(Authority::Record));
        assert_eq!(trust(known(Some("aaaaaaab"), Some(&full))), Err(Authority::Expected));
        assert_eq!(trust(known(None, Some(&full))), Ok(Trust::Recorded));
        assert_eq!(trust(known(None, None)), Ok(Trust::FirstUse));
    }

    #[test]
    fn a_hub_is_held_to_what_was_known_and_to_its_own_word() {
        let mut expecting = known(Some("aaaaaaaa"), None);
        let no = expecting.learn(Some(&"b".repeat(64)), None).expect_err("another checksum");
        assert_eq!(no.authority, Authority::Expected);
        let mut trusting = known(None, None);
        trusting.learn(Some(&"b".repeat(64)), Some(2)).expect("nothing speaks against it");
        assert_eq!(trusting.check(&digest("a")).expect_err("size").authority, Authority::Size);
        trusting.bytes = None;
        assert_eq!(trusting.check(&digest("a")).expect_err("checksum").authority, Authority::Hub);
    }
}
