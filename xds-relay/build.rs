//! Compiles the descriptors by which `dump` shows xDS resources as JSON.
//!
//! envoy-types ships the `.proto` files its types were made of; asking cargo where its source is keeps the two from
//! drifting apart, and keeps a copy of anybody's files out of this tree. Only what is reachable from the types that
//! `translate` emits is compiled, without comments.

use prost::Message;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The roots of the include path inside envoy-types' `proto` folder.
const INCLUDES: [&str; 8] = [
    "cel-spec/proto",
    "client_model",
    "data-plane-api",
    "googleapis",
    "opentelemetry-proto",
    "protoc-gen-validate",
    "ratelimit",
    "xds",
];

/// The files whose messages are sent, alone or inside an `Any`.
const FILES: [&str; 13] = [
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/access_loggers/file/v3/file.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/listener/original_dst/v3/original_dst.proto",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let protos = envoy_types()?.join("proto");
    let includes = INCLUDES.map(|folder| protos.join(folder));
    let mut compiler = protox::Compiler::new(includes.iter().filter(|folder| folder.exists()))?;
    compiler.include_imports(true).include_source_info(false).open_files(FILES)?;
    let descriptors = compiler.file_descriptor_set().encode_to_vec();
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors)?;
    Ok(())
}

/// The folder of envoy-types' source, wherever cargo keeps it.
fn envoy_types() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").ok_or("cargo sets CARGO")?;
    let target = std::env::var("TARGET")?;
    // Not `--offline`: cargo asks here for the whole workspace, of which a build of one crate has fetched a part.
    let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", &target];
    let output = Command::new(cargo).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists packages")?;
    let package = packages.iter().find(|package| package["name"] == "envoy-types").ok_or("no envoy-types")?;
    let manifest = package["manifest_path"].as_str().ok_or("a package has a manifest")?;
    Ok(Path::new(manifest).parent().ok_or("a manifest is in a folder")?.to_owned())
}
