//! What an example presupposes, made before it runs: what it reads, changes or lists, what that refers to, and what that
//! is in. Whatever the package shows of a resource anywhere, that is how it is made, beginning with how it is created.

use super::package::Example;
use mesh_tests::api::Api;
use serde_json::{Map, Value, json};

/// A control plane to prepare for an example of the package.
pub struct Given<'a> {
    pub api: &'a Api,
    pub package: &'a [Example],
}

/// What names a resource: its kind, `virtualNode`, its own name and those of what it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Resource {
    kind: String,
    names: Map<String, Value>,
}

impl<'a> Given<'a> {
    /// Makes it.
    pub async fn what_is_presupposed_by(&self, example: &Example) {
        let shown = shown(&example.output);
        let version = |(_, item): &(Resource, &Value)| item["metadata"]["version"].as_u64().expect("a version");
        match (example.operation().split('-').next(), shown.as_slice()) {
            (Some("tag" | "untag"), _) | (_, []) => self.tagged_mesh(example).await,
            (Some("create"), [(resource, item)]) => self.all(self.needs(resource, &item["spec"])).await,
            (Some("list"), items) => {
                for (resource, _) in items {
                    self.all(self.with_needs(resource.clone())).await;
                }
            }
            (Some("describe"), [one]) => self.beginning(one).await,
            // The update is the last of the changes, the deletion shows one version more.
            (Some("update"), [one]) => self.past(one, version(one), version(one) - 1).await,
            (Some("delete"), [one]) => self.past(one, version(one) - 1, version(one) - 1).await,
            _ => panic!("what does {} presuppose?", example.command),
        }
    }

    /// What an example that answers nothing should have done and did not.
    pub async fn left_undone_by(&self, example: &Example) -> Option<String> {
        let expected = match example.operation() {
            "tag-resource" => json!([{ "key": "key1", "value": "value1" }]),
            "untag-resource" => json!([{ "key": "key2", "value": "value2" }, { "key": "key3", "value": "value3" }]),
            _ => return None,
        };
        let tags = self.api.get(&format!("/tags?resourceArn={}", arn(example))).await["tags"].take();
        (tags != expected).then(|| format!("the tags are {tags} afterwards"))
    }

    /// The mesh that an ARN names. What lists its tags or takes one away presupposes those that are listed.
    async fn tagged_mesh(&self, example: &Example) {
        let name = arn(example).split_once(":mesh/").expect("the ARN of a mesh").1;
        let lists = self.package.iter().find(|example| example.operation() == "list-tags-for-resource");
        let tags = &lists.expect("the package lists tags").output["tags"];
        let tags = if example.operation() == "tag-resource" { &json!([]) } else { tags };
        self.api.put("/meshes", json!({ "meshName": name, "spec": {}, "tags": tags })).await;
    }

    /// A resource that is what the package's own example creates, where there is one, and never was anything else.
    async fn beginning(&self, (resource, item): &(Resource, &Value)) {
        let spec = self.created(resource).unwrap_or(&item["spec"]);
        self.all(self.needs(resource, spec)).await;
        self.create(resource, spec).await;
    }

    /// A resource that comes to its `version`, with the documented spec, by as many changes: the first `done` of them.
    async fn past(&self, (resource, item): &(Resource, &Value), version: u64, done: u64) {
        let documented = &item["spec"];
        for at in 1..=done {
            let is_as_documented = (version - at).is_multiple_of(2);
            let spec = if is_as_documented { documented } else { self.another(resource, documented) };
            self.all(self.needs(resource, spec)).await;
            match at {
                1 => self.create(resource, spec).await,
                _ => drop(self.api.put(&resource.path(), json!({ "spec": spec })).await),
            }
        }
    }

    /// Another spec that the package shows of a resource.
    fn another(&self, resource: &Resource, documented: &Value) -> &'a Value {
        let mut others = self.specs(resource).filter(|spec| *spec != documented);
        others.next().unwrap_or_else(|| panic!("the package shows no other spec of {resource:?}"))
    }

    /// The spec with which the package creates a resource.
    fn created(&self, resource: &Resource) -> Option<&'a Value> {
        let creations = self.package.iter().filter(|example| example.operation().starts_with("create-"));
        specs_in(creations, resource).next()
    }

    /// Every spec that the package shows of a resource. Pages of creations come first.
    fn specs(&self, resource: &Resource) -> impl Iterator<Item = &'a Value> {
        specs_in(self.package.iter(), resource)
    }

    /// What has to be there before a resource: what it is in, and what its spec refers to.
    fn needs(&self, resource: &Resource, spec: &Value) -> Vec<Resource> {
        let mesh = (resource.kind != "mesh").then(|| resource.beside("mesh", &resource.names["meshName"]));
        let router =
            (resource.kind == "route").then(|| resource.beside("virtualRouter", &resource.names["virtualRouterName"]));
        let mut referred = Vec::new();
        references(spec, &mut |kind, name| referred.push(resource.beside(kind, name)));
        let others = router.into_iter().chain(referred).flat_map(|other| self.with_needs(other));
        mesh.into_iter().chain(others).collect()
    }

    /// A resource after all that it needs.
    fn with_needs(&self, resource: Resource) -> Vec<Resource> {
        let mut all = self.needs(&resource, self.specs(&resource).next().unwrap_or(&Value::Null));
        all.push(resource);
        all
    }

    /// Creates those that are not there, as the package shows them, or empty.
    async fn all(&self, resources: Vec<Resource>) {
        for resource in resources {
            if self.api.try_get(&resource.path()).await.is_err() {
                self.create(&resource, self.specs(&resource).next().unwrap_or(&json!({}))).await;
            }
        }
    }

    async fn create(&self, resource: &Resource, spec: &Value) {
        let name = &resource.names[&resource.named()];
        self.api.put(&resource.collection(), json!({ resource.named(): name, "spec": spec })).await;
    }
}

impl Resource {
    /// One of the same mesh, or the mesh.
    fn beside(&self, kind: &str, name: &Value) -> Self {
        let mut names = Map::from_iter([("meshName".to_owned(), self.names["meshName"].clone())]);
        names.insert(format!("{kind}Name"), name.clone());
        Self { kind: kind.to_owned(), names }
    }

    /// The member that holds its own name.
    fn named(&self) -> String {
        format!("{}Name", self.kind)
    }

    /// Where its kind is created.
    fn collection(&self) -> String {
        let name = |member: &str| self.names[member].as_str().expect("a name is text").to_owned();
        match self.kind.as_str() {
            "mesh" => "/meshes".to_owned(),
            "route" => format!("/meshes/{}/virtualRouter/{}/routes", name("meshName"), name("virtualRouterName")),
            kind => format!("/meshes/{}/{kind}s", name("meshName")),
        }
    }

    /// Where it is itself.
    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.names[&self.named()].as_str().expect("a name is text"))
    }
}

/// The resources that an output shows, one or a list; tags are none.
fn shown(output: &Value) -> Vec<(Resource, &Value)> {
    let Some((member, value)) = output.as_object().and_then(|members| members.iter().next()) else { return Vec::new() };
    let kind = match member.as_str() {
        "tags" => return Vec::new(),
        "meshes" => "mesh",
        kind => kind.trim_end_matches('s'),
    };
    let items = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    items.iter().map(|item| (Resource { kind: kind.to_owned(), names: names(item) }, item)).collect()
}

/// The specs of a resource that examples show.
fn specs_in<'a>(examples: impl Iterator<Item = &'a Example>, resource: &Resource) -> impl Iterator<Item = &'a Value> {
    let all = examples.flat_map(|example| shown(&example.output));
    all.filter(move |(shown, _)| shown == resource).filter_map(|(_, item)| item.get("spec"))
}

/// The members of a resource that are names.
fn names(item: &Value) -> Map<String, Value> {
    let members = item.as_object().expect("a resource is an object").iter();
    let names = members.filter(|(member, _)| member.ends_with("Name"));
    names.map(|(member, name)| (member.clone(), name.clone())).collect()
}

/// What a spec refers to that has to be there, kinds and names; a backend need not.
fn references(spec: &Value, found: &mut impl FnMut(&str, &Value)) {
    for (member, value) in spec.as_object().into_iter().flatten() {
        match (member.as_str(), value) {
            ("virtualNode" | "virtualNodeName", Value::String(_)) => found("virtualNode", value),
            ("virtualRouterName", _) => found("virtualRouter", value),
            _ => references(value, found),
        }
    }
    for value in spec.as_array().into_iter().flatten() {
        references(value, found);
    }
}

/// The ARN that a command names.
fn arn(example: &Example) -> &str {
    example.command.split_whitespace().find(|word| word.starts_with("arn:")).expect("the command names an ARN")
}
