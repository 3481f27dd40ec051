//! The plain text of an upstream response, for use in a problem.

use super::{
    exchange::{Exchange, PanicSite},
    foreign::media_type,
    panics::caught,
};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use std::{
    borrow::Cow,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// The text of the response that a problem replaces.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UpstreamText(String);

impl UpstreamText {
    pub(super) const fn new(upstream_text: String) -> Self {
        Self(upstream_text)
    }
}

/// The most bytes of a response's text that go to the log, or to the caller if that is enabled.
const MOST_TEXT: usize = 512;

/// The most bytes of a body that are read. Compressed text is shorter than the text.
const MOST_READ: usize = 8 * 1024;

/// Returns a short plain-text body if it is there without waiting, decompressed where a layer inside compressed it.
pub(super) fn read<B: Body<Data = Bytes>>(
    headers: &HeaderMap,
    body: B,
    exchange: &Exchange,
) -> Option<String> {
    let plain = media_type(headers).is_some_and(|of| of.eq_ignore_ascii_case("text/plain"));
    let coding = Coding::from_headers(headers);
    let read = || {
        // Foreign code as well: it is dropped where its panic is caught.
        let body = body;
        match coding {
            Some(coding) if plain => coding.text(&ready(body)),
            _ => None,
        }
    };
    let text = caught(read).unwrap_or_else(|panicked| {
        exchange.panicked_late(PanicSite::Body, &panicked);
        None
    })?;
    let line: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Returns the beginning of a body that is ready, without waiting, so the waker does nothing.
fn ready<B: Body<Data = Bytes>>(body: B) -> Vec<u8> {
    let mut body = pin!(body);
    let mut read = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while read.len() < MOST_READ
        && let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx)
    {
        let Ok(data) = frame.into_data() else { break };
        read.extend_from_slice(&data[..data.len().min(MOST_READ - read.len())]);
    }
    read
}

/// The compression of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    Identity,
    #[cfg(feature = "server")]
    Gzip,
    #[cfg(feature = "server")]
    Deflate,
    #[cfg(feature = "server")]
    Brotli,
    #[cfg(feature = "server")]
    Zstd,
}

impl Coding {
    /// `None` for one that is not known here, or several.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(http::header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Some(Self::Identity) };
        let value = value.to_str().ok().filter(|_| values.next().is_none())?.trim();
        match value {
            _ if value.eq_ignore_ascii_case("identity") => Some(Self::Identity),
            #[cfg(feature = "server")]
            _ if value.eq_ignore_ascii_case("gzip") => Some(Self::Gzip),
            #[cfg(feature = "server")]
            _ if value.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            #[cfg(feature = "server")]
            _ if value.eq_ignore_ascii_case("br") => Some(Self::Brotli),
            #[cfg(feature = "server")]
            _ if value.eq_ignore_ascii_case("zstd") => Some(Self::Zstd),
            _ => None,
        }
    }

    fn text(self, packed: &[u8]) -> Option<String> {
        let unpacked: Cow<'_, [u8]> = match self {
            Self::Identity => packed.into(),
            #[cfg(feature = "server")]
            packer => unpacked(packer, packed).into(),
        };
        let chunk = &unpacked[..unpacked.len().min(MOST_TEXT)];
        let text = match std::str::from_utf8(chunk) {
            Ok(text) => text,
            // Cut within a character, or no text at all.
            Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default(),
        };
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The first bytes of the text: a packed one that grows without end costs no more than these. Of what is broken, as
/// much as came before the break.
#[cfg(feature = "server")]
fn unpacked(coding: Coding, packed: &[u8]) -> Vec<u8> {
    use std::io::Read;

    fn first(mut reader: impl Read) -> Vec<u8> {
        let mut text = vec![0; MOST_TEXT];
        let mut filled = 0;
        while let Ok(more @ 1..) = reader.read(&mut text[filled..]) {
            filled += more;
        }
        text.truncate(filled);
        text
    }

    match coding {
        Coding::Identity => packed.to_vec(),
        Coding::Gzip => first(flate2::read::GzDecoder::new(packed)),
        Coding::Deflate => first(flate2::read::ZlibDecoder::new(packed)),
        Coding::Brotli => first(brotli_decompressor::Decompressor::new(packed, MOST_TEXT)),
        Coding::Zstd => ruzstd::decoding::StreamingDecoder::new(packed).map(first).unwrap_or_default(),
    }
}
