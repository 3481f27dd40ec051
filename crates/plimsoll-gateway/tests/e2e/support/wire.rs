use super::{
    PATIENCE,
    message::{Framing, Head},
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// How a peer's side of a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// In good order.
    Closed,
    /// By a reset.
    Reset,
}

/// Everything that was ever received, whoever reads it.
pub(crate) type Log = Arc<Mutex<Vec<u8>>>;

/// One end of a connection, read and written byte by byte.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    log: Option<Log>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, log: Option<Log>) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, read: Vec::new(), log }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the peer takes it");
    }

    /// As [`Self::send`], to a peer that may have gone.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Ends this side; the other may still send.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Reads once; 0 at the end.
    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(count) => {
                    self.read.extend_from_slice(&chunk[..count]);
                    if let Some(log) = &self.log {
                        log.lock().unwrap().extend_from_slice(&chunk[..count]);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads once more, or says how the peer ended.
    #[track_caller]
    fn more(&mut self) -> Result<(), End> {
        match self.fill() {
            Ok(1..) => Ok(()),
            Ok(_) => Err(End::Closed),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Err(End::Reset)
            }
            Err(error) => {
                panic!("waited in vain ({error}) after {:?}", String::from_utf8_lossy(&self.read))
            }
        }
    }

    /// Whether nothing comes for a moment. Proves nothing about later: for what would have come at once.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if !self.read.is_empty() {
            return false;
        }
        self.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let quiet = matches!(self.fill(), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        quiet
    }

    /// Exactly so many bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.read.len() < count {
            self.more()?;
        }
        Ok(self.read.drain(..count).collect())
    }

    /// Up to and with `end`.
    #[track_caller]
    pub(crate) fn take_to(&mut self, end: &[u8]) -> Result<Vec<u8>, End> {
        let mut from = 0;
        loop {
            let found = self.read[from..].windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                return Ok(self.read.drain(..from + at + end.len()).collect());
            }
            from = self.read.len().saturating_sub(end.len() - 1);
            self.more()?;
        }
    }

    /// A whole head; an error if the peer ends before.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Result<Head, End> {
        self.take_to(b"\r\n\r\n").map(|bytes| Head::parse(&bytes))
    }

    /// A body of this framing, and its trailers. Bytes that came before the peer broke off are in `into`.
    #[track_caller]
    pub(crate) fn body(
        &mut self,
        framing: Framing,
        into: &mut Vec<u8>,
    ) -> Result<Vec<(String, String)>, End> {
        match framing {
            Framing::None => {}
            Framing::Length(length) => {
                while into.len() < length {
                    if self.read.is_empty() {
                        self.more()?;
                    }
                    let here = self.read.len().min(length - into.len());
                    into.extend(self.read.drain(..here));
                }
            }
            Framing::Chunked => loop {
                let line = self.take_to(b"\r\n")?;
                let digits = std::str::from_utf8(&line[..line.len() - 2]).expect("a size");
                let size = usize::from_str_radix(digits, 16).expect("a size and nothing else");
                if size == 0 {
                    let mut trailers = Vec::new();
                    loop {
                        let line = self.take_to(b"\r\n")?;
                        if line == b"\r\n" {
                            return Ok(trailers);
                        }
                        trailers.push(super::message::field(&line[..line.len() - 2]));
                    }
                }
                let mut chunk = Vec::new();
                let ended = self.body(Framing::Length(size), &mut chunk);
                into.extend(chunk);
                ended?;
                assert_eq!(self.take(2)?, b"\r\n", "a chunk ends where it says");
            },
            Framing::UntilClose => loop {
                into.append(&mut self.read);
                match self.more() {
                    Ok(()) => {}
                    Err(End::Closed) => break,
                    Err(End::Reset) => return Err(End::Reset),
                }
            },
        }
        Ok(Vec::new())
    }

    /// Everything to the end, and how that came.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.more() {
                return (std::mem::take(&mut self.read), end);
            }
        }
    }

    /// Waits for the peer's end, before which nothing more may come.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> End {
        let (rest, end) = self.rest();
        assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
        end
    }
}
