//! The rows, from the plain to the odd.

use super::Response;
use plimsoll_policy::{Failure, Outcome};

const fn http(status: u16, headers: &'static [super::Field]) -> Response {
    Response::new(status, headers)
}

const GRPC: super::Field = ("content-type", "application/grpc");
const PROTO: super::Field = ("content-type", "application/grpc+proto");
const WEB: super::Field = ("content-type", "application/grpc-web+proto");
const HTML: super::Field = ("content-type", "text/html");

const GOOD: Outcome = Outcome::Success;
const FAILED: Outcome = Outcome::Failure(Failure::Response);

/// Wed, 21 Oct 2015 07:28:00 GMT.
const PAST: u64 = 1_445_412_480;
/// Fri, 31 Dec 9999 23:59:59 GMT.
const FUTURE: u64 = 253_402_300_799;

/// The table.
pub const TABLE: &[Response] = &[
    // HTTP by its status.
    http(200, &[]),
    http(201, &[HTML]),
    http(204, &[]),
    http(302, &[("location", "/")]),
    http(304, &[]),
    http(400, &[]).retried_as(400),
    http(401, &[]).retried_as(401),
    http(404, &[]).retried_as(404),
    http(408, &[]).retried_as(408),
    http(425, &[]).retried_as(425),
    http(429, &[]).throttles().retried_as(429),
    http(500, &[]).fails().retried_as(500),
    http(501, &[]).fails().retried_as(501),
    http(502, &[]).fails().retried_as(502),
    http(503, &[]).fails().retried_as(503),
    http(504, &[HTML]).fails().retried_as(504),
    http(599, &[]).fails().retried_as(599),
    http(700, &[]).fails().retried_as(700),
    // Retry-After: both forms, wherever it can be the hint of a retry.
    http(503, &[("retry-after", "0")]).fails().retried_as(503).after_ms(0),
    http(503, &[("retry-after", "7")]).fails().retried_as(503).after_secs(7),
    http(503, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]).fails().retried_as(503).until(PAST),
    http(503, &[("retry-after", "Wednesday, 21-Oct-15 07:28:00 GMT")]).fails().retried_as(503).until(PAST),
    http(503, &[("retry-after", "Wed Oct 21 07:28:00 2015")]).fails().retried_as(503).until(PAST),
    http(503, &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]).fails().retried_as(503).until(FUTURE),
    http(429, &[("retry-after", "30")]).throttles().retried_as(429).after_secs(30),
    http(429, &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]).throttles().retried_as(429).until(FUTURE),
    http(413, &[("retry-after", "60")]).retried_as(413).after_secs(60),
    http(500, &[("retry-after", "60")]).fails().retried_as(500).after_secs(60),
    http(504, &[("retry-after", "60")]).fails().retried_as(504).after_secs(60),
    http(503, &[("retry-after", "99999999999999999999999")]).fails().retried_as(503).after_secs(u64::MAX),
    http(503, &[("retry-after", "soon")]).fails().retried_as(503),
    http(503, &[("retry-after", "-1")]).fails().retried_as(503),
    http(503, &[("retry-after", "+1")]).fails().retried_as(503),
    http(503, &[("retry-after", "1.5")]).fails().retried_as(503),
    http(503, &[("retry-after", "")]).fails().retried_as(503),
    http(200, &[("retry-after", "7")]),
    http(303, &[("retry-after", "7"), ("location", "/")]),
    // gRPC's fields mean nothing beside another type.
    http(200, &[("grpc-status", "14")]),
    http(200, &[("content-type", "application/grpcish"), ("grpc-status", "14")]),
    http(200, &[("content-type", "application/json"), ("grpc-status", "13")]),
    http(200, &[("content-type", "application/json")]).with_trailers(&[("grpc-status", "13")]),
    http(503, &[HTML, ("grpc-status", "0")]).fails().retried_as(503),
    http(503, &[HTML, ("grpc-retry-pushback-ms", "-1")]).fails().retried_as(503),
    // gRPC in the head: every code.
    http(200, &[GRPC, ("grpc-status", "0")]),
    http(200, &[GRPC, ("grpc-status", "1")]).outcome_is(Outcome::Cancelled),
    http(200, &[GRPC, ("grpc-status", "2")]).fails(),
    http(200, &[GRPC, ("grpc-status", "3")]),
    http(200, &[PROTO, ("grpc-status", "4")]).fails().retried_as(504),
    http(200, &[GRPC, ("grpc-status", "5")]),
    http(200, &[GRPC, ("grpc-status", "7")]),
    http(200, &[GRPC, ("grpc-status", "8")]).throttles().retried_as(429),
    http(200, &[GRPC, ("grpc-status", "9")]),
    http(200, &[GRPC, ("grpc-status", "10")]),
    http(200, &[GRPC, ("grpc-status", "12")]),
    http(200, &[GRPC, ("grpc-status", "13")]).fails(),
    http(200, &[PROTO, ("grpc-status", "14")]).fails().retried_as(503),
    http(200, &[GRPC, ("grpc-status", "15")]).fails(),
    http(200, &[GRPC, ("grpc-status", "16")]),
    http(200, &[("content-type", "Application/GRPC; charset=utf-8"), ("grpc-status", "14")])
        .fails()
        .retried_as(503),
    // What is no code is UNKNOWN.
    http(200, &[GRPC, ("grpc-status", "17")]).fails(),
    http(200, &[GRPC, ("grpc-status", "014")]).fails(),
    http(200, &[GRPC, ("grpc-status", "-1")]).fails(),
    http(200, &[GRPC, ("grpc-status", "ok")]).fails(),
    http(200, &[GRPC, ("grpc-status", "")]).fails(),
    http(200, &[GRPC, ("grpc-status", "0"), ("grpc-status", "14")]).fails(),
    // Pushback.
    http(200, &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "25")])
        .fails()
        .retried_as(503)
        .after_ms(25),
    http(200, &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "9000")])
        .fails()
        .retried_as(503)
        .after_secs(9),
    http(200, &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")]).fails(),
    http(200, &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "later")]).fails(),
    http(200, &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "2147483648")]).fails(),
    http(
        200,
        &[GRPC, ("grpc-status", "14"), ("grpc-retry-pushback-ms", "1"), ("grpc-retry-pushback-ms", "2")],
    )
    .fails(),
    http(200, &[GRPC, ("grpc-status", "8"), ("grpc-retry-pushback-ms", "25")])
        .throttles()
        .retried_as(429)
        .after_ms(25),
    http(200, &[GRPC, ("grpc-status", "8"), ("grpc-retry-pushback-ms", "-1")]).throttles(),
    http(200, &[GRPC, ("grpc-status", "13"), ("grpc-retry-pushback-ms", "0")])
        .fails()
        .retried_by_request()
        .after_ms(0),
    http(200, &[GRPC, ("grpc-status", "13"), ("grpc-retry-pushback-ms", "-1")]).fails(),
    http(200, &[GRPC, ("grpc-status", "5"), ("grpc-retry-pushback-ms", "25")]),
    http(200, &[GRPC, ("grpc-status", "14"), ("retry-after", "7")]).fails().retried_as(503),
    // The status of gRPC counts where it came, and that of HTTP where none did.
    http(503, &[GRPC, ("grpc-status", "5")]),
    http(404, &[GRPC, ("grpc-status", "14")]).fails().retried_as(503),
    http(400, &[GRPC]).fails(),
    http(401, &[GRPC]),
    http(403, &[GRPC]),
    http(404, &[GRPC]),
    http(429, &[GRPC]).fails().retried_as(503),
    http(431, &[GRPC]).fails(),
    http(500, &[GRPC]).fails(),
    http(502, &[GRPC]).fails().retried_as(503),
    http(503, &[GRPC, ("retry-after", "7")]).fails().retried_as(503).after_secs(7),
    http(503, &[GRPC, ("retry-after", "7"), ("grpc-retry-pushback-ms", "25")])
        .fails()
        .retried_as(503)
        .after_ms(25),
    http(503, &[GRPC, ("retry-after", "7"), ("grpc-retry-pushback-ms", "-1")]).fails(),
    http(504, &[GRPC]).fails().retried_as(503),
    http(302, &[GRPC, ("location", "/")]).fails(),
    // gRPC in the trailers.
    http(200, &[GRPC]).then(&[("grpc-status", "0")], GOOD),
    http(200, &[GRPC]).then(&[("grpc-status", "1")], Outcome::Cancelled),
    http(200, &[GRPC]).then(&[("grpc-status", "5")], GOOD),
    http(200, &[PROTO]).then(&[("grpc-status", "2")], FAILED),
    http(200, &[GRPC]).then(&[("grpc-status", "4")], FAILED),
    http(200, &[GRPC]).then(&[("grpc-status", "8")], Outcome::Throttled),
    http(200, &[PROTO]).then(&[("grpc-status", "13"), ("grpc-message", "broken")], FAILED),
    http(200, &[GRPC]).then(&[("grpc-status", "14")], FAILED),
    http(200, &[GRPC]).then(&[("grpc-status", "15")], FAILED),
    http(200, &[GRPC]).then(&[("grpc-status", "none")], FAILED),
    http(200, &[GRPC]).then(&[("x-sum", "1")], FAILED),
    http(200, &[GRPC]).then(&[], FAILED),
    // Trailers decide nothing once the head has.
    http(200, &[GRPC, ("grpc-status", "0")]).with_trailers(&[("grpc-status", "13")]),
    // gRPC-Web: in the head, or in a body that nobody reads.
    http(200, &[WEB, ("grpc-status", "14")]).fails().retried_as(503),
    http(200, &[WEB]),
    http(200, &[("content-type", "application/grpc-web-text")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_response_is_in_it_twice() {
        let told = |row: &Response| (row.status, row.headers, row.trailers);
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|other| told(other) != told(row)), "{row:?}");
        }
    }

    #[test]
    fn a_response_is_written_as_http() {
        let row = http(200, &[GRPC]).then(&[("grpc-status", "0")], GOOD);
        assert_eq!(
            row.to_http1(),
            "HTTP/1.1 200 Scripted\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n"
        );
        assert_eq!(http(304, &[]).to_http1(), "HTTP/1.1 304 Scripted\r\n\r\n");
    }
}
