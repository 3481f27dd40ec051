use super::{ledger::status, show::Activity};
use crate::{
    VirtualTime,
    script::{BodyEnd, BodyPlan, End, Script},
    upstream::Requests,
};
use plimsoll_driver::TimeSource;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A server on its own port that responds to attempts by their script. The path of a request names its call: `/3`.
/// One connection serves one request. Gone when dropped.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    time: VirtualTime,
    activity: Activity,
    /// Of each call, how many attempts have come.
    asked: Vec<AtomicUsize>,
}

impl Origin {
    /// Listens on the loopback address.
    ///
    /// # Errors
    /// If no port is to be had.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped before its end, nothing has been started.
    pub async fn start(script: &Script, time: &VirtualTime, activity: &Activity) -> io::Result<Self> {
        let asked = script.calls.iter().map(|_| AtomicUsize::new(0)).collect();
        let (script, time, activity) = (script.clone(), time.clone(), activity.clone());
        Self::listen(Arc::new(Shared { script, time, activity, asked })).await
    }

    /// Another endpoint of the same server: at either, a call's attempts are served in their order.
    ///
    /// # Errors
    /// If no port is to be had.
    ///
    /// # Cancel safety
    /// As [`Origin::start`].
    pub async fn twin(&self) -> io::Result<Self> {
        Self::listen(Arc::clone(&self.shared)).await
    }

    async fn listen(shared: Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let served = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            // They end with the origin: what they wait for may never come.
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                // The client may have gone: that ends the connection.
                serving.spawn(async move { serve(stream, &shared).await.ok() });
            }
        });
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    shared.activity.note();
    let head = Requests::new(&mut stream).next().await?;
    let began = shared.time.now();
    shared.activity.note();
    let path = head.as_deref().and_then(|head| head.split(' ').nth(1));
    let call: Option<usize> = path.and_then(|path| path.trim_start_matches('/').parse().ok());
    let Some((call, plan)) = call.and_then(|call| Some((call, shared.script.calls.get(call)?))) else {
        return Ok(());
    };
    let plan = plan.attempt(shared.asked[call].fetch_add(1, SeqCst));
    let Some((at, end)) = plan.end else { return hang(stream).await };
    shared.time.sleep_until(began + at).await;
    shared.activity.note();
    match end {
        End::Whole(_) => stream.set_zero_linger(),
        End::Head(settlement, body) => response(stream, status(&settlement), &body, shared).await,
    }
}

/// Until the other side has gone.
async fn hang(mut stream: TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

/// A byte for each piece, and one for the end.
async fn response(mut stream: TcpStream, status: u16, body: &BodyPlan, shared: &Shared) -> io::Result<()> {
    let whole = body.is_whole();
    let length = if whole { 0 } else { body.pieces.len() + 1 };
    let head = format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.set_nodelay(true)?;
    stream.write_all(head.as_bytes()).await?;
    if whole {
        return stream.shutdown().await;
    }
    let start = shared.time.now();
    for (at, _) in &body.pieces {
        shared.time.sleep_until(start + *at).await;
        shared.activity.note();
        stream.write_all(b".").await?;
    }
    let Some((at, end)) = &body.end else { return hang(stream).await };
    shared.time.sleep_until(start + *at).await;
    shared.activity.note();
    if *end == BodyEnd::Broken {
        return stream.set_zero_linger();
    }
    stream.write_all(b".").await?;
    stream.shutdown().await
}
