use super::GrpcCode;
use http::StatusCode;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $name:literal, $status:ident, $grpc:ident, $title:literal;)*) => {
        /// The kinds of problems, one name each wherever it shows: the response's `type`, `Proxy-Status`, metrics, logs.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name: what follows `urn:plimsoll:problem:`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// A short sentence that is the same for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// The status it has over HTTP.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// The code it has over gRPC.
            pub const fn grpc(self) -> GrpcCode {
                match self { $(Self::$kind => GrpcCode::$grpc,)* }
            }
        }
    };
}

kinds! {
    /// The request could not be understood in one way only.
    BadRequest = "bad-request", BAD_REQUEST, Internal, "The request is malformed";
    /// A request that may not be done twice came without an `Idempotency-Key`.
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, InvalidArgument, "An Idempotency-Key is required here";
    /// The `Idempotency-Key` is malformed, too long, or there are two.
    IdempotencyKeyInvalid = "idempotency-key-invalid", BAD_REQUEST, InvalidArgument, "The Idempotency-Key is not valid";
    /// It is not known who asks.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, Unauthenticated, "Who asks is not known";
    /// It is known who asks, and the response is no.
    Forbidden = "forbidden", FORBIDDEN, PermissionDenied, "This is not allowed";
    /// No route takes it.
    NoRoute = "no-route", NOT_FOUND, Unimplemented, "Nothing is served here";
    /// There is nothing of that name.
    NotFound = "not-found", NOT_FOUND, NotFound, "There is no such thing";
    /// The method is not for this resource.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, Unimplemented, "The method is not allowed here";
    /// There is no representation that the client takes.
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, InvalidArgument, "No format on offer is acceptable to the client";
    /// The request did not come in time.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, DeadlineExceeded, "The request took too long to arrive";
    /// It cannot be done as things stand.
    Conflict = "conflict", CONFLICT, Aborted, "The request conflicts with the present state";
    /// A request with the same `Idempotency-Key` is under way.
    IdempotencyKeyInFlight = "idempotency-key-in-flight", CONFLICT, Aborted, "A request with this Idempotency-Key is under way";
    /// There was such a thing, and it will not come back.
    Gone = "gone", GONE, NotFound, "This is gone";
    /// The body's length must be said beforehand.
    LengthRequired = "length-required", LENGTH_REQUIRED, InvalidArgument, "The length of the body is required";
    /// A condition of the request does not hold.
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, FailedPrecondition, "A condition of the request does not hold";
    /// The body is larger than is taken.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, ResourceExhausted, "The body is too large";
    /// The target is longer than is taken.
    UriTooLong = "uri-too-long", URI_TOO_LONG, ResourceExhausted, "The request target is too long";
    /// The body is in no format that is understood.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, InvalidArgument, "The format of the body is not supported";
    /// No part of the range is there.
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE, OutOfRange, "The range is not there";
    /// The client's expectation cannot be met here.
    ExpectationFailed = "expectation-failed", EXPECTATION_FAILED, FailedPrecondition, "The expectation cannot be met";
    /// The request came to a server that does not speak for its host.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, FailedPrecondition, "The request was sent to the wrong server";
    /// The content is valid, and not acceptable.
    Unprocessable = "unprocessable", UNPROCESSABLE_ENTITY, InvalidArgument, "The content cannot be processed";
    /// Another request came with the same `Idempotency-Key` before.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, InvalidArgument, "The Idempotency-Key was used for another request";
    /// Somebody else holds it.
    Locked = "locked", LOCKED, FailedPrecondition, "This is locked";
    /// It came as early data, which may be a replay.
    TooEarly = "too-early", TOO_EARLY, FailedPrecondition, "Send it again once the connection is established";
    /// Another protocol is to be used.
    UpgradeRequired = "upgrade-required", UPGRADE_REQUIRED, FailedPrecondition, "Another protocol is required";
    /// The request must be made conditional.
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, FailedPrecondition, "The request must be conditional";
    /// The rate is used up.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, ResourceExhausted, "Too many requests";
    /// The head is larger than is taken.
    HeadTooLarge = "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, ResourceExhausted, "The request head is too large";
    /// Something of ours went wrong.
    Internal = "internal", INTERNAL_SERVER_ERROR, Internal, "Something went wrong";
    /// The requested feature is not offered.
    NotImplemented = "not-implemented", NOT_IMPLEMENTED, Unimplemented, "This is not supported";
    /// No connection to the upstream came about.
    UpstreamUnreachable = "upstream-unreachable", BAD_GATEWAY, Unavailable, "The upstream could not be reached";
    /// The connection to the upstream broke, or what it sent made no sense.
    UpstreamBroken = "upstream-broken", BAD_GATEWAY, Unavailable, "The upstream's answer was broken";
    /// The head of the upstream's answer, or what follows its body, is larger than is taken, or too many interim answers
    /// come before it.
    UpstreamHeadTooLarge = "upstream-head-too-large", BAD_GATEWAY, ResourceExhausted, "The head of the upstream's answer is too large";
    /// Not now, and nothing more is said.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, Unavailable, "The service is not available now";
    /// The breaker is open.
    CircuitOpen = "circuit-open", SERVICE_UNAVAILABLE, Unavailable, "The upstream is failing and is left alone for now";
    /// Taken out by hand.
    Isolated = "isolated", SERVICE_UNAVAILABLE, Unavailable, "The upstream has been taken out of service";
    /// In flight and waiting are both full, or the wait was too long.
    BulkheadFull = "bulkhead-full", SERVICE_UNAVAILABLE, Unavailable, "Too many requests are under way";
    /// The adaptive limit is reached.
    ConcurrencyLimited = "concurrency-limited", SERVICE_UNAVAILABLE, Unavailable, "The upstream takes no more at once";
    /// Queues have been standing for too long.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, Unavailable, "The service is overloaded";
    /// The upstream turns so much away that asking is waste.
    Throttled = "throttled", SERVICE_UNAVAILABLE, Unavailable, "The upstream is turning requests away";
    /// No endpoint is fit to be asked.
    NoEndpoint = "no-endpoint", SERVICE_UNAVAILABLE, Unavailable, "No endpoint is available";
    /// The service is going down.
    Draining = "draining", SERVICE_UNAVAILABLE, Unavailable, "The service is shutting down";
    /// The upstream did not answer within the limits of an attempt.
    AttemptTimeout = "attempt-timeout", GATEWAY_TIMEOUT, DeadlineExceeded, "The upstream did not answer in time";
    /// The time for the whole call is over.
    DeadlineExceeded = "deadline-exceeded", GATEWAY_TIMEOUT, DeadlineExceeded, "The deadline has passed";
    /// The version of HTTP is not spoken here.
    VersionNotSupported = "version-not-supported", HTTP_VERSION_NOT_SUPPORTED, Internal, "This version of HTTP is not supported";
}

impl Kind {
    /// The kind that a bare status stands for: [`Kind::BadRequest`] or, from 500 on, [`Kind::Internal`] for one that has
    /// no kind of its own.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            // Where several kinds share a status, the one that says least.
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::UNPROCESSABLE_ENTITY => Self::Unprocessable,
            StatusCode::BAD_GATEWAY => Self::UpstreamBroken,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Self::AttemptTimeout,
            _ => {
                let rest = if status.is_server_error() { Self::Internal } else { Self::BadRequest };
                Self::ALL.iter().copied().find(|kind| kind.status() == status).unwrap_or(rest)
            }
        }
    }

    /// Whether it says "not now": a limit did its work, and the caller may come back.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::CircuitOpen
                | Self::Isolated
                | Self::BulkheadFull
                | Self::ConcurrencyLimited
                | Self::Overloaded
                | Self::Throttled
                | Self::NoEndpoint
                | Self::Unavailable
                | Self::Draining
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_distinct_and_plain() {
        let names: HashSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[test]
    fn every_kind_is_an_error_everywhere() {
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
            assert_ne!(kind.grpc().number(), 0, "{kind:?}");
        }
    }

    #[test]
    fn a_status_leads_to_a_kind_of_that_status() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_status(kind.status()).status(), kind.status(), "{kind:?}");
        }
        assert_eq!(Kind::of_status(StatusCode::BAD_REQUEST), Kind::BadRequest);
        assert_eq!(Kind::of_status(StatusCode::LOOP_DETECTED), Kind::Internal);
    }

    #[test]
    fn refusals_may_be_tried_again() {
        for kind in Kind::ALL.iter().filter(|kind| kind.is_refusal()) {
            assert!(matches!(kind.status().as_u16(), 429 | 503), "{kind:?}");
        }
    }
}
