//! Origins, one for each route, which tell what they were asked.

use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// The names of the origins, one for each upstream of the routes.
pub(crate) const ORIGINS: [&str; 4] = ["open", "admin", "writes", "intern"];

/// An origin for each of the [`ORIGINS`], for as long as the process lives.
pub(crate) struct Origins([u16; 4]);

impl Origins {
    pub(crate) fn start() -> Result<Self> {
        let mut ports = [0; 4];
        for (route, port) in ORIGINS.into_iter().zip(&mut ports) {
            let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
            *port = listener.local_addr()?.port();
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    thread::spawn(move || serve(route, stream));
                }
            });
        }
        Ok(Self(ports))
    }

    /// Their ports, in the order of the [`ORIGINS`].
    pub(crate) fn ports(&self) -> [u16; 4] {
        self.0
    }
}

/// Responds to requests without bodies until the connection ends.
fn serve(route: &str, stream: TcpStream) {
    let Ok(mut responses) = stream.try_clone() else { return };
    let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    while let Some(first) = lines.next() {
        let first = String::from_utf8_lossy(&first).into_owned();
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut host = String::new();
        for line in lines.by_ref() {
            let line = String::from_utf8_lossy(&line).into_owned();
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("host") => {
                    value.trim().clone_into(&mut host);
                }
                Some(_) => {}
                None => break,
            }
        }
        let told = format!("{route} {method} {host} {target}");
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{told}", told.len());
        if responses.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
