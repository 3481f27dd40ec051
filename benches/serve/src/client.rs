//! The client: it asks on every connection, then reads every response, and so on.

use super::{Failed, WARM_UP};
use std::{
    io::{self, BufRead, Read, Write},
    net::{SocketAddr, TcpStream},
};

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The body of the one route, by whose last bytes a response is known to have ended.
pub(crate) const HELLO: &str = "hello";

/// Sends so many requests, twice: to warm the server up, and once a line on the standard input says so.
pub(crate) fn run(address: SocketAddr, requests: usize, connections: usize) -> Result<(), Failed> {
    let mut streams = (0..connections).map(|_| connect(address)).collect::<io::Result<Vec<_>>>()?;
    ask(&mut streams, WARM_UP)?;
    say("warm")?;
    io::stdin().lock().read_line(&mut String::new())?;
    ask(&mut streams, requests)?;
    say("done")
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn say(word: &str) -> Result<(), Failed> {
    let mut output = io::stdout().lock();
    writeln!(output, "{word}")?;
    Ok(output.flush()?)
}

fn ask(streams: &mut [TcpStream], requests: usize) -> Result<(), Failed> {
    let mut left = requests;
    while left > 0 {
        let now = left.min(streams.len());
        for stream in &mut streams[..now] {
            stream.write_all(REQUEST)?;
        }
        for stream in &mut streams[..now] {
            response(stream)?;
        }
        left -= now;
    }
    Ok(())
}

fn response(stream: &mut TcpStream) -> Result<(), Failed> {
    let mut room = [0; 4096];
    let mut filled = 0;
    loop {
        match stream.read(&mut room[filled..])? {
            0 => return Err("a response broke off".into()),
            more => filled += more,
        }
        let read = &room[..filled];
        if read.ends_with(HELLO.as_bytes()) {
            let fine = read.starts_with(b"HTTP/1.1 200 OK\r\n");
            return if fine { Ok(()) } else { Err(String::from_utf8_lossy(read).into()) };
        }
    }
}
