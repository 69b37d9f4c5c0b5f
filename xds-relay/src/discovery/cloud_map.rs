//! Instances from AWS Cloud Map.
//!
//! Each service in need is asked for its revision every few seconds, which is the cheapest question there is, and for its
//! instances when the revision has moved, and once in a while in any case: revisions do not follow health. All instances
//! are asked for, and selected here, so that virtual nodes that differ only in attributes cost one question.
//!
//! The questions of one relay stay below a quarter of what AWS allows an account in a region, so two relays together
//! leave the other half to everybody else. Times are jittered. What fails is asked again ever later, and the last good
//! answer stands; so it does when Cloud Map says once that a service with instances does not exist.

mod endpoint;

use super::budget::Budget;
use super::{Found, Instance, InstanceSource, Service, Wanted};
use aws_sdk_servicediscovery::Client;
use aws_sdk_servicediscovery::config::retry::RetryConfig;
use aws_sdk_servicediscovery::config::timeout::TimeoutConfig;
use aws_sdk_servicediscovery::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_servicediscovery::types::{HealthStatus, HealthStatusFilter, HttpInstanceSummary};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// A quarter of the 3,000 a second that AWS allows. Each service is asked for its own at a time of its own, so none need to
/// be saved up.
const REVISIONS: Rate = Rate { per_second: 750, burst: 20 };

/// A quarter of the 1,000 a second that AWS allows for long, and of the 2,000 it allows after a rest: a relay that starts
/// is asked for many services at once, by proxies that wait.
const INSTANCES: Rate = Rate { per_second: 250, burst: 500 };

/// How many questions of a kind may wait for their answers: each is a connection, and Envoys need some as well.
const UNDER_WAY: usize = 100;

/// The most instances that a service can have, and that an answer can hold.
const ALL: i32 = 1000;

/// How long after a failure it is tried again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How often in a row a service must be said not to exist before its instances are given up.
const GONE: u32 = 3;

/// How often a service in need is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Its revision: how long an instance that comes or goes is not noticed.
    pub revision: Duration,
    /// Its instances, whatever the revision: how long a change of health is not noticed.
    pub instances: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { revision: Duration::from_secs(5), instances: Duration::from_secs(30) }
    }
}

/// How many questions were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// `DiscoverInstancesRevision`.
    pub revisions: u64,
    /// `DiscoverInstances`.
    pub instances: u64,
}

/// AWS Cloud Map. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CloudMap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    cadence: Cadence,
    revisions: Counted,
    instances: Counted,
}

/// How often something may be asked.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: u32,
    burst: u32,
}

#[derive(Debug)]
struct Counted {
    budget: Budget,
    under_way: Semaphore,
    calls: AtomicU64,
}

impl CloudMap {
    /// The Cloud Map of an account and region, or of whatever stands in for it where an endpoint is given.
    pub fn new(config: &aws_config::SdkConfig, cadence: Cadence) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_timeout(Duration::from_secs(5))
            .build();
        let config = aws_sdk_servicediscovery::config::Builder::from(config)
            // What fails is asked again here, slower and slower, and counted.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .interceptor(endpoint::AsGiven)
            .build();
        let (revisions, instances) = (Counted::new(REVISIONS), Counted::new(INSTANCES));
        Self(Arc::new(Inner { client: Client::from_conf(config), cadence, revisions, instances }))
    }

    /// How many questions were asked so far.
    pub fn calls(&self) -> Calls {
        let of = |counted: &Counted| counted.calls.load(Ordering::Relaxed);
        Calls { revisions: of(&self.0.revisions), instances: of(&self.0.instances) }
    }

    async fn run(self, mut wanted: Wanted, found: mpsc::Sender<Found>) {
        // Dropped with this, and then every one of them ends.
        let mut tasks = JoinSet::new();
        let mut followed: BTreeMap<Service, (u64, AbortHandle)> = BTreeMap::new();
        loop {
            let services = wanted.borrow_and_update().clone();
            followed.retain(|service, (number, task)| {
                let keep = services.get(service) == Some(number) && !task.is_finished();
                if !keep {
                    task.abort();
                }
                keep
            });
            for (service, number) in services.iter() {
                followed.entry(service.clone()).or_insert_with(|| {
                    let (inner, found) = (self.0.clone(), found.clone());
                    (*number, tasks.spawn(follow(inner, service.clone(), found)))
                });
            }
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                Some(_) = tasks.join_next(), if !tasks.is_empty() => if found.is_closed() { return },
            }
        }
    }
}

impl InstanceSource for CloudMap {
    fn watch(&self, wanted: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()> {
        Box::pin(self.clone().run(wanted, found))
    }
}

impl Counted {
    fn new(Rate { per_second, burst }: Rate) -> Self {
        let (budget, under_way) = (Budget::per_second(per_second, burst), Semaphore::new(UNDER_WAY));
        Self { budget, under_way, calls: AtomicU64::new(0) }
    }

    /// Waits until the question may be asked; it is under way as long as what this answers is held. The budget comes
    /// last, so that questions which had to wait for answers of others are not asked all at once.
    async fn take(&self, call: &'static str) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let permit = self.under_way.acquire().await.ok();
        self.budget.take().await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("remesh_discovery_calls_total", "call" => call).increment(1);
        permit
    }
}

/// What is known of a service from the last time.
#[derive(Debug)]
struct Seen {
    revision: Option<i64>,
    /// When the instances are asked for even if the revision is the same.
    due: Instant,
    /// Whether there are any.
    some: bool,
    /// How often in a row the service was said not to exist.
    absent: u32,
    /// How often in a row there was no answer.
    failures: u32,
}

/// Looks at one service for as long as it is needed.
async fn follow(inner: Arc<Inner>, service: Service, found: mpsc::Sender<Found>) {
    let mut seen = Seen { revision: None, due: Instant::now(), some: false, absent: 0, failures: 0 };
    loop {
        let instances = inner.look(&service, &mut seen).await;
        if let Some(instances) = instances
            && found.send(Found { service: service.clone(), instances }).await.is_err()
        {
            return;
        }
        tokio::time::sleep(seen.pause(inner.cadence)).await;
    }
}

impl Seen {
    fn pause(&self, cadence: Cadence) -> Duration {
        if self.failures > 0 {
            return jittered((RETRY.0 * 2u32.saturating_pow(self.failures - 1)).min(RETRY.1));
        }
        // What does not exist is not likely to do so in a moment.
        jittered(if self.absent > 0 && !self.some { cadence.instances } else { cadence.revision })
    }
}

/// Why a question was not answered.
enum Refusal {
    /// There is no such service, or no such namespace.
    Absent,
    /// Anything else: it may be answered another time.
    Failed(String),
}

impl Inner {
    /// The instances, where there is news of them.
    async fn look(&self, service: &Service, seen: &mut Seen) -> Option<Arc<[Instance]>> {
        match self.ask(service, seen).await {
            Ok(news) => {
                if seen.failures > 0 {
                    tracing::info!(%service, failures = seen.failures, "Cloud Map answers again");
                }
                (seen.absent, seen.failures) = (0, 0);
                news
            }
            Err(Refusal::Absent) => {
                seen.failures = 0;
                seen.absent = seen.absent.saturating_add(1);
                if seen.some && seen.absent < GONE {
                    return None;
                }
                (seen.some, seen.revision) = (false, None);
                tracing::debug!(%service, "Cloud Map knows no such service");
                Some(Arc::default())
            }
            Err(Refusal::Failed(error)) => {
                seen.failures = seen.failures.saturating_add(1);
                metrics::counter!("remesh_discovery_errors_total").increment(1);
                // Ever more seldom: many services may fail together, and for long.
                if seen.failures.is_power_of_two() {
                    let failures = seen.failures;
                    tracing::warn!(%service, error, failures, "Cloud Map does not answer: the last good answer stands");
                }
                None
            }
        }
    }

    async fn ask(&self, service: &Service, seen: &mut Seen) -> Result<Option<Arc<[Instance]>>, Refusal> {
        let now = Instant::now();
        if seen.revision.is_some() && now < seen.due {
            let revision = self.revision(service).await?;
            if revision == seen.revision {
                return Ok(None);
            }
        }
        let (revision, instances) = self.instances(service).await?;
        (seen.revision, seen.due, seen.some) =
            (revision, now + jittered(self.cadence.instances), !instances.is_empty());
        Ok(Some(instances))
    }

    async fn revision(&self, service: &Service) -> Result<Option<i64>, Refusal> {
        let _turn = self.revisions.take("revision").await;
        let Service { namespace, service } = service;
        let call = self.client.discover_instances_revision().namespace_name(namespace).service_name(service);
        Ok(call.send().await.map_err(refused)?.instances_revision())
    }

    async fn instances(&self, service: &Service) -> Result<(Option<i64>, Arc<[Instance]>), Refusal> {
        let _turn = self.instances.take("instances").await;
        let Service { namespace, service } = service;
        let call = self.client.discover_instances().namespace_name(namespace).service_name(service);
        let call = call.health_status(HealthStatusFilter::All).max_results(ALL);
        let answer = call.send().await.map_err(refused)?;
        let mut instances: Vec<Instance> = answer.instances().iter().filter_map(instance).collect();
        // The order of answers means nothing.
        instances.sort_by(|one, other| one.id.cmp(&other.id));
        Ok((answer.instances_revision(), instances.into()))
    }
}

fn refused<E>(error: SdkError<E>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some("ServiceNotFound" | "NamespaceNotFound") => Refusal::Absent,
        _ => Refusal::Failed(DisplayErrorContext(&error).to_string()),
    }
}

/// An instance without health checks has unknown health, and counts as healthy, as it does for Cloud Map.
fn instance(found: &HttpInstanceSummary) -> Option<Instance> {
    let instance = Instance {
        id: found.instance_id()?.to_owned(),
        ipv4: None,
        ipv6: None,
        attributes: found.attributes().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        healthy: found.health_status() != Some(&HealthStatus::Unhealthy),
    };
    Some(instance.with_addresses_of_attributes())
}

/// Between four fifths and six fifths of a time, so that what began together does not stay together.
fn jittered(time: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 401;
    time.mul_f64(0.8 + f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_asked_again_ever_later_up_to_a_limit() {
        let cadence = Cadence::default();
        let mut seen = Seen { revision: None, due: Instant::now(), some: true, absent: 0, failures: 1 };
        assert!(seen.pause(cadence) <= RETRY.0.mul_f64(1.2));
        seen.failures = 4;
        assert!((6.4..=9.6).contains(&seen.pause(cadence).as_secs_f64()));
        seen.failures = u32::MAX;
        assert!(seen.pause(cadence) <= RETRY.1.mul_f64(1.2));
    }

    #[test]
    fn times_differ_from_one_another() {
        let time = Duration::from_secs(10);
        let times: std::collections::BTreeSet<Duration> = (0..50).map(|_| jittered(time)).collect();
        assert!(times.len() > 10);
        assert!(times.iter().all(|one| (8.0..=12.001).contains(&one.as_secs_f64())), "{times:?}");
    }
}
