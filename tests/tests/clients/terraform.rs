//! Terraform with the AWS provider, where both are on the machine: a strict client, whose second plan is empty only if
//! every member of every answer is what it was when it was sent.

use super::beside;
use mesh_tests::ControlPlane;
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where a machine that has the provider keeps its mirror, unless `REMESH_TF_PLUGINS` says otherwise.
const PLUGINS: &str = "/opt/tf-plugins";

/// A folder with the configuration, and a provider mirror in place of the registry.
struct Terraform {
    folder: tempfile::TempDir,
    endpoint: String,
}

impl Terraform {
    fn new(control_plane: &ControlPlane, plugins: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {plugins:?}\n  }}\n}}\n");
        std::fs::write(folder.path().join("terraformrc"), mirror).expect("the CLI's configuration is written");
        std::fs::copy(beside("terraform/main.tf"), folder.path().join("main.tf")).expect("the definitions are copied");
        Self { folder, endpoint: control_plane.api().url().to_owned() }
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new("terraform")
            .current_dir(self.folder.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("terraformrc"))
            .env("TF_VAR_endpoint", &self.endpoint)
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .await
            .expect("terraform runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments).await;
        assert_eq!(code, 0, "terraform {arguments:?}: {text}");
        text
    }

    async fn apply(&self, variable: &str) -> String {
        self.succeed(&["apply", "-auto-approve", "-input=false", "-no-color", "-var", variable]).await
    }

    /// A plan answers 2 when there is something to change.
    async fn changes_nothing(&self, variable: &str) {
        let (code, text) =
            self.run(&["plan", "-input=false", "-no-color", "-detailed-exitcode", "-var", variable]).await;
        assert_eq!(code, 0, "the plan is not empty: {text}");
    }
}

/// The provider's mirror, where there is one and Terraform beside it.
async fn plugins() -> Result<PathBuf, String> {
    let folder = std::env::var_os("REMESH_TF_PLUGINS").map_or_else(|| PathBuf::from(PLUGINS), PathBuf::from);
    if !folder.join("registry.terraform.io/hashicorp/aws").is_dir() {
        return Err(format!("no AWS provider in {} (REMESH_TF_PLUGINS)", folder.display()));
    }
    match Command::new("terraform").arg("version").output().await {
        Ok(_) => Ok(folder),
        Err(error) => Err(format!("no terraform on the PATH: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_creates_changes_what_changed_finds_nothing_more_and_destroys() {
    let plugins = match plugins().await {
        Ok(plugins) => plugins,
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        Err(reason) => {
            return drop(writeln!(std::io::stderr(), "SKIPPED, Terraform was not tested: {reason}"));
        }
    };
    let control_plane = ControlPlane::start().await;
    let terraform = Terraform::new(&control_plane, &plugins);
    terraform.succeed(&["init", "-input=false", "-no-color"]).await;
    let created = terraform.apply("canary=10").await;
    assert!(created.contains("Resources: 9 added, 0 changed, 0 destroyed"), "{created}");
    let changed = terraform.apply("canary=100").await;
    assert!(changed.contains("Resources: 0 added, 1 changed, 0 destroyed"), "{changed}");
    terraform.changes_nothing("canary=100").await;
    let arn = terraform.succeed(&["output", "-raw", "mesh_arn"]).await;
    assert_eq!(arn.trim(), "arn:aws:appmesh:us-east-1:000000000000:mesh/shop");
    terraform.succeed(&["destroy", "-refresh=false", "-auto-approve", "-input=false", "-no-color"]).await;
    assert_eq!(control_plane.api().get("/meshes").await["meshes"], serde_json::json!([]));
    control_plane.stop().await;
}
