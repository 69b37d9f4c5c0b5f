//! One stream: what comes in, goes to the session; what the session says, goes out.

use super::codec::{Protocol, Request, Response};
use super::session::{Session, Verdict};
use super::{Ads, refusal, returning};
use crate::proxies::{Connected, Facts, Listed, lock};
use crate::proxy::{NodeError, ProxyKey};
use crate::snapshot::ResourceType;
use crate::world::{ConnectError, Snapshots, Standing};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// How many responses wait for a client that does not read; then its task waits too.
const WAITING: usize = 4;

/// How long a client may take to introduce itself.
const INTRODUCTION: Duration = Duration::from_secs(30);

/// Opens a stream: its task runs until the client leaves, its resource is gone, or streams are to end.
pub fn open(
    ads: Ads,
    protocol: Protocol,
    peer: Option<SocketAddr>,
    requests: Streaming<Request>,
) -> ReceiverStream<Result<Response, Status>> {
    let (send, sent) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        metrics::counter!("remesh_streams_opened_total", "protocol" => protocol.as_str()).increment(1);
        let left = told_to_leave(ads.stopping.clone(), ads.drain.mul_f64(turn(peer)));
        let ended = tokio::select! {
            ended = run(&ads, protocol, peer, requests, &send) => ended,
            // An ended stream is routine: the Envoy goes on with what it has and connects again (§1.5).
            () = left => Ok(()),
        };
        if let Err(status) = ended {
            // Nobody is left to be told where the client has gone.
            let _ = send.send(Err(status)).await;
        }
    });
    ReceiverStream::new(sent)
}

/// Ends when the relay is going down and this stream's turn has come.
async fn told_to_leave(mut stopping: watch::Receiver<bool>, turn: Duration) {
    // A dropped sender means that the relay was dropped.
    let _ = stopping.wait_for(|stopping| *stopping).await;
    tokio::time::sleep(turn).await;
}

/// When a stream's turn to move comes, as a share of the time all of them have. Ports are all over the place, so their
/// hashes spread the streams evenly without anybody keeping count.
fn turn(peer: Option<SocketAddr>) -> f64 {
    let hash = peer.map_or(0, |peer| xxhash_rust::xxh3::xxh3_64(peer.to_string().as_bytes()));
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

type Outbox = mpsc::Sender<Result<Response, Status>>;

async fn run(
    ads: &Ads,
    protocol: Protocol,
    peer: Option<SocketAddr>,
    mut requests: Streaming<Request>,
    outbox: &Outbox,
) -> Result<(), Status> {
    let first = tokio::time::timeout(INTRODUCTION, requests.message()).await;
    let Some(first) = first.map_err(|_| Status::deadline_exceeded("no first request came"))?? else { return Ok(()) };
    let (stream, mut snapshots) = introduce(ads, protocol, peer, &first).await?;
    tracing::info!(node.id = %stream.facts().node_id, protocol = protocol.as_str(), "proxy connected");
    let ended = match stream.on_request(first, outbox).await {
        Ok(()) => follow(ads, &stream, &mut requests, &mut snapshots, outbox).await,
        Err(ended) => Err(ended),
    };
    let reason = ended.as_ref().err().map(Status::message);
    tracing::info!(node.id = %stream.facts().node_id, reason, "proxy disconnected");
    ended
}

async fn introduce(
    ads: &Ads,
    protocol: Protocol,
    peer: Option<SocketAddr>,
    first: &Request,
) -> Result<(Stream, Snapshots), Status> {
    let refused = |status: Status| {
        metrics::counter!("remesh_proxies_refused_total").increment(1);
        let error = status.message();
        tracing::warn!(node.id = first.node.as_ref().map(|node| &node.id), error, "proxy refused");
        status
    };
    let nobody = |error: NodeError| refused(Status::invalid_argument(error.to_string()));
    let not_connected = |error: ConnectError| match error {
        ConnectError::Unknown { .. } => refused(Status::invalid_argument(error.to_string())),
        ConnectError::NotShared { .. } => refused(Status::permission_denied(error.to_string())),
        ConnectError::NotYet(_) | ConnectError::Stopped => Status::unavailable(error.to_string()),
    };
    let node = first.node.as_ref().ok_or_else(|| nobody(NodeError::Missing))?;
    let proxy = ProxyKey::of_node(node, &ads.account).map_err(nobody)?;
    let mut snapshots = ads.world.connect(proxy.clone()).await.map_err(not_connected)?;
    let snapshot = snapshots.borrow_and_update().clone();
    let Some(snapshot) = snapshot else { return Err(refused(gone(ads, &proxy).await)) };
    let session = Arc::new(Mutex::new(Session::new(protocol, snapshot, Instant::now())));
    let listed = ads.proxies.list(Connected { facts: Facts::new(node, proxy, protocol, peer), session });
    Ok((Stream { listed, standing: ads.world.standing() }, snapshots))
}

/// Why a proxy that was served is not any more.
async fn gone(ads: &Ads, proxy: &ProxyKey) -> Status {
    match ads.world.snapshot(proxy.clone()).await {
        Err(error @ ConnectError::NotShared { .. }) => Status::permission_denied(error.to_string()),
        _ => Status::invalid_argument(format!("{proxy} was deleted")),
    }
}

async fn follow(
    ads: &Ads,
    stream: &Stream,
    requests: &mut Streaming<Request>,
    snapshots: &mut Snapshots,
    outbox: &Outbox,
) -> Result<(), Status> {
    loop {
        tokio::select! {
            request = requests.message() => match request? {
                Some(request) => stream.on_request(request, outbox).await?,
                None => return Ok(()),
            },
            changed = snapshots.changed() => {
                // The world ends with the process only.
                if changed.is_err() {
                    return Ok(());
                }
                let snapshot = snapshots.borrow_and_update().clone();
                let Some(snapshot) = snapshot else { return Err(gone(ads, &stream.facts().proxy).await) };
                let send = stream.session(|session| session.on_snapshot(snapshot, Instant::now()));
                push(send, outbox).await?;
            },
            () = time_of(stream.session(|session| session.deadline())) => {
                push(stream.session(|session| session.on_time(Instant::now())), outbox).await?;
            },
        }
    }
}

/// Ends at the deadline; never where there is none.
async fn time_of(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn push(responses: Vec<Response>, outbox: &Outbox) -> Result<(), Status> {
    for response in responses {
        let of = ResourceType::from_url(&response.type_url).map_or("other", ResourceType::short);
        metrics::counter!("remesh_responses_total", "type" => of).increment(1);
        metrics::counter!("remesh_resources_sent_total", "type" => of).increment(response.resources.len() as u64);
        metrics::counter!("remesh_response_bytes_total", "type" => of).increment(response.encoded_len() as u64);
        outbox.send(Ok(response)).await.map_err(|_| Status::cancelled("the client has gone"))?;
    }
    Ok(())
}

/// A stream while it lasts: listed, and with its session.
struct Stream {
    listed: Listed,
    standing: watch::Receiver<Standing>,
}

impl Stream {
    fn facts(&self) -> &Facts {
        &self.listed.connected().facts
    }

    /// The session is shared with the list of proxies alone, which looks at it when a person asks; it is never held
    /// across an await.
    fn session<T>(&self, use_it: impl FnOnce(&mut Session) -> T) -> T {
        use_it(&mut lock(&self.listed.connected().session))
    }

    async fn on_request(&self, request: Request, outbox: &Outbox) -> Result<(), Status> {
        self.spare(&request)?;
        let (reaction, seq) = self.session(|session| {
            let seq = session.snapshot().seq;
            (session.on_request(request, Instant::now()), seq)
        });
        match reaction.verdict {
            Some((of, Verdict::Accepted)) => {
                metrics::counter!("remesh_acks_total", "type" => of.short()).increment(1);
            }
            Some((of, Verdict::Refused { message, names })) => {
                metrics::counter!("remesh_nacks_total", "type" => of.short()).increment(1);
                let Facts { node_id, .. } = self.facts();
                let reason = refusal::reason(&message);
                tracing::warn!(node.id = %node_id, r#type = of.short(), ?names, seq, reason, "Envoy refused resources");
            }
            None => {}
        }
        push(reaction.send, outbox).await
    }

    /// Leaves a proxy alone whose configuration is another than this relay's, while the log is away: nobody knows which
    /// of the two is newer, and it has its own from a relay that may have known more.
    fn spare(&self, request: &Request) -> Result<(), Status> {
        let following = self.standing.borrow().following;
        match !following && self.session(|session| returning::has_another(request, session.snapshot())) {
            true => Err(Status::unavailable(format!(
                "{} has another configuration than this relay, which cannot reach the event log: it keeps what it has",
                self.facts().proxy
            ))),
            false => Ok(()),
        }
    }
}
