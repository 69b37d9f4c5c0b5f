//! The App Mesh API (2019-01-25): 38 operations as one router, over any log.
//!
//! > **request → command → event → log** → feed → fold → view → snapshot → stream
//!
//! This crate is the left edge. It reads a request ([`routes`] says which, `request` takes it apart), decides it against
//! the folded mesh and appends what follows ([`app`]), and shows the outcome as App Mesh did (`api`). What a create
//! answered, the next describe shows: every read begins by asking the log for what is new.
//!
//! What it promises: an answer to everything, with a request id, and every failure as one of App Mesh's ten exceptions
//! ([`error`]). What it deliberately does not know: Envoy, DynamoDB, sockets. Whoever hosts it calls [`router`]; with the
//! feature `lambda`, AWS Lambda is such a host.

pub mod app;
pub mod error;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod routes;

mod api;
mod caller;
mod request;
mod serve;

pub use app::{App, AppConfig};
pub use caller::Verified;
pub use request::Body;
pub use serve::unreadable;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::on;
use routes::Operation;

/// The whole API.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for operation in Operation::all().chain(Operation::own()) {
        let handler = move |State(app): State<App>, request: Request| serve::operation(app, operation, request);
        router = router.route(&operation.path(), on(operation.filter(), handler));
    }
    router.fallback(serve::unknown_path).method_not_allowed_fallback(serve::wrong_method).with_state(app)
}
