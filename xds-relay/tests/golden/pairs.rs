//! Golden pairs.

use super::mesh_file::{MeshFile, Views, cases, proxies};
use super::pretty::pretty;
use serde_json::{Value, json};
use std::path::Path;
use xds_relay::dump;
use xds_relay::snapshot::{ResourceType, Snapshot};
use xds_relay::translate::Translator;

#[test]
fn every_case_is_translated_as_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for folder in cases() {
        for (file, served) in shown(&MeshFile::read(&folder)) {
            let path = folder.join(file);
            let text = pretty(&served);
            if update {
                std::fs::write(&path, &text).unwrap();
            } else if let Some(difference) = difference(&path, &text) {
                wrong.push(difference);
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes these files anew", wrong.join("\n"));
}

fn shown(mesh: &MeshFile) -> Vec<(String, Value)> {
    let (state, mut views, mut translator) = (mesh.state(), Views::default(), Translator::default());
    let wanted = |id: &str| mesh.proxies.as_ref().is_none_or(|proxies| proxies.iter().any(|proxy| proxy == id));
    let proxies = proxies(&state).into_iter().filter(|proxy| wanted(&proxy.to_string()));
    proxies
        .map(|proxy| {
            let snapshot = translator.translate(&views.of(&state, &proxy), &mesh.placement());
            (format!("{}.json", proxy.to_string().replace(' ', "-")), readable(&snapshot, mesh.show.as_deref()))
        })
        .collect()
}

fn readable(snapshot: &Snapshot, show: Option<&[String]>) -> Value {
    let of =
        |of: ResourceType| snapshot.of(of).values().map(|resource| dump::resource_json(resource)).collect::<Value>();
    let parts = [
        ("listeners", of(ResourceType::Listener)),
        ("routes", of(ResourceType::Route)),
        ("clusters", of(ResourceType::Cluster)),
        ("endpoints", of(ResourceType::Endpoint)),
        ("notInEffect", json!(snapshot.not_in_effect)),
        ("warnings", json!(snapshot.warnings)),
    ];
    let shown = |part: &str| show.is_none_or(|show| show.iter().any(|shown| shown == part));
    parts.into_iter().filter(|(part, _)| shown(part)).map(|(part, value)| (part.to_owned(), value)).collect()
}

fn difference(path: &Path, text: &str) -> Option<String> {
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let (old, new): (Vec<_>, Vec<_>) = (written.lines().collect(), text.lines().collect());
    let at = (0..old.len().max(new.len())).find(|at| old.get(*at) != new.get(*at))?;
    let show = |lines: &[&str]| lines.iter().skip(at.saturating_sub(3)).take(8).copied().collect::<Vec<_>>().join("\n");
    Some(format!("{}:{}\n--- written\n{}\n--- now\n{}", path.display(), at + 1, show(&old), show(&new)))
}
