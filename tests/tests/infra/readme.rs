//! What infra/README.md and docs/aws-checklist.md tell people to type, as far as it names what is in the tree.

use super::{file, read};
use mesh_tests::tools;
use std::collections::BTreeSet;

const README: &str = "infra/README.md";
const CHECKLIST: &str = "docs/aws-checklist.md";

/// A section of a template.
fn names(template: &str, section: &str) -> BTreeSet<String> {
    read()[template]["template"][section].as_object().expect("a section").keys().cloned().collect()
}

/// The words that follow a text wherever it stands.
fn after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let rests = text.split(before).skip(1);
    rests
        .map(|rest| rest.split(|it: char| !it.is_ascii_alphanumeric() && it != '-').next().unwrap_or_default())
        .collect()
}

#[test]
fn outputs_that_are_asked_for_are_there() {
    for (stack, template) in [("remesh-api", "infra/api.yaml"), ("remesh-relay", "infra/relay.yaml")] {
        let there = names(template, "Outputs");
        let text = file(README) + &file(CHECKLIST);
        let asked: Vec<&str> = after(&text, &format!("output {stack} "));
        assert!(!asked.is_empty(), "{stack}");
        assert!(asked.iter().all(|name| there.contains(*name)), "{asked:?}, and there are {there:?}");
    }
}

#[test]
fn parameters_that_are_given_are_there() {
    let parameters = |template| names(template, "Parameters");
    let all: BTreeSet<String> = ["infra/api.yaml", "infra/relay.yaml", "infra/examples/meshed-service.yaml"]
        .map(parameters)
        .into_iter()
        .flatten()
        .collect();
    let text = file(README) + &file(CHECKLIST);
    let words = text.split(|it: char| it.is_whitespace() || it == '`').filter_map(|word| word.split_once('='));
    let given = words.map(|(name, _)| name).filter(|name| {
        name.starts_with(|it: char| it.is_ascii_uppercase()) && name.chars().any(|it| it.is_ascii_lowercase())
    });
    // Of other commands: the dimensions of a metric, the entries of a simulated context, arguments of queries.
    let others = ["Name", "Value", "ContextKeyName", "ContextKeyType", "ContextKeyValues"];
    let given: BTreeSet<&str> =
        given.filter(|name| !others.contains(name) && !name.contains(['[', '.', ':'])).collect();
    assert!(given.len() > 12, "{given:?}");
    for name in given {
        assert!(all.contains(name), "no template has a parameter {name}");
    }
}

#[test]
fn files_that_are_named_are_there() {
    for (page, folder) in [(README, "infra"), (CHECKLIST, "docs")] {
        let text = file(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            assert!(tools::workspace().join(folder).join(link).exists(), "{page}: {link}");
        }
        for path in text.split(|it: char| it.is_whitespace() || "`\"'()".contains(it)) {
            if ["infra/", "docs/", "xds-relay/", "mesh/cli", "mesh/log"].iter().any(|start| path.starts_with(start)) {
                let path = path.trim_end_matches(['.', ',', ';', ':']);
                assert!(tools::workspace().join(path).exists(), "{page}: {path}");
            }
        }
    }
}

#[test]
fn what_relays_are_asked_and_said_to_write_is_so() {
    let (admin, stream) = (file("xds-relay/src/admin.rs"), file("xds-relay/src/serve/stream.rs"));
    for path in after(&file(README), ":8481/") {
        assert!(admin.contains(&format!("route(\"/{path}\"")), "{path}");
    }
    for message in ["proxy connected", "Envoy refused resources"] {
        assert!(stream.contains(&format!("\"{message}\"")) && file(README).contains(message), "{message}");
    }
}
