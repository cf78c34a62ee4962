//! How a file was verified, and the checks that it can fail.

use std::fmt;

/// How a file was verified: by the strongest check that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Its SHA-256 is the expected one, in all 64 digits.
    Expected,
    /// Its SHA-256 begins with the expected digits.
    ExpectedPrefix,
    /// Its SHA-256 is the one recorded at the first fetch.
    Recorded,
    /// Trust on first use: no checksum was known. Its SHA-256 is recorded now.
    FirstUse,
}

impl fmt::Display for Verification {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Expected => "checksum as expected",
            Self::ExpectedPrefix => "agrees with the published digits",
            Self::Recorded => "same as when first fetched",
            Self::FirstUse => "first use: checksum recorded",
        })
    }
}

/// A check that a file failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Against [`Expected::sha256`](crate::Expected::sha256).
    Expected,
    /// Against the checksum recorded at the first fetch.
    Recorded,
    /// Against the hub's checksum, or the one in the name that a hub's cache gave the file.
    Hub,
    /// Against [`Expected::bytes`](crate::Expected::bytes), or the size that the server announced.
    Size,
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Expected => "the expected SHA-256",
            Self::Recorded => "the SHA-256 recorded at the first fetch",
            Self::Hub => "the hub's SHA-256",
            Self::Size => "the size in bytes",
        })
    }
}

/// A failed check, with both values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub check: Check,
    pub expected: String,
    pub found: String,
}
