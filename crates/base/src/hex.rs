//! Bytes as lower-case hexadecimal digits, as checksums are written.

/// Two lower-case digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `N` bytes from exactly `2 * N` hexadecimal digits of either case; `None` for anything else.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_other_texts_are_refused() {
        let all: [u8; 256] = std::array::from_fn(|n| n as u8);
        assert_eq!(decode::<256>(&encode(&all)), Some(all));
        assert_eq!(encode(&[0, 10, 255]), "000aff");
        assert_eq!(decode::<2>("AbCd"), Some([0xAB, 0xCD]));
        for wrong in ["", "abc", "abcde", "ab g", "+a+b", "é0"] {
            assert_eq!(decode::<2>(wrong), None, "{wrong:?}");
        }
    }
}
