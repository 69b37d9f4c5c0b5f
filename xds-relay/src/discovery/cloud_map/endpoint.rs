//! Where Cloud Map is asked.
//!
//! AWS answers questions about instances at hosts of their own, `data-servicediscovery.REGION.…`, and the SDK puts that
//! `data-` before any host, also before one that was given: `data-localhost`, which is nowhere. A host that was given is
//! meant as it stands.

use aws_sdk_servicediscovery::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_servicediscovery::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_servicediscovery::error::BoxError;

/// Takes the prefix from hosts that are not AWS's own.
#[derive(Debug)]
pub(super) struct AsGiven;

impl Intercept for AsGiven {
    fn name(&self) -> &'static str {
        "AsGiven"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(given) = as_given(request.uri()) {
            request.set_uri(given)?;
        }
        Ok(())
    }
}

/// The address without the prefix; nothing where it belongs there.
fn as_given(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.strip_prefix("data-")?;
    (!host.starts_with("servicediscovery.") && !host.starts_with("servicediscovery-"))
        .then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::as_given;

    #[test]
    fn a_host_that_was_given_is_asked_as_it_stands() {
        assert_eq!(as_given("http://data-127.0.0.1:5000/").as_deref(), Some("http://127.0.0.1:5000/"));
        assert_eq!(as_given("https://data-localhost/x").as_deref(), Some("https://localhost/x"));
        let private = "https://data-vpce-1.data-servicediscovery.eu-west-1.vpce.amazonaws.com/";
        assert_eq!(as_given(private).as_deref(), Some(private.replacen("data-", "", 1).as_str()));
    }

    #[test]
    fn aws_own_hosts_keep_their_prefix() {
        for host in
            ["data-servicediscovery.eu-west-1.amazonaws.com", "data-servicediscovery-fips.us-east-1.amazonaws.com"]
        {
            assert_eq!(as_given(&format!("https://{host}/")), None);
        }
        assert_eq!(as_given("https://servicediscovery.eu-west-1.amazonaws.com/"), None);
    }
}
