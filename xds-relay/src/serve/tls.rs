//! TLS on the port that Envoys connect to: certificates from files, taken again when the files change.
//!
//! A handshake is a task of its own, so a client that dawdles holds up nobody. New certificates are for new connections;
//! those that are open keep theirs. Files that cannot be used leave what is in use as it is, with one warning for each
//! change: certificate and key are replaced one after the other, and for a moment do not belong together.
//!
//! Whether a file is another is told by what it holds. Times and lengths would be cheaper to look at, and say nothing
//! where a link is turned to another folder, as Kubernetes does with secrets, or a copy keeps the time of its original.
//!
//! Who the client is, is not asked here.

use futures::{Stream, stream};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};
use xxhash_rust::xxh3::xxh3_128;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// After a failure to accept: file descriptors may have run out, and come back.
const PAUSE: Duration = Duration::from_millis(50);

/// The certificates in use. Clones follow the same files.
#[derive(Debug, Clone)]
pub struct Certificates(watch::Receiver<Arc<ServerConfig>>);

/// Why files are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read ({reason}): name a PEM file that the relay's user may read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file holds no certificates.
    #[error("{} holds no certificate chain ({reason}): it must be PEM, the relay's own certificate first", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file holds no private key.
    #[error("{} holds no private key ({reason}): it must be PEM, PKCS #8, PKCS #1 or SEC 1, and not encrypted", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The two do not go together, or cannot be used.
    #[error(
        "{} and {} cannot be used together ({reason}): the key must be the one that the first certificate was made for",
        certificate.display(),
        key.display()
    )]
    Pair {
        /// The file of the certificate chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Certificates {
    /// Reads a certificate chain and its private key, PEM files, and follows them as long as an answer is held.
    ///
    /// # Errors
    ///
    /// When they cannot be used as they are now.
    pub fn of(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::looking(certificate, key, LOOK)
    }

    /// The same, and how often to look.
    ///
    /// # Errors
    ///
    /// When they cannot be used as they are now.
    pub fn looking(certificate: &Path, key: &Path, every: Duration) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let (seen, loaded) = files.look();
        let (current, certificates) = watch::channel(Arc::new(loaded?));
        tokio::spawn(follow(files, seen, current, every));
        Ok(Self(certificates))
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.borrow().clone())
    }
}

#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// By what the two files are recognised: a hash of what they hold. Nothing where one cannot be read.
type Seen = Option<[u128; 2]>;

impl Files {
    fn look(&self) -> (Seen, Result<ServerConfig, TlsError>) {
        match (read(&self.certificate), read(&self.key)) {
            (Ok(chain), Ok(key)) => (Some([&chain, &key].map(|pem| xxh3_128(pem))), self.load(&chain, &key)),
            (Err(error), _) | (_, Err(error)) => (None, Err(error)),
        }
    }

    fn load(&self, chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsError> {
        let chain = self.chain(chain)?;
        let no_key = |error: pem::Error| TlsError::NoKey { file: self.key.clone(), reason: reason(&error, "key") };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(no_key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| self.unusable(&error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| self.unusable(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn chain(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let none = |reason| TlsError::NoCertificate { file: self.certificate.clone(), reason };
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        match chain.map_err(|error| none(reason(&error, "certificate")))? {
            chain if chain.is_empty() => Err(none(reason(&pem::Error::NoItemsFound, "certificate"))),
            chain => Ok(chain),
        }
    }

    fn unusable(&self, error: &tokio_rustls::rustls::Error) -> TlsError {
        let (certificate, key) = (self.certificate.clone(), self.key.clone());
        TlsError::Pair { certificate, key, reason: error.to_string() }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::Unreadable { file: file.to_owned(), reason: error.to_string() })
}

/// What is wrong with a text that should be PEM, without any of the text: it may be a key.
fn reason(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("there is no PEM section with a {what} in it"),
        pem::Error::MissingSectionEnd { .. } => "it ends within a section".into(),
        _ => "it is damaged".into(),
    }
}

async fn follow(files: Files, mut seen: Seen, current: watch::Sender<Arc<ServerConfig>>, every: Duration) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = current.closed() => return,
        }
        let looking = files.clone();
        // Files may be on a disk that is slow or gone.
        let Ok((now, loaded)) = tokio::task::spawn_blocking(move || looking.look()).await else { continue };
        if now == seen {
            continue;
        }
        seen = now;
        usable(loaded.is_ok());
        match loaded {
            Ok(config) => {
                current.send_replace(Arc::new(config));
                metrics::counter!("remesh_tls_reloads_total", "result" => "ok").increment(1);
                tracing::info!("new certificates are in use");
            }
            Err(error) => {
                metrics::counter!("remesh_tls_reloads_total", "result" => "failed").increment(1);
                tracing::warn!(%error, "the certificates on file cannot be used; the earlier ones stay in use");
            }
        }
    }
}

/// Says whether what is on file is what is in use, or an earlier one is, which will be too old some day.
fn usable(is: bool) {
    metrics::gauge!("remesh_tls_files_usable").set(if is { 1.0 } else { 0.0 });
}

/// The connections of a listener, once their handshakes are done.
pub fn incoming(listener: TcpListener, certificates: Certificates) -> impl Stream<Item = io::Result<Connection>> {
    usable(true);
    let accepting = Accepting { listener, certificates, handshakes: JoinSet::new() };
    stream::unfold(accepting, async |mut accepting| Some((Ok(accepting.next().await), accepting)))
}

struct Accepting {
    listener: TcpListener,
    certificates: Certificates,
    handshakes: JoinSet<io::Result<TlsStream<TcpStream>>>,
}

impl Accepting {
    async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => drop(self.handshakes.spawn(handshake(self.certificates.acceptor(), stream))),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(Ok(stream)) => return Connection(stream),
                    Ok(Err(error)) => {
                        metrics::counter!("remesh_tls_handshakes_failed_total").increment(1);
                        tracing::debug!(%error, "a TLS handshake failed");
                    }
                    Err(error) => tracing::error!(%error, "a TLS handshake ended in disorder"),
                },
            }
        }
    }
}

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let done = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no handshake came to its end"))?
}

/// A connection that has been encrypted. It says who its peer is as one in plain text does.
#[derive(Debug)]
pub struct Connection(TlsStream<TcpStream>);

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.0.get_ref().0.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
