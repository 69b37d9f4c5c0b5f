//! The Lambda function that saves checkpoints as the table's stream tells of changes.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), functions::lambda::Error> {
    functions::lambda::serve_checkpoints().await
}
