use super::{ByteLimit, DecodeError};
use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use std::pin::pin;
use thiserror::Error;

/// The most room that is allocated for a declared length. More is allocated only as bytes come.
const ON_WORD: u64 = 64 << 10;

/// The error of collecting a body.
#[derive(Debug, Error)]
pub enum ReadError<E> {
    /// It is larger than the limit.
    #[error("the body has more than {} bytes", .0.get())]
    TooLarge(ByteLimit),
    /// It broke off.
    #[error("the body broke off")]
    Body(#[source] E),
}

impl<E> From<ReadError<E>> for crate::Problem
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// 413, or 400 if the body broke off: then no client reads the response.
    fn from(error: ReadError<E>) -> Self {
        match error {
            ReadError::TooLarge(limit) => DecodeError::TooLarge { limit }.into(),
            ReadError::Body(error) => {
                Self::new(crate::Kind::BadRequest).detail("the body broke off").because(error)
            }
        }
    }
}

/// Collects a body up to a limit.
///
/// A body whose declared length is larger is not read at all; of others at most the limit and one frame are held. A body in
/// one piece is not copied.
///
/// # Cancel safety
/// Dropping it loses the read bytes.
pub async fn collect<B: Body>(body: B, limit: ByteLimit) -> Result<Bytes, ReadError<B::Error>> {
    let mut body = pin!(body);
    let expected = body.size_hint().lower();
    if expected > limit.get() as u64 {
        return Err(ReadError::TooLarge(limit));
    }
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(ReadError::Body)?.into_data() else { continue };
        let held = whole.len() + joined.len();
        if data.remaining() > limit.get() - held {
            return Err(ReadError::TooLarge(limit));
        }
        if held == 0 {
            whole = data.copy_to_bytes(data.remaining());
            continue;
        }
        if joined.is_empty() {
            joined.reserve(expected.min(ON_WORD).max(2 * whole.len() as u64) as usize);
            joined.extend_from_slice(&std::mem::take(&mut whole));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            joined.extend_from_slice(chunk);
            data.advance(chunk.len());
        }
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::{Frame, SizeHint};
    use http_body_util::{Full, StreamBody};
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    fn limit(bytes: usize) -> ByteLimit {
        ByteLimit::new(bytes).unwrap()
    }

    fn pieces(count: usize, polled: &AtomicUsize) -> impl Body<Data = Bytes, Error = Infallible> + use<'_> {
        StreamBody::new(futures_util::stream::iter((0..count).map(|_| {
            polled.fetch_add(1, Relaxed);
            Ok(Frame::data(Bytes::from_static(b"0123456789")))
        })))
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let sent = Bytes::from_static(b"ahoy");
        let got = collect(Full::new(sent.clone()), limit(4)).await.unwrap();
        assert_eq!(got.as_ptr(), sent.as_ptr());
        assert!(matches!(collect(Full::new(sent), limit(3)).await, Err(ReadError::TooLarge(_))));
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit_and_no_further() {
        let polled = AtomicUsize::new(0);
        assert_eq!(collect(pieces(3, &polled), limit(30)).await.unwrap(), "012345678901234567890123456789");
        polled.store(0, Relaxed);
        assert!(matches!(collect(pieces(10_000_000, &polled), limit(25)).await, Err(ReadError::TooLarge(_))));
        assert_eq!(polled.load(Relaxed), 3);
    }

    struct Announced;

    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            unreachable!("a body that announces too much is not read");
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(100 << 20)
        }
    }

    #[tokio::test]
    async fn what_announces_too_much_is_not_read() {
        assert!(matches!(collect(Announced, ByteLimit::DEFAULT).await, Err(ReadError::TooLarge(_))));
    }
}
