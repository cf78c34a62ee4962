//! The data type that a network computes with.

use std::fmt;
use std::str::FromStr;

/// The data type that a network computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtype {
    /// 32-bit floats.
    #[default]
    F32,
    /// 32-bit floats, rounded to 19 bits by a GPU's tensor cores as they multiply. GPU only.
    Tf32,
    /// bfloat16: 16 bits, eight of them the exponent. GPU only.
    Bf16,
    /// float16: 16 bits, five of them the exponent. GPU only.
    F16,
}

impl Dtype {
    /// All, with their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("f32", Self::F32), ("tf32", Self::Tf32), ("bf16", Self::Bf16), ("f16", Self::F16)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("f32", |(name, _)| name)
    }
}

impl FromStr for Dtype {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named.map(|(_, one)| *one).ok_or_else(|| "f32, tf32, bf16 or f16".to_owned())
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
