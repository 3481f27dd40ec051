use super::{End, Request, Wire, until, wire::Log};
use socket2::{Domain, Socket, Type};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

/// An address of this host that nothing else of this run listens on. On Linux the whole of 127/8 is the host's own, and
/// connections going out never take a port of another address of it: a port that is given up stays free.
pub(crate) fn own_address() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST.into();
    }
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let process = (std::process::id() % 100) as u8;
    Ipv4Addr::new(127, 100 + process, high, low.wrapping_add(1)).into()
}

/// An address that refuses connections.
pub(crate) fn refused_address() -> SocketAddr {
    TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap()
}

/// An address at which connections neither come about nor are refused.
#[derive(Debug)]
pub(crate) struct Deaf {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _waiting: Vec<Socket>,
}

impl Deaf {
    /// A listener that never accepts, its queue full: Linux drops what else comes.
    pub(crate) fn new() -> Self {
        Self::on(0)
    }

    /// The same on this port of an address of its own.
    pub(crate) fn on(port: u16) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::new(own_address(), port).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let waiting = (0..4).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        });
        Self { address, _waiting: waiting.collect(), _listener: listener }
    }
}

/// An origin: every connection is given to the test by [`Origin::accept`], or to a closure on a thread of its own.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    accepted: Receiver<Wire>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    log: Log,
    streams: Mutex<Vec<TcpStream>>,
}

type Handler = dyn Fn(&Request, &mut Wire) -> Result<(), End> + Send + Sync;

impl Origin {
    /// One that the test drives by hand.
    pub(crate) fn by_hand() -> Self {
        Self::at(SocketAddr::new(own_address(), 0), None)
    }

    /// The same on this port of an address of its own.
    pub(crate) fn by_hand_on(port: u16) -> Self {
        Self::at(SocketAddr::new(own_address(), port), None)
    }

    /// One that responds to every request by what `handler` does, as long as that is `Ok`.
    pub(crate) fn serving(
        handler: impl Fn(&Request, &mut Wire) -> Result<(), End> + Send + Sync + 'static,
    ) -> Self {
        Self::at(SocketAddr::new(own_address(), 0), Some(Arc::new(handler)))
    }

    /// One that gives every request this response.
    pub(crate) fn responding(response: &'static str) -> Self {
        Self::serving(move |_, wire| wire.try_send(response).map_err(|_| End::Reset))
    }

    /// As [`Self::responding`], at an address where another was before.
    pub(crate) fn responding_at(address: SocketAddr, response: &'static str) -> Self {
        Self::at(address, Some(Arc::new(move |_, wire| wire.try_send(response).map_err(|_| End::Reset))))
    }

    fn at(address: SocketAddr, handler: Option<Arc<Handler>>) -> Self {
        let listener = until("the address is free", || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let (sender, accepted) = sync_channel(4096);
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, &sender, handler.as_ref())
        });
        Self { address, accepted, shared, thread: Some(thread) }
    }

    /// The next connection.
    #[track_caller]
    pub(crate) fn accept(&self) -> Wire {
        self.accepted.recv_timeout(super::PATIENCE).expect("a connection from the gateway")
    }

    /// The next connection, if there is one already.
    pub(crate) fn try_accept(&self) -> Option<Wire> {
        self.accepted.try_recv().ok()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests that a handler has been given so far.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Every byte that has been read so far.
    pub(crate) fn log(&self) -> Vec<u8> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Stops listening and breaks every connection: what a killed process looks like.
    pub(crate) fn kill(mut self) -> SocketAddr {
        self.stop();
        self.address
    }

    fn stop(&mut self) {
        if self.shared.stopped.swap(true, Ordering::SeqCst) {
            return;
        }
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    sender: &SyncSender<Wire>,
    handler: Option<&Arc<Handler>>,
) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let Some(handler) = handler.cloned() else {
            let wire = Wire::new(stream, Some(Arc::clone(&shared.log)));
            if sender.send(wire).is_err() {
                return;
            }
            continue;
        };
        shared.streams.lock().unwrap().push(stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut wire = Wire::new(stream, Some(Arc::clone(&shared.log)));
            wire.stream.set_read_timeout(None).unwrap();
            while let Ok(request) = wire.request() {
                shared.requests.fetch_add(1, Ordering::SeqCst);
                if handler(&request, &mut wire).is_err() {
                    break;
                }
            }
            // Dropping it closes nothing: `streams` has it too.
            let _ = wire.stream.shutdown(std::net::Shutdown::Both);
        });
    }
}

impl Wire {
    /// The next request, whole.
    #[track_caller]
    pub(crate) fn request(&mut self) -> Result<Request, End> {
        let head = self.head()?;
        let mut body = Vec::new();
        let trailers = self.body(head.request_framing(), &mut body)?;
        Ok(Request { head, body, trailers })
    }

    /// The next request, which must come.
    #[track_caller]
    pub(crate) fn expect_request(&mut self) -> Request {
        self.request().expect("a whole request")
    }

    /// A plain response with this body.
    #[track_caller]
    pub(crate) fn respond(&mut self, body: &str) {
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }
}
