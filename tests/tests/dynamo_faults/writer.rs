//! Two who write at the same time, over two APIs that share nothing but the table, and remember what they were told.

use crate::colours;
use mesh_tests::spec;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a client waits after it was told to try again.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of requests, by their ids, as the API gave them.
#[derive(Debug, Default)]
pub struct Told {
    /// Done, it said.
    pub acknowledged: Vec<String>,
    /// Not done, and why it cannot be.
    pub refused: Vec<String>,
    /// Something failed; whether it was done is not known.
    pub unknown: Vec<String>,
}

/// Writers at work.
pub struct Writers {
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Told>>,
}

impl Writers {
    /// One for each API.
    pub fn start(apis: [SocketAddr; 2]) -> Self {
        let (over, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writer = |(number, api)| {
            let (over, acknowledged) = (over.clone(), acknowledged.clone());
            let writer = Writer { number, api, http: Client::new(), told: Told::default(), acknowledged };
            tokio::spawn(writer.write_until(over))
        };
        let tasks = (1..).zip(apis).map(writer).collect();
        Self { over, acknowledged, tasks }
    }

    /// Waits until so many more writes were acknowledged.
    pub async fn have_written(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        while self.acknowledged.load(Ordering::Relaxed) < goal {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a writer has come to grief");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets them finish what they are at, and answers what all of them were told.
    pub async fn end(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for task in self.tasks {
            let Told { acknowledged, refused, unknown } = task.await.expect("a writer comes to its end");
            all.acknowledged.extend(acknowledged);
            all.refused.extend(refused);
            all.unknown.extend(unknown);
        }
        all
    }
}

struct Writer {
    number: u32,
    api: SocketAddr,
    http: Client,
    told: Told,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    async fn write_until(mut self, over: Arc<AtomicBool>) -> Told {
        for turn in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            self.write(turn).await;
        }
        self.told
    }

    /// Both change the same App Mesh route and race for the same names; one node is this writer's own.
    async fn write(&mut self, turn: u32) {
        let name = format!("extra-{}", turn / 5);
        let own = format!("writer-{}", self.number);
        let spec = spec::node(&format!("{own}-{turn}"), "http", 8080);
        // Never what the other one writes: a change that changes nothing would leave no record.
        let colours = colours(10 + (2 * turn + self.number) % 80);
        match turn % 5 {
            0 => self.send(Method::PUT, &format!("virtualNodes/{own}"), json!({ "spec": spec })).await,
            1 => self.send(Method::PUT, "virtualRouter/colour/routes/all", json!({ "spec": colours })).await,
            2 => self.send(Method::PUT, "virtualNodes", json!({ "virtualNodeName": name, "spec": spec })).await,
            3 => self.send(Method::PUT, &format!("virtualNodes/{name}"), json!({ "spec": spec })).await,
            _ => self.send(Method::DELETE, &format!("virtualNodes/{name}"), json!({})).await,
        }
    }

    async fn send(&mut self, method: Method, path: &str, body: Value) {
        let url = format!("http://{}/v20190125/meshes/shop/{path}", self.api);
        let answer = self.http.request(method, url).json(&body).send().await.expect("the API always answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (id, exception) = (header("x-amzn-requestid"), header("x-amzn-errortype"));
        let told = match (status.as_u16(), exception.as_str()) {
            (200, _) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                &mut self.told.acknowledged
            }
            (404 | 409, _) => &mut self.told.refused,
            (429, "TooManyRequestsException") | (503, "ServiceUnavailableException") => {
                tokio::time::sleep(PAUSE).await;
                &mut self.told.unknown
            }
            _ => panic!("{path}: {status} {exception}: {:?}", answer.text().await),
        };
        told.push(id);
    }
}
