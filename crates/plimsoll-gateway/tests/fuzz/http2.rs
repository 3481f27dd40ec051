//! Mutated requests of HTTP/2, which go on in HTTP/1.1: in their fields, and in the bytes of their frames.

use crate::{
    draws::Draws,
    fixture::{Fixture, converse},
    frames::{
        DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block,
        frame, received,
    },
    ledger::Ledger,
    mutate::{mutate, shown},
    origins::{Origin, echoed},
    reading::{Message, canonical},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};
use tokio::net::TcpStream;

type Field = (Vec<u8>, Vec<u8>);

/// Names and values that make another message of a request in HTTP/1.1, if they are let through.
const FIELDS: &[(&str, &str)] = &[
    ("transfer-encoding", "chunked"),
    ("transfer-encoding", "identity"),
    ("connection", "keep-alive, x-case"),
    ("content-length", "0"),
    ("content-length", "5"),
    ("content-length", "5, 5"),
    ("content-length", "+5"),
    ("host", "b"),
    ("host", "a"),
    ("upgrade", "websocket"),
    ("te", "trailers"),
    ("te", "gzip"),
    ("expect", "100-continue"),
    ("x-a", "b\r\ntransfer-encoding: chunked"),
    ("x-a", "b\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("x-a", "b\nx-b: c"),
    ("x-a", "b\0c"),
    ("x-a", " b "),
    ("x-a", "b\t"),
    ("x-a\r\nx-b", "c"),
    ("x-a: b\r\nx-c", "d"),
    ("X-Upper", "b"),
    ("x a", "b"),
    ("", "b"),
    (":path", "/smuggled"),
    (":method", "GET"),
    (":authority", "b"),
    (":unknown", "b"),
    (":status", "200"),
    ("cookie", "a=b"),
    ("content_length", "9"),
    (
        "x-long",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
];

const METHODS: &[&str] =
    &["GET", "POST", "HEAD", "PUT", "OPTIONS", "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\nPOST", "G ET", ""];
const PATHS: &[&str] = &[
    "*",
    "",
    "c",
    "/c HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled",
    "/c#d",
    "/c d",
    "/%61/../c?d",
    "http://a/c",
    "/\u{7f}",
];

/// A stream of a request.
struct Stream {
    fields: Vec<Field>,
    data: Vec<Vec<u8>>,
    trailers: Option<Vec<Field>>,
    ended: bool,
}

impl Stream {
    fn new(number: u64, draws: &mut Draws) -> Self {
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        // One that is malformed can end its connection, so most are well-formed.
        let odd = draws.one_in(3);
        let method = if odd && draws.one_in(4) { *draws.pick(METHODS) } else { *draws.pick(&METHODS[..3]) };
        let path =
            if odd && draws.one_in(4) { (*draws.pick(PATHS)).to_owned() } else { format!("/h{number}") };
        let mut fields = vec![
            field(":method", method),
            field(":scheme", "http"),
            field(":authority", "a"),
            field(":path", &path),
        ];
        fields.push(field("x-case", &number.to_string()));
        let mut data: Vec<Vec<u8>> = Vec::new();
        if method != "GET" && method != "HEAD" {
            data.extend(
                (0..draws.below(3)).map(|_| b"GET /smuggled HTTP/1.1\r\n\r\n"[..draws.below(27)].to_vec()),
            );
            if draws.one_in(2) {
                let length = data.iter().map(Vec::len).sum::<usize>() + usize::from(odd && draws.one_in(4));
                fields.push(field("content-length", &length.to_string()));
            }
        }
        let mut trailers = draws.one_in(8).then(|| vec![field("x-trailer", &number.to_string())]);
        for _ in 0..if odd { draws.below(4) } else { 0 } {
            let (name, value) = *draws.pick(FIELDS);
            let list = if draws.one_in(4) { trailers.as_mut().unwrap_or(&mut fields) } else { &mut fields };
            list.insert(draws.below(list.len() + 1), field(name, value));
        }
        if odd && draws.one_in(3) {
            let at = draws.below(fields.len());
            let (name, value) = &mut fields[at];
            mutate(if draws.one_in(2) { name } else { value }, b"a: b\r\n", draws);
        }
        if odd && draws.one_in(6) {
            fields.remove(draws.below(fields.len()));
        }
        Self { fields, data, trailers, ended: !draws.one_in(10) }
    }

    fn bytes(&self, id: u32) -> Vec<u8> {
        let last = |is_last: bool| if is_last && self.ended { END_STREAM } else { 0 };
        let bodiless = self.data.is_empty() && self.trailers.is_none();
        let mut bytes = frame(HEADERS, END_HEADERS | last(bodiless), id, &block(&self.fields));
        for (at, data) in self.data.iter().enumerate() {
            let is_last = at + 1 == self.data.len() && self.trailers.is_none();
            bytes.extend(frame(DATA, last(is_last), id, data));
        }
        if let Some(trailers) = &self.trailers {
            bytes.extend(frame(HEADERS, END_HEADERS | last(true), id, &block(trailers)));
        }
        bytes
    }

    /// The request that it is, if it is one ([RFC 9113, section 8.3](https://www.rfc-editor.org/rfc/rfc9113#section-8.3)).
    fn framed(&self) -> Option<Message> {
        let regular = |list: &[Field]| {
            list.iter().filter(|(name, _)| !name.starts_with(b":")).cloned().collect::<Vec<_>>()
        };
        let pseudo = |wanted: &[u8]| {
            let mut values =
                self.fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            values.next().filter(|_| values.next().is_none())
        };
        let behind = self.fields.iter().skip_while(|(name, _)| name.starts_with(b":"));
        let mut of_pseudo = self.fields.iter().filter(|(name, _)| name.starts_with(b":"));
        let known = of_pseudo
            .all(|(name, _)| [&b":method"[..], b":scheme", b":authority", b":path"].contains(&&**name));
        if !known || behind.clone().any(|(name, _)| name.starts_with(b":")) {
            return None;
        }
        let (method, mut path) = (pseudo(b":method")?, pseudo(b":path")?);
        // h2 cuts a fragment off before the gateway can refuse it.
        path.truncate(path.iter().position(|byte| *byte == b'#').unwrap_or(path.len()));
        let mut fields = regular(&self.fields);
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let name = |name: &[u8]| {
            !name.is_empty() && name.iter().all(|byte| token(byte) && !byte.is_ascii_uppercase())
        };
        let value = |value: &[u8]| {
            value.trim_ascii() == value && !value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
        };
        let hop = [&b"transfer-encoding"[..], b"connection", b"upgrade", b"keep-alive", b"proxy-connection"];
        let malformed = |fields: &[Field]| {
            fields.iter().any(|(have, is)| !name(have) || !value(is) || hop.contains(&&**have))
        };
        if malformed(&fields) {
            return None;
        }
        // The request is on its way by the time of its trailers: malformed ones reset the stream, so that it is never whole.
        let trailers: Vec<Field> = self.trailers.iter().flat_map(|trailers| regular(trailers)).collect();
        let broken = malformed(&trailers);
        if !broken {
            fields.extend(trailers);
        }
        let shows = |byte: &u8| matches!(byte, 0x21..=0x7e | 0x80..);
        if !method.iter().all(token)
            || method.is_empty()
            || !path.starts_with(b"/") && path != b"*"
            || !path.iter().all(shows)
        {
            return None;
        }
        let body = self.data.concat();
        let mut lengths =
            self.fields.iter().filter(|(name, _)| name == b"content-length").map(|(_, value)| value);
        // In HTTP/1.1 a request ends where its length says, whether or not the stream goes on.
        let whole = match (lengths.next(), lengths.next()) {
            (None, _) => self.ended && !broken,
            (Some(length), None) => {
                std::str::from_utf8(length).is_ok_and(|text| text.parse() == Ok(body.len()))
            }
            (Some(_), Some(_)) => return None,
        };
        let text = |(name, value): Field| (String::from_utf8_lossy(&name).into_owned(), value);
        let fields = fields.into_iter().map(text).collect();
        Some(Message { start: [method, path, Vec::new()], fields, body, whole })
    }
}

fn opening() -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &0x00ff_0000_u32.to_be_bytes()));
    bytes
}

async fn connected(fixture: &Fixture) -> Result<TcpStream, String> {
    TcpStream::connect(fixture.address).await.map_err(|error| format!("no connection: {error}"))
}

/// A connection of a few streams, each of which gets its own response.
async fn run(streams: &[Stream], cuts: &[usize], fixture: &Fixture) -> Result<(), String> {
    let id = |at: usize| at as u32 * 2 + 1;
    let mut bytes = opening();
    for (at, stream) in streams.iter().enumerate() {
        bytes.extend(stream.bytes(id(at)));
    }
    let awaited: BTreeSet<u32> =
        streams.iter().enumerate().filter(|(_, stream)| stream.ended).map(|(at, _)| id(at)).collect();
    let enough = |bytes: &[u8]| {
        let frames = received(bytes);
        let over = frames.iter().filter(|frame| {
            frame.kind == RST_STREAM || frame.kind <= HEADERS && frame.flags & END_STREAM != 0
        });
        let over: BTreeSet<u32> = over.map(|frame| frame.stream).collect();
        awaited.is_subset(&over) || frames.iter().any(|frame| frame.kind == GOAWAY)
    };
    let got = converse(&mut connected(fixture).await?, &bytes, cuts, enough).await?;
    let mut bodies = BTreeMap::<u32, Vec<u8>>::new();
    for frame in received(&got.bytes).iter().filter(|frame| frame.kind == DATA) {
        bodies.entry(frame.stream).or_default().extend_from_slice(frame.payload);
    }
    for (at, stream) in streams.iter().enumerate() {
        let Some(echo) = bodies.get(&id(at)).and_then(|body| echoed(body)) else { continue };
        let own = stream.framed().is_some_and(|message| {
            message.start[0] == echo.0 && canonical(&message.start[1]) == canonical(&echo.1)
        });
        if !own {
            return Err(format!("a response to another request: {} {}", shown(&echo.0), shown(&echo.1)));
        }
    }
    Ok(())
}

/// Streams as they can be read in a report.
fn told<'s>(streams: impl IntoIterator<Item = &'s Stream>) -> String {
    let mut text = "\nThe streams were:".to_owned();
    for Stream { fields, data, trailers, ended } in streams {
        let _ = write!(text, "\nended: {ended}, data: {}", shown(&data.concat()));
        for (name, value) in fields.iter().chain(trailers.iter().flatten()) {
            let _ = write!(text, "\n  {}: {}", shown(name), shown(value));
        }
    }
    text
}

/// Gateways that speak HTTP/2 to clients: one whose origin's books are kept, and one for frames that may mean anything.
pub(crate) struct Http2 {
    origin: Origin,
    fixture: Fixture,
    ledger: Ledger,
    careless: Origin,
    other: Fixture,
}

impl Http2 {
    pub(crate) fn new() -> Self {
        let (origin, careless) = (Origin::hyper(), Origin::hyper());
        let (fixture, other) = (Fixture::before(origin.address), Fixture::before(careless.address));
        Self { origin, fixture, ledger: Ledger::default(), careless, other }
    }

    /// Runs the cases of this seed; says how many requests have come through.
    ///
    /// # Errors
    /// The first finding.
    pub(crate) async fn batch(&mut self, seed: u64, cases: usize) -> Result<usize, String> {
        let (mut draws, mut number) = (Draws::new(seed), seed.wrapping_mul(cases as u64 * 4));
        let mut all = Vec::new();
        self.ledger.turn();
        for _ in 0..cases.div_ceil(16) {
            let connections: Vec<(Vec<Stream>, Vec<usize>)> = (0..16)
                .map(|_| {
                    let streams = (0..=draws.below(3)).map(|_| {
                        number += 1;
                        Stream::new(number, &mut draws)
                    });
                    (streams.collect(), (0..draws.below(4)).map(|_| draws.below(4096)).collect())
                })
                .collect();
            let streams = connections.iter().flat_map(|(streams, _)| streams);
            streams.filter_map(Stream::framed).for_each(|message| self.ledger.framed(&message));
            let ended =
                join_all(connections.iter().map(|(streams, cuts)| run(streams, cuts, &self.fixture))).await;
            for ((streams, _), ended) in connections.iter().zip(ended) {
                ended.map_err(|finding| format!("{finding}{}", told(streams)))?;
            }
            self.frames(&connections, &mut draws).await?;
            all.extend(connections.into_iter().flat_map(|(streams, _)| streams));
        }
        self.fixture.settled().await?;
        self.other.settled().await?;
        self.careless.take();
        let read = self.origin.take();
        for message in &read {
            self.ledger.read(message).map_err(|finding| {
                let target = &message.start[1];
                let about =
                    all.iter().filter(|stream| stream.fields.iter().any(|(_, value)| value == target));
                format!("{finding}{}", told(about))
            })?;
        }
        Ok(read.len())
    }

    /// Mutated frames: whatever they mean, the gateway goes on.
    async fn frames(
        &self,
        connections: &[(Vec<Stream>, Vec<usize>)],
        draws: &mut Draws,
    ) -> Result<(), String> {
        let mutated: Vec<Vec<u8>> = connections
            .iter()
            .map(|(streams, _)| {
                let mut bytes = opening();
                for (at, stream) in streams.iter().enumerate() {
                    bytes.extend(stream.bytes(at as u32 * 2 + 1));
                }
                let other = bytes.clone();
                // Without its preface it would be HTTP/1.1.
                let mut behind = bytes.split_off(PREFACE.len());
                for _ in 0..=draws.below(6) {
                    mutate(&mut behind, &other, draws);
                }
                bytes.extend(behind);
                bytes
            })
            .collect();
        let ended = join_all(mutated.iter().map(async |bytes| {
            let mut stream = connected(&self.other).await?;
            converse(&mut stream, bytes, &[], |_| true).await.map(drop)
        }));
        for (bytes, ended) in mutated.iter().zip(ended.await) {
            ended.map_err(|finding| format!("{finding}\nThe bytes were: {}", shown(bytes)))?;
        }
        Ok(())
    }
}
