//! Mutated requests of HTTP/1.1 before origins of different make.

use crate::{
    corpus,
    draws::Draws,
    fixture::{Fixture, converse},
    ledger::Ledger,
    mutate::{mutate, shown},
    origins::{Origin, echoed},
    reading::{Message, Rest, canonical, requests, response, status},
};
use futures_util::future::join_all;
use std::fmt::Write as _;
use tokio::net::TcpStream;

/// Well-formed requests, whose bodies are requests to readers that are led astray. `@` is the number of the case.
const GOOD: &[&str] = &[
    "GET /c@/1 HTTP/1.1\r\nHost: a\r\nX-Case: @\r\n\r\n",
    "GET /c@/1?q=@ HTTP/1.1\r\nHost: a\r\n\r\nGET /c@/2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /c@/3 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c@/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nX: y\r\n\
     GET /c@/2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c@/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /c@/2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c@/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     2A;x=y\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nZ: zz\r\n\r\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Trailer: t@\r\n\r\n",
    "PUT http://a/c@/%61/../1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
    "POST /c@/1 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcGET /c@/2 HTTP/1.0\r\n\r\n",
    "DELETE /c@/1 HTTP/1.1\r\nHost: a\r\nConnection: X-Case, close\r\nX-Case: @\r\nTE: trailers\r\nCookie: a=b; c=d\r\n\r\n",
    "OPTIONS /c@/1 HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\nContent-Length: 0\r\n\r\n",
    "\r\nPATCH /c@//1;p HTTP/1.1\r\nHost: A.\r\nX-Long: @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\nContent-Length: 1\r\n\r\nx",
    "GET /c@/1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 4\r\n\r\nGET ",
];

/// A case: what a client sends, and where its pieces end.
struct Case {
    bytes: Vec<u8>,
    cuts: Vec<usize>,
    framed: Vec<Message>,
    rest: Rest,
}

impl Case {
    fn new(number: u64, sources: &[Vec<u8>], draws: &mut Draws) -> Self {
        let named = |text: &[u8]| {
            let number = number.to_string();
            let mut bytes = Vec::new();
            for byte in text {
                match byte {
                    b'@' => bytes.extend_from_slice(number.as_bytes()),
                    byte => bytes.push(*byte),
                }
            }
            bytes
        };
        let mut bytes = named(draws.pick::<Vec<u8>>(sources));
        // Some stay as they are: what is well-formed must pass.
        let changes = draws.below(7);
        for _ in 0..changes {
            let other = draws.pick(sources).clone();
            mutate(&mut bytes, &other, draws);
        }
        bytes.truncate(64 << 10);
        let cuts = if draws.one_in(3) {
            (0..draws.below(6)).map(|_| draws.below(1 << 16)).collect()
        } else {
            Vec::new()
        };
        let (framed, rest) = requests(&bytes);
        Self { bytes, cuts, framed, rest }
    }

    /// Runs it, and checks what its client gets.
    async fn run(&self, fixture: &Fixture) -> Result<(), String> {
        let mut stream =
            TcpStream::connect(fixture.address).await.map_err(|error| format!("no connection: {error}"))?;
        let whole = self.framed.iter().filter(|message| message.whole).count();
        let enough = |bytes: &[u8]| responses(&self.framed, bytes, false).len() >= whole;
        let received = converse(&mut stream, &self.bytes, &self.cuts, enough).await?;
        drop(stream);
        for (request, response) in
            self.framed.iter().zip(responses(&self.framed, &received.bytes, received.ended))
        {
            let echo = response.all("x-echo");
            let Some(echo) = echo.first() else { continue };
            let echo = echoed(echo).ok_or("an echo that no origin has given")?;
            if status(&response) != 200
                || (&echo.0, canonical(&echo.1)) != (&request.start[0], canonical(&request.start[1]))
            {
                return Err(format!("a response to another request: {} {}", shown(&echo.0), shown(&echo.1)));
            }
        }
        Ok(())
    }
}

/// The whole responses in these bytes.
fn responses(requests: &[Message], bytes: &[u8], ended: bool) -> Vec<Message> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        // Behind those that were framed comes at most a refusal.
        let method = requests.get(found.len()).map_or(&b"GET"[..], |request| &request.start[0]);
        let (response, _, length) = response(&bytes[at..], method, ended);
        let Some(response) = response.filter(|response| response.whole) else { break };
        found.push(response);
        at += length;
    }
    found
}

/// Gateways before each origin, and the books.
pub(crate) struct Requests {
    pairs: Vec<(Origin, Fixture, Ledger)>,
    sources: Vec<Vec<u8>>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let origins = [Origin::hyper(), Origin::python()];
        let pairs = origins.into_iter().map(|origin| {
            let fixture = Fixture::before(origin.address);
            (origin, fixture, Ledger::default())
        });
        let mut sources: Vec<Vec<u8>> = corpus::requests().into_iter().map(|entry| entry.bytes).collect();
        sources.retain(|bytes| bytes.len() < 2_000);
        // As often as those that must be refused.
        for _ in 0..sources.len() / GOOD.len() {
            sources.extend(GOOD.iter().map(|text| text.as_bytes().to_vec()));
        }
        Self { pairs: pairs.collect(), sources }
    }

    /// Runs the cases of this seed; says how many requests have come through.
    ///
    /// # Errors
    /// The first finding.
    pub(crate) async fn batch(&mut self, seed: u64, cases: usize) -> Result<usize, String> {
        let (mut draws, mut through) = (Draws::new(seed), 0);
        for (origin, fixture, ledger) in &mut self.pairs {
            ledger.turn();
            let made: Vec<Case> = (0..cases as u64)
                .map(|at| Case::new(seed.wrapping_mul(cases as u64) + at, &self.sources, &mut draws))
                .collect();
            for case in &made {
                case.framed.iter().for_each(|message| ledger.framed(message));
            }
            for some in made.chunks(16) {
                let ended = join_all(some.iter().map(|case| case.run(fixture))).await;
                for (case, ended) in some.iter().zip(ended) {
                    ended.map_err(|finding| {
                        format!("{finding}\nin response to {:?}: {}", case.rest, shown(&case.bytes))
                    })?;
                }
            }
            // Those that name what was read, if any does.
            let told = |finding: &str, target: &[u8]| {
                let names = |case: &&Case| case.bytes.windows(target.len().max(1)).any(|part| part == target);
                let some = made.iter().any(|case| names(&case));
                let mut text = format!("before {}: {finding}\nThe cases were:", origin.name);
                for case in made.iter().filter(|case| !some || names(case)) {
                    let _ = write!(text, "\n{:?}: {}", case.rest, shown(&case.bytes));
                }
                text
            };
            fixture.settled().await.map_err(|finding| told(&finding, b""))?;
            for message in origin.take() {
                through += 1;
                ledger.read(&message).map_err(|finding| told(&finding, &message.start[1]))?;
            }
        }
        Ok(through)
    }
}

#[test]
fn what_is_mutated_is_well_formed() {
    for text in GOOD {
        let (found, rest) = requests(text.as_bytes());
        assert_eq!((found.iter().all(|message| message.whole), rest), (true, Rest::Nothing), "{text}");
    }
}
