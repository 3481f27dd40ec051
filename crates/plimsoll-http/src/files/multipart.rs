//! Several ranges in one response ([RFC 9110, section 14.6](https://www.rfc-editor.org/rfc/rfc9110#section-14.6)).

use super::ranges::Span;
use bytes::Bytes;
use http::HeaderValue;
use plimsoll_tower::driver::random_id;

/// A piece of a response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes in memory.
    Text(Bytes),
    /// Bytes of the file.
    File(Span),
}

/// A body of parts.
pub(super) struct Parts {
    pub(super) content_type: HeaderValue,
    pub(super) pieces: Vec<Piece>,
    pub(super) len: u64,
}

/// Creates a body of spans, each with its own head. The boundary is random, so that no file can contain it on purpose.
pub(super) fn parts(spans: &[Span], of: u64, content_type: &HeaderValue) -> Parts {
    assemble(&boundary(), spans, of, content_type)
}

fn assemble(boundary: &str, spans: &[Span], of: u64, content_type: &HeaderValue) -> Parts {
    let mut pieces = Vec::with_capacity(spans.len() * 2 + 1);
    let mut len = 0;
    for (at, span) in spans.iter().enumerate() {
        let line = if at == 0 { "--" } else { "\r\n--" };
        let mut head = Vec::with_capacity(160);
        head.extend_from_slice(line.as_bytes());
        head.extend_from_slice(boundary.as_bytes());
        head.extend_from_slice(b"\r\nContent-Type: ");
        head.extend_from_slice(content_type.as_bytes());
        head.extend_from_slice(b"\r\nContent-Range: ");
        head.extend_from_slice(content_range(*span, of).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        len += head.len() as u64 + (span.end - span.start);
        pieces.push(Piece::Text(Bytes::from(head)));
        pieces.push(Piece::File(*span));
    }
    let tail = format!("\r\n--{boundary}--\r\n");
    len += tail.len() as u64;
    pieces.push(Piece::Text(Bytes::from(tail)));
    let value = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}"));
    // Letters and digits: always a value.
    let content_type = value.unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"));
    Parts { content_type, pieces, len }
}

/// Writes it as in `Content-Range`.
pub(super) fn content_range(span: Span, of: u64) -> String {
    format!("bytes {}-{}/{of}", span.start, span.end - 1)
}

fn boundary() -> String {
    format!("{:032x}", random_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_as_the_rfc_writes_them() {
        let spans = [Span { start: 500, end: 1000 }, Span { start: 7000, end: 8000 }];
        let parts = assemble("SEP", &spans, 8000, &HeaderValue::from_static("application/pdf"));
        assert_eq!(parts.content_type, "multipart/byteranges; boundary=SEP");
        let text: Vec<String> = parts
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Piece::File(span) => format!("[{} bytes]", span.end - span.start),
            })
            .collect();
        assert_eq!(
            text.concat(),
            "--SEP\r\nContent-Type: application/pdf\r\nContent-Range: bytes 500-999/8000\r\n\r\n[500 bytes]\
             \r\n--SEP\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/8000\r\n\r\n[1000 bytes]\
             \r\n--SEP--\r\n"
        );
        let texts: usize =
            parts.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 }).sum();
        assert_eq!(parts.len, texts as u64 + 1500);
    }

    #[test]
    fn no_two_boundaries_are_alike() {
        assert_ne!(boundary(), boundary());
        assert_eq!(boundary().len(), 32);
    }
}
