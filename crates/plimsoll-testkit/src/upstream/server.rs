use super::{Fault, exchange::serve};
use parking_lot::Mutex;
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};

/// So many connections are served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 256;

type Script = Box<dyn FnMut(usize) -> Fault + Send>;

struct Shared {
    script: Mutex<Script>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A TCP server on a port of its own that does to each connection what its script says. It is gone, with all its
/// connections, when dropped.
///
/// ```
/// use plimsoll_testkit::{Fault, FaultyUpstream};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// // The first connection is reset, those after it are served well.
/// let upstream = FaultyUpstream::start(|connection| match connection {
///     0 => Fault::Reset,
///     _ => Fault::Healthy("hello".into()),
/// })
/// .await?;
/// for expected in ["", "hello"] {
///     let mut stream = tokio::net::TcpStream::connect(upstream.address()).await?;
///     stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
///     let mut response = vec![0; 512];
///     let length = stream.read(&mut response).await.unwrap_or(0);
///     assert!(String::from_utf8_lossy(&response[..length]).ends_with(expected));
/// }
/// assert_eq!((upstream.connections(), upstream.requests()), (2, 2));
/// # Ok(()) }
/// ```
pub struct FaultyUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl FaultyUpstream {
    /// Listens on the loopback address. `script` says of each connection, numbered from 0, what is done to it.
    ///
    /// # Errors
    /// If no port is to be had.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped before its end, nothing has been started.
    pub async fn start(script: impl FnMut(usize) -> Fault + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// The same fault for every connection.
    ///
    /// # Errors
    /// If no port is to be had.
    ///
    /// # Cancel safety
    /// As [`FaultyUpstream::start`].
    pub async fn always(fault: Fault) -> io::Result<Self> {
        Self::start(move |_| fault.clone()).await
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    /// Requests read to their end so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Relaxed)
    }

    /// Sets the script for future connections.
    pub fn script(&self, script: impl FnMut(usize) -> Fault + Send + 'static) {
        *self.shared.script.lock() = Box::new(script);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut serving = JoinSet::new();
    loop {
        while serving.try_join_next().is_some() {}
        if serving.len() >= CONNECTIONS {
            serving.join_next().await;
        }
        // A connection that is gone before it is accepted is no reason to stop.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let number = shared.connections.fetch_add(1, Relaxed);
        let fault = (shared.script.lock())(number);
        let shared = Arc::clone(&shared);
        serving.spawn(async move {
            // The other side may break off what is broken on purpose.
            let _broken_off = serve(stream, fault, &shared.requests).await;
        });
    }
}

impl Drop for FaultyUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for FaultyUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyUpstream").field("address", &self.address).finish_non_exhaustive()
    }
}

/// An address that refuses connections for as long as this lives: its port is taken, and nobody listens there.
#[derive(Debug)]
pub struct Refusing {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Refusing {
    /// Takes a port of the loopback address.
    ///
    /// # Errors
    /// If no port is to be had.
    pub fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}
