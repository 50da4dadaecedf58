//! The encoding of a body.

/// The body in UTF-8. A text in UTF-16 begins with a mark, or shows itself by the zero beside its first character, which
/// in JSON is one of ASCII. Any other body stays as it is.
pub(super) fn in_utf8(body: Vec<u8>) -> Vec<u8> {
    let unit: fn([u8; 2]) -> u16 = match body.as_slice() {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => u16::from_be_bytes,
        _ => return body,
    };
    let (pairs, []) = body.as_chunks() else {
        return body;
    };
    let units = pairs.iter().map(|pair| unit(*pair));
    match char::decode_utf16(units).collect::<Result<String, _>>() {
        Ok(text) => text.into_bytes(),
        Err(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Z-12: UTF-16 in either order, with a mark and without. What is something else is left alone.
    #[test]
    fn utf_16_is_read() {
        let json = r#"[{"id":1,"name":"é😀"}]"#;
        for (mark, text) in [("", json), ("\u{feff}", json), ("", "7")] {
            let text = format!("{mark}{text}");
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for body in [little, big, text.clone().into_bytes()] {
                assert_eq!(in_utf8(body.clone()), text.as_bytes(), "{body:?}");
            }
        }
        for body in [&b""[..], b"7", b"[\0]", b"\xff\xfe\x00\xd8", b"\x1f\x8b\x08", b"\0\0"] {
            assert_eq!(in_utf8(body.to_vec()), body, "{body:?}");
        }
    }
}
