//! Decoders turn a response's body into a [`Value`] tree.

mod encoding;
mod json;

use restload_model::Value;

/// Why a body could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    message: String,
}

/// A body in UTF-8, in which it is decoded; one in UTF-16, or in what its content type names, is converted.
pub fn in_utf8(body: Vec<u8>, content_type: Option<&str>) -> Vec<u8> {
    encoding::in_utf8(body, content_type)
}

/// Decodes a JSON body. `exact` keeps every number's own digits, at half the speed; numbers beyond 64 bits are exact
/// either way.
pub fn decode_json(body: &[u8], exact: bool) -> Result<Value<'_>, DecodeError> {
    json::decode(body, exact)
}
