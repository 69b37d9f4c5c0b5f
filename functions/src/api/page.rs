//! `limit` and `nextToken`. A token says after which name a list goes on, so what comes and goes between two pages
//! neither hides a resource nor shows one twice.
//!
//! It holds a check over the list it belongs to. That is no secret, since nothing is gained by making one up; it turns
//! tokens that were garbled, or taken from another list, into an error instead of a strange page.

use crate::error::ApiError;
use crate::request::Query;
use xxhash_rust::xxh3::xxh3_64;

const MAX_LIMIT: usize = 100;

/// Which part of which list.
pub struct Page {
    list: String,
    limit: usize,
    after: Option<String>,
}

impl Page {
    /// Reads which page of `list` is asked for; `list` is any text that no other list has.
    pub fn read(query: &Query, list: &str) -> Result<Self, ApiError> {
        let limit = query.get("limit").map_or(Ok(MAX_LIMIT), limit)?;
        let after = query.get("nextToken").map(|token| open(list, token)).transpose()?;
        Ok(Self { list: list.to_owned(), limit, after })
    }

    /// How many are shown at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The name after which it begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Those of `found` that are shown, and the token for what follows, if more than a page was found.
    pub fn cut<'a, T>(&self, found: &'a [T], name: impl Fn(&T) -> &str) -> (&'a [T], Option<String>) {
        match found.split_at_checked(self.limit) {
            Some((shown, [_, ..])) => (shown, shown.last().map(|last| close(&self.list, name(last)))),
            _ => (found, None),
        }
    }
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| ApiError::bad_request(format!("limit: `{text}` is not a number from 1 to {MAX_LIMIT}")))
}

fn close(list: &str, name: &str) -> String {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{:016x}{hex}", check(list, name))
}

fn open(list: &str, token: &str) -> Result<String, ApiError> {
    let name = token.get(16..).and_then(from_hex);
    let own = name.filter(|name| close(list, name) == token);
    own.ok_or_else(|| ApiError::bad_request("nextToken: not a token of this list"))
}

fn from_hex(hex: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}

fn check(list: &str, name: &str) -> u64 {
    xxh3_64(format!("{list}\n{name}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, ApiError> {
        Page::read(&Query::parse(Some(query))?, "nodes of m")
    }

    #[test]
    fn a_token_leads_on_in_its_own_list_only() {
        let (shown, token) = page("limit=1").unwrap().cut(&["é", "z"], |name| name);
        assert_eq!(shown, ["é"]);
        let token = token.unwrap();
        assert_eq!(page(&format!("nextToken={token}")).unwrap().after(), Some("é"));
        let other = Query::parse(Some(&format!("nextToken={token}"))).unwrap();
        assert!(Page::read(&other, "nodes of n").is_err());
    }

    #[test]
    fn a_token_made_up_is_refused() {
        for token in [
            "",
            "x",
            "0",
            "00000000000000006162",
            "0000000000000000",
            "%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9",
        ] {
            assert!(page(&format!("nextToken={token}")).is_err(), "{token}");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_100() {
        assert_eq!(page("").unwrap().limit(), 100);
        assert_eq!(page("limit=100").unwrap().limit(), 100);
        for limit in ["", "0", "101", "-1", "1.5", "x", "99999999999999999999"] {
            assert!(page(&format!("limit={limit}")).is_err(), "{limit}");
        }
    }

    #[test]
    fn a_list_that_ends_with_the_page_has_no_token() {
        assert_eq!(page("limit=2").unwrap().cut(&["a", "b"], |name| name).1, None);
        assert_eq!(page("limit=2").unwrap().cut(&[], |name: &&str| name).1, None);
    }
}
