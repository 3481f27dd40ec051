use super::PATIENCE;
use bytes::Bytes;
use h2::{RecvStream, client, server};
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// Runs a conversation on a runtime of its own, within [`PATIENCE`].
pub(crate) fn converse<T>(conversation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, conversation).await.expect("waited in vain") })
}

/// Lets other tasks run until the response is there.
pub(crate) async fn until_seen<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// A client's HTTP/2 connection, by prior knowledge.
pub(crate) async fn client(address: SocketAddr) -> client::SendRequest<Bytes> {
    client_with(address, &mut client::Builder::new()).await
}

pub(crate) async fn client_with(
    address: SocketAddr,
    builder: &mut client::Builder,
) -> client::SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://a{path}")).body(()).unwrap()
}

/// A response with all of its body, and its trailers.
pub(crate) async fn whole(
    response: client::ResponseFuture,
) -> Result<(Response<Vec<u8>>, Option<HeaderMap>), h2::Error> {
    let (parts, body) = response.await?.into_parts();
    let (bytes, trailers) = read(body).await?;
    Ok((Response::from_parts(parts, bytes), trailers))
}

pub(crate) async fn read(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, body.trailers().await?))
}

/// Asks without a body.
pub(crate) async fn ask(
    sender: &mut client::SendRequest<Bytes>,
    request: Request<()>,
) -> (Response<Vec<u8>>, Option<HeaderMap>) {
    let (response, _) = sender.send_request(request, true).unwrap();
    whole(response).await.expect("a whole response")
}

/// An origin that speaks HTTP/2, driven by hand.
pub(crate) struct Http2Origin {
    listener: std::net::TcpListener,
    pub(crate) address: SocketAddr,
}

pub(crate) type Asked = (Request<RecvStream>, server::SendResponse<Bytes>);

impl Http2Origin {
    pub(crate) fn listening() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The next connection, as it comes.
    pub(crate) async fn accept_raw(&self) -> TcpStream {
        let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
        listener.accept().await.unwrap().0
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> server::Connection<TcpStream, Bytes> {
        let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        server::handshake(stream).await.unwrap()
    }
}

/// An origin that speaks HTTP/2 on a thread of its own, and gives every request to a closure. It ends with this.
pub(crate) struct Http2Serving {
    pub(crate) address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Http2Serving {
    pub(crate) fn by<F>(handler: impl Fn(Asked) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let origin = Http2Origin::listening();
        let (address, (stop, stopped)) = (origin.address, tokio::sync::oneshot::channel());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let handler = std::rc::Rc::new(handler);
            let serving = async {
                loop {
                    let (mut connection, handler) = (origin.accept().await, std::rc::Rc::clone(&handler));
                    tokio::task::spawn_local(async move {
                        while let Some(Ok(asked)) = connection.accept().await {
                            tokio::task::spawn_local(handler(asked));
                        }
                    });
                }
            };
            tokio::task::LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop) }
    }
}

impl Drop for Http2Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// The next request of a connection, which goes on meanwhile by itself.
pub(crate) async fn next(
    mut connection: server::Connection<TcpStream, Bytes>,
) -> (Asked, tokio::sync::mpsc::Receiver<Asked>) {
    let first = connection.accept().await.expect("a request").expect("a whole head");
    let (sender, more) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(Ok(asked)) = connection.accept().await {
            if sender.send(asked).await.is_err() {
                break;
            }
        }
    });
    (first, more)
}
