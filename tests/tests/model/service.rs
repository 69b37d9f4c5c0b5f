//! The service model as it is stored: found, unpacked, and asked shape by shape.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the model lies inside botocore.
const INSIDE_BOTOCORE: &str = "data/appmesh/2019-01-25/service-2.json";

/// The service model.
pub struct Model(Value);

impl Model {
    /// Finds the model: where `REMESH_BOTOCORE_MODEL` says, else in a botocore that a Python here knows.
    pub fn find() -> Self {
        let told = std::env::var_os("REMESH_BOTOCORE_MODEL").map(PathBuf::from);
        let Some(path) = told.or_else(in_a_botocore) else {
            panic!("botocore's App Mesh model is not here; `tests/run` installs it and says where it is")
        };
        let text = unpacked(&path);
        Self(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display())))
    }

    pub fn shape(&self, name: &str) -> Shape<'_> {
        let (name, shape) =
            self.0["shapes"].as_object().unwrap().get_key_value(name).unwrap_or_else(|| panic!("no {name}"));
        Shape { model: self, name, shape }
    }

    /// The HTTP status of an exception.
    pub fn status(&self, exception: &str) -> i64 {
        self.0["shapes"][exception]["error"]["httpStatusCode"].as_i64().unwrap_or_else(|| panic!("no {exception}"))
    }

    /// An operation.
    pub fn operation(&self, name: &str) -> &Value {
        &self.0["operations"][name]
    }

    /// The operations by name.
    pub fn operations(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["operations"].as_object().unwrap().iter()
    }
}

fn in_a_botocore() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pythons = [workspace.join("target/tools/venv/bin/python"), PathBuf::from("python3")];
    pythons.iter().filter_map(|python| botocore(python)).flat_map(candidates).find(|path| path.exists())
}

fn botocore(python: &Path) -> Option<PathBuf> {
    let output = Command::new(python).args(["-c", "import botocore; print(botocore.__file__)"]).output().ok()?;
    let file = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(file.trim()).parent()?.to_owned())
}

fn candidates(botocore: PathBuf) -> [PathBuf; 2] {
    [botocore.join(INSIDE_BOTOCORE), botocore.join(format!("{INSIDE_BOTOCORE}.gz"))]
}

/// The file's text. Newer botocores pack theirs, and `gzip` is on every system that has them.
fn unpacked(path: &Path) -> Vec<u8> {
    let fail = |error: std::io::Error| -> ! { panic!("{} cannot be read: {error}", path.display()) };
    if path.extension().is_none_or(|extension| extension != "gz") {
        return std::fs::read(path).unwrap_or_else(|error| fail(error));
    }
    let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap_or_else(|error| fail(error));
    assert!(
        output.status.success(),
        "{} cannot be unpacked: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A shape of the model.
#[derive(Clone, Copy)]
pub struct Shape<'m> {
    model: &'m Model,
    name: &'m str,
    shape: &'m Value,
}

impl<'m> Shape<'m> {
    pub fn name(&self) -> &'m str {
        self.name
    }

    /// A member of a structure.
    pub fn member(&self, name: &str) -> Shape<'m> {
        self.members().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{} has no {name}", self.name)).1
    }

    /// Where a member of an operation's input goes: `uri`, `querystring`, or `body` where the model says nothing.
    pub fn location(&self, member: &str) -> &'m str {
        self.shape["members"][member]["location"].as_str().unwrap_or("body")
    }

    /// The member that is the whole body, where one is.
    pub fn payload(&self) -> Option<&'m str> {
        self.shape["payload"].as_str()
    }

    /// `structure`, `list`, `string`, `integer`, `long`, `boolean` or `timestamp`.
    pub fn kind(&self) -> &'m str {
        self.shape["type"].as_str().unwrap()
    }

    pub fn is_union(&self) -> bool {
        self.shape["union"] == true
    }

    pub fn required(&self) -> impl Iterator<Item = &'m str> + use<'m> {
        self.shape["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap())
    }

    /// The members of a structure or union, by name.
    pub fn members(&self) -> impl Iterator<Item = (&'m String, Shape<'m>)> + use<'m> {
        let model = self.model;
        let members = self.shape["members"].as_object().into_iter().flatten();
        members.map(move |(name, member)| (name, model.shape(member["shape"].as_str().unwrap())))
    }

    /// What the members of a list are.
    pub fn item(&self) -> Shape<'m> {
        self.model.shape(self.shape["member"]["shape"].as_str().unwrap())
    }

    /// The values of an enumeration.
    pub fn values(&self) -> Option<&'m Vec<Value>> {
        self.shape["enum"].as_array()
    }

    pub fn min(&self) -> Option<i64> {
        self.shape["min"].as_i64()
    }

    pub fn max(&self) -> Option<i64> {
        self.shape["max"].as_i64()
    }

    pub fn pattern(&self) -> Option<&'m str> {
        self.shape["pattern"].as_str()
    }

    /// Both bounds of a length.
    pub fn length(&self) -> (usize, usize) {
        let bound = |bound: Option<i64>| usize::try_from(bound.unwrap()).unwrap();
        (bound(self.min()), bound(self.max()))
    }
}
