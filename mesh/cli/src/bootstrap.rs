//! `remesh bootstrap`: the file a stock Envoy is started with.

use crate::diagnostics::Failure;
use clap::Args;
use clap::error::ErrorKind;
use mesh_local::bootstrap::{self, NodeId, Protocol, XdsAddr};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// The flags of `remesh bootstrap`.
#[derive(Debug, Args)]
pub struct Bootstrap {
    /// The resource the Envoy stands for: mesh/MESH/virtualNode/NAME, mesh/MESH/virtualGateway/NAME, or its ARN
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// Where the control plane is, as the Envoy reaches it; https:// before it for one behind TLS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:18000")]
    xds_addr: XdsAddr,
    /// The authorities that a control plane behind TLS is trusted by, a PEM file as the Envoy sees it
    #[arg(long, value_name = "FILE", default_value = bootstrap::AUTHORITIES)]
    xds_ca: String,
    /// Ask for state of the world, as App Mesh's own image does, instead of delta xDS
    #[arg(long)]
    sotw: bool,
    /// Where Envoy's own admin interface listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901")]
    admin_addr: SocketAddr,
    /// Listen on this address with one listener a port, on machines that do not redirect traffic to Envoy; for a virtual
    /// node not 127.0.0.1, where its application is
    #[arg(long, value_name = "IP")]
    bind: Option<IpAddr>,
    /// What metrics and traces call the Envoy; the NODE where absent
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

impl Bootstrap {
    /// Prints it.
    pub fn run(self) -> Result<(), Failure> {
        if let Some(Err(error)) = self.bind.map(|bind| self.node.check_bind(bind)) {
            // What clap does with flags that make no sense: exit code 2.
            clap::Error::raw(ErrorKind::ValueValidation, format!("--bind: {error}\n")).exit();
        }
        let text = bootstrap::bootstrap(&bootstrap::Bootstrap {
            node: self.node,
            cluster: self.cluster,
            xds: self.xds_addr,
            authorities: self.xds_ca,
            admin: self.admin_addr,
            protocol: if self.sotw { Protocol::StateOfTheWorld } else { Protocol::Delta },
            bind: self.bind,
        });
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }
}
