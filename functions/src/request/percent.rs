//! Percent-encoding, strictly: what is malformed is refused rather than passed on as it stands.

use crate::error::ApiError;
use percent_encoding::percent_decode_str;

/// Decodes a part of a path or query.
pub fn decode(text: &str) -> Result<String, ApiError> {
    let malformed = || ApiError::bad_request(format!("`{text}` is not percent-encoded text"));
    let complete = text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !complete {
        return Err(malformed());
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| malformed())?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_once() {
        assert_eq!(decode("a%2Fb%25").unwrap(), "a/b%");
        assert_eq!(decode("caf%C3%A9").unwrap(), "café");
    }

    #[test]
    fn what_is_not_an_encoding_is_refused() {
        for text in ["%", "%2", "%zz", "a%2", "%FF%FE", "%+1"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
