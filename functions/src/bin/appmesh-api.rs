//! The Lambda function that answers the App Mesh API.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::lambda::Error> {
    functions::lambda::serve_api().await
}
