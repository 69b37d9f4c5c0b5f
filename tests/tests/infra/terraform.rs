//! The Terraform module, where Terraform and its AWS provider are on the machine: valid, in its own style, and applied as
//! infra/README.md calls it. What it made is then compared with what the templates make.
//!
//! moto answers in AWS's place. It takes what the provider sends and gives it back, so this shows that the module is
//! whole and what it asks for, and nothing of what AWS would say to it (docs/aws-checklist.md).

use super::{file, twins};
use mesh_tests::moto::Moto;
use mesh_tests::tools;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a machine that has the provider keeps its mirror, unless `REMESH_TF_PLUGINS` says otherwise.
const PLUGINS: &str = "/opt/tf-plugins";

/// What moto does not have enough of for the provider: it is planned, and not applied.
const NOT_IN_MOTO: &str = "scaling.tf";

/// A provider that talks to moto, and what the module is put into.
const AROUND: &str = r#"
variable "endpoint" {}
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "any"
  secret_key                  = "thing"
  max_retries                 = 1
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    acm            = var.endpoint
    appautoscaling = var.endpoint
    cloudwatch     = var.endpoint
    dynamodb       = var.endpoint
    ec2            = var.endpoint
    ecs            = var.endpoint
    elbv2          = var.endpoint
    iam            = var.endpoint
    lambda         = var.endpoint
    logs           = var.endpoint
    sts            = var.endpoint
  }
}
resource "aws_vpc" "test" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_subnet" "test" {
  count             = 2
  vpc_id            = aws_vpc.test.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = ["eu-west-1a", "eu-west-1b"][count.index]
}
resource "aws_acm_certificate" "test" {
  domain_name       = "xds.example.com"
  validation_method = "DNS"
}
"#;

/// The provider's mirror, where there is one and Terraform beside it; loudly nothing where there is not.
fn plugins() -> Option<PathBuf> {
    let folder = std::env::var_os("REMESH_TF_PLUGINS").map_or_else(|| PathBuf::from(PLUGINS), PathBuf::from);
    let reason = match Command::new("terraform").arg("version").output() {
        Err(error) => format!("no terraform on the PATH: {error}"),
        Ok(_) if folder.join("registry.terraform.io/hashicorp/aws").is_dir() => return Some(folder),
        Ok(_) => format!("no AWS provider in {} (REMESH_TF_PLUGINS)", folder.display()),
    };
    // Not `eprintln!`, which the test runner keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED, infra/terraform was not tested: {reason}");
    None
}

/// A folder to run Terraform in, with the provider's mirror in place of the registry.
struct Terraform {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Terraform {
    fn new(plugins: &Path, endpoint: String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {plugins:?}\n  }}\n}}\n");
        std::fs::write(folder.path().join("terraformrc"), mirror).expect("the CLI's configuration is written");
        Self { folder, endpoint }
    }

    /// Copies the module's files, except some, to a folder of this one.
    fn copy_module(&self, to: &str, except: &[&str]) {
        let to = self.folder.path().join(to);
        std::fs::create_dir_all(&to).expect("a folder");
        for entry in std::fs::read_dir(tools::workspace().join("infra/terraform")).expect("the module is there") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a file has a name");
            if path.extension().is_some_and(|it| it == "tf") && !except.contains(&name) {
                std::fs::copy(&path, to.join(name)).expect("copied");
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    /// Runs it; it has to succeed. Answers what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("terraform");
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("terraformrc"));
        command.env("TF_VAR_endpoint", &self.endpoint).env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        let output = command.output().expect("terraform runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "terraform {arguments:?}: {said}{complained}");
        said
    }

    fn shown(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[&["show", "-json"], arguments].concat())).expect("Terraform prints JSON")
    }
}

/// The module's block of infra/README.md, with what is there in place of what a reader fills in.
fn block_of_the_readme() -> String {
    let readme = file("infra/README.md");
    let block = readme.split("```hcl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of HCL");
    let filled = [
        (r#""./infra/terraform""#, r#""./module""#),
        (r#""target/lambda/appmesh-api/bootstrap.zip""#, r#""function.zip""#),
        (r#""target/lambda/checkpoint/bootstrap.zip""#, r#""function.zip""#),
        (r#""vpc-…""#, "aws_vpc.test.id"),
        (r#"["subnet-…", "subnet-…"]"#, "aws_subnet.test[*].id"),
        (r#""arn:aws:acm:…""#, "aws_acm_certificate.test.arn"),
        // moto takes its time over records; whether there is one is a count of nothing or one.
        (r#""Z…""#, "null"),
        (r#"= "1""#, "= \"1\"\n  quotas = { virtual-nodes-per-mesh = 200, meshes-per-account = 15 }"),
    ];
    filled.into_iter().fold(block.to_owned(), |block, (from, to)| {
        assert!(block.contains(from), "infra/README.md has no {from}");
        block.replace(from, to)
    })
}

/// What was made, by address in the module.
fn made(values: &Value) -> BTreeMap<String, Value> {
    let module = &values["root_module"]["child_modules"][0]["resources"];
    let resources = module.as_array().expect("the module has resources").iter();
    let address =
        |it: &Value| it["address"].as_str().expect("an address").trim_start_matches("module.remesh.").to_owned();
    resources.map(|it| (address(it), it["values"].clone())).collect()
}

#[test]
fn terraform_finds_the_module_valid_and_in_its_own_style() {
    let Some(plugins) = plugins() else { return };
    let terraform = Terraform::new(&plugins, String::new());
    terraform.copy_module(".", &[]);
    terraform.run(&["fmt", "-check", "-diff", "-no-color"]);
    terraform.run(&["init", "-backend=false", "-input=false", "-no-color"]);
    terraform.run(&["validate", "-no-color"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_as_the_readme_calls_it_makes_what_the_templates_make() {
    let Some(plugins) = plugins() else { return };
    let moto = Moto::start_on(Ipv4Addr::LOCALHOST.into()).await;
    let terraform = Terraform::new(&plugins, format!("http://{}", moto.addr()));
    tokio::task::spawn_blocking(move || {
        terraform.copy_module("module", &[NOT_IN_MOTO]);
        terraform.write("main.tf", &(AROUND.to_owned() + &block_of_the_readme()));
        // An empty archive: nothing is run.
        std::fs::write(terraform.folder.path().join("function.zip"), [b"PK\x05\x06".as_slice(), &[0; 18]].concat())
            .expect("written");
        terraform.run(&["init", "-input=false", "-no-color"]);
        terraform.run(&["apply", "-auto-approve", "-input=false", "-no-color"]);
        let made = made(&terraform.shown(&[])["values"]);
        twins::are_alike(&made);
        terraform.copy_module("module", &[]);
        terraform.run(&["plan", "-out=plan", "-input=false", "-no-color", "-refresh=false"]);
        twins::scale_alike(&self::made(&terraform.shown(&["plan"])["planned_values"]));
    })
    .await
    .expect("all of it holds");
}
