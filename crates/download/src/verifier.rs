//! What must hold for a file, and the check of a file against that.

use crate::checksum_file::RecordedChecksum;
use crate::digest::Digest;
use crate::error::DownloadError;
use crate::source::Expected;
use crate::verification::{Check, Mismatch, Verification};

/// The checksums and the size that a file must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verifier {
    /// The expected digits in lower case, 8 to 64 of them.
    expected: Option<String>,
    recorded: Option<String>,
    hub: Option<String>,
    pub bytes: Option<u64>,
}

impl Verifier {
    pub fn new(
        expected: &Expected,
        recorded: Option<&RecordedChecksum>,
    ) -> Result<Self, DownloadError> {
        let digits = expected.digits()?;
        // All 64 digits decide alone: a record of an older file does not stand against a manifest that was
        // updated.
        let is_full = digits.as_ref().is_some_and(|digits| digits.len() == 64);
        let recorded = recorded.filter(|_| !is_full).map(|recorded| recorded.sha256.clone());
        Ok(Self { expected: digits, recorded, hub: None, bytes: expected.bytes })
    }

    /// Whether a file made of parts of several versions would be refused.
    pub fn has_checksum(&self) -> bool {
        self.expected.is_some() || self.recorded.is_some() || self.hub.is_some()
    }

    /// Adds a hub's metadata. Metadata that contradicts what is known is refused, before anything is fetched.
    pub fn add_metadata(
        &mut self,
        sha256: Option<&str>,
        bytes: Option<u64>,
    ) -> Result<(), Mismatch> {
        if let Some(found) = sha256 {
            self.check_sha256(found)?;
            self.hub = Some(found.to_owned());
        }
        if let Some(bytes) = bytes {
            self.check_size(bytes)?;
            self.bytes = Some(bytes);
        }
        Ok(())
    }

    /// Adds the name that a hub's cache gave the file, where that is a checksum.
    pub fn add_cache_name(&mut self, sha256: Option<String>) {
        self.hub = sha256.or_else(|| self.hub.take());
    }

    pub fn check_size(&self, found: u64) -> Result<(), Mismatch> {
        match self.bytes {
            Some(expected) if expected != found => Err(Mismatch {
                check: Check::Size,
                expected: expected.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn check_sha256(&self, found: &str) -> Result<(), Mismatch> {
        let checks = [
            (Check::Expected, &self.expected),
            (Check::Recorded, &self.recorded),
            (Check::Hub, &self.hub),
        ];
        for (check, expected) in checks {
            if let Some(expected) = expected.as_ref().filter(|digits| !found.starts_with(*digits)) {
                let (expected, found) = (expected.clone(), found.to_owned());
                return Err(Mismatch { check, expected, found });
            }
        }
        Ok(())
    }

    pub fn verify(&self, found: &Digest) -> Result<Verification, Mismatch> {
        // The checksum says more than the size, but a wrong size is easier to understand.
        self.check_size(found.bytes)?;
        self.check_sha256(&found.sha256)?;
        Ok(match (&self.expected, &self.recorded) {
            (Some(digits), _) if digits.len() == 64 => Verification::Expected,
            (Some(_), _) => Verification::ExpectedPrefix,
            (None, Some(_)) => Verification::Recorded,
            (None, None) => Verification::FirstUse,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(digits: Option<&str>, recorded: Option<&str>) -> Verifier {
        let expected = Expected { sha256: digits.map(str::to_owned), bytes: None };
        let recorded = recorded.map(|sha256| RecordedChecksum { sha256: sha256.into(), bytes: 1 });
        Verifier::new(&expected, recorded.as_ref()).expect("digits are well-formed")
    }

    fn digest(digit: &str) -> Digest {
        Digest { sha256: digit.repeat(64), bytes: 1 }
    }

    #[test]
    fn the_strongest_check_is_named() {
        let [full, other] = ["a".repeat(64), "b".repeat(64)];
        let verify = |verifier: Verifier| verifier.verify(&digest("a")).map_err(|no| no.check);
        assert_eq!(verify(verifier(Some(&full), None)), Ok(Verification::Expected));
        assert_eq!(verify(verifier(Some(&full), Some(&other))), Ok(Verification::Expected));
        assert_eq!(verify(verifier(Some("aaaaaaaa"), None)), Ok(Verification::ExpectedPrefix));
        assert_eq!(verify(verifier(Some("aaaaaaaa"), Some(&other))), Err(Check::Recorded));
        assert_eq!(verify(verifier(Some("aaaaaaab"), Some(&full))), Err(Check::Expected));
        assert_eq!(verify(verifier(None, Some(&full))), Ok(Verification::Recorded));
        assert_eq!(verify(verifier(None, None)), Ok(Verification::FirstUse));
    }

    #[test]
    fn a_hub_is_held_to_what_was_known_and_to_its_own_metadata() {
        let mut expecting = verifier(Some("aaaaaaaa"), None);
        let no = expecting.add_metadata(Some(&"b".repeat(64)), None).expect_err("another checksum");
        assert_eq!(no.check, Check::Expected);
        let mut trusting = verifier(None, None);
        trusting.add_metadata(Some(&"b".repeat(64)), Some(2)).expect("nothing contradicts it");
        assert_eq!(trusting.verify(&digest("a")).expect_err("size").check, Check::Size);
        trusting.bytes = None;
        assert_eq!(trusting.verify(&digest("a")).expect_err("checksum").check, Check::Hub);
    }
}
