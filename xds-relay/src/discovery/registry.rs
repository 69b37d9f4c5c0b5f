//! Instances without Cloud Map: from a file that is watched, and registered through the admin endpoints.
//!
//! The file is read again twice a second. That costs less than the machinery that would say when to, works on every file
//! system, and sees a change however it was made. A file that cannot be read or makes no sense leaves everything as it
//! was. What is registered lives as long as the process, and counts before the file's instance of the same id.

use super::{Found, Instance, InstanceSource, Service, Wanted};
use futures::future::BoxFuture;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often the file is read.
const LOOK: Duration = Duration::from_millis(500);

/// Instances by namespace and service: the form of the file.
pub type ByNamespace = BTreeMap<String, BTreeMap<String, Vec<Instance>>>;

type Instances = BTreeMap<Service, BTreeMap<String, Instance>>;

/// Instances that are told rather than asked for. Cheap to clone; clones are the same registry.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: Option<PathBuf>,
    tables: Mutex<Tables>,
    changed: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { file: None, tables: Mutex::default(), changed: watch::channel(0).0 }
    }
}

#[derive(Debug, Default)]
struct Tables {
    text: String,
    in_file: Instances,
    registered: Instances,
}

/// Why instances cannot be taken from a file.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be read.
    #[error("cannot read the instances in {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says nothing that is understood.
    #[error(
        "{} does not say instances: {source}; expected is \
         {{\"NAMESPACE\": {{\"SERVICE\": [{{\"id\": \"one\", \"ipv4\": \"10.0.0.1\", \"attributes\": {{}}}}]}}}}",
        file.display()
    )]
    Senseless {
        /// The file.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// What happened to an instance that was to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// There was none.
    Unknown,
    /// It stands in the file.
    InFile,
}

impl Registry {
    /// The instances of a file from now on, besides those registered.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or understood. Later that is only logged.
    pub fn of_file(file: &Path) -> Result<Self, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable { file: file.to_owned(), source };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let in_file = parse(file, &text)?;
        let tables = Mutex::new(Tables { text, in_file, registered: Instances::new() });
        let shared = Shared { file: Some(file.to_owned()), tables, changed: watch::channel(0).0 };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Registers an instance, or changes the one of that id.
    pub fn register(&self, service: Service, instance: Instance) {
        let instance = instance.with_addresses_of_attributes();
        self.tables().registered.entry(service).or_default().insert(instance.id.clone(), instance);
        self.tell();
    }

    /// Takes out an instance that was registered.
    pub fn deregister(&self, service: &Service, id: &str) -> Removal {
        let removal = self.tables().deregister(service, id);
        if removal == Removal::Removed {
            self.tell();
        }
        removal
    }

    /// The file that is watched.
    pub fn file(&self) -> Option<&Path> {
        self.shared.file.as_deref()
    }

    /// The instances of a service, by id.
    pub fn instances(&self, service: &Service) -> Vec<Instance> {
        self.tables().of(service)
    }

    /// Everything there is, in the form of the file.
    pub fn all(&self) -> ByNamespace {
        let tables = self.tables();
        let mut all = ByNamespace::new();
        let services: BTreeSet<&Service> = tables.in_file.keys().chain(tables.registered.keys()).collect();
        for service in services {
            let place = all.entry(service.namespace.clone()).or_default();
            place.insert(service.service.clone(), tables.of(service));
        }
        all
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Nothing here can fail half-way, so a table behind a poisoned lock is whole.
        self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.shared.changed.send_modify(|version| *version += 1);
    }

    /// Takes over what the file says now.
    fn reread(&self, file: &Path, text: String) {
        if self.tables().text == text {
            return;
        }
        match parse(file, &text) {
            Ok(in_file) => {
                let mut tables = self.tables();
                tables.in_file = in_file;
                tables.text = text;
                drop(tables);
                tracing::info!(file = %file.display(), "instances read again");
                self.tell();
            }
            Err(error) => {
                tracing::warn!(%error, "the instances stay as they were");
                // Said once for each text.
                self.tables().text = text;
            }
        }
    }

    async fn follow_file(self) {
        let Some(file) = self.shared.file.clone() else { return std::future::pending().await };
        let mut missing = false;
        loop {
            tokio::time::sleep(LOOK).await;
            match tokio::fs::read_to_string(&file).await {
                Ok(text) => {
                    missing = false;
                    self.reread(&file, text);
                }
                Err(error) if !missing => {
                    missing = true;
                    tracing::warn!(file = %file.display(), %error, "the instances stay as they were");
                }
                Err(_) => {}
            }
        }
    }

    async fn report(self, mut wanted: Wanted, found: mpsc::Sender<Found>) {
        let mut changed = self.shared.changed.subscribe();
        let mut told = BTreeMap::new();
        loop {
            let services = wanted.borrow_and_update().clone();
            changed.mark_unchanged();
            told.retain(|service, _| services.contains_key(service));
            for (service, number) in services.iter() {
                let instances = self.instances(service);
                let now = (*number, instances.clone());
                if told.get(service) == Some(&now) {
                    continue;
                }
                told.insert(service.clone(), now);
                if found.send(Found { service: service.clone(), instances: instances.into() }).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                news = wanted.changed() => if news.is_err() { return },
                // The registry itself is held here, so there is somebody to tell.
                _ = changed.changed() => {}
            }
        }
    }
}

impl Tables {
    fn of(&self, service: &Service) -> Vec<Instance> {
        let mut all = self.in_file.get(service).cloned().unwrap_or_default();
        all.extend(self.registered.get(service).cloned().unwrap_or_default());
        all.into_values().collect()
    }

    fn deregister(&mut self, service: &Service, id: &str) -> Removal {
        let registered = self.registered.get_mut(service).and_then(|instances| instances.remove(id)).is_some();
        self.registered.retain(|_, instances| !instances.is_empty());
        match registered {
            true => Removal::Removed,
            false if self.in_file.get(service).is_some_and(|instances| instances.contains_key(id)) => Removal::InFile,
            false => Removal::Unknown,
        }
    }
}

fn parse(file: &Path, text: &str) -> Result<Instances, RegistryError> {
    let all = serde_json::from_str(text).and_then(by_id);
    all.map_err(|source| RegistryError::Senseless { file: file.to_owned(), source })
}

/// An instance without an address and one of two with the same id would be left out: a file that asks for that has an
/// error in it.
fn by_id(all: ByNamespace) -> Result<Instances, serde_json::Error> {
    let mut instances = Instances::new();
    for (namespace, services) in all {
        for (service, found) in services {
            let service = Service { namespace: namespace.clone(), service };
            let mut known = BTreeMap::new();
            for instance in found.into_iter().map(Instance::with_addresses_of_attributes) {
                let refused = |why| serde_json::Error::custom(format!("instance {} of {service} {why}", instance.id));
                if !instance.has_address() {
                    return Err(refused("has no address"));
                }
                if known.contains_key(&instance.id) {
                    return Err(refused("is there twice"));
                }
                known.insert(instance.id.clone(), instance);
            }
            instances.insert(service, known);
        }
    }
    Ok(instances)
}

impl InstanceSource for Registry {
    fn watch(&self, wanted: Wanted, found: mpsc::Sender<Found>) -> BoxFuture<'static, ()> {
        let (reader, reporter) = (self.clone(), self.clone());
        Box::pin(async move {
            tokio::select! {
                () = reader.follow_file() => {}
                () = reporter.report(wanted, found) => {}
            }
        })
    }

    fn registry(&self) -> Option<&Registry> {
        Some(self)
    }
}
