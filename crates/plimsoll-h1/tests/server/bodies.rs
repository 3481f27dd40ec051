//! The life of a response's body.

use crate::support::{next, pipe, poll_once};
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use std::{
    cell::Cell,
    convert::Infallible,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A body of one piece, which tells when it is dropped.
struct Noted(Option<Bytes>, Rc<Cell<bool>>);

impl Body for Noted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.set(true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_lives_until_the_client_has_taken_it_and_not_until_the_request_has_ended() {
    let (mut conn, mut client) = pipe(1024);
    // The request's own body has not come, and its end is waited for behind the response.
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    let request = next(&mut conn).await;
    let gone = Rc::new(Cell::new(false));
    let body = Noted(Some(Bytes::from(vec![b'x'; 64 * 1024])), Rc::clone(&gone));
    let mut responding = pin!(conn.respond(Response::new(body)));
    assert!(poll_once(responding.as_mut()).is_pending());
    assert!(!gone.get(), "its only piece has been read, and the client has taken none of it");
    let mut taken = 0;
    let mut buffer = vec![0; 1024];
    while taken < 64 * 1024 {
        tokio::select! {
            biased;
            read = client.read(&mut buffer) => taken += read.unwrap(),
            _ = &mut responding => panic!("the request has not ended"),
        }
    }
    // The last write goes out, and then the request's end is waited for, which takes longer than this.
    tokio::select! {
        _ = &mut responding => panic!("the request has not ended"),
        () = tokio::time::sleep(Duration::from_millis(1)) => {}
    }
    assert!(gone.get());
    drop(request);
}
