//! Every malformed or ambiguous request of the corpus is refused for its reason, however its bytes are cut.

mod corpus;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body::Body as _;
use plimsoll_h1::server::{NextError, ServerConfig, ServerConn};
use plimsoll_h1::{BodyError, Drain, Transport};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives the pieces one read at a time, then the end of the stream.
struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    fn new(bytes: &[u8], cuts: &[usize]) -> Self {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut pieces: Vec<Vec<u8>> = cuts.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect();
        pieces.retain(|piece| !piece.is_empty());
        pieces.reverse();
        Self(pieces)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(mut piece) = self.0.pop() {
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Pieces {}

/// What reading all requests of a connection comes to: their lines and bodies, then how it ended.
fn read_all(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut conn =
            ServerConn::new(Pieces::new(bytes, cuts), Rc::new(ServerConfig::default()), &Drain::new());
        let mut seen = Vec::new();
        loop {
            let request = match conn.next_request(std::future::pending()).await {
                Ok(Some(request)) => request,
                end => {
                    seen.push(match end {
                        Ok(_) => "end".to_owned(),
                        Err(NextError::Refused(refusal)) => refusal.name().to_owned(),
                        Err(NextError::Truncated) => "truncated".to_owned(),
                        Err(error) => format!("{error:?}"),
                    });
                    return seen;
                }
            };
            seen.push(format!("{} {} {:?}", request.method(), request.uri(), request.headers()));
            let (mut body, mut data) = (request.into_body(), Vec::new());
            loop {
                match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) => data.extend_from_slice(&bytes),
                        Err(frame) => seen.push(format!("{:?}", frame.into_trailers())),
                    },
                    Some(Err(error)) => {
                        let error: BodyError = error;
                        seen.push(error.name().to_owned());
                        return seen;
                    }
                    None => break,
                }
            }
            seen.push(format!("{data:?}"));
        }
    })
}

#[test]
fn each_is_refused_for_its_reason() {
    let corpus = corpus::requests();
    assert!(corpus.len() >= 90, "{}", corpus.len());
    let wrong: Vec<String> = corpus
        .iter()
        .filter_map(|entry| {
            let seen = read_all(&entry.bytes, &[]);
            let last = seen.last().unwrap();
            (last != entry.reason).then(|| format!("{}: {last} in place of {}", entry.name, entry.reason))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = corpus::requests().iter().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_byte_at_a_time_makes_no_difference() {
    for entry in corpus::requests() {
        if entry.bytes.len() < 2_000 {
            let cuts: Vec<usize> = (0..entry.bytes.len()).collect();
            assert_eq!(read_all(&entry.bytes, &cuts), read_all(&entry.bytes, &[]), "{}", entry.name);
        }
    }
}

const GOOD: &[u8] =
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e\r\nabc\r\n2\r\nde\r\n0\r\nt: u\r\n\r\n\
GET http://x/d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";

#[test]
fn good_requests_pass() {
    let seen = read_all(GOOD, &[]);
    assert_eq!(seen.len(), 10, "{seen:#?}");
    assert_eq!(seen.last().unwrap(), "end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn cuts_make_no_difference(
        pick in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let corpus = corpus::requests();
        let entry = pick.get(&corpus);
        prop_assert_eq!(read_all(&entry.bytes, &cuts), read_all(&entry.bytes, &[]), "{}", entry.name);
    }

    #[test]
    fn cuts_make_no_difference_to_good_ones(cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        prop_assert_eq!(read_all(GOOD, &cuts), read_all(GOOD, &[]));
    }

    #[test]
    fn no_bytes_make_it_panic_or_depend_on_cuts(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        prop_assert_eq!(read_all(&bytes, &cuts), read_all(&bytes, &[]));
    }

    #[test]
    fn no_mutation_makes_it_panic_or_depend_on_cuts(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut sources: Vec<Vec<u8>> = corpus::requests().into_iter().map(|entry| entry.bytes).collect();
        sources.push(GOOD.to_vec());
        sources.retain(|bytes| bytes.len() < 2_000);
        let mut bytes = pick.get(&sources).clone();
        let length = bytes.len();
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        prop_assert_eq!(read_all(&bytes, &cuts), read_all(&bytes, &[]));
    }
}
