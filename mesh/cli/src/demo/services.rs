//! The three applications of the demo. They know HTTP and nothing of meshes: the front calls a name, and which version
//! answers is not its business.

use super::definitions::{BACKENDS, SERVICE};
use super::ports::{Listeners, Places};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// The running applications; dropping them ends them.
#[derive(Debug)]
pub struct Services {
    _tasks: JoinSet<()>,
    _router: TcpSocket,
}

type Answer = Response<Full<Bytes>>;

/// An application: what it answers.
trait Application: Clone + Send + Sync + 'static {
    fn answer(&self) -> impl Future<Output = Answer> + Send;
}

impl Services {
    /// Starts them on their listeners.
    pub fn start(listeners: Listeners, places: &Places, client: reqwest::Client) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        for (listener, name) in listeners.backends.into_iter().zip(BACKENDS) {
            tasks.spawn(serve(listening(listener)?, Backend { name }));
        }
        let front = Front { client, backend: format!("http://{}/", places.egress()) };
        tasks.spawn(serve(listening(listeners.front)?, front));
        Ok(Self { _tasks: tasks, _router: listeners.router })
    }
}

/// One version of the backend: says which.
#[derive(Clone)]
struct Backend {
    name: &'static str,
}

impl Application for Backend {
    async fn answer(&self) -> Answer {
        response(StatusCode::OK, &json!({ "service": self.name }))
    }
}

/// The front: asks the backend, and says who answered.
#[derive(Clone)]
struct Front {
    client: reqwest::Client,
    /// The port of its own Envoy where calls to the backend go in.
    backend: String,
}

impl Application for Front {
    async fn answer(&self) -> Answer {
        match self.call().await {
            Ok((status, backend)) => response(status, &json!({ "service": "front", "backend": backend })),
            Err(error) => response(StatusCode::BAD_GATEWAY, &json!({ "service": "front", "error": error.to_string() })),
        }
    }
}

impl Front {
    async fn call(&self) -> Result<(StatusCode, Value), reqwest::Error> {
        let answer = self.client.get(&self.backend).header(HOST, SERVICE).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

fn listening(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve(listener: TcpListener, application: impl Application) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(talk(stream, application.clone()))),
                // Out of file handles, most likely: others may give some back.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(stream: TcpStream, application: impl Application) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|_: Request<Incoming>| {
        let application = application.clone();
        async move { Ok::<_, Infallible>(application.answer().await) }
    });
    // A connection that breaks is the caller's to notice.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn response(status: StatusCode, body: &Value) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}
