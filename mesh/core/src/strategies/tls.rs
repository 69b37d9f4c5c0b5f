//! TLS on both sides.

use super::number::port;
use super::{list, structure, text};
use crate::rules::limits;
use crate::spec::{
    BackendDefaults, ClientPolicy, ClientPolicyTls, ClientTlsCertificate, ListenerTls, ListenerTlsCertificate,
    ListenerTlsMode, ListenerTlsTrust, ListenerTlsValidationContext, SubjectAlternativeNameMatchers,
    SubjectAlternativeNames, TlsAcmCertificate, TlsAcmTrust, TlsFileCertificate, TlsFileTrust, TlsSdsCertificate,
    TlsTrust, TlsValidationContext,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(super) fn backend_defaults() -> BoxedStrategy<BackendDefaults> {
    structure!(BackendDefaults { client_policy: option::of(client_policy()) })
}

pub(super) fn client_policy() -> BoxedStrategy<ClientPolicy> {
    structure!(ClientPolicy { tls: option::of(client_tls()) })
}

fn client_tls() -> BoxedStrategy<ClientPolicyTls> {
    let certificate =
        prop_oneof![files().prop_map(ClientTlsCertificate::File), sds().prop_map(ClientTlsCertificate::Sds)];
    structure!(ClientPolicyTls {
        certificate: option::of(certificate),
        enforce: option::of(any::<bool>()),
        ports: option::of(list(port(), 0..=20)),
        validation: validation(),
    })
}

fn validation() -> BoxedStrategy<TlsValidationContext> {
    let authorities = list(text::given(), limits::CERTIFICATE_AUTHORITIES);
    let acm = structure!(TlsAcmTrust { certificate_authority_arns: authorities });
    let trust = prop_oneof![
        acm.prop_map(TlsTrust::Acm),
        trusted_file().prop_map(TlsTrust::File),
        sds().prop_map(TlsTrust::Sds)
    ];
    structure!(TlsValidationContext { subject_alternative_names: option::of(names()), trust: trust })
}

pub(super) fn listener_tls() -> BoxedStrategy<ListenerTls> {
    let acm = structure!(TlsAcmCertificate { certificate_arn: text::given() });
    let certificate = prop_oneof![
        acm.prop_map(ListenerTlsCertificate::Acm),
        files().prop_map(ListenerTlsCertificate::File),
        sds().prop_map(ListenerTlsCertificate::Sds),
    ];
    let trust = prop_oneof![trusted_file().prop_map(ListenerTlsTrust::File), sds().prop_map(ListenerTlsTrust::Sds)];
    let validation =
        structure!(ListenerTlsValidationContext { subject_alternative_names: option::of(names()), trust: trust });
    structure!(ListenerTls {
        certificate: certificate,
        mode: select(&[ListenerTlsMode::Strict, ListenerTlsMode::Permissive, ListenerTlsMode::Disabled]),
        validation: option::of(validation),
    })
}

fn names() -> BoxedStrategy<SubjectAlternativeNames> {
    let exact = list(text::plain(limits::SUBJECT_ALTERNATIVE_NAME), 1..=20);
    let matchers = structure!(SubjectAlternativeNameMatchers { exact: exact });
    structure!(SubjectAlternativeNames { r#match: matchers })
}

fn files() -> BoxedStrategy<TlsFileCertificate> {
    structure!(TlsFileCertificate { certificate_chain: file_path(), private_key: file_path() })
}

fn trusted_file() -> BoxedStrategy<TlsFileTrust> {
    structure!(TlsFileTrust { certificate_chain: file_path() })
}

fn sds() -> BoxedStrategy<TlsSdsCertificate> {
    structure!(TlsSdsCertificate { secret_name: text::given() })
}

fn file_path() -> BoxedStrategy<String> {
    text::plain(limits::FILE_PATH)
}
