//! TLS on the port that Envoys connect to, by real handshakes and gRPC over them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails in a helper fails the test that uses it")]

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use hyper_util::rt::TokioIo;
use mesh_core::AccountId;
use mesh_log::sqlite::SqliteLog;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tonic::Code;
use xds_relay::serve::tls::Certificates;
use xds_relay::{Relay, RelayConfig};

const SOON: Duration = Duration::from_secs(20);

/// A certificate and its key in a folder.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a new pair there.
    fn renew(&self) -> CertificateDer<'static> {
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        put(&self.path("cert.pem"), &pair.cert.pem());
        put(&self.path("key.pem"), &pair.signing_key.serialize_pem());
        pair.cert.der().clone()
    }

    fn certificates(&self) -> Certificates {
        Certificates::looking(&self.path("cert.pem"), &self.path("key.pem"), Duration::from_millis(10)).unwrap()
    }
}

/// Replaces a file as those do who renew certificates.
fn put(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file).unwrap();
}

async fn relay(certificates: Certificates) -> Relay {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut config = RelayConfig::new(any, any, AccountId::from("000000000000"));
    config.tls = Some(certificates);
    Relay::start(Arc::new(SqliteLog::in_memory().unwrap()), config).await.unwrap()
}

/// A handshake with one who trusts this certificate and no other.
async fn connect(addr: SocketAddr, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(addr).await?;
    TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("it should have come by now"))
}

/// What the relay has to say to a proxy that it does not know: that it is heard is enough here.
async fn speak(addr: SocketAddr, trusted: CertificateDer<'static>) -> Code {
    let endpoint = tonic::transport::Endpoint::from_static("http://localhost");
    let connector = tower::service_fn(move |_| {
        let trusted = trusted.clone();
        async move { connect(addr, &trusted).await.map(TokioIo::new) }
    });
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let node = Node { id: "mesh/shop/virtualNode/nobody".into(), ..Node::default() };
    let type_url = xds_relay::snapshot::ResourceType::Cluster.url().into();
    let request = DeltaDiscoveryRequest { node: Some(node), type_url, ..Default::default() };
    let requests = tokio_stream::iter([request]);
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let mut responses = client.delta_aggregated_resources(requests).await.unwrap().into_inner();
    responses.message().await.unwrap_err().code()
}

#[tokio::test]
async fn envoys_are_served_over_tls_by_http_2() {
    let files = Files::new();
    let certificate = files.renew();
    let relay = relay(files.certificates()).await;
    let stream = soon(connect(relay.xds_addr(), &certificate)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(soon(speak(relay.xds_addr(), certificate)).await, Code::InvalidArgument);
    relay.stop().await;
}

#[tokio::test]
async fn new_files_are_shown_to_new_connections_without_a_restart() {
    let files = Files::new();
    let old = files.renew();
    let relay = relay(files.certificates()).await;
    soon(connect(relay.xds_addr(), &old)).await.unwrap();
    let new = files.renew();
    soon(async { while connect(relay.xds_addr(), &new).await.is_err() {} }).await;
    assert!(connect(relay.xds_addr(), &old).await.is_err(), "the old one is shown no more");
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_earlier_certificate_in_use_until_they_can() {
    let files = Files::new();
    let old = files.renew();
    let relay = relay(files.certificates()).await;
    put(&files.path("key.pem"), "no key");
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(15)).await;
        soon(connect(relay.xds_addr(), &old)).await.unwrap();
    }
    let new = files.renew();
    soon(async { while connect(relay.xds_addr(), &new).await.is_err() {} }).await;
}

#[tokio::test]
async fn one_who_does_not_finish_a_handshake_keeps_nobody_waiting() {
    let files = Files::new();
    let certificate = files.renew();
    let relay = relay(files.certificates()).await;
    let _silent = TcpStream::connect(relay.xds_addr()).await.unwrap();
    soon(connect(relay.xds_addr(), &certificate)).await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_pair_are_refused_at_the_start_by_name() {
    let files = Files::new();
    files.renew();
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
    let error = Certificates::of(&files.path("none.pem"), &key).unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
    let others = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    put(&key, &others.signing_key.serialize_pem());
    assert!(Certificates::of(&certificate, &key).is_err(), "a key of another certificate");
}
