//! The service of the exercise `docs/exercise-boundary.md`: `anyhow` inside, one form of response outside.
//!
//! `cargo run -p plimsoll --example boundary`, then the commands of the page.

use anyhow::Context;
use axum::{Router, extract::Path, routing::get};
use plimsoll::{Problem, serve};

#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("no such report")]
    NotFound,
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotFound => Self::not_found("no-such-report"),
            ReportError::Other(inner) => Self::internal(inner),
        }
    }
}

fn rows(id: u64) -> anyhow::Result<u64> {
    let text = if id == 7 { "seven" } else { "12" };
    text.parse().with_context(|| format!("row {id} of /var/lib/reports, read as admin"))
}

async fn report(Path(id): Path<u64>) -> Result<String, Problem> {
    Ok(count(id)?)
}

fn count(id: u64) -> Result<String, ReportError> {
    match id {
        0 => Err(ReportError::NotFound),
        13 => panic!("thirteen rows of /var/lib/reports"),
        _ => Ok(format!("{} rows\n", rows(id).context("counting")?)),
    }
}

/// The routes of the exercise.
pub(crate) fn app() -> Router {
    Router::new().route("/reports/{id}", get(report))
}

#[tokio::main]
async fn main() -> Result<(), serve::ServeError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    serve(app()).on("127.0.0.1:8080").admin("127.0.0.1:9901").run().await
}
