//! Moves of a large body from socket to socket inside the kernel.
//!
//! Every byte of a body is copied twice when it passes through this process. `splice` moves the pages through a pipe
//! instead. It pays off from about a hundred kilobytes on; below that, the first read has most of the body anyway.

use http_body::Body;
use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
pub use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub use other::Pipe;

/// The least length in bytes of a body that is spliced.
pub(crate) const LEAST: u64 = 128 * 1024;

/// A body that can move its bytes into a [`Pipe`] without reading them.
///
/// Implemented by [`Incoming`](crate::Incoming). A wrapper that only observes its body passes the call on, as it does with
/// `poll_frame`; a wrapper that must see the bytes returns `None`.
pub trait Splice: Body {
    /// Moves some bytes into `pipe`, which is empty, and returns how many. `None`: not now, poll for a frame.
    ///
    /// After an error the next frame polled is an error, too. Cancel safe: moved bytes are in the pipe.
    fn poll_splice(
        self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<Option<Result<u64, Self::Error>>>;

    /// Looks at the body's own limits while its reader takes nothing and it is not read: ready with the error that ends it.
    ///
    /// A body without limits is never ready.
    fn poll_expired(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Error> {
        let _ = cx;
        Poll::Pending
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::pipe::{PipeFlags, SpliceFlags};
    use std::{
        cell::{Cell, RefCell},
        io,
        os::fd::OwnedFd,
        task::{Context, Poll, ready},
    };
    use tokio::{io::Interest, net::TcpStream};

    /// The size of a pipe in bytes: for few large bodies at a time as large as a user may have it by default, so that
    /// each takes few system calls; else so small that the pipes of many fit the limit of one user, and that what is in
    /// them is still in the processor's cache.
    const LARGE: usize = 1024 * 1024;
    const SMALL: usize = 256 * 1024;
    /// The bytes from which on a body is large: those of 1 MiB cost a fifth more through large pipes.
    const LARGE_BODY: u64 = 8 * 1024 * 1024;
    /// The large pipes of a thread, and the pipes that it keeps for later bodies.
    const FEW: usize = 4;

    thread_local! {
        /// Small and large ones.
        static POOL: RefCell<[Vec<Pipe>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
        /// How many large pipes there are.
        static LARGE_ONES: Cell<usize> = const { Cell::new(0) };
    }

    /// The count of a large pipe, as long as it exists.
    #[derive(Debug)]
    struct LargeOne;

    impl LargeOne {
        fn take() -> Option<Self> {
            let count = LARGE_ONES.try_with(Cell::get).ok().filter(|count| *count < FEW)?;
            LARGE_ONES.set(count + 1);
            Some(Self)
        }
    }

    impl Drop for LargeOne {
        fn drop(&mut self) {
            // The count is gone only while the thread ends.
            let _ = LARGE_ONES.try_with(|count| count.set(count.get() - 1));
        }
    }

    /// A kernel pipe that holds bytes on their way from one socket to another.
    #[derive(Debug)]
    pub struct Pipe {
        read: OwnedFd,
        write: OwnedFd,
        held: usize,
        /// The most bytes that are moved in at once.
        bound: usize,
        large: Option<LargeOne>,
    }

    impl Pipe {
        /// Returns an empty pipe for a body of so many bytes; `None` if the process may not have another.
        pub(crate) fn take(body: u64) -> Option<Self> {
            let kept = |is_large| {
                POOL.try_with(|pool| pool.borrow_mut()[usize::from(is_large)].pop()).ok().flatten()
            };
            let is_large = body >= LARGE_BODY;
            if let Some(pipe) = kept(is_large) {
                return Some(pipe);
            }
            let large = if is_large { LargeOne::take() } else { None };
            if is_large
                && large.is_none()
                && let Some(pipe) = kept(false)
            {
                return Some(pipe);
            }
            let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // A smaller one works as well: the pipes of one user have a common limit, too.
            let large = large.filter(|_| rustix::pipe::fcntl_setpipe_size(&write, LARGE).is_ok());
            if large.is_none() {
                let _ = rustix::pipe::fcntl_setpipe_size(&write, SMALL);
            }
            Some(Self { read, write, held: 0, bound: LARGE, large })
        }

        /// The size in bytes.
        fn room(&self) -> usize {
            if self.large.is_some() { LARGE } else { SMALL }
        }

        /// Keeps the pipe for later. One that holds bytes is closed: they belong to a body that broke off.
        pub(crate) fn give(self) {
            if self.held == 0 {
                let _ = POOL.try_with(|pool| {
                    let pool = &mut pool.borrow_mut()[usize::from(self.large.is_some())];
                    if pool.len() < FEW {
                        pool.push(self);
                    }
                });
            }
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.held == 0
        }

        /// Bounds the bytes that are moved in at once, in addition to the pipe's own size.
        pub(crate) fn bound(&mut self, bytes: u64) {
            self.bound = usize::try_from(bytes).unwrap_or(LARGE).max(1);
        }

        /// Moves at most `most` bytes out of `socket`; 0 is the stream's end. The pipe must be empty, so that a wait can
        /// only be for the socket.
        pub(crate) fn poll_in(
            &mut self,
            socket: &TcpStream,
            most: u64,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<usize>> {
            let most = usize::try_from(most).unwrap_or(LARGE).min(self.bound).min(self.room());
            loop {
                ready!(socket.poll_read_ready(cx))?;
                let moved = socket.try_io(Interest::READABLE, || {
                    Ok(rustix::pipe::splice(socket, None, &self.write, None, most, FLAGS)?)
                });
                match moved {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    moved => {
                        self.held += moved.as_ref().map_or(0, |count| *count);
                        return Poll::Ready(moved);
                    }
                }
            }
        }

        /// Moves the held bytes into `socket`, as far as it accepts them.
        pub(crate) fn poll_out(
            &mut self,
            socket: &TcpStream,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<usize>> {
            loop {
                ready!(socket.poll_write_ready(cx))?;
                let moved = socket.try_io(Interest::WRITABLE, || {
                    Ok(rustix::pipe::splice(&self.read, None, socket, None, self.held, FLAGS)?)
                });
                match moved {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    moved => {
                        self.held -= moved.as_ref().map_or(0, |count| *count);
                        return Poll::Ready(moved);
                    }
                }
            }
        }
    }

    const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn no_more_is_moved_at_once_than_the_turn_has() {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (near, far) =
                tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
            let (near, far) = (near.unwrap().0, far.unwrap());
            far.writable().await.unwrap();
            assert_eq!(far.try_write(&[7; 1000]).unwrap(), 1000);
            let mut pipe = Pipe::take(1000).unwrap();
            for (bound, moved) in [(100, 100), (0, 1), (2000, 899)] {
                pipe.bound(bound);
                let most = u64::MAX;
                let count = std::future::poll_fn(|cx| pipe.poll_in(&near, most, cx)).await.unwrap();
                assert_eq!(count, moved);
                // What one user's pipes may hold together is not this test's matter.
                pipe.held = 0;
            }
        }

        #[test]
        fn few_pipes_are_large_and_one_that_goes_makes_room() {
            assert_eq!(Pipe::take(LARGE_BODY - 1).unwrap().room(), SMALL);
            let mut pipes: Vec<Pipe> = (0..=FEW).map(|_| Pipe::take(LARGE_BODY).unwrap()).collect();
            let large = pipes.iter().filter(|pipe| pipe.room() == LARGE).count();
            // A user that is not trusted may have none.
            assert!(large == FEW || large == 0, "{large}");
            assert_eq!(pipes.pop().unwrap().room(), SMALL);
            drop(pipes);
            assert_eq!(LARGE_ONES.get(), 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{
        io,
        task::{Context, Poll},
    };
    use tokio::net::TcpStream;

    /// A pipe that does not exist: this system cannot move bytes from socket to socket.
    #[derive(Debug)]
    pub struct Pipe(std::convert::Infallible);

    impl Pipe {
        pub(crate) fn take(_: u64) -> Option<Self> {
            None
        }

        pub(crate) fn give(self) {
            match self.0 {}
        }

        pub(crate) fn is_empty(&self) -> bool {
            match self.0 {}
        }

        pub(crate) fn bound(&mut self, _: u64) {
            match self.0 {}
        }

        pub(crate) fn poll_in(
            &mut self,
            _: &TcpStream,
            _: u64,
            _: &mut Context<'_>,
        ) -> Poll<io::Result<usize>> {
            match self.0 {}
        }

        pub(crate) fn poll_out(&mut self, _: &TcpStream, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
            match self.0 {}
        }
    }
}
