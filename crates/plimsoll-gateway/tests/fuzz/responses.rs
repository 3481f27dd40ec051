//! Mutated responses of HTTP/1.1, and what a client is told of them.

use crate::{
    draws::Draws,
    fixture::{Fixture, Received, converse},
    mutate::{mutate, shown},
    reading::{Message, Rest, response, status},
};
use futures_util::future::join_all;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Well-formed responses; some have another one behind them that nobody has asked for. `@` is the number of the case.
const GOOD: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Case: @\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Trailer: @\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end @",
    "HTTP/1.0 200 OK\r\nX-Case: @\r\n\r\nto the end",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 204 No Content\r\nX-Case: @\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"@\"\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </@>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\nRetry-After: 1\r\n\r\nbad",
    "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Case: @\r\n\r\nno",
    "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: X-Hop\r\nX-Hop: @\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw @",
];

/// Fields that the gateway writes itself.
const OWN: &[&str] = &["via", "date", "connection", "content-length", "transfer-encoding"];

/// The bytes that an origin is to send, and whether it closes afterwards.
#[derive(Clone, Debug)]
struct Plan {
    bytes: Vec<u8>,
    cuts: Vec<usize>,
    close: bool,
}

type Plans = Arc<Mutex<HashMap<String, Plan>>>;

/// An origin that says what it is told to by `/r/…`, and is good to `/canary/…`.
async fn hostile(plans: Plans) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(respond(stream, Arc::clone(&plans)));
        }
    });
    address
}

async fn respond(mut stream: TcpStream, plans: Plans) {
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut chunk).await {
                Ok(count @ 1..) => head.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        let path = text.split(' ').nth(1).unwrap_or_default();
        let plan = plans.lock().unwrap().get(path).cloned();
        let plan =
            plan.unwrap_or_else(|| Plan { bytes: canary(path).into(), cuts: Vec::new(), close: false });
        let mut places: Vec<usize> = plan.cuts.iter().map(|cut| cut % (plan.bytes.len() + 1)).collect();
        places.extend([0, plan.bytes.len()]);
        places.sort_unstable();
        for ends in places.windows(2) {
            if stream.write_all(&plan.bytes[ends[0]..ends[1]]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        if plan.close {
            return;
        }
    }
}

fn canary(path: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
}

struct Case {
    number: u64,
    method: &'static str,
    plan: Plan,
    said: Option<Message>,
    rest: Rest,
}

impl Case {
    fn new(number: u64, draws: &mut Draws) -> Self {
        let named = |text: &&str| text.replace('@', &number.to_string()).into_bytes();
        let mut bytes = named(draws.pick(GOOD));
        for _ in 0..draws.below(7) {
            let other = named(draws.pick(GOOD));
            mutate(&mut bytes, &other, draws);
        }
        let method = *draws.pick(&["GET", "GET", "GET", "HEAD"]);
        let (said, rest, _) = response(&bytes, method.as_bytes(), true);
        // What is not whole would be waited for. A body that the end of the connection ends needs one as well.
        let open = response(&bytes, method.as_bytes(), false).0;
        let whole = open.is_some_and(|message| message.whole);
        let close = !whole || draws.one_in(3);
        // What nobody has asked for comes at once with the rest: later, it would be the response to what is asked next.
        let cuts = if rest == Rest::Nothing {
            (0..draws.below(5)).map(|_| draws.below(1 << 16)).collect()
        } else {
            Vec::new()
        };
        Self { number, method, plan: Plan { bytes, cuts, close }, said, rest }
    }

    async fn run(&self, fixture: &Fixture) -> Result<bool, String> {
        let mut stream =
            TcpStream::connect(fixture.address).await.map_err(|error| format!("no connection: {error}"))?;
        let request = format!("{} /r/{} HTTP/1.1\r\nHost: a\r\n\r\n", self.method, self.number);
        let whole = |method: &str, bytes: &[u8]| {
            response(bytes, method.as_bytes(), false).0.is_some_and(|message| message.whole)
        };
        let received =
            converse(&mut stream, request.as_bytes(), &[], |bytes| whole(self.method, bytes)).await?;
        let through = self.judge(&received)?;
        if received.ended {
            return Ok(through);
        }
        // Neither connection may have anything left of that.
        let path = format!("/canary/{}", self.number);
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let received = converse(&mut stream, request.as_bytes(), &[], |bytes| whole("GET", bytes)).await?;
        match response(&received.bytes, b"GET", received.ended).0 {
            Some(response) if response.body == path.as_bytes() || is_problem(&response) => Ok(through),
            _ => Err(format!("the next response is not its own: {}", shown(&received.bytes))),
        }
    }

    /// Checks what the client has got; says whether it is the origin's.
    fn judge(&self, received: &Received) -> Result<bool, String> {
        let got = || shown(&received.bytes);
        let (response, rest, _) = response(&received.bytes, self.method.as_bytes(), received.ended);
        let response = response.ok_or_else(|| format!("no response: {}", got()))?;
        if rest == Rest::Beyond || rest == Rest::Malformed {
            return Err(format!("more than a response: {}", got()));
        }
        if is_problem(&response) {
            return Ok(false);
        }
        let Some(said) = &self.said else { return Err(format!("a malformed head is passed on: {}", got())) };
        let strange =
            |field: &&(String, Vec<u8>)| !OWN.contains(&field.0.as_str()) && !said.fields.contains(field);
        let field = response.fields.iter().find(strange);
        if status(&response) != status(said) || field.is_some() {
            return Err(format!("another response than the origin's: {field:?} {}", got()));
        }
        let whole = response.whole && !(said.whole && said.body == response.body);
        if whole || !said.body.starts_with(&response.body) {
            return Err(format!("another body than the origin's: {}", got()));
        }
        Ok(true)
    }
}

/// Whether it is the gateway's own response.
fn is_problem(response: &Message) -> bool {
    let own = response.all("proxy-status").iter().any(|value| value.starts_with(b"plimsoll;"));
    own && status(response) >= 500
}

/// A gateway before a hostile origin.
pub(crate) struct Responses {
    plans: Plans,
    fixture: Fixture,
}

impl Responses {
    pub(crate) async fn new() -> Self {
        let plans = Plans::default();
        let address = hostile(Arc::clone(&plans)).await;
        Self { plans, fixture: Fixture::before(address) }
    }

    /// Runs the cases of this seed; says how many responses have come through.
    ///
    /// # Errors
    /// The first finding.
    pub(crate) async fn batch(&mut self, seed: u64, cases: usize) -> Result<usize, String> {
        let (mut draws, mut through) = (Draws::new(seed), 0);
        let made: Vec<Case> =
            (0..cases as u64).map(|at| Case::new(seed.wrapping_mul(cases as u64) + at, &mut draws)).collect();
        for some in made.chunks(16) {
            for case in some {
                self.plans.lock().unwrap().insert(format!("/r/{}", case.number), case.plan.clone());
            }
            let ended = join_all(some.iter().map(|case| case.run(&self.fixture))).await;
            for (case, ended) in some.iter().zip(ended) {
                through += usize::from(ended.map_err(|finding| {
                    let plan = &case.plan;
                    format!(
                        "{finding}\n{} of {:?} (close: {}): {}",
                        case.method,
                        case.rest,
                        plan.close,
                        shown(&plan.bytes)
                    )
                })?);
            }
        }
        self.fixture.settled().await?;
        self.plans.lock().unwrap().clear();
        Ok(through)
    }
}

#[test]
fn what_is_mutated_is_well_formed() {
    for text in GOOD {
        let (found, rest, _) = response(text.as_bytes(), b"GET", true);
        assert!(
            found.unwrap().whole && (rest == Rest::Nothing || text.contains("no") || text.contains("raw")),
            "{text}"
        );
    }
}
