//! The text of a manifest's bytes: UTF-8, UTF-16, or the code page of Korean Windows.

use std::borrow::Cow;
use std::fmt;

/// A text and how it was encoded.
#[derive(Debug)]
pub(crate) struct Decoded<'b> {
    pub(crate) text: Cow<'b, str>,
    pub(crate) encoding: Encoding,
    /// Whether bytes of no meaning became U+FFFD.
    pub(crate) is_damaged: bool,
}

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, little-endian: Excel's "Unicode text".
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// Code page 949 of Korean Windows, which holds EUC-KR.
    Cp949,
    /// What an XML file declares.
    Declared(&'static str),
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Cp949 => "CP949",
            Self::Declared(name) => name,
        })
    }
}

/// The bytes as text. Damaged bytes become U+FFFD.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    if let Some(bytes) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(bytes);
    }
    if let Some(encoding) = utf16(bytes) {
        let (codec, mark) = match encoding {
            Encoding::Utf16Be => (encoding_rs::UTF_16BE, b"\xFE\xFF"),
            _ => (encoding_rs::UTF_16LE, b"\xFF\xFE"),
        };
        let bytes = bytes.strip_prefix(mark).unwrap_or(bytes);
        let (text, is_damaged) = codec.decode_without_bom_handling(bytes);
        return Decoded { text, encoding, is_damaged };
    }
    let decoded = utf8(bytes);
    if !decoded.is_damaged || is_mostly_utf8(bytes) {
        return decoded;
    }
    match encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Decoded { text, encoding: Encoding::Cp949, is_damaged: false },
        None => decoded,
    }
}

/// [`decode`], in the encoding that an XML file declares where it is not UTF-8 or UTF-16.
pub(crate) fn decode_xml(bytes: &[u8]) -> Decoded<'_> {
    let decoded = decode(bytes);
    if decoded.encoding == Encoding::Utf8 && !decoded.is_damaged {
        return decoded;
    }
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let declared = start.split_once("encoding=").and_then(|(_, rest)| {
        let name = rest.get(1..)?.split(['"', '\'']).next()?;
        encoding_rs::Encoding::for_label(name.as_bytes())
    });
    match declared {
        Some(codec) if codec != encoding_rs::UTF_8 && codec != encoding_rs::EUC_KR => {
            let (text, is_damaged) = codec.decode_without_bom_handling(bytes);
            Decoded { text, encoding: Encoding::Declared(codec.name()), is_damaged }
        }
        _ => decoded,
    }
}

fn utf8(bytes: &[u8]) -> Decoded<'_> {
    let text = String::from_utf8_lossy(bytes);
    // Valid text is borrowed.
    let is_damaged = matches!(text, Cow::Owned(_));
    Decoded { text, encoding: Encoding::Utf8, is_damaged }
}

/// Whether bytes are UTF-16: by the byte order mark, or since their start has the ASCII characters of a table.
fn utf16(bytes: &[u8]) -> Option<Encoding> {
    if bytes.starts_with(b"\xFF\xFE") {
        return Some(Encoding::Utf16Le);
    }
    if bytes.starts_with(b"\xFE\xFF") {
        return Some(Encoding::Utf16Be);
    }
    let start = &bytes[..bytes.len().min(4096)];
    if !bytes.len().is_multiple_of(2) || !start.contains(&0) {
        return None;
    }
    let ascii = |unit: fn([u8; 2]) -> u16| {
        let units = start.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        units.filter(|unit| matches!(unit, 0x09 | 0x0A | 0x0D | 0x20..=0x7E)).count()
    };
    let (little, big) = (ascii(u16::from_le_bytes), ascii(u16::from_be_bytes));
    let (encoding, codec) = match little > big {
        true => (Encoding::Utf16Le, encoding_rs::UTF_16LE),
        false => (Encoding::Utf16Be, encoding_rs::UTF_16BE),
    };
    let most = little.max(big);
    // Letters beside letters are a text of single bytes, with a NUL in it.
    let is_letter = |byte: &u8| (0x20..0x7F).contains(byte);
    let letters = start.chunks_exact(2).filter(|pair| pair.iter().all(is_letter)).count();
    // A Korean table has a separator, a space or a line end in every dozen characters.
    let is_evident = most > 2 * little.min(big) && most > letters && most * 24 > start.len();
    let text = codec.decode_without_bom_handling_and_without_replacement(bytes)?;
    (is_evident && !text.contains('\0')).then_some(encoding)
}

/// Whether bytes are UTF-8 with some damage: its longer sequences hardly come about in another encoding.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut long, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        long += chunk.valid().chars().filter(|c| c.len_utf8() >= 3).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    long > invalid
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "상품코드,상품명\r\na-1,참나무 의자\r\n";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn tables_in_their_encodings() {
        let with_mark = format!("\u{feff}{TABLE}");
        let cp949 = encoding_rs::EUC_KR.encode(TABLE).0.into_owned();
        for (bytes, want) in [
            (TABLE.as_bytes().to_vec(), Encoding::Utf8),
            (with_mark.clone().into_bytes(), Encoding::Utf8),
            (utf16(&with_mark, u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(&with_mark, u16::to_be_bytes), Encoding::Utf16Be),
            (utf16(TABLE, u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(TABLE, u16::to_be_bytes), Encoding::Utf16Be),
            (cp949, Encoding::Cp949),
        ] {
            let decoded = decode(&bytes);
            assert_eq!((decoded.encoding, decoded.is_damaged), (want, false));
            assert_eq!(decoded.text, TABLE, "{want}");
        }
    }

    #[test]
    fn words_beyond_euc_kr_are_code_page_949() {
        // "똠", which EUC-KR lacks.
        let decoded = decode(b"\x8Cc,a");
        assert_eq!((decoded.text.as_ref(), decoded.encoding), ("똠,a", Encoding::Cp949));
    }

    #[test]
    fn damage_is_not_taken_for_another_encoding() {
        let mut damaged = "이름,의자와 책상".as_bytes().to_vec();
        damaged.extend(b",\xB0\xA1");
        let decoded = decode(&damaged);
        assert_eq!((decoded.encoding, decoded.is_damaged), (Encoding::Utf8, true));
        assert!(decoded.text.starts_with("이름,의자와 책상,\u{fffd}"));
        let latin = decode(b"id,name\n1,caf\xE9\n2,na\xEFve\n");
        assert!(latin.is_damaged, "{latin:?}");
        let nul = decode(b"id,name\n1,a\0b\n");
        assert_eq!((nul.encoding, nul.text.contains('\0')), (Encoding::Utf8, true));
        assert!(decode(b"\xFF\xFEa").is_damaged);
        assert!(decode(&[0; 5000]).text.contains('\0'));
        assert_eq!(decode(b"").text, "");
    }

    #[test]
    fn xml_declares_what_it_is_in() {
        let xml = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>caf\xE9</a>";
        let decoded = decode_xml(xml);
        assert!(decoded.text.ends_with("<a>café</a>"), "{decoded:?}");
        let korean = "<?xml version='1.0' encoding='EUC-KR'?><a>의자</a>";
        let bytes = encoding_rs::EUC_KR.encode(korean).0.into_owned();
        assert_eq!(decode_xml(&bytes).text, korean);
    }
}
