use super::GrpcCode;
use http::StatusCode;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $name:literal, $status:ident, $grpc:ident, $title:literal;)*) => {
        /// The kind of a problem. It has one name in the response's `type`, in `Proxy-Status`, metrics and logs.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Returns the name, which follows `urn:plimsoll:problem:`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Returns a short sentence that is the same for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// Returns the status over HTTP.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// Returns the code over gRPC.
            pub const fn grpc(self) -> GrpcCode {
                match self { $(Self::$kind => GrpcCode::$grpc,)* }
            }
        }
    };
}

kinds! {
    /// The request is malformed or ambiguous.
    BadRequest = "bad-request", BAD_REQUEST, Internal, "The request is malformed";
    /// A request that must not be processed twice has no `Idempotency-Key`.
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, InvalidArgument, "An Idempotency-Key is required here";
    /// The `Idempotency-Key` is malformed or too long, or there are two.
    IdempotencyKeyInvalid = "idempotency-key-invalid", BAD_REQUEST, InvalidArgument, "The Idempotency-Key is not valid";
    /// The client is not authenticated.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, Unauthenticated, "Who asks is not known";
    /// The client is authenticated, and may not do this.
    Forbidden = "forbidden", FORBIDDEN, PermissionDenied, "This is not allowed";
    /// No route matches.
    NoRoute = "no-route", NOT_FOUND, Unimplemented, "Nothing is served here";
    /// The resource does not exist.
    NotFound = "not-found", NOT_FOUND, NotFound, "There is no such thing";
    /// The resource does not have this method.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, Unimplemented, "The method is not allowed here";
    /// There is no representation that the client accepts.
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, InvalidArgument, "No format on offer is acceptable to the client";
    /// The request did not arrive in time.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, DeadlineExceeded, "The request took too long to arrive";
    /// The request conflicts with the present state.
    Conflict = "conflict", CONFLICT, Aborted, "The request conflicts with the present state";
    /// A request with the same `Idempotency-Key` is in progress.
    IdempotencyKeyInFlight = "idempotency-key-in-flight", CONFLICT, Aborted, "A request with this Idempotency-Key is under way";
    /// The resource existed, and was removed for good.
    Gone = "gone", GONE, NotFound, "This is gone";
    /// The request must declare its body's length.
    LengthRequired = "length-required", LENGTH_REQUIRED, InvalidArgument, "The length of the body is required";
    /// A condition of the request does not hold.
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, FailedPrecondition, "A condition of the request does not hold";
    /// The body is larger than the limit.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, ResourceExhausted, "The body is too large";
    /// The target is longer than the limit.
    UriTooLong = "uri-too-long", URI_TOO_LONG, ResourceExhausted, "The request target is too long";
    /// The body's format is not supported.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, InvalidArgument, "The format of the body is not supported";
    /// The range lies outside of the representation.
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE, OutOfRange, "The range is not there";
    /// The client's expectation cannot be met here.
    ExpectationFailed = "expectation-failed", EXPECTATION_FAILED, FailedPrecondition, "The expectation cannot be met";
    /// The server is not responsible for the request's host.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, FailedPrecondition, "The request was sent to the wrong server";
    /// The content is well-formed, but not acceptable.
    Unprocessable = "unprocessable", UNPROCESSABLE_ENTITY, InvalidArgument, "The content cannot be processed";
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, InvalidArgument, "The Idempotency-Key was used for another request";
    /// The resource is locked.
    Locked = "locked", LOCKED, FailedPrecondition, "This is locked";
    /// The request was sent as early data, which may be a replay.
    TooEarly = "too-early", TOO_EARLY, FailedPrecondition, "Send it again once the connection is established";
    /// Another protocol is required.
    UpgradeRequired = "upgrade-required", UPGRADE_REQUIRED, FailedPrecondition, "Another protocol is required";
    /// The request must be made conditional.
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, FailedPrecondition, "The request must be conditional";
    /// The rate limit is exceeded.
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, ResourceExhausted, "Too many requests";
    /// The head is larger than the limit.
    HeadTooLarge = "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, ResourceExhausted, "The request head is too large";
    /// The service itself failed.
    Internal = "internal", INTERNAL_SERVER_ERROR, Internal, "Something went wrong";
    /// The requested feature is not offered.
    NotImplemented = "not-implemented", NOT_IMPLEMENTED, Unimplemented, "This is not supported";
    /// No connection to the upstream could be made.
    UpstreamUnreachable = "upstream-unreachable", BAD_GATEWAY, Unavailable, "The upstream could not be reached";
    /// The connection to the upstream broke, or its response was malformed.
    UpstreamBroken = "upstream-broken", BAD_GATEWAY, Unavailable, "The upstream's response was broken";
    /// The head or the trailers of the upstream's response are larger than the limit, or too many interim responses
    /// precede it.
    UpstreamHeadTooLarge = "upstream-head-too-large", BAD_GATEWAY, ResourceExhausted, "The head of the upstream's response is too large";
    /// The service is unavailable, for a reason that is not given.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, Unavailable, "The service is not available now";
    /// The breaker is open.
    CircuitOpen = "circuit-open", SERVICE_UNAVAILABLE, Unavailable, "The upstream is failing and is left alone for now";
    /// It was taken out of service by hand.
    Isolated = "isolated", SERVICE_UNAVAILABLE, Unavailable, "The upstream has been taken out of service";
    /// No permit is free and the wait queue is full, or the wait was too long.
    BulkheadFull = "bulkhead-full", SERVICE_UNAVAILABLE, Unavailable, "Too many requests are under way";
    /// The adaptive limit is reached.
    ConcurrencyLimited = "concurrency-limited", SERVICE_UNAVAILABLE, Unavailable, "The upstream takes no more at once";
    /// Queues have been standing for too long.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, Unavailable, "The service is overloaded";
    /// The upstream refuses so much that another request would be wasted.
    Throttled = "throttled", SERVICE_UNAVAILABLE, Unavailable, "The upstream is turning requests away";
    /// No endpoint is available.
    NoEndpoint = "no-endpoint", SERVICE_UNAVAILABLE, Unavailable, "No endpoint is available";
    /// The service is shutting down.
    Draining = "draining", SERVICE_UNAVAILABLE, Unavailable, "The service is shutting down";
    /// The upstream did not respond within the limits of an attempt.
    AttemptTimeout = "attempt-timeout", GATEWAY_TIMEOUT, DeadlineExceeded, "The upstream did not respond in time";
    /// The time of the whole call is over.
    DeadlineExceeded = "deadline-exceeded", GATEWAY_TIMEOUT, DeadlineExceeded, "The deadline has passed";
    /// The version of HTTP is not supported.
    VersionNotSupported = "version-not-supported", HTTP_VERSION_NOT_SUPPORTED, Internal, "This version of HTTP is not supported";
}

impl Kind {
    /// Returns the kind of a status. A status without a kind of its own has [`Kind::BadRequest`] or, from 500 on,
    /// [`Kind::Internal`].
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            // Where several kinds share a status, the most general.
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

    /// Returns whether it is a refusal: a limit did its work, and the caller may come back.
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
