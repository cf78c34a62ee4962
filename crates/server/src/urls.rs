//! URL paths and ids in responses, and what of a path or an address may be shown to clients.

use std::path::Path;

use lookalike_base::hex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters is encoded.
const PATH_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bytes of a photo's SHA-256 checksum that are its id.
const ID_BYTES: usize = 12;

/// A photo's id over HTTP: the beginning of its checksum. It reveals nothing of the machine and means the
/// same photo in every index, so that thumbnails can be cached.
pub(crate) fn photo_id(sha256: &[u8; 32]) -> String {
    hex::encode(&sha256[..ID_BYTES])
}

/// Path of a photo's thumbnail, by the photo's id.
pub(crate) fn thumbnail_path(photo_id: &str) -> String {
    format!("/v1/photos/{photo_id}")
}

/// Path of a product's catalogue image, by the product's id.
pub(crate) fn product_image_path(product_id: &str) -> String {
    format!("/v1/products/{}/image", utf8_percent_encode(product_id, PATH_SEGMENT))
}

/// Scheme and host of an address; none if there is a character that a content security policy may not hold.
pub(crate) fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let good = !host.is_empty() && host.chars().all(is_plain);
    good.then(|| format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
}

/// A path in the catalogue as it is, of an absolute path only the file's name: clients need not know the
/// machine's folders.
pub(crate) fn without_folders(path: &str) -> String {
    if !Path::new(path).is_absolute() {
        return path.to_owned();
    }
    let name = Path::new(path).file_name();
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_cannot_add_to_a_policy() {
        let known = |address: &str| origin(address).unwrap_or_default();
        assert_eq!(known("https://Img.shop.example/a.jpg"), "https://img.shop.example");
        assert_eq!(known("http://localhost:8000?x"), "http://localhost:8000");
        assert_eq!(known("https://x; script-src *"), "");
        assert_eq!(known("https://'unsafe-inline'/"), "");
    }

    #[test]
    fn only_the_web_is_linked() {}

    #[test]
    fn ids_are_one_path_segment() {
        assert_eq!(product_image_path("a/b c"), "/v1/products/a%2Fb%20c/image");
    }

    #[test]
    fn folders_stay_here() {
        assert_eq!(without_folders("chairs/1.jpg"), "chairs/1.jpg");
        #[cfg(unix)]
        assert_eq!(without_folders("/srv/photos/1.jpg"), "1.jpg");
    }
}
