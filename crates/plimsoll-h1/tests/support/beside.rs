//! hyper's reading of the same bytes.

use super::{
    message::{self, Message, Messages},
    pieces::{Cuts, Pieces},
};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use hyper::{
    body::Incoming, client::conn::http1 as client, server::conn::http1 as server, service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, rc::Rc};

/// Reads all requests of a connection as a server.
pub fn requests(bytes: &[u8]) -> Vec<Message> {
    let messages = Messages::default();
    let service = service_fn(|request: Request<Incoming>| {
        let messages = Rc::clone(&messages);
        async move {
            let (head, body) = request.into_parts();
            messages.borrow_mut().push(Message::of_request(&head.method, &head.uri, &head.headers));
            message::read(body, &messages).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let io = TokioIo::new(Pieces::new(bytes, &Cuts::none()).0);
    // The end of the connection shows in the messages.
    let _ = super::run(
        server::Builder::new().half_close(true).header_read_timeout(None).serve_connection(io, service),
    );
    messages.take()
}

/// Reads the response to a `method` request as a client; `None` if there is none.
pub fn response(bytes: &[u8], method: Method) -> Option<Message> {
    let messages = Messages::default();
    super::run(async {
        let io = TokioIo::new(Pieces::responding(bytes, &Cuts::none()).0);
        let (mut sender, connection) = client::handshake(io).await.expect("nothing is sent yet");
        let exchange = async {
            let mut request = Request::new(Empty::<Bytes>::new());
            *request.method_mut() = method;
            let Ok(response) = sender.send_request(request).await else { return };
            let (head, body) = response.into_parts();
            messages.borrow_mut().push(Message::of_response(head.status, &head.headers));
            message::read(body, &messages).await;
        };
        // The end of the connection shows in the message.
        let _ = tokio::join!(connection, exchange);
    });
    messages.take().pop()
}
