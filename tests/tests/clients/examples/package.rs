//! What the installed packages hold: the AWS CLI's examples, as reStructuredText, and the service model's.

use mesh_tests::tools::python_tool;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How a page says that a command answers nothing.
const SILENT: &str = "This command produces no output.";

/// One example of a page.
#[derive(Debug)]
pub struct Example {
    /// The page, `create-mesh.rst`.
    pub file: String,
    /// Which of its examples this is, from 1.
    pub nth: usize,
    /// The command, over several lines.
    pub command: String,
    /// Files that the command reads: names and contents.
    pub files: Vec<(String, String)>,
    /// What it answers; null where it answers nothing.
    pub output: Value,
}

impl Example {
    /// `create-virtual-node`.
    pub fn operation(&self) -> &str {
        self.command.split_whitespace().nth(2).expect("a command has an operation")
    }

    /// The region that the example's ARNs name, or the one of most others.
    pub fn region(&self) -> String {
        let text = format!("{} {}", self.command, self.output);
        let region = text.split("arn:aws:appmesh:").nth(1).and_then(|arn| arn.split(':').next());
        region.unwrap_or("us-east-1").to_owned()
    }
}

/// Every example of every page of the folder, in the order of the pages' names.
pub fn examples() -> Vec<Example> {
    let folder = site_packages().join("awscli/examples/appmesh");
    let entries = std::fs::read_dir(&folder).expect("the AWS CLI has examples for App Mesh");
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    pages.sort();
    pages.iter().flat_map(|page| examples_of(page)).collect()
}

/// `examples-1.json` of the service model.
pub fn model_examples() -> Value {
    let file = site_packages().join("botocore/data/appmesh/2019-01-25/examples-1.json");
    serde_json::from_slice(&std::fs::read(file).expect("botocore has the file")).expect("it is JSON")
}

/// Where pip installs to.
fn site_packages() -> PathBuf {
    let python = python_tool("python");
    let lib = python.ancestors().nth(2).expect("a program lies in bin").join("lib");
    let versions = std::fs::read_dir(lib).expect("an environment has a lib");
    let mut folders = versions.map(|entry| entry.expect("an entry").path().join("site-packages"));
    folders.find(|folder| folder.exists()).expect("an environment has packages")
}

/// The examples of a page. None is passed over: a page has one at least, and each is of the page's operation.
fn examples_of(page: &Path) -> Vec<Example> {
    let file = page.file_name().and_then(|name| name.to_str()).expect("a page has a name").to_owned();
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut examples: Vec<(Example, bool)> = Vec::new();
    for (intro, body) in blocks(&text) {
        if body.starts_with("aws ") {
            let nth = examples.len() + 1;
            let example = Example { file: file.clone(), nth, command: body, files: Vec::new(), output: Value::Null };
            examples.push((example, false));
            continue;
        }
        let (example, answered) =
            examples.last_mut().unwrap_or_else(|| panic!("{file}: {intro} is before any command"));
        match (intro.as_str(), intro.strip_prefix("Contents of ")) {
            (_, Some(name)) => example.files.push((name.trim_matches('`').to_owned(), body)),
            (SILENT, _) => *answered = true,
            ("Output", _) => {
                example.output =
                    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{file}: {error} in {body}"));
                *answered = true;
            }
            _ => panic!("{file}: what is this block? {intro}"),
        }
    }
    assert_eq!(examples.len(), text.matches("aws appmesh ").count(), "{file}: commands are missed");
    assert!(!examples.is_empty() && examples.iter().all(|(_, answered)| *answered), "{file}: outputs are missed");
    let examples: Vec<Example> = examples.into_iter().map(|(example, _)| example).collect();
    assert!(examples.iter().all(|example| format!("{}.rst", example.operation()) == file), "{file}: {examples:?}");
    examples
}

/// The literal blocks of a page, each with the line that introduces it, and the line that stands in an output's place.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next().map(str::trim_end) {
        if line == SILENT {
            blocks.push((line.to_owned(), String::new()));
        }
        if line.ends_with("::") {
            let mut body = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with(' ') || line.is_empty()) {
                body = body + line + "\n";
            }
            blocks.push((line.trim_end_matches([':', ' ']).to_owned(), body.trim().to_owned()));
        }
    }
    blocks
}
