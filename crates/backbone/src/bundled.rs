//! The weights that are part of the program, so that it works as it comes.

use std::borrow::Cow;
use std::path::Path;

/// What their path is called: on the command line, in a weight file's record, in an index.
pub const BUNDLED: &str = "bundled";

static BYTES: &[u8] =
    include_bytes!("../../../weights/mobilenet_v3_large_minimalistic.shop.safetensors");

/// Whether this names the weights that are part of the program. A file of that name is `./bundled`.
pub fn is_bundled(weights: &Path) -> bool {
    weights == Path::new(BUNDLED)
}

/// Whether weights are there: a file, or the ones that are part of the program.
pub fn weights_exist(weights: &Path) -> bool {
    is_bundled(weights) || weights.is_file()
}

/// The content of a weights file.
pub(crate) fn read(weights: &Path) -> std::io::Result<Cow<'static, [u8]>> {
    if is_bundled(weights) {
        return Ok(Cow::Borrowed(BYTES));
    }
    std::fs::read(weights).map(Cow::Owned)
}
