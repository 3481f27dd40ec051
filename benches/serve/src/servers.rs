//! The servers that are compared.

use super::{Failed, client::HELLO};
use axum::{
    BoxError, Router,
    error_handling::HandleErrorLayer,
    http::{Request, Response, StatusCode},
    routing::get,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use plimsoll_http::serve::{Limits, serve};
use std::{convert::Infallible, net::SocketAddr, pin::Pin, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};
use tower_http::{
    ServiceBuilderExt as _, catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer,
    request_id::MakeRequestUuid, timeout::TimeoutLayer, trace::TraceLayer,
};

/// A server, until it ends.
type Served = Pin<Box<dyn Future<Output = Result<(), Failed>>>>;

/// Starts a server of this kind. The second serves when it is polled.
pub(crate) async fn start(kind: &str) -> Result<(SocketAddr, Served), Failed> {
    if kind == "plimsoll" {
        return plimsoll().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let served: Served = match kind {
        "hyper" => Box::pin(hyper_alone(listener)),
        "axum" => Box::pin(async move { Ok(axum::serve(listener, app()).await?) }),
        "tower-http" => Box::pin(layered(listener)),
        _ => return Err("no such server".into()),
    };
    Ok((address, served))
}

fn app() -> Router {
    Router::new().route("/hello", get(|| async { HELLO }))
}

/// `serve` with its defaults, but for a rate that is never reached, since all requests come from one address, and a queue
/// that is never too long, since valgrind makes everything late.
async fn plimsoll() -> Result<(SocketAddr, Served), Failed> {
    let mut limits = Limits::default();
    if let Some(rate) = &mut limits.client_rate {
        rate.rate = PLENTY.parse()?;
    }
    if let Some(shedding) = &mut limits.shedding {
        shedding.target = Duration::from_secs(60);
    }
    let bound = serve(app()).on("127.0.0.1:0").without_signals().limits(limits).bind().await?;
    let address = *bound.addresses().first().ok_or("it listens nowhere")?;
    Ok((address, Box::pin(async move { Ok(bound.run().await?) })))
}

/// A rate that is never reached: the limit is on, and refuses nothing.
const PLENTY: &str = "1000000000/s";

async fn hyper_alone(listener: TcpListener) -> Result<(), Failed> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hello = service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(HELLO.as_bytes()))))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), hello));
    }
}

/// The layers of others that do what `serve` does by default, as far as there are any: a request id, a span, a caught
/// panic, a timeout, a limit on requests in flight that sheds, a rate by client, a limit on bodies.
async fn layered(listener: TcpListener) -> Result<(), Failed> {
    let rate = GovernorConfigBuilder::default().period(Duration::from_nanos(1)).burst_size(u32::MAX).finish();
    let layers = ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .layer(TraceLayer::new_for_http())
        .propagate_x_request_id()
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30)))
        .layer(RequestBodyLimitLayer::new(2 << 20))
        .layer(HandleErrorLayer::new(|_: BoxError| async { StatusCode::SERVICE_UNAVAILABLE }))
        .load_shed()
        .concurrency_limit(1024)
        .layer(GovernorLayer::new(rate.ok_or("no rate")?));
    let app = app().layer(layers).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}
