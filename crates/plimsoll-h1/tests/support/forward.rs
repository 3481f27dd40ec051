//! Requests of a client, forwarded to an upstream by the engine.

use super::{
    message::{Message, Messages, Noted},
    pieces::{Cuts, Pieces},
};
use http::Response;
use plimsoll_h1::{
    Drain, Incoming,
    client::{ClientConn, Outbound, SendErrorKind},
    server::{Next, NextError, Received, ServerConn},
};
use std::{future::pending, rc::Rc};

/// The outcome for all requests of a connection.
#[derive(PartialEq, Eq, Debug)]
pub struct Forwarded {
    /// The requests as the engine read them.
    pub messages: Vec<Message>,
    /// The end of the connection: `end`, `close`, or the name of an error.
    pub end: String,
    /// The bytes that the upstream was sent.
    pub upstream: Vec<u8>,
}

/// Forwards every request in `bytes`, one after the other, to an upstream that responds with nothing.
pub fn forward(bytes: &[u8], cuts: &Cuts) -> Forwarded {
    let messages = Messages::default();
    let mut upstream = Vec::new();
    let end = super::run(async {
        let mut conn = ServerConn::new(Pieces::new(bytes, cuts).0, Rc::default(), &Drain::new());
        loop {
            let request = match conn.next_request(pending()).await {
                Ok(Some(request)) => request,
                Ok(None) => return "end",
                Err(NextError::Refused(error)) => return error.name(),
                Err(NextError::Truncated) => return "truncated",
                Err(NextError::Http2Preface) => return "http2",
                Err(error) => panic!("{error:?}"),
            };
            let (sent, bytes) = pass_on(request, &messages, cuts).await;
            upstream.extend(bytes);
            if let Err(name) = sent {
                return name;
            }
            match conn.respond(Response::new(Incoming::empty())).await {
                Ok(sent) if sent.next == Next::Request => {}
                Ok(_) => return "close",
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    Forwarded { messages: messages.take(), end: end.to_owned(), upstream }
}

/// Passes one request on; the error is the name of what was wrong with its body.
async fn pass_on(request: Received, messages: &Messages, cuts: &Cuts) -> (Result<(), &'static str>, Vec<u8>) {
    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let Received { head, body } = request;
    messages.borrow_mut().push(Message::of_request(&head.method, &head.uri, &head.fields.to_map(0)));
    let body = Noted::new(body, messages);
    let (io, wire) = Pieces::responding(RESPONSE, cuts);
    let target = head.uri.to_string();
    let outbound = Outbound::new(&head.method, &target, &head.fields);
    let sent = ClientConn::new(io, Rc::default(), None).send(outbound, body, &mut ()).await;
    let sent = match sent.map_err(|error| error.kind) {
        Ok(_) => Ok(()),
        Err(SendErrorKind::Body(error)) => Err(error.name()),
        Err(kind) => panic!("{kind:?}"),
    };
    (sent, wire.take())
}
