//! Gateways under fuzzing, and what must hold of them at any time.

use plimsoll::telemetry::{Format, Registry};
use plimsoll_gateway::{Gateway, file};
use std::{
    net::SocketAddr,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long anything may take, on the slowest of machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long more is listened for where nothing need come.
const LINGER: Duration = Duration::from_millis(3);

/// Bytes that are read at once.
const ROOM: usize = 16 * 1024;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A gateway with one worker and one upstream, every policy off that would respond in the upstream's place.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// Until it is dropped.
    gateway: Option<Gateway>,
    registry: Registry,
    pub(crate) address: SocketAddr,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // A gateway waits for its threads, which a thread of a runtime may not do; nor may that start one.
        let gateway = self.gateway.take();
        let _ = std::thread::spawn(move || drop(gateway)).join();
    }
}

impl Fixture {
    pub(crate) fn before(endpoint: SocketAddr) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // A finding is a panic of the test's own thread; the gateway's threads are named by it.
                if std::thread::current().name().is_some_and(|name| name.starts_with("plimsoll")) {
                    PANICS.fetch_add(1, Ordering::SeqCst);
                }
                usual(panic);
            }));
        });
        let text = format!(
            r#"version = 1
workers = 1
admin = "off"
listener = [{{ listen = "127.0.0.1:0" }}]
[[route]]
upstream = "origin"
policy = "p"
[upstream.origin]
endpoints = ["{endpoint}"]
ejection = "off"
[policy.p]
timeout = {{ connect = "30s", first-byte = "30s", attempt = "30s", idle = "30s", total = "30s" }}
shed = "off"
breaker = "off"
bulkhead = "off"
retry = "off"
"#
        );
        let loaded = file::parse("fuzz.toml", &text, &|_| None).unwrap_or_else(|invalid| panic!("{invalid}"));
        let starting = std::thread::spawn(move || Gateway::start(loaded.spec).unwrap());
        let gateway = starting.join().unwrap();
        let address = gateway.addresses()[0];
        Self { registry: gateway.registry().clone(), gateway: Some(gateway), address }
    }

    fn metric(&self, name: &str) -> f64 {
        let page = self.registry.render(Format::Prometheus);
        let samples = page.lines().filter_map(|line| line.strip_prefix(name));
        let samples = samples.filter(|rest| rest.starts_with(['{', ' ']));
        samples.map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Checks what must hold once all clients have gone.
    ///
    /// # Errors
    /// If the gateway has panicked, keeps connections or requests of theirs, or does not respond.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        let limit = Instant::now() + PATIENCE;
        for name in ["plimsoll_connections", "plimsoll_requests_in_flight"] {
            while self.metric(name) != 0.0 {
                if Instant::now() > limit {
                    return Err(format!("{name} stays at {}", self.metric(name)));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let panics = self.metric("plimsoll_panics_total") + PANICS.load(Ordering::SeqCst) as f64;
        if panics > 0.0 {
            return Err(format!("the gateway has panicked {panics} times"));
        }
        Ok(())
    }
}

/// The bytes that came back over a connection, and whether its end did.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: bool,
}

/// Sends bytes, cut at these places, and receives until `enough` is true of what has come, or the gateway ends the
/// connection; then for a moment longer.
///
/// # Errors
/// If nothing of that comes about.
pub(crate) async fn converse(
    stream: &mut TcpStream,
    bytes: &[u8],
    cuts: &[usize],
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Received, String> {
    let (mut reader, mut writer) = stream.split();
    let mut received = Received::default();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let sending = async {
        for ends in places.windows(2) {
            // A gateway that has heard enough reads no more.
            if writer.write_all(&bytes[ends[0]..ends[1]]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let receiving = async {
        let mut chunk = vec![0; ROOM];
        while !enough(&received.bytes) {
            let Ok(count @ 1..) = reader.read(&mut chunk).await else {
                received.ended = true;
                return;
            };
            received.bytes.extend_from_slice(&chunk[..count]);
        }
    };
    let both = async {
        let ((), ()) = tokio::join!(sending, receiving);
    };
    if timeout(PATIENCE, both).await.is_err() {
        return Err(format!("nothing more came behind {:?}", crate::mutate::shown(&received.bytes)));
    }
    let mut chunk = vec![0; ROOM];
    while !received.ended {
        match timeout(LINGER, reader.read(&mut chunk)).await {
            Ok(Ok(count @ 1..)) => received.bytes.extend_from_slice(&chunk[..count]),
            Ok(_) => received.ended = true,
            Err(_) => break,
        }
    }
    Ok(received)
}
