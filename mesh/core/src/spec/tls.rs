//! TLS on both sides of a connection: certificates, trust and names (§11).

use super::{enumeration, structure, union};

structure! {
    /// Defaults for every backend of a virtual node or gateway (`BackendDefaults`).
    pub struct BackendDefaults {
        /// How the proxy behaves as a client.
        pub client_policy: Option<ClientPolicy>,
    }
}

structure! {
    /// How a proxy behaves as a client of a backend (`ClientPolicy`).
    pub struct ClientPolicy {
        /// Its TLS.
        pub tls: Option<ClientPolicyTls>,
    }
}

structure! {
    /// TLS towards a backend (`ClientPolicyTls`).
    pub struct ClientPolicyTls {
        /// The client's own certificate, sent when the server asks.
        pub certificate: Option<ClientTlsCertificate>,
        /// Whether TLS is required; true where absent (§11.2).
        pub enforce: Option<bool>,
        /// The server ports this is for; all where absent or empty.
        pub ports: Option<Vec<i64>>,
        /// How the server's certificate is checked.
        pub validation: TlsValidationContext,
    }
}

impl ClientPolicyTls {
    /// Whether this policy speaks of a server port.
    pub fn covers(&self, port: i64) -> bool {
        self.ports.as_ref().is_none_or(|ports| ports.is_empty() || ports.contains(&port))
    }

    /// Whether connections must be TLS.
    pub fn enforced(&self) -> bool {
        self.enforce.unwrap_or(true)
    }
}

union! {
    /// A client's certificate (`ClientTlsCertificate`).
    pub enum ClientTlsCertificate {
        /// From files inside the Envoy container.
        File(TlsFileCertificate),
        /// From Envoy's secret discovery service.
        Sds(TlsSdsCertificate),
    }
}

union! {
    /// A listener's certificate (`ListenerTlsCertificate`).
    pub enum ListenerTlsCertificate {
        /// From AWS Certificate Manager.
        Acm(TlsAcmCertificate),
        /// From files inside the Envoy container.
        File(TlsFileCertificate),
        /// From Envoy's secret discovery service.
        Sds(TlsSdsCertificate),
    }
}

structure! {
    /// A certificate of AWS Certificate Manager (`ListenerTlsAcmCertificate`).
    pub struct TlsAcmCertificate {
        /// Its ARN.
        pub certificate_arn: String,
    }
}

structure! {
    /// A certificate in files (`ListenerTlsFileCertificate`).
    pub struct TlsFileCertificate {
        /// The path of the chain, PEM.
        pub certificate_chain: String,
        /// The path of the key, PEM.
        pub private_key: String,
    }
}

structure! {
    /// A certificate or trust bundle named in SDS (`ListenerTlsSdsCertificate`, `TlsValidationContextSdsTrust`).
    pub struct TlsSdsCertificate {
        /// The secret's name.
        pub secret_name: String,
    }
}

structure! {
    /// How a server's certificate is checked (`TlsValidationContext`).
    pub struct TlsValidationContext {
        /// The names accepted; the service-discovery name where absent (§11.2).
        pub subject_alternative_names: Option<SubjectAlternativeNames>,
        /// Who must have signed it.
        pub trust: TlsTrust,
    }
}

union! {
    /// Who must have signed a server's certificate (`TlsValidationContextTrust`).
    pub enum TlsTrust {
        /// Private certificate authorities of ACM.
        Acm(TlsAcmTrust),
        /// A file inside the Envoy container.
        File(TlsFileTrust),
        /// A bundle from Envoy's secret discovery service.
        Sds(TlsSdsCertificate),
    }
}

structure! {
    /// Trust in private certificate authorities (`TlsValidationContextAcmTrust`).
    pub struct TlsAcmTrust {
        /// Their ARNs.
        pub certificate_authority_arns: Vec<String>,
    }
}

structure! {
    /// Trust in a file (`TlsValidationContextFileTrust`).
    pub struct TlsFileTrust {
        /// The path of the bundle, PEM.
        pub certificate_chain: String,
    }
}

structure! {
    /// Names a certificate must carry (`SubjectAlternativeNames`).
    pub struct SubjectAlternativeNames {
        /// How they are compared.
        pub r#match: SubjectAlternativeNameMatchers,
    }
}

structure! {
    /// How names are compared (`SubjectAlternativeNameMatchers`).
    pub struct SubjectAlternativeNameMatchers {
        /// One of these, to the letter.
        pub exact: Vec<String>,
    }
}

structure! {
    /// TLS of a listener (`ListenerTls`).
    pub struct ListenerTls {
        /// What the listener shows.
        pub certificate: ListenerTlsCertificate,
        /// Whether TLS is required, possible or off.
        pub mode: ListenerTlsMode,
        /// How clients' certificates are checked; mutual TLS where present.
        pub validation: Option<ListenerTlsValidationContext>,
    }
}

enumeration! {
    /// `ListenerTlsMode`.
    pub enum ListenerTlsMode {
        /// TLS only.
        Strict = "STRICT",
        /// TLS and plain text.
        Permissive = "PERMISSIVE",
        /// Plain text only.
        Disabled = "DISABLED",
    }
}

structure! {
    /// How clients' certificates are checked (`ListenerTlsValidationContext`).
    pub struct ListenerTlsValidationContext {
        /// The names accepted; any where absent.
        pub subject_alternative_names: Option<SubjectAlternativeNames>,
        /// Who must have signed them.
        pub trust: ListenerTlsTrust,
    }
}

union! {
    /// Who must have signed clients' certificates (`ListenerTlsValidationContextTrust`).
    pub enum ListenerTlsTrust {
        /// A file inside the Envoy container.
        File(TlsFileTrust),
        /// A bundle from Envoy's secret discovery service.
        Sds(TlsSdsCertificate),
    }
}
