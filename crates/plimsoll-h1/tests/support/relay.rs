//! The response of an upstream, relayed to a client by the engine.

use super::{
    message::{Message, Messages, Noted},
    pieces::{Cuts, Pieces},
};
use plimsoll_h1::{
    Drain,
    client::{ClientConn, ClientResponse, Outbound, SendErrorKind},
    server::{self, Received, RespondErrorKind, ServerConn},
};
use std::{future::pending, rc::Rc};

/// The outcome for one response.
#[derive(PartialEq, Eq, Debug)]
pub struct Relayed {
    /// The response as the engine read it; `None` if its head was refused.
    pub message: Option<Message>,
    /// `whole`, or the name of an error.
    pub end: String,
    /// The bytes that the client was sent.
    pub downstream: Vec<u8>,
    /// The client's connection ends in a reset.
    pub reset: bool,
}

/// Relays the response in `bytes` to the client that sent `request`.
pub fn relay(bytes: &[u8], request: &[u8], cuts: &Cuts) -> Relayed {
    let messages = Messages::default();
    let (io, wire) = Pieces::new(request, &Cuts::none());
    let end = super::run(async {
        let mut conn = ServerConn::new(io, Rc::default(), &Drain::new());
        let request = conn.next_request(pending()).await.expect("a request").expect("a request");
        let Received { head, body } = request;
        let outbound = Outbound::new(&head.method, "/", &head.fields);
        let upstream = ClientConn::new(Pieces::responding(bytes, cuts).0, Rc::default(), None);
        let (head, body) = match upstream.send(outbound, body, &mut ()).await.map_err(|error| error.kind) {
            Ok(ClientResponse::Response { head, body }) => (head, body),
            Ok(ClientResponse::Upgraded { .. }) => panic!("nobody offered an upgrade"),
            Err(SendErrorKind::Malformed(error)) => return error.name(),
            Err(SendErrorKind::Closed(_)) => return "closed",
            Err(SendErrorKind::Truncated) => return "truncated-head",
            Err(kind) => panic!("{kind:?}"),
        };
        messages.borrow_mut().push(Message::of_response(head.status, &head.fields.to_map(0)));
        let body = Noted::new(body, &messages);
        let outbound = server::Outbound::new(head.status, head.fields);
        match conn.relay(outbound, body).await.map_err(|error| error.kind) {
            Ok(_) => "whole",
            Err(RespondErrorKind::Body(error)) => error.name(),
            Err(kind) => panic!("{kind:?}"),
        }
    });
    let reset = wire.is_reset();
    Relayed { message: messages.take().pop(), end: end.to_owned(), downstream: wire.take(), reset }
}
