//! A policy around a tonic channel: `cargo run -p plimsoll-http --example tonic_channel`.
//!
//! The server, in this process, says `UNAVAILABLE` to the first call it gets. The policy hears that, waits a little and tries
//! again, and the caller gets the response. Generated clients take the same service: `GreeterClient::new(service)`.

use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use plimsoll_http::layers::{HttpReplay, SentBody};
use plimsoll_policy::PolicySpec;
use plimsoll_tower::{Idempotent, PolicyLayer, classify::GrpcStatus};
use prost::Message;
use std::{
    convert::Infallible,
    error::Error,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use tonic::{client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use tower::{ServiceBuilder, util::MapRequestLayer};

#[derive(Clone, PartialEq, Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    words: String,
}

static CALLS: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/greeter.Greeter/Greet", post(greet));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });

    let channel = Channel::from_shared(format!("http://{address}"))?.connect_lazy();
    // `Idempotent`: greeting twice does no harm. Where it would, describe by `HttpFacts` and send an `Idempotency-Key`.
    let policy = PolicyLayer::new(PolicySpec::default())
        .classify(GrpcStatus)
        .describe(Idempotent)
        .replay(HttpReplay::default());
    // tonic's channel takes tonic's body: what is kept for the next attempt is put into one.
    type Sent = http::Request<SentBody<tonic::body::Body>>;
    let into_tonic = MapRequestLayer::new(|request: Sent| request.map(tonic::body::Body::new));
    let service = ServiceBuilder::new().layer(policy).layer(into_tonic).service(channel);

    let mut client = Grpc::new(service);
    client.ready().await?;
    let asked = tonic::Request::new(Greeting { words: "ahoy".to_owned() });
    let path = http::uri::PathAndQuery::from_static("/greeter.Greeter/Greet");
    let response: tonic::Response<Greeting> = client.unary(asked, path, ProstCodec::default()).await?;
    println!("{} (after {} calls)", response.get_ref().words, CALLS.load(Relaxed));
    assert_eq!((response.get_ref().words.as_str(), CALLS.load(Relaxed)), ("ahoy there", 2));
    serving.abort();
    Ok(())
}

/// The first connection is refused, as by a server that is not up yet; later calls succeed.
async fn greet(request: Request) -> Response {
    let mut response = Response::builder().header("content-type", "application/grpc");
    if CALLS.fetch_add(1, Relaxed) == 0 {
        response = response.header("grpc-status", "14");
        return response.body(Body::empty()).unwrap_or_default();
    }
    let bytes = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap_or_default();
    // One message: a flag, its length, itself.
    let asked = Greeting::decode(bytes.get(5..).unwrap_or_default()).unwrap_or_default();
    let said = Greeting { words: format!("{} there", asked.words) }.encode_to_vec();
    let mut message = vec![0];
    message.extend_from_slice(&(said.len() as u32).to_be_bytes());
    message.extend_from_slice(&said);
    let mut fine = HeaderMap::new();
    fine.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from(message)), Frame::trailers(fine)].map(Ok::<_, Infallible>);
    response.body(Body::new(StreamBody::new(futures_util::stream::iter(frames)))).unwrap_or_default()
}
