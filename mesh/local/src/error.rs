//! Why nothing was started, in words that say what to do.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The account is not one.
    #[error("--account {0:?} is not an AWS account: give twelve digits, such as 123456789012")]
    Account(String),
    /// The region cannot be part of an ARN.
    #[error("--region {0:?} is not an AWS region: give a name such as us-east-1")]
    Region(String),
    /// SQLite's word for a database in memory, where a file is to be named.
    #[error(
        "--data :memory: names no file: leave --data out to keep everything in memory, or write ./:memory: for the file"
    )]
    Memory,
    /// An address cannot be listened on.
    #[error("{}", listen_message(*side, *addr, source))]
    Listen {
        /// Which side of the process wanted it.
        side: Side,
        /// The address.
        addr: SocketAddr,
        /// What the system said; part of the message already.
        source: io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Log(mesh_log::sqlite::OpenError),
    /// The file of instances cannot be used.
    #[error("--instances: {0}")]
    Instances(xds_relay::discovery::RegistryError),
}

/// The sides of the process that listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The App Mesh API.
    Api,
    /// xDS, where Envoys connect.
    Xds,
    /// The admin endpoints.
    Admin,
}

impl Side {
    /// The flag that moves it elsewhere.
    const fn flag(self) -> &'static str {
        match self {
            Self::Api => "--api-addr",
            Self::Xds => "--xds-addr",
            Self::Admin => "--admin-addr",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Api => "API",
            Self::Xds => "xDS",
            Self::Admin => "admin",
        })
    }
}

impl StartError {
    pub(crate) const fn listen(side: Side, addr: SocketAddr, source: io::Error) -> Self {
        Self::Listen { side, addr, source }
    }

    pub(crate) fn relay(error: xds_relay::StartError) -> Self {
        match error {
            xds_relay::StartError::Xds { addr, source } => Self::listen(Side::Xds, addr, source),
            xds_relay::StartError::Admin { addr, source } => Self::listen(Side::Admin, addr, source),
        }
    }
}

fn listen_message(side: Side, addr: SocketAddr, source: &io::Error) -> String {
    let flag = side.flag();
    match source.kind() {
        ErrorKind::AddrInUse => format!(
            "the {side} address {addr} is in use: stop the other process or pass {flag} with another port (0 for any \
             free one)"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("the {side} address {addr} is not one of this machine's: pass {flag} with an address it has")
        }
        ErrorKind::PermissionDenied => {
            format!("listening on the {side} address {addr} is not permitted: pass {flag} with a port above 1023")
        }
        _ => format!("cannot listen on the {side} address {addr}: {source}; pass {flag} with another"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn an_occupied_port_is_said_with_flag_address_and_remedy() {
        let addr = Config::default().xds_addr;
        let error = StartError::listen(Side::Xds, addr, io::Error::from(ErrorKind::AddrInUse));
        assert_eq!(
            error.to_string(),
            "the xDS address 127.0.0.1:18000 is in use: stop the other process or pass --xds-addr with another port (0 \
             for any free one)"
        );
    }
}
