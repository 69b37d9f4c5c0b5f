//! The query string: each key once, unknown keys ignored.

use super::percent::decode;
use crate::error::ApiError;
use mesh_core::AccountId;
use std::collections::BTreeMap;

/// What the query says.
#[derive(Debug, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string.
    pub fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        let mut members = BTreeMap::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode(key)?;
            if members.contains_key(&key) {
                return Err(ApiError::bad_request(format!("{key}: given more than once")));
            }
            members.insert(key, decode(value)?);
        }
        Ok(Self(members))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of a key that must be there.
    pub fn required(&self, key: &str) -> Result<&str, ApiError> {
        self.get(key).ok_or_else(|| ApiError::bad_request(format!("{key}: missing from the query")))
    }

    /// The value of a key that holds an account, twelve digits.
    pub fn account(&self, key: &str) -> Result<Option<AccountId>, ApiError> {
        self.get(key).map(|text| account(key, text)).transpose()
    }
}

/// An account.
pub fn account(member: &str, text: &str) -> Result<AccountId, ApiError> {
    let refused = || ApiError::bad_request(format!("{member}: `{text}` is not an account of twelve digits"));
    AccountId::parse(text).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_given_once() {
        let query = Query::parse(Some("limit=5&&nextToken=a%26b&flag")).unwrap();
        assert_eq!((query.get("limit"), query.get("nextToken"), query.get("flag")), (Some("5"), Some("a&b"), Some("")));
        assert_eq!(Query::parse(Some("limit=5&li%6Dit=6")).unwrap_err().message, "limit: given more than once");
    }

    #[test]
    fn an_account_has_twelve_digits() {
        assert!(account("meshOwner", "012345678901").is_ok());
        for text in ["", "1", "0123456789012", "01234567890a", "٠١٢٣٤٥"] {
            assert!(account("meshOwner", text).is_err(), "{text}");
        }
    }
}
