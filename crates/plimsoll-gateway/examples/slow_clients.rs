//! Good requests beside strangers with slow links, under default policies: `cargo xtask bench slow-clients` runs it.
//!
//! `slow_clients gateway|client SECONDS` measures 200 good requests a second to three healthy replicas, first alone, then
//! beside 64 uploads of a byte a second and 64 downloads of 10 KB a second that run past every limit. `gateway` sends all
//! of them through a gateway; `client` has an outbound client make them, whose own bodies are slow. Prints one line of
//! JSON.

use parking_lot::Mutex;
use plimsoll::{
    Client, PolicySpec,
    telemetry::{Format, Registry},
};
use plimsoll_gateway::{Gateway, file};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval_at, sleep},
};

/// Strangers of each kind.
const STRANGERS: usize = 64;
/// Connections that the good requests share.
const GOOD: u64 = 8;
const GOOD_RATE: u64 = 200;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let seconds: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(45);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &*mode {
        "gateway" => gateway(&runtime, Duration::from_secs(seconds)),
        "client" => runtime.block_on(client(Duration::from_secs(seconds))),
        _ => Err("usage: slow_clients gateway|client SECONDS".into()),
    }
}

/// The results of the good requests.
#[derive(Debug, Default)]
struct Met {
    latencies: Mutex<Vec<Duration>>,
    failed: AtomicU64,
}

impl Met {
    fn note(&self, intended: Instant, good: bool) {
        if good {
            self.latencies.lock().push(intended.elapsed());
        } else {
            self.failed.fetch_add(1, Relaxed);
        }
    }

    fn p99(&self) -> u128 {
        let mut latencies = self.latencies.lock().clone();
        latencies.sort();
        latencies.get(latencies.len() * 99 / 100).map_or(0, Duration::as_micros)
    }

    fn count(&self) -> usize {
        self.latencies.lock().len()
    }
}

fn report(mode: &str, quiet: &Met, loud: &Met, registry: &Registry) {
    let text = registry.render(Format::Prometheus);
    let sum = |name: &str, label: &str| {
        let samples = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    println!(
        "{{\"mode\":\"{mode}\",\"good\":{},\"failed\":{},\"p99_quiet_us\":{},\"p99_loud_us\":{},\
         \"breaker_openings\":{},\"ejections\":{},\"callers_timed_out\":{},\"callers_failed\":{}}}",
        quiet.count() + loud.count(),
        quiet.failed.load(Relaxed) + loud.failed.load(Relaxed),
        quiet.p99(),
        loud.p99(),
        sum("plimsoll_breaker_openings_total", ""),
        sum("plimsoll_ejections_total", ""),
        sum("plimsoll_caller_timeouts_total", ""),
        sum("plimsoll_attempt_duration_seconds_count", "outcome=\"caller\""),
    );
}

/// A replica: responds to `GET /` at once, a `POST` once its body has come, and `GET /large` without end.
async fn replica() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ended = respond(stream).await;
            });
        }
    });
    Ok(address)
}

async fn respond(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        read.drain(..end);
        if head.starts_with("GET /large") {
            // What lies in buffers is no slow link: without bounds megabytes would go out at once.
            socket2::SockRef::from(&stream).set_send_buffer_size(16 << 10)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        if head.starts_with("POST") {
            // Its body never ends within this run.
            while stream.read_buf(&mut read).await? != 0 {
                read.clear();
            }
            return Ok(());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
    }
}

/// Ticks of one of the good connections, which take turns. A tick comes at its time whatever happened to the last one.
fn ticks(connection: u64) -> tokio::time::Interval {
    let first = tokio::time::Instant::now() + Duration::from_millis(1000 * connection / GOOD_RATE);
    let mut ticks = interval_at(first, Duration::from_millis(1000 * GOOD / GOOD_RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

fn gateway(runtime: &tokio::runtime::Runtime, length: Duration) -> Result<(), Failed> {
    let replica = || runtime.block_on(replica());
    let replicas = [replica()?, replica()?, replica()?].map(|at| format!("\"{at}\""));
    let text = format!(
        "version = 1\nworkers = 1\nadmin = \"off\"\n[[listener]]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\nupstream = \"replicas\"\n[upstream.replicas]\nendpoints = [{}]\n",
        replicas.join(", ")
    );
    let loaded = file::parse("slow_clients.toml", &text, &|_| None).map_err(|invalid| invalid.to_string())?;
    let gateway = Gateway::start(loaded.spec)?;
    let address = gateway.addresses()[0];
    let quiet = runtime.block_on(good_through_gateway(address, length.min(Duration::from_secs(20))));
    let over = Arc::new(AtomicBool::new(false));
    // A thread of their own: what they cost their own machine must not be taken for the gateway's doing.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for _ in 0..STRANGERS {
        elsewhere.spawn(again(Arc::clone(&over), move || upload(address)));
        elsewhere.spawn(again(Arc::clone(&over), move || download(address)));
    }
    let loud = runtime.block_on(good_through_gateway(address, length));
    over.store(true, Relaxed);
    report("gateway", &quiet, &loud, gateway.registry());
    Ok(())
}

/// A stranger that is cut off comes back.
async fn again<F: Future<Output = std::io::Result<()>>>(over: Arc<AtomicBool>, stranger: impl Fn() -> F) {
    while !over.load(Relaxed) {
        let _cut_off = stranger().await;
        sleep(Duration::from_millis(100)).await;
    }
}

async fn upload(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await?;
    let (mut reading, mut writing) = stream.split();
    let mut response = [0; 512];
    loop {
        tokio::select! {
            read = reading.read(&mut response) => return read.map(|_| ()),
            () = sleep(Duration::from_secs(1)) => writing.write_all(b"x").await?,
        }
    }
}

async fn download(address: SocketAddr) -> std::io::Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(16 << 10)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut taken = vec![0; 1000];
    loop {
        if stream.read(&mut taken).await? == 0 {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn good_through_gateway(address: SocketAddr, length: Duration) -> Arc<Met> {
    let (met, end) = (Arc::<Met>::default(), Instant::now() + length);
    let all: Vec<_> = (0..GOOD)
        .map(|connection| {
            let met = Arc::clone(&met);
            tokio::spawn(async move {
                let (mut ticks, mut stream) = (ticks(connection), None);
                while Instant::now() < end {
                    let intended = ticks.tick().await.into_std();
                    let good = ask(&mut stream, address).await.unwrap_or(false);
                    met.note(intended, good);
                }
            })
        })
        .collect();
    for one in all {
        let _ended = one.await;
    }
    met
}

async fn ask(kept: &mut Option<TcpStream>, address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => TcpStream::connect(address).await?,
    };
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\nok") {
        if stream.read_buf(&mut read).await? == 0 || read.len() > 4096 {
            return Ok(false);
        }
    }
    *kept = Some(stream);
    Ok(read.starts_with(b"HTTP/1.1 200"))
}

/// The same with an outbound client that makes all of the calls.
async fn client(length: Duration) -> Result<(), Failed> {
    let address = replica().await?;
    let registry = Registry::new();
    let client =
        Client::builder().metrics(&registry)?.origin(&format!("http://{address}"), PolicySpec::default())?;
    let quiet = good_by_client(&client, length.min(Duration::from_secs(20))).await;
    let over = Arc::new(AtomicBool::new(false));
    for _ in 0..STRANGERS {
        let uploader = client.clone();
        tokio::spawn(again(Arc::clone(&over), move || slow_body(uploader.clone())));
        let reader = client.clone();
        tokio::spawn(again(Arc::clone(&over), move || slow_reader(reader.clone())));
    }
    let loud = good_by_client(&client, length).await;
    over.store(true, Relaxed);
    report("client", &quiet, &loud, &registry);
    Ok(())
}

async fn slow_body(client: Client) -> std::io::Result<()> {
    let bytes = futures_util::stream::unfold((), |()| async {
        sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(http_body::Frame::data(bytes::Bytes::from_static(b"x"))), ()))
    });
    let body = http_body_util::StreamBody::new(Box::pin(bytes));
    client.post("/up").stream(body).send().await.map(drop).map_err(std::io::Error::other)
}

async fn slow_reader(client: Client) -> std::io::Result<()> {
    use http_body_util::BodyExt;
    let response = client.get("/large").send().await.map_err(std::io::Error::other)?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(std::io::Error::other)?;
        let taken = frame.data_ref().map_or(0, bytes::Bytes::len) as u64;
        sleep(Duration::from_micros(taken * 100)).await;
    }
    Ok(())
}

async fn good_by_client(client: &Client, length: Duration) -> Arc<Met> {
    let (met, end) = (Arc::<Met>::default(), Instant::now() + length);
    let all: Vec<_> = (0..GOOD)
        .map(|connection| {
            let (met, client) = (Arc::clone(&met), client.clone());
            tokio::spawn(async move {
                let mut ticks = ticks(connection);
                while Instant::now() < end {
                    let intended = ticks.tick().await.into_std();
                    let good = match client.get("/").send().await {
                        Ok(response) => response.success().is_ok(),
                        Err(_) => false,
                    };
                    met.note(intended, good);
                }
            })
        })
        .collect();
    for one in all {
        let _ended = one.await;
    }
    met
}
