//! TLS in front of a server that has none, as a load balancer of AWS does it, with an authority of its own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// An open door; what comes in is passed on in plain text.
pub struct Encrypted {
    /// The port of `localhost`, for which the certificate is.
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Encrypted {
    /// Opens it.
    pub async fn in_front_of(server: SocketAddr, protocol: &'static [u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, authority) = identity(protocol);
        std::fs::write(folder.path().join("authority.pem"), authority).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Envoy looks for `localhost` by IPv6 first, whatever the machine has.
        let second = TcpListener::bind(("::1", port)).await.ok();
        for listener in [Some(listener), second].into_iter().flatten() {
            tokio::spawn(pass_on(listener, acceptor.clone(), server));
        }
        Self { port, folder }
    }

    /// The file of the authority that has signed its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

async fn pass_on(listener: TcpListener, acceptor: TlsAcceptor, server: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Who does not believe us leaves in the middle of the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            let _ = copy_bidirectional(&mut stream, &mut server).await;
        });
    }
}

/// What the server shows, and the authority by which it is believed.
fn identity(protocol: &'static [u8]) -> (ServerConfig, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    // Not the name of the other certificate: one that is its own issuer is believed by itself or not at all.
    authority.distinguished_name.push(DnType::CommonName, "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap().der().clone();
    let own = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], own)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    (config, pem)
}
