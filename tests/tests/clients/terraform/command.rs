//! Terraform in a folder of its own, with a provider from this machine in place of the registry's.

use super::{Arguments, Plan, State};
use crate::beside;
use mesh_tests::ControlPlane;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;

/// Where a machine that has the provider keeps its mirror, unless `REMESH_TF_PLUGINS` says otherwise.
const PLUGINS: &str = "/opt/tf-plugins";

/// Where the provider looks for App Mesh.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_APP_MESH";

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

/// All at once: what must wait, waits for what it refers to.
const AT_A_TIME: &str = "-parallelism=40";

/// The provider makes garbage by the hundred megabytes, and collecting it takes a third of its time.
const GARBAGE: (&str, &str) = ("GOGC", "400");

pub struct Terraform {
    folder: tempfile::TempDir,
    endpoint: String,
}

/// The folder with the provider's program, where there is one and Terraform beside it.
pub async fn provider() -> Result<PathBuf, String> {
    let mirror = std::env::var_os("REMESH_TF_PLUGINS").map_or_else(|| PathBuf::from(PLUGINS), PathBuf::from);
    let versions = mirror.join("registry.terraform.io/hashicorp/aws");
    let Some(provider) = last_in(&versions).and_then(|platforms| last_in(&platforms)) else {
        return Err(format!("no AWS provider in {} (REMESH_TF_PLUGINS)", mirror.display()));
    };
    match Command::new("terraform").arg("version").output().await {
        Ok(_) => Ok(provider),
        Err(error) => Err(format!("no terraform on the PATH: {error}")),
    }
}

/// A provider is found by version and then by platform.
fn last_in(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).max()
}

impl Terraform {
    /// There is nothing to initialise, nor is the provider's checksum taken at every command: it has most of a gigabyte.
    pub fn new(control_plane: &ControlPlane, provider: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let terraform = Self { folder, endpoint: control_plane.api().url().to_owned() };
        let installed =
            format!("provider_installation {{\n  dev_overrides {{\n    \"hashicorp/aws\" = {provider:?}\n  }}\n}}\n");
        terraform.write("terraformrc", &installed);
        terraform
    }

    /// Adds to the configuration: a file, or all files of a folder, of those beside this one.
    pub fn configure(&self, name: &str) -> &Self {
        for (name, path) in sources(name) {
            self.write(&name, &std::fs::read_to_string(path).expect("the configuration is there"));
        }
        self
    }

    /// Adds a file to the folder.
    pub fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.path(name), text).expect("a file is written");
        self
    }

    /// Takes away what was added.
    pub fn remove(&self, name: &str) -> &Self {
        for (name, _) in sources(name) {
            std::fs::remove_file(self.path(&name)).expect("it was there");
        }
        self
    }

    pub async fn arguments(&self) -> Arguments {
        Arguments::from_schemas(&self.json(&["providers", "schema", "-json"]).await)
    }

    pub async fn apply(&self, variables: &[&str]) -> String {
        self.succeed(&[&["apply", "-auto-approve", AT_A_TIME], variables].concat()).await
    }

    /// What would be done, which can then be [applied](Self::apply_planned). What is remembered is fresh: it was just applied.
    pub async fn plan(&self, variables: &[&str]) -> Plan {
        self.succeed(&[&["plan", "-refresh=false", "-out=planned", AT_A_TIME], variables].concat()).await;
        Plan::from_shown(&self.json(&["show", "-json", "planned"]).await)
    }

    pub async fn apply_planned(&self) -> String {
        self.succeed(&["apply", AT_A_TIME, "planned"]).await
    }

    /// That a plan that looks at everything is empty.
    pub async fn changes_nothing(&self, variables: &[&str]) {
        let (code, text) = self.run(&[&["plan", "-detailed-exitcode", AT_A_TIME], variables].concat()).await;
        // It is 2 when there is something to change.
        assert_eq!(code, 0, "the plan is not empty: {text}");
    }

    pub fn state(&self) -> State {
        let file = std::fs::read(self.path("terraform.tfstate")).expect("the state was written");
        State::from_file(&serde_json::from_slice(&file).expect("the state is JSON"))
    }

    /// Takes the state away, as if somebody else had made everything.
    pub fn forget(&self) -> State {
        let state = self.state();
        std::fs::remove_file(self.path("terraform.tfstate")).expect("the state was there");
        state
    }

    /// From now on the provider is told where App Mesh is as most of its users tell it.
    pub fn with_endpoint_in_configuration(mut self) -> Self {
        let block = format!("provider \"aws\" {{\n  endpoints {{\n    appmesh = {:?}\n  }}\n}}\n", self.endpoint);
        self.write("endpoint_override.tf", &block);
        self.endpoint = NOWHERE.to_owned();
        self
    }

    pub async fn destroy(&self, variables: &[&str]) {
        self.succeed(&[&["destroy", "-auto-approve", "-refresh=false", AT_A_TIME], variables].concat()).await;
    }

    async fn succeed(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments).await;
        assert_eq!(code, 0, "terraform {arguments:?}: {text}");
        text
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
    }

    /// The exit code, and all that was said.
    async fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments).await;
        (output.status.code().unwrap_or(-1), said(&output))
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        Command::new("terraform")
            .current_dir(self.folder.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", self.path("terraformrc"))
            .envs([("TF_CLI_ARGS", "-no-color"), ("TF_INPUT", "0"), ("TF_IN_AUTOMATION", "1")])
            .envs([("CHECKPOINT_DISABLE", "1"), GARBAGE, (ENDPOINT, &self.endpoint)])
            .output()
            .await
            .expect("terraform runs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A file beside this one by its name, or all those of a folder.
fn sources(name: &str) -> Vec<(String, PathBuf)> {
    let path = beside("terraform").join(name);
    match std::fs::read_dir(&path) {
        Ok(files) => files.map(|file| file.expect("a file")).map(|file| (name_of(&file), file.path())).collect(),
        Err(_) => vec![(name.to_owned(), path)],
    }
}

fn name_of(file: &std::fs::DirEntry) -> String {
    file.file_name().to_string_lossy().into_owned()
}
