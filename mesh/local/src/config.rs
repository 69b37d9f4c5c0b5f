//! What one process is told: where to listen, where to keep the log, who it says it is.

use crate::StartError;
use mesh_core::{AccountId, Quotas};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// How everything is started; the defaults are those of `remesh up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file of the event log; `None` keeps it in memory, where it ends with the process.
    pub data: Option<PathBuf>,
    /// A file of the instances behind virtual nodes that Cloud Map would find; without one they are registered at the
    /// admin endpoints only.
    pub instances: Option<PathBuf>,
    /// Where the App Mesh API listens.
    pub api_addr: SocketAddr,
    /// Where Envoys connect.
    pub xds_addr: SocketAddr,
    /// Where the admin endpoints listen.
    pub admin_addr: SocketAddr,
    /// The AWS account in ARNs, twelve digits.
    pub account: String,
    /// The AWS region in ARNs.
    pub region: String,
    /// Access keys of clients that belong to other accounts; everybody else belongs to `account`.
    pub access_keys: BTreeMap<String, AccountId>,
    /// How many there may be of what.
    pub quotas: Quotas,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            data: None,
            instances: None,
            api_addr: local(8480),
            xds_addr: local(18000),
            admin_addr: local(8481),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            access_keys: BTreeMap::new(),
            quotas: Quotas::default(),
        }
    }
}

impl Config {
    /// The defaults, but on free ports of the loopback interface: for tests, and for running beside another.
    pub fn on_free_ports() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { api_addr: any, xds_addr: any, admin_addr: any, ..Self::default() }
    }

    /// Account and region become part of every ARN, and ARNs are kept by clients for ever: nonsense is refused here. So is
    /// SQLite's word for memory, which would name a file.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.data.as_deref().is_some_and(|file| file.as_os_str() == ":memory:") {
            return Err(StartError::Memory);
        }
        for account in std::iter::once(self.account.as_str()).chain(self.access_keys.values().map(AccountId::as_str)) {
            if AccountId::parse(account).is_none() {
                return Err(StartError::Account(account.to_owned()));
            }
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || !self.region.bytes().all(allowed) {
            return Err(StartError::Region(self.region.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_twelve_digits() {
        for account in ["", "1", "00000000000a", "0000000000000", "٠٠٠٠٠٠"] {
            let config = Config { account: account.into(), ..Config::default() };
            assert!(matches!(config.check(), Err(StartError::Account(_))), "{account}");
        }
        assert!(Config::default().check().is_ok());
    }

    #[test]
    fn sqlites_word_for_memory_names_no_file() {
        let config = Config { data: Some(":memory:".into()), ..Config::default() };
        let refused = config.check().unwrap_err();
        assert!(matches!(refused, StartError::Memory) && refused.to_string().contains("leave --data out"), "{refused}");
    }

    #[test]
    fn a_region_is_a_word_that_fits_into_an_arn() {
        for region in ["", "us east 1", "US-EAST-1", "us:east"] {
            let config = Config { region: region.into(), ..Config::default() };
            assert!(matches!(config.check(), Err(StartError::Region(_))), "{region}");
        }
    }
}
