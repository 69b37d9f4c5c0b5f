//! moto, which stands in for Cloud Map: the real API over HTTP, from people who are not us.

use crate::tools;
use crate::wait::eventually;
use aws_sdk_servicediscovery::Client;
use aws_sdk_servicediscovery::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_servicediscovery::types::{CustomHealthStatus, DnsConfig, DnsRecord, RecordType};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::Stdio;
use tokio::process::{Child, Command};
use xds_relay::discovery::cloud_map::{Cadence, CloudMap};

/// A running moto; it ends when it is dropped.
#[derive(Debug)]
pub struct Moto {
    addr: SocketAddr,
    _child: Child,
}

impl Moto {
    /// Starts one on a free port of an address.
    pub async fn start_on(ip: IpAddr) -> Self {
        // moto takes no port 0. Whoever takes the port in between makes it end, which the wait below says.
        let addr = TcpListener::bind((ip, 0)).and_then(|free| free.local_addr()).expect("a port is free");
        Self::start_at(addr).await
    }

    /// Starts one there, with nothing in it.
    pub async fn start_at(addr: SocketAddr) -> Self {
        let mut command = Command::new(tools::moto_server());
        command.args(["-H", &addr.ip().to_string(), "-p", &addr.port().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("moto starts");
        let url = format!("http://{addr}/moto-api/data.json");
        eventually("moto answers", async || {
            if let Ok(Some(ended)) = child.try_wait() {
                return Err(format!("it ended: {ended}"));
            }
            let answer = reqwest::get(&url).await.map_err(|error| error.to_string())?;
            answer.status().is_success().then_some(()).ok_or_else(|| answer.status().to_string())
        })
        .await;
        Self { addr, _child: child }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What an AWS client is told to talk to it.
    pub fn config(&self) -> aws_config::SdkConfig {
        config_of(self.addr)
    }

    /// The source of instances under test.
    pub fn cloud_map(&self, cadence: Cadence) -> CloudMap {
        CloudMap::new(&self.config(), cadence)
    }

    /// Makes a namespace with a service of this name in it, and answers the service's id.
    pub async fn service(&self, namespace: &str, service: &str) -> String {
        let client = self.client();
        let made = client.create_private_dns_namespace().name(namespace).vpc("vpc-1").send().await;
        made.expect("a namespace can be made");
        let all = client.list_namespaces().send().await.expect("namespaces are listed");
        let namespace = all.namespaces().iter().find(|one| one.name() == Some(namespace)).and_then(|one| one.id());
        let record = DnsRecord::builder().r#type(RecordType::A).ttl(10).build().expect("a record");
        let dns = DnsConfig::builder().dns_records(record).build().expect("records");
        let made = client.create_service().name(service).namespace_id(namespace.expect("it is listed")).dns_config(dns);
        let made = made.send().await.expect("a service can be made");
        made.service().and_then(|service| service.id()).expect("a service has an id").to_owned()
    }

    /// Registers an instance.
    pub async fn register(&self, service: &str, id: &str, attributes: &[(&str, &str)]) {
        let mut call = self.client().register_instance().service_id(service).instance_id(id);
        for (key, value) in attributes {
            call = call.attributes(*key, *value);
        }
        call.send().await.expect("an instance can be registered");
    }

    /// Takes an instance out.
    pub async fn deregister(&self, service: &str, id: &str) {
        let call = self.client().deregister_instance().service_id(service).instance_id(id);
        call.send().await.expect("an instance can be deregistered");
    }

    /// Says of an instance how it is.
    pub async fn set_healthy(&self, service: &str, id: &str, healthy: bool) {
        let status = if healthy { CustomHealthStatus::Healthy } else { CustomHealthStatus::Unhealthy };
        let call = self.client().update_instance_custom_health_status().service_id(service).instance_id(id);
        call.status(status).send().await.expect("health can be told");
    }

    fn client(&self) -> Client {
        Client::new(&self.config())
    }
}

/// What an AWS client is told to talk to whoever listens there, be it nobody.
pub fn config_of(addr: SocketAddr) -> aws_config::SdkConfig {
    let credentials = Credentials::new("any", "thing", None, None, "tests");
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .endpoint_url(format!("http://{addr}"))
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
