//! The three formats end to end: a server behind a socket decodes the request and responds with it.
//!
//! Both ends are this program, each a thread with its own runtime, so that the kernel tells what each of them used.
//! Prints one JSON object a line: `{"orders":1,"format":"JSON","bytes":287,"requests":5000,"server_ns":…,"client_ns":…}`.

use crate::order::{COUNTS, Orders};
use axum::{Router, routing::post};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use plimsoll_http::body::{
    self, BodyLimits, ByteLimit, Encoded, Format, NegotiateLayer, Negotiated, WithProtobuf,
};
use std::{
    error::Error,
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const FORMATS: [Format; 3] = [Format::Json, Format::MessagePack, Format::Protobuf];

/// Rounds in which every format has its turn; what is reported is paired within a round.
const ROUNDS: usize = 12;

/// Bytes of JSON that a turn moves each way, about.
const VOLUME: usize = 6 << 20;

pub(crate) fn run() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bodies: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    let (tell, told) = sync_channel(1);
    thread::Builder::new().name("server".to_owned()).spawn(move || serve(&tell))?;
    let (address, server) = told.recv()?;
    let client = stat_of_this_thread()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        for count in COUNTS {
            // A round that does not count: the code is read in, the buffers have grown.
            for round in 0..=ROUNDS {
                for format in FORMATS {
                    let sent = body::encode(&WithProtobuf(Orders::of(count)), format)?;
                    let requests = (VOLUME / (count as usize * 300)).clamp(20, 4000);
                    let mut connection = connect(address).await?;
                    let before = (on_cpu(&server)?, on_cpu(&client)?);
                    for _ in 0..requests {
                        ask(&mut connection, &sent).await?;
                    }
                    let (server_ns, client_ns) = (on_cpu(&server)? - before.0, on_cpu(&client)? - before.1);
                    let bytes = sent.bytes.len();
                    if round > 0 {
                        println!(
                            r#"{{"orders":{count},"round":{round},"format":"{format}","bytes":{bytes},"requests":{requests},"server_ns":{server_ns},"client_ns":{client_ns}}}"#
                        );
                    }
                }
            }
        }
        Ok(())
    })
}

fn serve(tell: &SyncSender<(SocketAddr, PathBuf)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let limits = BodyLimits::default().bytes(ByteLimit::kib(8 * 1024));
        let app = Router::new()
            .route("/", post(async |Negotiated(orders): Negotiated<WithProtobuf<Orders>>| Negotiated(orders)))
            .layer((limits, NegotiateLayer::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tell.send((address, stat_of_this_thread().expect("the kernel's figures")))
            .expect("somebody measures");
        axum::serve(listener, app).await.expect("serving");
    });
}

type Connection = SendRequest<Full<bytes::Bytes>>;

async fn connect(address: SocketAddr) -> Outcome<Connection> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// As a client does it: the response is decoded too.
async fn ask(connection: &mut Connection, sent: &Encoded) -> Outcome<()> {
    let request = Request::post("/")
        .header(header::HOST, "bench")
        .header(header::CONTENT_TYPE, &sent.content_type)
        .header(header::ACCEPT, &sent.content_type)
        .body(Full::new(sent.bytes.clone()))?;
    connection.ready().await?;
    let (head, body) = connection.send_request(request).await?.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let limits = BodyLimits::default().bytes(ByteLimit::kib(8 * 1024));
    let WithProtobuf(got) = body::decode::<WithProtobuf<Orders>>(&head.headers, bytes, &limits)?;
    if got.orders.is_empty() { Err("an empty response".into()) } else { Ok(()) }
}

fn stat_of_this_thread() -> Outcome<PathBuf> {
    Ok(PathBuf::from("/proc").join(fs::read_link("/proc/thread-self")?).join("schedstat"))
}

/// Nanoseconds that the thread has run.
fn on_cpu(stat: &PathBuf) -> Outcome<u64> {
    let text = fs::read_to_string(stat)?;
    Ok(text.split(' ').next().ok_or("no figure")?.parse()?)
}
