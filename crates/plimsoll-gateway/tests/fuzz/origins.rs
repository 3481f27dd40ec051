//! Origins of different make, which tell what they have read.

use crate::reading::Message;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    convert::Infallible,
    fmt::Write as _,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tokio::{net::TcpListener, task::spawn_local};

/// The messages that an origin has read since the last look.
type Log = Arc<Mutex<Vec<Message>>>;

/// An origin that responds to each request with its method and target, in hexadecimal digits.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    log: Log,
    child: Option<Child>,
}

impl Origin {
    /// Takes the messages that it has read since the last look.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// An origin on hyper.
    pub(crate) fn hyper() -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let (address, log) = (socket.local_addr().unwrap(), Log::default());
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let listener = TcpListener::from_std(socket).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let log = Arc::clone(&kept);
                    let service = service_fn(move |request| respond(request, Arc::clone(&log)));
                    spawn_local(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service),
                    );
                }
            });
        });
        Self { name: "hyper", address, log, child: None }
    }

    /// An origin on Python's `http.server`.
    pub(crate) fn python() -> Self {
        let mut child = Command::new("python3")
            .args(["-u", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/origin.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        let log = Log::default();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(told(&serde_json::from_str(&line).unwrap()));
            }
        });
        Self { name: "http.server", address: ([127, 0, 0, 1], port).into(), log, child: Some(child) }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns an origin's response to this request.
pub(crate) fn echo(method: &[u8], target: &[u8]) -> String {
    let mut text = String::new();
    for byte in method {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('-');
    for byte in target {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The method and the target that an origin has responded to.
pub(crate) fn echoed(echo: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (method, target) = std::str::from_utf8(echo).ok()?.split_once('-')?;
    Some((unhex(method)?, unhex(target)?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(std::str::from_utf8);
    digits.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

/// A line of the Python origin's.
fn told(line: &Value) -> Message {
    let bytes = |value: &Value| unhex(value.as_str().unwrap()).unwrap();
    let field = |field: &Value| (field[0].as_str().unwrap().to_owned(), bytes(&field[1]));
    Message {
        start: [bytes(&line["method"]), bytes(&line["target"]), Vec::new()],
        fields: line["fields"].as_array().unwrap().iter().map(field).collect(),
        body: bytes(&line["body"]),
        whole: line["whole"].as_bool().unwrap(),
    }
}

async fn respond(request: Request<Incoming>, log: Log) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, mut body) = request.into_parts();
    let target = parts.uri.to_string();
    let mut message = Message {
        start: [parts.method.as_str().into(), target.into(), Vec::new()],
        fields: listed(&parts.headers),
        body: Vec::new(),
        whole: true,
    };
    let mut data = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => data.extend_from_slice(&bytes),
            Ok(Err(frame)) => {
                message.fields.extend(frame.into_trailers().iter().flat_map(listed));
            }
            Err(_) => message.whole = false,
        }
    }
    message.body = data.to_vec();
    let said = echo(&message.start[0], &message.start[1]);
    log.lock().unwrap().push(message);
    let response = Response::builder().header("x-echo", &said).header(header::CONTENT_LENGTH, said.len());
    Ok(response.body(Full::from(said)).unwrap())
}

fn listed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
