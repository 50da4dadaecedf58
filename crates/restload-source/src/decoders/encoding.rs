//! The encoding of a body.

use encoding_rs::Encoding;

/// The body in UTF-8. A text in UTF-16 begins with a mark, or shows itself by the zero beside its first character, which
/// in JSON is one of ASCII. What its content type says counts where the body is not UTF-8 all the same: many servers name
/// an encoding that they do not use. Any other body stays as it is.
pub(super) fn in_utf8(body: Vec<u8>, content_type: Option<&str>) -> Vec<u8> {
    let body = from_utf_16(body);
    let named = content_type
        .and_then(named_in)
        .and_then(|name| Encoding::for_label(name.as_bytes()));
    let Some(encoding) = named.filter(|named| *named != encoding_rs::UTF_8 && std::str::from_utf8(&body).is_err())
    else {
        return body;
    };
    match encoding.decode_without_bom_handling_and_without_replacement(&body) {
        Some(text) => text.into_owned().into_bytes(),
        None => body,
    }
}

/// The encoding that a content type names, as in `application/json; charset=iso-8859-1`.
fn named_in(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })
}

fn from_utf_16(body: Vec<u8>) -> Vec<u8> {
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
                assert_eq!(in_utf8(body.clone(), None), text.as_bytes(), "{body:?}");
            }
        }
        for body in [&b""[..], b"7", b"[\0]", b"\xff\xfe\x00\xd8", b"\x1f\x8b\x08", b"\0\0"] {
            assert_eq!(in_utf8(body.to_vec(), None), body, "{body:?}");
        }
    }

    #[test]
    fn the_content_type_names_another_encoding() {
        for (content_type, body, read) in [
            ("application/json; charset=iso-8859-1", &b"\"\xe9\""[..], Some("\"é\"")),
            (
                "text/json;charset=\"Windows-1252\" ; version=2",
                b"\"\x80\"",
                Some("\"€\""),
            ),
            ("application/json; Charset=shift_jis", b"\"\x93\xfa\"", Some("\"日\"")),
            // It is what it is, whatever it is called.
            (
                "application/json; charset=iso-8859-1",
                "\"é\"".as_bytes(),
                Some("\"é\""),
            ),
            ("application/json; charset=utf-8", b"\"\xe9\"", None),
            ("application/json; charset=klingon", b"\"\xe9\"", None),
            ("application/json; charset=shift_jis", b"\"\xff\"", None),
            ("application/json", b"\"\xe9\"", None),
        ] {
            let expected = read.map_or(body, str::as_bytes);
            assert_eq!(in_utf8(body.to_vec(), Some(content_type)), expected, "{content_type}");
        }
    }
}
