use super::{ClientResponse, End, Head, Wire};
use socket2::{Domain, Socket, Type};
use std::{
    net::{IpAddr, SocketAddr},
    ops::{Deref, DerefMut},
};

/// A client of the gateway.
#[derive(Debug)]
pub(crate) struct Client(Wire);

impl Deref for Client {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.0
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.0
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self(Wire::new(std::net::TcpStream::connect(address).expect("the gateway listens"), None))
    }

    /// From this address of the host, with a small receive buffer where `narrow`.
    pub(crate) fn connect_from(address: SocketAddr, from: Option<IpAddr>, narrow: bool) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        if narrow {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        if let Some(from) = from {
            socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        }
        socket.connect(&address.into()).expect("the gateway listens");
        Self(Wire::new(socket.into(), None))
    }

    pub(crate) fn into_wire(self) -> Wire {
        self.0
    }

    /// The next final response, whole. Interim responses before it are skipped.
    #[track_caller]
    pub(crate) fn response(&mut self) -> ClientResponse {
        self.response_to("GET")
    }

    #[track_caller]
    pub(crate) fn response_to(&mut self, method: &str) -> ClientResponse {
        self.try_response(method)
            .unwrap_or_else(|(end, got)| panic!("no whole response: {end:?} after {got:?}"))
    }

    /// The next final response, or how it broke off and what there was of it.
    #[track_caller]
    pub(crate) fn try_response(
        &mut self,
        method: &str,
    ) -> Result<ClientResponse, (End, Option<ClientResponse>)> {
        let head = loop {
            let head = self.head().map_err(|end| (end, None))?;
            if head.status() >= 200 {
                break head;
            }
        };
        let framing = head.response_framing(method);
        let mut response = ClientResponse { head, body: Vec::new(), trailers: Vec::new() };
        match self.0.body(framing, &mut response.body) {
            Ok(trailers) => {
                response.trailers = trailers;
                Ok(response)
            }
            Err(end) => Err((end, Some(response))),
        }
    }

    /// A response that must break off within its body; gives the part there was.
    #[track_caller]
    pub(crate) fn broken_response(&mut self) -> Vec<u8> {
        match self.try_response("GET") {
            Err((_, Some(response))) => response.body,
            other => panic!("no response that breaks off within its body: {other:?}"),
        }
    }

    /// An interim response.
    #[track_caller]
    pub(crate) fn interim(&mut self) -> Head {
        let head = self.head().expect("an interim response");
        assert!(head.status() < 200, "{head:?}");
        head
    }

    /// Sends and gives the response.
    #[track_caller]
    pub(crate) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> ClientResponse {
        self.send(bytes);
        self.response()
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> ClientResponse {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    #[track_caller]
    pub(crate) fn response_to_head(&mut self, path: &str) -> ClientResponse {
        self.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        self.response_to("HEAD")
    }

    /// Asks for this over `origin`, a kept connection of the gateway's: what arrived there.
    #[track_caller]
    pub(crate) fn get_by(&mut self, origin: &mut Wire, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let target = origin.expect_request().target().to_owned();
        origin.respond("ok");
        assert_eq!(self.response().text(), "ok");
        target
    }
}
