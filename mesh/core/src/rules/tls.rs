//! TLS on both sides (§11). What would quietly check less than it says is refused.

use super::place::Place;
use super::{limits, text};
use crate::spec::{
    BackendDefaults, ClientPolicy, ClientPolicyTls, ClientTlsCertificate, ListenerTls, ListenerTlsCertificate,
    ListenerTlsTrust, SubjectAlternativeNames, TlsFileCertificate, TlsTrust,
};

pub(super) fn check_defaults(at: &Place, defaults: Option<&BackendDefaults>) {
    check_policy(&at.member("clientPolicy"), defaults.and_then(|defaults| defaults.client_policy.as_ref()));
}

pub(super) fn check_policy(at: &Place, policy: Option<&ClientPolicy>) {
    if let Some(tls) = policy.and_then(|policy| policy.tls.as_ref()) {
        check_client(&at.member("tls"), tls);
    }
}

fn check_client(at: &Place, tls: &ClientPolicyTls) {
    let certificate = &at.member("certificate");
    match &tls.certificate {
        Some(ClientTlsCertificate::File(file)) => check_files(&certificate.member("file"), file),
        Some(ClientTlsCertificate::Sds(sds)) => secret(&certificate.member("sds"), &sds.secret_name),
        None => {}
    }
    at.member("ports").each(tls.ports.iter().flatten(), |at, port| at.between(*port, limits::PORT));
    let validation = &at.member("validation");
    check_names(&validation.member("subjectAlternativeNames"), tls.validation.subject_alternative_names.as_ref());
    check_trust(&validation.member("trust"), &tls.validation.trust);
}

fn check_trust(at: &Place, trust: &TlsTrust) {
    match trust {
        TlsTrust::Acm(acm) => {
            let at = &at.member("acm");
            let at = &at.member("certificateAuthorityArns");
            at.count(&acm.certificate_authority_arns, limits::CERTIFICATE_AUTHORITIES);
            at.each(&acm.certificate_authority_arns, |at, arn| text::given(at, arn));
        }
        TlsTrust::File(file) => file_path(&at.member("file").member("certificateChain"), &file.certificate_chain),
        TlsTrust::Sds(sds) => secret(&at.member("sds"), &sds.secret_name),
    }
}

pub(super) fn check_listener(at: &Place, tls: Option<&ListenerTls>) {
    let Some(tls) = tls else { return };
    let certificate = &at.member("certificate");
    match &tls.certificate {
        ListenerTlsCertificate::Acm(acm) => {
            text::given(&certificate.member("acm").member("certificateArn"), &acm.certificate_arn)
        }
        ListenerTlsCertificate::File(file) => check_files(&certificate.member("file"), file),
        ListenerTlsCertificate::Sds(sds) => secret(&certificate.member("sds"), &sds.secret_name),
    }
    let Some(validation) = &tls.validation else { return };
    let at = &at.member("validation");
    check_names(&at.member("subjectAlternativeNames"), validation.subject_alternative_names.as_ref());
    let trust = &at.member("trust");
    match &validation.trust {
        ListenerTlsTrust::File(file) => {
            file_path(&trust.member("file").member("certificateChain"), &file.certificate_chain)
        }
        ListenerTlsTrust::Sds(sds) => secret(&trust.member("sds"), &sds.secret_name),
    }
}

fn check_names(at: &Place, names: Option<&SubjectAlternativeNames>) {
    let Some(names) = names else { return };
    let at = &at.member("match");
    let at = &at.member("exact");
    // Envoy reads no names as any name, which is the opposite of what an empty list of accepted names says.
    if names.r#match.exact.is_empty() {
        at.refuse("is empty, must have a name");
    }
    at.each(&names.r#match.exact, |at, name| {
        at.length(name, limits::SUBJECT_ALTERNATIVE_NAME);
        text::plain(at, name);
    });
}

fn check_files(at: &Place, files: &TlsFileCertificate) {
    file_path(&at.member("certificateChain"), &files.certificate_chain);
    file_path(&at.member("privateKey"), &files.private_key);
}

fn file_path(at: &Place, path: &str) {
    at.length(path, limits::FILE_PATH);
    text::plain(at, path);
}

fn secret(at: &Place, name: &str) {
    text::given(&at.member("secretName"), name);
}
