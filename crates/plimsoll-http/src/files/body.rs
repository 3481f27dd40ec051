use super::{
    buffers::{Buffer, Buffers, CHUNK},
    multipart::Piece,
    open::OpenFile,
    root::Miss,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::task::JoinHandle;

/// The bytes read without yielding: about a tenth of a millisecond of work.
const TURN: u64 = 1 << 20;

/// The bytes of read-ahead requested from the kernel once a reader has caught up with the disk.
const AHEAD: u64 = 1 << 20;

type Boxed = Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>> + Send>>;

/// The body of a response with a file: read on demand, a chunk at a time.
///
/// Memory: one chunk of 128 KiB, and the unwritten ones of the connection (hyper: about 400 KiB in all). Dropping it
/// half-way closes its file, at once or after the read in progress.
///
/// Bytes in the page cache are read in place; others by the runtime's blocking pool, with read-ahead by the kernel. So
/// [`poll_frame`](Body::poll_frame) must run inside a Tokio runtime.
pub struct FileBody {
    inner: Inner,
}

enum Inner {
    Whole(Bytes),
    Pieces(Box<Pieces>),
    Stream(Boxed),
}

/// The reason why a body broke off. The connection is then closed, or the HTTP/2 stream reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file has become shorter than it was when the response began.
    #[error("the file was truncated while it was sent")]
    Truncated,
    /// The file was changed while it was sent, other than by appending.
    #[error("the file was changed while it was sent")]
    Changed,
    /// The system could not read it.
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    /// The stream behind a [`Download`](super::Download) failed.
    #[error("the stream failed")]
    Stream(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The remaining pieces.
struct Pieces {
    file: Arc<OpenFile>,
    buffers: Arc<Buffers>,
    /// In reverse: the next one last.
    left: Vec<Piece>,
    len: u64,
    /// A chunk that the blocking pool reads.
    reading: Option<JoinHandle<(Buffer, io::Result<usize>)>>,
    since_turn: u64,
}

impl FileBody {
    pub(super) const fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    pub(super) const fn whole(bytes: Bytes) -> Self {
        Self { inner: Inner::Whole(bytes) }
    }

    /// Creates a body of these pieces; `len` is the sum of their lengths.
    pub(super) fn pieces(file: OpenFile, buffers: Arc<Buffers>, mut left: Vec<Piece>, len: u64) -> Self {
        left.reverse();
        let pieces = Pieces { file: Arc::new(file), buffers, left, len, reading: None, since_turn: 0 };
        Self { inner: Inner::Pieces(Box::new(pieces)) }
    }

    pub(super) fn stream(body: Boxed) -> Self {
        Self { inner: Inner::Stream(body) }
    }
}

impl From<Bytes> for FileBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl fmt::Debug for FileBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = self.size_hint();
        f.debug_struct("FileBody").field("left", &hint.exact()).finish_non_exhaustive()
    }
}

impl Pieces {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FileError>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let (buffer, read) = match ready!(Pin::new(reading).poll(cx)) {
                    Ok(read) => read,
                    Err(error) => return Poll::Ready(Some(Err(FileError::Read(io::Error::other(error))))),
                };
                self.reading = None;
                return Poll::Ready(Some(
                    read.map_err(FileError::Read).and_then(|read| self.read(buffer, read)),
                ));
            }
            let (at, end) = match self.left.last_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Text(text)) => {
                    let text = std::mem::take(text);
                    self.left.pop();
                    self.len -= text.len() as u64;
                    return Poll::Ready(Some(Ok(text)));
                }
                Some(Piece::File(span)) => (span.start, span.end),
            };
            if self.since_turn >= TURN {
                self.since_turn = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let mut buffer = self.buffers.take();
            match self.file.read_cached(buffer.room(want), at) {
                Ok(read) => return Poll::Ready(Some(self.read(buffer, read))),
                Err(Miss::Cold) => self.reading = Some(self.read_elsewhere(buffer, at, end, want)),
                Err(Miss::Absent) => return Poll::Ready(Some(Err(FileError::Truncated))),
                Err(Miss::Failed(error)) => return Poll::Ready(Some(Err(FileError::Read(error)))),
            }
        }
    }

    fn read_elsewhere(
        &self,
        mut buffer: Buffer,
        at: u64,
        end: u64,
        want: usize,
    ) -> JoinHandle<(Buffer, io::Result<usize>)> {
        let file = Arc::clone(&self.file);
        tokio::task::spawn_blocking(move || {
            let next = at + want as u64;
            file.fetch(next, end.saturating_sub(next).min(AHEAD));
            let read = file.read(buffer.room(want), at);
            (buffer, read)
        })
    }

    /// Takes `read` bytes of the current piece from the buffer.
    fn read(&mut self, buffer: Buffer, read: usize) -> Result<Bytes, FileError> {
        let Some(Piece::File(span)) = self.left.last_mut() else { return Err(FileError::Truncated) };
        if read == 0 {
            return Err(FileError::Truncated);
        }
        span.start += read as u64;
        if span.start >= span.end {
            self.left.pop();
        }
        self.len -= read as u64;
        self.since_turn += read as u64;
        if self.left.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            self.check_unchanged()?;
        }
        Ok(buffer.into_bytes(read))
    }

    /// Checks the file before its last bytes are sent, after which the client takes them for one state of the file.
    fn check_unchanged(&self) -> Result<(), FileError> {
        let (then, now) = (self.file.seen(), self.file.now().map_err(FileError::Read)?);
        if now.len < then.len {
            return Err(FileError::Truncated);
        }
        // A growing log is unchanged up to the declared length.
        if now.len == then.len && now.modified != then.modified {
            return Err(FileError::Changed);
        }
        Ok(())
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = FileError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FileError>>> {
        match &mut self.get_mut().inner {
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Pieces(pieces) => {
                let next = ready!(pieces.poll_next(cx));
                if matches!(next, Some(Err(_))) {
                    // Nothing follows an error.
                    pieces.left.clear();
                }
                Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
            }
            Inner::Stream(body) => body.as_mut().poll_frame(cx).map_err(FileError::Stream),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Pieces(pieces) => pieces.left.is_empty() && pieces.reading.is_none(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Pieces(pieces) => SizeHint::with_exact(pieces.len),
            Inner::Stream(body) => body.size_hint(),
        }
    }
}
