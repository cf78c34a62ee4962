//! The weights compiled into the program, so that it works as it comes. They are here, not in a crate above,
//! because every loader accepts their name in place of a path.

use std::borrow::Cow;
use std::path::Path;

/// The path that stands for them: on the command line, in a weight file's record, in an index.
pub const BUNDLED: &str = "bundled";

static BYTES: &[u8] =
    include_bytes!("../../../../weights/mobilenet_v3_large_minimalistic.shop.safetensors");

/// Whether a path stands for the bundled weights. A file of that name is `./bundled`.
pub fn is_bundled(weights: &Path) -> bool {
    weights == Path::new(BUNDLED)
}

/// Whether weights exist: as a file, or bundled.
pub fn weights_exist(weights: &Path) -> bool {
    is_bundled(weights) || weights.is_file()
}

/// The content of a weights file, or of the bundled weights.
pub(crate) fn read(weights: &Path) -> std::io::Result<Cow<'static, [u8]>> {
    if is_bundled(weights) {
        return Ok(Cow::Borrowed(BYTES));
    }
    std::fs::read(weights).map(Cow::Owned)
}
