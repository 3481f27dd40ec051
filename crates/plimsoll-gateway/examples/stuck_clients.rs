//! Good requests beside HTTP/2 clients that are stuck: `cargo xtask bench stuck-clients` runs it.
//!
//! `stuck_clients gateway|serve SECONDS` measures 200 good requests a second, first alone, then beside 64 readers that take
//! nothing of endless responses and 64 uploaders whose bodies nobody reads. Half of the readers keep their windows shut, half
//! open them and do not read their sockets; the uploaders share the connections of the good requests. Clients and endpoint
//! are processes of their own, so that the memory is the gateway's, or the server's. Prints one line of JSON.

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use http::{Request, Response};
use parking_lot::Mutex;
use plimsoll::{
    serve::{Limits, serve},
    telemetry::{Format, Registry},
};
use plimsoll_gateway::{Gateway, file};
use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// Stuck clients of each kind.
const STUCK: u64 = 64;
/// Connections that the good requests share with the uploaders; as many carry the readers.
const CONNECTIONS: u64 = 8;
const GOOD_RATE: u64 = 200;
/// Longer is no response.
const PATIENCE: Duration = Duration::from_secs(5);

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Sender = h2::client::SendRequest<Bytes>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &*arguments {
        ["gateway", seconds] => gateway(seconds),
        ["serve", seconds] => runtime.block_on(server(seconds)),
        ["endpoint"] => runtime.block_on(endpoint()),
        ["load", address, seconds] => {
            runtime.block_on(load(address.parse()?, Duration::from_secs(seconds.parse()?)))
        }
        _ => Err("usage: stuck_clients gateway|serve SECONDS".into()),
    }
}

fn again(arguments: &[&str]) -> Result<(Child, impl Iterator<Item = String> + use<>), Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    Ok((child, lines.map_while(Result::ok)))
}

fn gateway(seconds: &str) -> Result<(), Failed> {
    let (mut endpoint, mut lines) = again(&["endpoint"])?;
    let address = lines.next().ok_or("no endpoint")?;
    let text = format!(
        "version = 1\nworkers = 1\nadmin = \"off\"\n[[listener]]\nlisten = \"127.0.0.1:0\"\n[[route]]\nupstream = \"u\"\n\
         [upstream.u]\nprotocol = \"h2\"\nendpoints = [\"{address}\"]\n"
    );
    let loaded =
        file::parse("stuck_clients.toml", &text, &|_| None).map_err(|invalid| invalid.to_string())?;
    let gateway = Gateway::start(loaded.spec)?;
    let reported =
        measure("gateway", gateway.addresses()[0], seconds, gateway.registry(), "plimsoll_connections ");
    endpoint.kill()?;
    endpoint.wait()?;
    reported
}

async fn server(seconds: &str) -> Result<(), Failed> {
    let registry = Registry::new();
    let server = serve(app()).on("127.0.0.1:0").without_signals().registry(registry.clone());
    let bound = server.limits(Limits::default()).bind().await?;
    let address = bound.addresses()[0];
    tokio::spawn(bound.run());
    let seconds = seconds.to_owned();
    let series = "plimsoll_server_connections{door=\"app\"} ";
    tokio::task::spawn_blocking(move || measure("serve", address, &seconds, &registry, series)).await?
}

/// Services that respond at once, without end, and that never read.
fn app() -> Router {
    let part = || Ok::<_, Infallible>(Bytes::from(vec![b'x'; 16 * 1024]));
    let large = move || async move {
        Body::from_stream(futures_util::stream::unfold((), move |()| async move { Some((part(), ())) }))
    };
    let good = get(|| async { "ok" })
        .post(|body: Bytes| async move { if body.len() == 1024 { "ok" } else { "short" } });
    let deaf = post(|_body: Body| pending::<&'static str>());
    Router::new().route("/", good).route("/large", get(large)).route("/deaf", deaf)
}

/// The same behind a gateway, as a process of its own: a server with the windows that hyper has by default.
async fn endpoint() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app()).await?;
    Ok(())
}

/// Runs the load, and looks at this process's memory meanwhile.
fn measure(
    mode: &str,
    address: SocketAddr,
    seconds: &str,
    registry: &Registry,
    connections: &str,
) -> Result<(), Failed> {
    let (mut load, mut lines) = again(&["load", &address.to_string(), seconds])?;
    let quiet = lines.next().ok_or("the load has ended early")?;
    let (before, over) = (resident()?, Arc::new(AtomicBool::new(false)));
    let peak = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut peak = 0;
            while !over.load(Relaxed) {
                peak = peak.max(resident().unwrap_or(0));
                std::thread::park_timeout(Duration::from_millis(50));
            }
            peak
        })
    };
    let loud = lines.next().ok_or("the load has ended early")?;
    over.store(true, Relaxed);
    let peak = peak.join().map_err(|_| "the thread that looks at memory panicked")?;
    let open = registry.render(Format::Prometheus);
    let open = open.lines().find_map(|line| line.strip_prefix(connections)?.parse::<f64>().ok());
    load.wait()?;
    std::thread::park_timeout(Duration::from_secs(5));
    let left = resident()?;
    // The allocator keeps for the next what the first have given back. What grows with each is lost.
    let (mut second, lines) = again(&["load", &address.to_string(), seconds])?;
    lines.for_each(drop);
    second.wait()?;
    std::thread::park_timeout(Duration::from_secs(5));
    println!(
        "{{\"mode\":\"{mode}\",\"quiet\":{quiet},\"loud\":{loud},\"memory_up_kib\":{},\"memory_lost_kib\":{},\"not_cut\":{}}}",
        peak.saturating_sub(before),
        resident()?.saturating_sub(left),
        open.map_or(-1.0, |open| (open - CONNECTIONS as f64).max(0.0)),
    );
    Ok(())
}

fn resident() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The results of the good requests.
#[derive(Debug, Default)]
struct Met {
    latencies: Mutex<Vec<Duration>>,
    failed: AtomicU64,
}

impl Met {
    /// As JSON: how many were good, how many not, and latencies in microseconds. Slow is what took 100 ms more than `usual`.
    fn report(&self, usual: Duration) -> Duration {
        let mut latencies = self.latencies.lock().clone();
        latencies.sort_unstable();
        let at = |percent| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        let slow = latencies.iter().filter(|latency| **latency > usual + Duration::from_millis(100)).count();
        println!(
            "{{\"good\":{},\"failed\":{},\"slow\":{slow},\"p50_us\":{},\"p99_us\":{},\"max_us\":{}}}",
            latencies.len(),
            self.failed.load(Relaxed),
            at(50).as_micros(),
            at(99).as_micros(),
            latencies.last().map_or(0, Duration::as_micros),
        );
        at(50)
    }
}

async fn load(address: SocketAddr, length: Duration) -> Result<(), Failed> {
    let mut good = Vec::new();
    for _ in 0..CONNECTIONS {
        good.push(connect(address, &mut h2::client::Builder::new()).await?);
    }
    let usual = ask_all(&good, length.min(Duration::from_secs(10))).await.report(Duration::MAX / 2);
    let mut stuck = tokio::task::JoinSet::new();
    for at in 0..CONNECTIONS {
        let mut builder = h2::client::Builder::new();
        if at % 2 == 0 {
            stuck.spawn(readers(connect(address, &mut builder).await?));
        } else {
            builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
            stuck.spawn(deaf_readers(TcpStream::connect(address).await?, builder));
        }
        for _ in 0..STUCK / CONNECTIONS {
            stuck.spawn(uploader(good[at as usize].clone()));
        }
    }
    ask_all(&good, length).await.report(usual);
    stuck.shutdown().await;
    Ok(())
}

async fn connect(address: SocketAddr, builder: &mut h2::client::Builder) -> Result<Sender, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = builder.handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender.ready().await?)
}

fn request(method: &str, path: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(format!("http://a{path}"));
    request.body(()).expect("a request")
}

/// Streams that are open and never read; the socket is, by the connection's task.
async fn readers(mut sender: Sender) {
    let mut unread = Vec::new();
    for _ in 0..STUCK / CONNECTIONS {
        let Ok((response, _)) = sender.send_request(request("GET", "/large"), true) else { break };
        unread.push(response.await);
    }
    pending::<()>().await;
}

/// Streams with open windows over a socket that is never read.
async fn deaf_readers(stream: TcpStream, builder: h2::client::Builder) {
    let Ok((mut sender, mut connection)) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut unread = Vec::new();
    for _ in 0..STUCK / CONNECTIONS {
        let Ok(sent) = sender.send_request(request("GET", "/large"), true) else { break };
        unread.push(sent);
    }
    // The requests go out, and that is all.
    poll_fn(|cx| {
        let _polled = std::pin::Pin::new(&mut connection).poll(cx);
        std::task::Poll::Ready(())
    })
    .await;
    pending::<()>().await;
}

/// Sends as much as anybody takes of a body that nobody reads. One that is ended comes back.
async fn uploader(mut sender: Sender) {
    loop {
        if let Ok((response, body)) = sender.send_request(request("POST", "/deaf"), false) {
            tokio::select! {
                _ended = response => {}
                () = upload(body) => {}
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn upload(mut body: h2::SendStream<Bytes>) {
    const FILLING: Bytes = Bytes::from_static(&[b'x'; 1 << 14]);
    loop {
        body.reserve_capacity(FILLING.len());
        match poll_fn(|cx| body.poll_capacity(cx)).await {
            Some(Ok(room)) if room > 0 => {
                let part = FILLING.slice(..room.min(FILLING.len()));
                if body.send_data(part, false).is_err() {
                    return;
                }
            }
            Some(Ok(_)) => {}
            _ => return,
        }
    }
}

async fn ask_all(senders: &[Sender], length: Duration) -> Arc<Met> {
    let (met, end) = (Arc::<Met>::default(), Instant::now() + length);
    let mut all = tokio::task::JoinSet::new();
    for sender in senders {
        let (sender, met) = (sender.clone(), Arc::clone(&met));
        all.spawn(async move {
            let mut beats = interval(Duration::from_millis(1000 * CONNECTIONS / GOOD_RATE));
            beats.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut uploads = false;
            while Instant::now() < end {
                let intended = beats.tick().await.into_std();
                uploads = !uploads;
                // What one of them waits for is not put down to the next.
                let (sender, met) = (sender.clone(), Arc::clone(&met));
                tokio::spawn(async move {
                    if timeout(PATIENCE, ask(sender, uploads)).await.is_ok_and(|asked| asked.unwrap_or(false))
                    {
                        met.latencies.lock().push(intended.elapsed());
                    } else {
                        met.failed.fetch_add(1, Relaxed);
                    }
                });
            }
        });
    }
    all.join_all().await;
    sleep(Duration::from_secs(1)).await;
    met
}

/// Every other request has a body, which shares its connection's window with the uploaders.
async fn ask(mut sender: Sender, uploads: bool) -> Result<bool, h2::Error> {
    let response: Response<h2::RecvStream> = if uploads {
        let (response, mut body) = sender.send_request(request("POST", "/"), false)?;
        body.send_data(Bytes::from_static(&[b'x'; 1024]), true)?;
        response.await?
    } else {
        sender.send_request(request("GET", "/"), true)?.0.await?
    };
    let good = response.status() == 200;
    let (mut body, mut read) = (response.into_body(), Vec::new());
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        read.extend_from_slice(&part);
    }
    Ok(good && read == b"ok")
}
