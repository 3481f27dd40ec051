//! Large bodies flow through: memory stays flat. A process of its own, since its memory is what is measured.
#![cfg(target_os = "linux")]

use bytes::Bytes;
use plimsoll_gateway::{Gateway, file};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::JoinHandle,
};

const BODY: u64 = 300 << 20;
const MOST_GROWTH: u64 = 64 << 20;
const CHUNK: usize = 64 * 1024;

/// A line of `/proc/self/status` in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kibibytes: u64 = line.trim_matches([':', '\t', ' ']).split(' ').next().unwrap().parse().unwrap();
    kibibytes * 1024
}

#[derive(Clone, Copy)]
enum Framing {
    Length,
    Chunked,
}

impl Framing {
    fn field(self) -> String {
        match self {
            Self::Length => format!("Content-Length: {BODY}"),
            Self::Chunked => "Transfer-Encoding: chunked".to_owned(),
        }
    }

    fn send(self, to: &mut impl Write) {
        let data = vec![b'x'; CHUNK];
        for _ in 0..BODY / CHUNK as u64 {
            if matches!(self, Self::Chunked) {
                write!(to, "{CHUNK:x}\r\n").unwrap();
            }
            to.write_all(&data).unwrap();
            if matches!(self, Self::Chunked) {
                to.write_all(b"\r\n").unwrap();
            }
        }
        if matches!(self, Self::Chunked) {
            to.write_all(b"0\r\n\r\n").unwrap();
        }
    }

    /// Reads a head and a body of this framing; gives the body's length.
    fn read(self, from: &mut impl BufRead) -> u64 {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(from.read_line(&mut line).unwrap() > 0, "a whole head");
        }
        match self {
            Self::Length => std::io::copy(&mut from.take(BODY), &mut std::io::sink()).unwrap(),
            Self::Chunked => {
                let mut all = 0;
                loop {
                    line.clear();
                    from.read_line(&mut line).unwrap();
                    let size = u64::from_str_radix(line.trim_end(), 16).unwrap();
                    all += std::io::copy(&mut from.take(size), &mut std::io::sink()).unwrap();
                    line.clear();
                    from.read_line(&mut line).unwrap();
                    assert_eq!(line, "\r\n");
                    if size == 0 {
                        return all;
                    }
                }
            }
        }
    }
}

/// Takes one large request and gives one large response for each framing.
fn origin(framings: &[Framing]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let framings = framings.to_vec();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::with_capacity(CHUNK, stream.try_clone().unwrap());
        for framing in framings {
            assert_eq!(framing.read(&mut reader), BODY);
            write!(stream, "HTTP/1.1 200 OK\r\n{}\r\n\r\n", framing.field()).unwrap();
            framing.send(&mut stream);
        }
    });
    (address, thread)
}

fn text(endpoint: SocketAddr) -> String {
    format!(
        "version = 1\nworkers = 1\nadmin = \"off\"\n[[listener]]\nlisten = \"127.0.0.1:0\"\n[[route]]\nupstream = \"o\"\n\
         policy = \"p\"\n[upstream.o]\nendpoints = [\"{endpoint}\"]\n[policy.p]\ntimeout = \"off\"\n"
    )
}

/// Sends and takes as much over HTTP/2.
fn by_http2(address: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let window = 1 << 20;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(window);
        let (mut sender, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        tokio::spawn(connection);
        let data = Bytes::from(vec![b'x'; CHUNK]);
        sender = sender.ready().await.unwrap();
        let request = http::Request::put("http://a/").body(()).unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        let mut left = BODY;
        while left > 0 {
            body.reserve_capacity(CHUNK);
            let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await.unwrap().unwrap();
            let part = data.slice(..room.min(CHUNK).min(left as usize));
            left -= part.len() as u64;
            body.send_data(part, left == 0).unwrap();
        }
        let mut response = response.await.unwrap().into_body();
        let mut all = 0;
        while let Some(part) = response.data().await {
            let part = part.unwrap();
            response.flow_control().release_capacity(part.len()).unwrap();
            all += part.len() as u64;
        }
        assert_eq!(all, BODY);
    });
}

#[test]
fn three_hundred_megabytes_each_way_take_less_than_64() {
    let framings = [Framing::Length, Framing::Chunked];
    let (endpoint, served) = origin(&framings);
    let gateway = Gateway::start(file::parse("test.toml", &text(endpoint), &|_| None).unwrap().spec).unwrap();
    let mut stream = TcpStream::connect(gateway.addresses()[0]).unwrap();
    let mut reader = BufReader::with_capacity(CHUNK, stream.try_clone().unwrap());
    let before = status("VmRSS");
    for framing in framings {
        write!(stream, "PUT / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", framing.field()).unwrap();
        framing.send(&mut stream);
        assert_eq!(framing.read(&mut reader), BODY);
    }
    served.join().unwrap();
    let (endpoint, served) = origin(&[Framing::Chunked]);
    gateway.reload(file::parse("test.toml", &text(endpoint), &|_| None).unwrap().spec).unwrap();
    by_http2(gateway.addresses()[0]);
    served.join().unwrap();
    // The highest it has ever been, this process's own clients and origins included.
    let growth = status("VmHWM").saturating_sub(before);
    assert!(growth < MOST_GROWTH, "grew by {} MiB", growth >> 20);
}
