//! The Terraform module, judged by Terraform where it is on the machine.

use mesh_tests::tools;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a machine that has the provider keeps its mirror, unless `REMESH_TF_PLUGINS` says otherwise.
const PLUGINS: &str = "/opt/tf-plugins";

/// The provider's mirror, where there is one and Terraform beside it.
fn plugins() -> Result<PathBuf, String> {
    let folder = std::env::var_os("REMESH_TF_PLUGINS").map_or_else(|| PathBuf::from(PLUGINS), PathBuf::from);
    if !folder.join("registry.terraform.io/hashicorp/aws").is_dir() {
        return Err(format!("no AWS provider in {} (REMESH_TF_PLUGINS)", folder.display()));
    }
    let found = Command::new("terraform").arg("version").output();
    found.map(|_| folder).map_err(|error| format!("no terraform on the PATH: {error}"))
}

/// Runs it in a folder that holds a copy of the module, and answers what it said.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("terraform")
        .current_dir(folder)
        .args(arguments)
        .env("TF_CLI_CONFIG_FILE", folder.join("terraformrc"))
        .env("TF_IN_AUTOMATION", "1")
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("terraform runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn terraform_finds_the_module_valid_and_in_its_own_style() {
    let plugins = match plugins() {
        Ok(plugins) => plugins,
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        Err(reason) => {
            return drop(writeln!(std::io::stderr(), "SKIPPED, infra/terraform was not validated: {reason}"));
        }
    };
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(tools::workspace().join("infra/terraform")).expect("the module is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|it| it == "tf") {
            std::fs::copy(&path, folder.path().join(path.file_name().expect("a file has a name"))).expect("copied");
        }
    }
    let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {plugins:?}\n  }}\n}}\n");
    std::fs::write(folder.path().join("terraformrc"), mirror).expect("the CLI's configuration is written");
    for arguments in [
        &["fmt", "-check", "-diff", "-no-color"][..],
        &["init", "-backend=false", "-input=false", "-no-color"],
        &["validate", "-no-color"],
    ] {
        let (done, said) = run(folder.path(), arguments);
        assert!(done, "terraform {arguments:?}: {said}");
    }
}
