//! Serves a folder on one thread, by this crate or by tower-http: what `cargo xtask bench files` measures.
//!
//! ```console
//! $ cargo run --release -p plimsoll-http --features static-files --example serve_files -- plimsoll 8080 /srv/www
//! ```

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{convert::Infallible, env, error::Error, net::Ipv4Addr, process::ExitCode};
use tokio::net::TcpListener;
use tower::Service;

const USAGE: &str = "usage: serve_files plimsoll|tower-http PORT FOLDER";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [by, port, folder] = arguments.as_slice() else { return Err(USAGE.into()) };
    let port = port.parse()?;
    // One worker, as the others have; the blocking pool comes with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match by.as_str() {
        "plimsoll" => runtime.block_on(serve(plimsoll_http::files::Files::new(folder)?, port)),
        "tower-http" => runtime.block_on(serve(tower_http::services::ServeDir::new(folder), port)),
        _ => Err(USAGE.into()),
    }
}

async fn serve<S, B>(files: S, port: u16) -> Result<(), Box<dyn Error>>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(files.clone());
        // A client that leaves is no failure of the server.
        tokio::spawn(async move {
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
        });
    }
}
