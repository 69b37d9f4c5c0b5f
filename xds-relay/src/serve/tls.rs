//! TLS on the port that Envoys connect to: certificates from files, taken again when the files change.
//!
//! A handshake is a task of its own, so a client that dawdles holds up nobody. New certificates are for new connections;
//! those that are open keep theirs. Files that cannot be used leave what is in use as it is, with a warning each time:
//! certificate and key are replaced one after the other, and for a moment do not belong together.
//!
//! Who the client is, is not asked here.

use futures::{Stream, stream};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

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
    /// A file cannot be read as what it should be.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The two do not go together, or cannot be used.
    #[error("the certificate and its key cannot be used: {0}")]
    Pair(String),
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
        let seen = files.marks();
        let (current, certificates) = watch::channel(Arc::new(files.load()?));
        tokio::spawn(follow(files, seen, current, every));
        Ok(Self(certificates))
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.borrow().clone())
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What shows that a file is another: when it was written, and how long it is.
type Mark = Option<(SystemTime, u64)>;

impl Files {
    fn marks(&self) -> [Mark; 2] {
        [&self.certificate, &self.key].map(|file| {
            let metadata = fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn load(&self) -> Result<ServerConfig, TlsError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unusable(&self.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unusable(&self.key, &error))?;
        let pair = |error: tokio_rustls::rustls::Error| TlsError::Pair(error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { file: file.to_owned(), reason: error.to_string() }
}

async fn follow(files: Files, mut seen: [Mark; 2], current: watch::Sender<Arc<ServerConfig>>, every: Duration) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = current.closed() => return,
        }
        let marks = files.marks();
        if marks == seen {
            continue;
        }
        match files.load() {
            Ok(config) => {
                seen = marks;
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

/// The connections of a listener, once their handshakes are done.
pub fn incoming(listener: TcpListener, certificates: Certificates) -> impl Stream<Item = io::Result<Connection>> {
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
