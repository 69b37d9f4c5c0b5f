//! What is selected of what was found, what a registry says, and what is remembered.

use super::*;
use crate::snapshot::ResourceType;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use mesh_core::Name;
use mesh_core::spec::{AwsCloudMapInstanceAttribute, AwsCloudMapServiceDiscovery, IpPreference};
use prost::Message;

fn cart() -> Service {
    Service { namespace: "shop.local".into(), service: "cart".into() }
}

fn instance(id: &str, ipv4: &str) -> Instance {
    let ipv4 = ipv4.parse().ok();
    Instance { id: id.into(), ipv4, ipv6: None, attributes: BTreeMap::new(), healthy: true }
}

fn with(mut instance: Instance, attributes: &[(&str, &str)]) -> Instance {
    instance.attributes.extend(attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    instance
}

fn unhealthy(instance: Instance) -> Instance {
    Instance { healthy: false, ..instance }
}

fn selection(attributes: &[(&str, &str)], ip_preference: Option<IpPreference>) -> Selection {
    let attribute = |(key, value): &(&str, &str)| AwsCloudMapInstanceAttribute {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    let found = AwsCloudMapServiceDiscovery {
        attributes: Some(attributes.iter().map(attribute).collect()),
        ip_preference,
        namespace_name: "shop.local".into(),
        service_name: "cart".into(),
    };
    Selection::new("cds_egress_shop_cart_http_8080".into(), &Name::from("cart"), &found, 8080)
}

fn selected(selection: &Selection, instances: &[Instance]) -> Vec<String> {
    selection.addresses(instances).iter().map(ToString::to_string).collect()
}

#[test]
fn an_instance_must_have_every_attribute() {
    let instances = [
        with(instance("a", "10.0.0.1"), &[("stage", "prod"), ("colour", "blue"), ("more", "is fine")]),
        with(instance("b", "10.0.0.2"), &[("stage", "prod"), ("colour", "green")]),
        instance("c", "10.0.0.3"),
    ];
    let all = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    assert_eq!(selected(&selection(&[], None), &instances), all);
    assert_eq!(selected(&selection(&[("stage", "prod")], None), &instances), all[..2]);
    assert_eq!(selected(&selection(&[("stage", "prod"), ("colour", "blue")], None), &instances), all[..1]);
    assert!(selected(&selection(&[("stage", "test")], None), &instances).is_empty());
}

#[test]
fn unhealthy_instances_are_left_out_unless_all_that_are_meant_are_unhealthy() {
    let prod = |instance| with(instance, &[("stage", "prod")]);
    let mut instances = vec![
        prod(instance("a", "10.0.0.1")),
        prod(unhealthy(instance("b", "10.0.0.2"))),
        instance("healthy, but not meant", "10.0.0.3"),
    ];
    let of_prod = selection(&[("stage", "prod")], None);
    assert_eq!(selected(&of_prod, &instances), ["10.0.0.1"]);
    instances[0].healthy = false;
    assert_eq!(selected(&of_prod, &instances), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn the_address_is_the_one_preferred() {
    let both = with(instance("a", "10.0.0.1"), &[("AWS_INSTANCE_IPV6", "fd00::1")]).with_addresses_of_attributes();
    let v4 = instance("b", "10.0.0.2");
    let v6 = with(instance("c", "none"), &[("AWS_INSTANCE_IPV6", "fd00::3")]).with_addresses_of_attributes();
    let instances = [both, v4, v6];
    for (preference, expected) in [
        (None, vec!["10.0.0.1", "10.0.0.2", "fd00::3"]),
        (Some(IpPreference::Ipv4Preferred), vec!["10.0.0.1", "10.0.0.2", "fd00::3"]),
        (Some(IpPreference::Ipv6Preferred), vec!["10.0.0.2", "fd00::1", "fd00::3"]),
        (Some(IpPreference::Ipv4Only), vec!["10.0.0.1", "10.0.0.2"]),
        (Some(IpPreference::Ipv6Only), vec!["fd00::1", "fd00::3"]),
    ] {
        assert_eq!(selected(&selection(&[], preference), &instances), expected, "{preference:?}");
    }
}

#[test]
fn a_node_without_a_preference_follows_its_mesh() {
    let of_mesh = |node, mesh| Selection::in_mesh(&Arc::new(selection(&[], node)), mesh).preference;
    let (v4, v6) = (Some(IpPreference::Ipv4Only), Some(IpPreference::Ipv6Only));
    assert_eq!(of_mesh(None, v6), v6);
    assert_eq!(of_mesh(v4, v6), v4);
    assert_eq!(of_mesh(None, None), None);
}

#[test]
fn addresses_are_in_order_and_each_is_there_once() {
    let instances = [instance("a", "10.0.0.9"), instance("b", "10.0.0.1"), instance("c", "10.0.0.9")];
    assert_eq!(selected(&selection(&[], None), &instances), ["10.0.0.1", "10.0.0.9"]);
}

/// A registry being watched, and a snapshot that awaits the carts.
fn watched() -> (Registry, Discovery, Snapshot) {
    let registry = Registry::default();
    let discovery = Discovery::start(&registry);
    let selection = Arc::new(selection(&[], None));
    let mut snapshot = Snapshot::default();
    snapshot.awaits.insert(selection.cluster.clone(), selection);
    (registry, discovery, snapshot)
}

/// A source that answers what the test lets it.
#[derive(Debug)]
struct Answering(std::sync::Mutex<Option<mpsc::Receiver<Found>>>);

impl InstanceSource for Answering {
    fn watch(&self, _: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()> {
        let mut answers = self.0.lock().unwrap().take().unwrap();
        Box::pin(async move {
            while let Some(answer) = answers.recv().await {
                found.send(answer).await.unwrap();
            }
        })
    }
}

fn answering() -> (Discovery, mpsc::Sender<Found>) {
    let (source, answers) = mpsc::channel(16);
    (Discovery::start(&Answering(Some(answers).into())), source)
}

fn assigned(snapshot: &Snapshot) -> Option<usize> {
    let resource = snapshot.of(ResourceType::Endpoint).get("cds_egress_shop_cart_http_8080")?;
    let assignment = ClusterLoadAssignment::decode(resource.body.clone()).unwrap();
    assert_eq!(assignment.cluster_name, "cds_egress_shop_cart_http_8080", "or Envoy refuses it");
    Some(assignment.endpoints.iter().map(|locality| locality.lb_endpoints.len()).sum())
}

#[tokio::test]
async fn what_is_wanted_is_found_and_put_in() {
    let (registry, mut discovery, mut snapshot) = watched();
    registry.register(cart(), instance("a", "10.0.0.1"));
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), None, "what nobody looked for is unknown, not empty");
    assert!(snapshot.warnings[0].contains("shop.local/cart are not known yet"), "{:?}", snapshot.warnings);
    assert!(discovery.lacks(&snapshot));

    discovery.want(BTreeSet::from([cart()]));
    assert_eq!(discovery.next().await, BTreeSet::from([cart()]));
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), Some(1));

    registry.register(cart(), instance("b", "10.0.0.2"));
    assert_eq!(discovery.next().await, BTreeSet::from([cart()]));
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), Some(2));
    assert!(snapshot.warnings.is_empty());
}

#[tokio::test]
async fn a_service_without_instances_is_said_and_served_as_empty() {
    let (registry, mut discovery, mut snapshot) = watched();
    discovery.want(BTreeSet::from([cart()]));
    discovery.next().await;
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), Some(0));
    assert!(snapshot.warnings[0].contains("shop.local/cart"), "{:?}", snapshot.warnings);

    registry.register(cart(), instance("a", "10.0.0.1"));
    discovery.next().await;
    discovery.fill(&mut snapshot);
    assert!(snapshot.warnings.is_empty(), "{:?}", snapshot.warnings);
}

#[tokio::test]
async fn what_was_out_of_sight_is_looked_for_anew_and_remembered_meanwhile() {
    let (registry, mut discovery, mut snapshot) = watched();
    registry.register(cart(), instance("a", "10.0.0.1"));
    discovery.want(BTreeSet::from([cart()]));
    discovery.next().await;

    // So fast that the source sees no difference.
    discovery.want(BTreeSet::new());
    discovery.want(BTreeSet::from([cart()]));
    assert!(!discovery.knows(&cart()));
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), Some(1), "an old answer is better than none");
    assert_eq!(discovery.next().await, BTreeSet::from([cart()]));
    assert!(discovery.knows(&cart()));
}

#[tokio::test]
async fn an_answer_that_says_what_is_known_is_no_news() {
    let (mut discovery, source) = answering();
    discovery.want(BTreeSet::from([cart()]));
    let answer =
        |ids: &[&str]| Found { service: cart(), instances: ids.iter().map(|id| instance(id, "10.0.0.1")).collect() };
    for ids in [&["a"][..], &["a"], &["a"], &["a", "b"]] {
        source.send(answer(ids)).await.unwrap();
    }
    assert_eq!(discovery.next().await, BTreeSet::from([cart()]));
    assert_eq!(discovery.report()[&cart()].len(), 2, "what came together is news once");

    source.send(answer(&["a", "b"])).await.unwrap();
    source.send(Found { service: Service { service: "nobody's".into(), ..cart() }, ..answer(&["c"]) }).await.unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(200), discovery.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    source.send(answer(&["a"])).await.unwrap();
    assert_eq!(discovery.next().await, BTreeSet::from([cart()]));
}

#[tokio::test]
async fn what_nobody_has_needed_for_long_is_forgotten() {
    let (registry, mut discovery, mut snapshot) = watched();
    registry.register(cart(), instance("a", "10.0.0.1"));
    discovery.want(BTreeSet::from([cart()]));
    discovery.next().await;
    discovery.want(BTreeSet::new());
    assert!(discovery.report().is_empty());
    let long_ago = Instant::now().checked_sub(REMEMBERED).unwrap();
    discovery.known.get_mut(&cart()).unwrap().left = Some(long_ago);
    discovery.want(BTreeSet::new());
    discovery.fill(&mut snapshot);
    assert_eq!(assigned(&snapshot), None);
}

#[tokio::test]
async fn proxies_that_await_the_same_share_one_load_assignment() {
    let (registry, mut discovery, mut one) = watched();
    let mut other = one.clone();
    registry.register(cart(), instance("a", "10.0.0.1"));
    discovery.want(BTreeSet::from([cart()]));
    discovery.next().await;
    discovery.fill(&mut one);
    discovery.fill(&mut other);
    let of = |snapshot: &Snapshot| snapshot.iter().next().unwrap().clone();
    assert!(Arc::ptr_eq(&of(&one), &of(&other)));
}

/// A file of this process's own.
fn file(name: &str, text: &str) -> std::path::PathBuf {
    let file = std::env::temp_dir().join(format!("remesh-instances-{}-{name}.json", std::process::id()));
    std::fs::write(&file, text).unwrap();
    file
}

const ONE: &str = r#"{"shop.local": {"cart": [{"id": "one", "attributes": {"AWS_INSTANCE_IPV4": "10.0.0.1"}}]}}"#;
const TWO: &str = r#"{"shop.local": {"cart": [{"id": "one", "ipv4": "10.0.0.1"}, {"id": "two", "ipv4": "10.0.0.2"}]}}"#;

#[tokio::test]
async fn a_file_is_followed_and_one_that_makes_no_sense_changes_nothing() {
    let file = file("followed", ONE);
    let registry = Registry::of_file(&file).unwrap();
    let mut discovery = Discovery::start(&registry);
    discovery.want(BTreeSet::from([cart()]));
    discovery.next().await;
    assert_eq!(discovery.report()[&cart()][0].ipv4, "10.0.0.1".parse().ok());

    std::fs::write(&file, "{ half a file").unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(1200), discovery.next()).await.is_err());
    std::fs::write(&file, TWO).unwrap();
    discovery.next().await;
    assert_eq!(discovery.report()[&cart()].len(), 2);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_file_that_cannot_be_used_at_the_start_is_refused_in_words_that_help() {
    let missing = Registry::of_file(std::path::Path::new("no-such-file.json")).unwrap_err().to_string();
    assert!(missing.contains("no-such-file.json"), "{missing}");
    for (text, why) in [
        ("[]", "invalid type"),
        (r#"{"n": {"s": [{"ipv4": "10.0.0.1"}]}}"#, "missing field `id`"),
        (r#"{"n": {"s": [{"id": "a", "ip": "10.0.0.1"}]}}"#, "unknown field `ip`"),
        (r#"{"n": {"s": [{"id": "a", "ipv4": "10.0.0"}]}}"#, "invalid IPv4 address"),
        (
            r#"{"n": {"s": [{"id": "a", "attributes": {"AWS_INSTANCE_IPV4": "x"}}]}}"#,
            "instance a of n/s has no address",
        ),
        (
            r#"{"n": {"s": [{"id": "a", "ipv4": "10.0.0.1"}, {"id": "a", "ipv4": "10.0.0.2"}]}}"#,
            "a of n/s is there twice",
        ),
    ] {
        let file = file("senseless", text);
        let refused = Registry::of_file(&file).unwrap_err().to_string();
        assert!(refused.contains("expected is {\"NAMESPACE\"") && refused.contains(why), "{refused}");
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_is_registered_counts_before_the_file_and_can_be_taken_out_again() {
    let file = file("layers", TWO);
    let registry = Registry::of_file(&file).unwrap();
    registry.register(cart(), unhealthy(instance("two", "10.0.0.2")));
    registry.register(cart(), instance("three", "10.0.0.3"));
    let healthy: Vec<bool> = registry.instances(&cart()).iter().map(|one| one.healthy).collect();
    assert_eq!(healthy, [true, true, false], "one, three, two");
    assert_eq!(registry.deregister(&cart(), "two"), Removal::Removed);
    assert_eq!(registry.deregister(&cart(), "two"), Removal::InFile);
    assert_eq!(registry.deregister(&cart(), "four"), Removal::Unknown);
    assert_eq!(registry.all()["shop.local"]["cart"].len(), 3);
    std::fs::remove_file(&file).unwrap();
}
