//! Responses of upstreams.

/// Responses that pass.
pub(crate) const GOOD_RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\n\r\nuntil the end",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"a\"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: t\r\n\r\n1\r\na\r\n0\r\nt: u\r\nHost: no\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nX-Latin: caf\xe9\r\nContent-Length: 0\r\n\r\n",
];

/// Responses that do not, each with the name of its error.
pub(crate) const BAD_RESPONSES: &[(&[u8], &str)] = &[
    (b"", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated-head"),
    (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "bare-lf"),
    (b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 1\r\n\r\nx", "bare-lf"),
    (b"ICY 200 OK\r\n\r\n", "status-line"),
    (b"HTTP/1.1  200 OK\r\n\r\n", "status-line"),
    (b"HTTP/1.1 99 x\r\n\r\n", "status-line"),
    (b"HTTP/1.1 600 x\r\n\r\n", "status-line"),
    (b"HTTP/2.0 200 OK\r\n\r\n", "status-line"),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "status-line"),
    (b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "field"),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "field"),
    (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "field"),
    (b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", "field"),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "framing",
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "framing"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx", "framing"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx", "framing"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "framing"),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "framing"),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n", "unasked-upgrade"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "truncated"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "truncated"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", "chunk-size"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "chunk-line-end"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "chunk-line-end"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;\x01\r\nabc\r\n0\r\n\r\n", "chunk-extension"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nt : u\r\n\r\n", "trailer"),
];

/// The bytes of every response, good and bad.
pub(crate) fn all_responses() -> Vec<Vec<u8>> {
    let bad = BAD_RESPONSES.iter().map(|(bytes, _)| bytes.to_vec());
    GOOD_RESPONSES.iter().map(|bytes| bytes.to_vec()).chain(bad).collect()
}
