//! Signatures of version 4, with credentials that are renewed in time.

use super::Service;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningError, SigningSettings};
use aws_sigv4::sign::v4;
use axum::http::HeaderMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Credentials are renewed when they have less than this left.
const LEFT: Duration = Duration::from_secs(5 * 60);

/// And looked up again after this, as what has no end may have been replaced.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// Signs for one service in one region.
#[derive(Debug)]
pub struct Signer {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<(Credentials, Instant)>>,
    service: Service,
    region: String,
}

/// Why a request has no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// Nobody to sign as.
    #[error("no AWS credentials: name a profile with --profile, set AWS_PROFILE, or sign in with `aws sso login`")]
    Credentials(#[from] CredentialsError),
    /// Not a request that has a signature.
    #[error("the request cannot be signed")]
    Request(#[from] SigningError),
    /// Not a complete set of facts to sign with.
    #[error("the signature cannot be made")]
    Parameters(#[from] v4::signing_params::BuildError),
}

impl Signer {
    /// Signs with what a provider provides.
    pub fn new(provider: SharedCredentialsProvider, service: Service, region: String) -> Self {
        Self { provider, known: Mutex::new(None), service, region }
    }

    /// The headers that sign a request. Signed are its method, URL, body, and those headers that AWS wants to be signed
    /// when they are there: `content-type` and `x-amz-…`. Others may be changed by what is in between.
    pub async fn sign(
        &self,
        method: &str,
        url: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Vec<(&'static str, String)>, SignerError> {
        let identity = self.credentials().await?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.signing_name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = headers.iter().filter(|(name, _)| is_signed(name.as_str()));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let request = SignableRequest::new(method, url, headers, SignableBody::Bytes(body))?;
        let (instructions, _) = http_request::sign(request, &parameters)?.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }

    /// Those at hand, or new ones. Where there are no new ones, the old ones do as long as they are valid.
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some((credentials, since)) if fresh(&credentials, since) => Ok(credentials),
            known => match self.provider.provide_credentials().await {
                Ok(credentials) => Ok(self.keep(credentials)),
                Err(error) => known.map(|(known, _)| known).filter(|known| left(known) > Duration::ZERO).ok_or(error),
            },
        }
    }

    fn keep(&self, credentials: Credentials) -> Credentials {
        let known = Some((credentials.clone(), Instant::now()));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        credentials
    }
}

fn is_signed(header: &str) -> bool {
    header == "content-type" || header.starts_with("x-amz-")
}

fn fresh(credentials: &Credentials, since: Instant) -> bool {
    left(credentials) > LEFT && since.elapsed() < KEPT
}

/// How long they can still be used.
fn left(credentials: &Credentials) -> Duration {
    match credentials.expiry() {
        Some(expiry) => expiry.duration_since(SystemTime::now()).unwrap_or_default(),
        None => Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::future;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers once, and then no more.
    #[derive(Debug)]
    struct Once {
        asked: AtomicUsize,
        valid_for: Duration,
    }

    impl ProvideCredentials for Once {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let expiry = SystemTime::now() + self.valid_for;
            future::ProvideCredentials::ready(match self.asked.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(Credentials::new("AKID", "secret", None, Some(expiry), "test")),
                _ => Err(CredentialsError::not_loaded("no more")),
            })
        }
    }

    fn signer(valid_for: Duration) -> Signer {
        let once = Once { asked: AtomicUsize::new(0), valid_for };
        Signer::new(SharedCredentialsProvider::new(once), Service::Lambda, "eu-west-1".into())
    }

    #[tokio::test]
    async fn credentials_are_asked_for_once_while_they_last() {
        let signer = signer(Duration::from_secs(3600));
        for _ in 0..3 {
            assert_eq!(signer.credentials().await.unwrap().access_key_id(), "AKID");
        }
    }

    #[tokio::test]
    async fn credentials_that_cannot_be_renewed_are_used_to_their_end() {
        let ending = signer(LEFT / 2);
        for _ in 0..2 {
            assert!(ending.credentials().await.is_ok());
        }
        let ended = signer(Duration::ZERO);
        assert!(ended.credentials().await.is_ok());
        assert!(ended.credentials().await.is_err());
    }
}
