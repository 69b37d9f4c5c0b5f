//! The proxy as people use it: the AWS CLI, boto3 and Terraform, none of which knows of it more than an address.

use super::gate::Gate;
use super::programs::{Running, up};
use super::{SECRET, with_credentials};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program of the environment that `tests/run` makes.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/venv/bin").join(name);
    assert!(path.exists(), "{} is missing: run `tests/run`, which installs what tests need", path.display());
    path
}

/// A client of AWS that was told of the proxy, and has credentials that mean nothing to anybody.
fn told_of(proxy: &Running, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("AWS_ENDPOINT_URL_APP_MESH", proxy.url(""));
    command
        .env("AWS_ACCESS_KEY_ID", "other")
        .env("AWS_SECRET_ACCESS_KEY", "other")
        .env("AWS_DEFAULT_REGION", "eu-west-1");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_RETRY_MODE", "standard").env("AWS_MAX_ATTEMPTS", "2");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// An API, what stands in front of it in AWS, and the proxy.
struct Bench {
    gate: Gate,
    proxy: Running,
    _api: Running,
}

impl Bench {
    async fn start() -> Self {
        let api = up();
        let gate = Gate::open("lambda", "", &api).await;
        let url = format!("http://{}", gate.addr);
        let arguments = [&url, "--service", "lambda", "--region", "eu-west-1"];
        Self { gate, proxy: Running::start(with_credentials(&arguments, SECRET)), _api: api }
    }

    /// Runs a program that has to succeed, beside the gate.
    async fn run(&self, mut command: Command) -> String {
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remesh_itself_shares_a_mesh_through_it() {
    let bench = Bench::start().await;
    let shop = ["appmesh", "create-mesh", "--mesh-name", "shop"];
    let mut create = told_of(&bench.proxy, tool("aws"));
    create.args(shop);
    bench.run(create).await;
    let remesh = |arguments: &[&str]| {
        let mut command = told_of(&bench.proxy, env!("CARGO_BIN_EXE_remesh").into());
        command.args(arguments);
        command
    };
    assert_eq!(bench.run(remesh(&["share", "shop", "111122223333"])).await, "111122223333\n");
    assert_eq!(bench.run(remesh(&["share", "shop"])).await, "111122223333\n");
    assert_eq!(bench.run(remesh(&["unshare", "shop", "111122223333"])).await, "mesh shop is shared with nobody\n");
    let mut nowhere = remesh(&["share", "nowhere", "111122223333"]);
    let refused = tokio::task::spawn_blocking(move || nowhere.output().unwrap()).await.unwrap();
    assert_eq!(said(&refused), "error: Mesh with name nowhere is not present for account 000000000000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_works_as_it_did_and_shows_the_apis_own_errors() {
    let bench = Bench::start().await;
    let aws = |arguments: &[&str]| {
        let mut command = told_of(&bench.proxy, tool("aws"));
        command.arg("appmesh").args(arguments);
        command
    };
    let made = bench.run(aws(&["create-mesh", "--mesh-name", "shop", "--tags", "key=a b,value=ü/+"])).await;
    let arn = serde_json::from_str::<Value>(&made).unwrap()["mesh"]["metadata"]["arn"].as_str().unwrap().to_owned();
    let tags = bench.run(aws(&["list-tags-for-resource", "--resource-arn", &arn])).await;
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags["tags"], json!([{ "key": "a b", "value": "ü/+" }]));
    let gone = bench.run(aws(&["delete-mesh", "--mesh-name", "shop"])).await;
    assert_eq!(serde_json::from_str::<Value>(&gone).unwrap()["mesh"]["status"]["status"], "DELETED");
    bench.run(aws(&["create-mesh", "--mesh-name", "shop"])).await;
    let mut again = aws(&["create-mesh", "--mesh-name", "shop"]);
    let again = tokio::task::spawn_blocking(move || again.output().unwrap()).await.unwrap();
    assert!(said(&again).contains("ConflictException"), "{}", said(&again));
    let agents = bench.gate.arrived();
    assert!(agents.iter().all(|headers| headers["user-agent"].to_str().unwrap().starts_with("aws-cli/")), "{agents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_works_as_it_did_and_repeats_what_did_not_arrive() {
    let bench = Bench::start().await;
    let script = "
import boto3
appmesh = boto3.client('appmesh')
appmesh.create_mesh(meshName='shop', spec={'egressFilter': {'type': 'ALLOW_ALL'}})
print(appmesh.list_meshes(limit=1)['meshes'][0]['meshName'])
";
    let mut command = told_of(&bench.proxy, tool("python"));
    command.args(["-c", script]);
    assert_eq!(bench.run(command).await.trim(), "shop");
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nowhere}");
    let cut = Running::start(with_credentials(&[&url, "--service", "lambda", "--region", "eu-west-1"], SECRET));
    let script = "
import boto3
appmesh = boto3.client('appmesh')
try:
    appmesh.list_meshes()
except appmesh.exceptions.ServiceUnavailableException as error:
    print(error.response['ResponseMetadata']['RetryAttempts'], error)
";
    let mut command = told_of(&cut, tool("python"));
    command.args(["-c", script]);
    let caught = bench.run(command).await;
    assert!(caught.starts_with("1 ") && caught.contains("does not answer"), "{caught}");
}

/// The provider is told of the proxy and of no region's real service.
const MAIN: &str = r#"
variable "endpoint" {}
provider "aws" {
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { appmesh = var.endpoint }
}
resource "aws_appmesh_mesh" "shop" {
  name = "shop"
  tags = { team = "a/b c" }
}
resource "aws_appmesh_virtual_node" "cart" {
  name      = "cart"
  mesh_name = aws_appmesh_mesh.shop.name
  spec {}
}
"#;

/// Where a machine that has the provider keeps its mirror, unless `REMESH_TF_PLUGINS` says otherwise.
const PLUGINS: &str = "/opt/tf-plugins";

fn terraform(proxy: &Running, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = told_of(proxy, "terraform".into());
    command.current_dir(folder).args(arguments).args(["-no-color"]);
    command.env("TF_CLI_CONFIG_FILE", folder.join("terraformrc")).env("TF_VAR_endpoint", proxy.url(""));
    command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_works_with_the_proxy_as_its_endpoint() {
    let plugins = std::env::var_os("REMESH_TF_PLUGINS").map_or_else(|| PathBuf::from(PLUGINS), PathBuf::from);
    let there = plugins.join("registry.terraform.io/hashicorp/aws").is_dir();
    if !there || Command::new("terraform").arg("version").output().is_err() {
        let why = format!("no terraform, or no AWS provider in {} (REMESH_TF_PLUGINS)", plugins.display());
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        return drop(writeln!(std::io::stderr(), "SKIPPED, Terraform was not tested through the proxy: {why}"));
    }
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {plugins:?}\n  }}\n}}\n");
    std::fs::write(folder.path().join("terraformrc"), mirror).unwrap();
    std::fs::write(folder.path().join("main.tf"), MAIN).unwrap();
    let run = |arguments: &[&str]| terraform(&bench.proxy, folder.path(), arguments);
    bench.run(run(&["init", "-input=false"])).await;
    let applied = bench.run(run(&["apply", "-auto-approve", "-input=false"])).await;
    assert!(applied.contains("2 added, 0 changed, 0 destroyed"), "{applied}");
    bench.run(run(&["plan", "-detailed-exitcode", "-input=false"])).await;
}
