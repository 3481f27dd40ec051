use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{fmt, sync::Arc, time::Duration};

/// The time limits of the work, of a lease, and of stored responses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Durations {
    run: Duration,
    lease: Duration,
    keep: Duration,
}

/// The reason why durations contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("0 < run < lease <= keep must hold")]
pub struct DurationsError;

impl Durations {
    /// - `run`: the most time of the work.
    /// - `lease`: the time from the beginning of the work after which the key of a dead holder is taken over. Longer than
    ///   `run`, by the time that the store may take.
    /// - `keep`: how long a response is replayed. Clients must not send a request again later than that.
    ///
    /// # Errors
    /// [`DurationsError`] unless 0 < `run` < `lease` ≤ `keep`.
    pub fn try_new(run: Duration, lease: Duration, keep: Duration) -> Result<Self, DurationsError> {
        let in_order = Duration::ZERO < run && run < lease && lease <= keep;
        if in_order { Ok(Self { run, lease, keep }) } else { Err(DurationsError) }
    }

    /// Returns the most time of the work.
    pub const fn run(&self) -> Duration {
        self.run
    }

    /// Returns the time after which the key of a dead holder is taken over.
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// Returns how long a response is replayed.
    pub const fn keep(&self) -> Duration {
        self.keep
    }
}

/// 30 seconds to run, a lease of a minute, responses kept for a day.
impl Default for Durations {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { run: seconds(30), lease: seconds(60), keep: seconds(24 * 3600) }
    }
}

/// The handling of a request while another one with its key is in progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnConflict {
    /// It gets 409 at once, with `Retry-After: 1`.
    #[default]
    Conflict,
    /// It waits for the first one's response for this long at most, and not beyond its own deadline; then it gets 409.
    Wait(Duration),
}

/// The function that names the owner of a key.
type Namer = dyn Fn(&Parts) -> Vec<u8> + Send + Sync;

/// The owner of keys.
#[derive(Clone)]
pub(super) enum Scope {
    /// Not set.
    Unset,
    /// All clients share one space of keys, by intention.
    One,
    /// The client that this function names.
    Of(Arc<Namer>),
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) required: bool,
    pub(super) documentation: Option<HeaderValue>,
    pub(super) methods: Vec<Method>,
    pub(super) on_conflict: OnConflict,
    pub(super) durations: Durations,
    pub(super) body_limit: usize,
    pub(super) response_limit: usize,
    pub(super) counting_headers: Vec<HeaderName>,
    pub(super) kept_headers: Vec<HeaderName>,
    pub(super) is_final: fn(StatusCode) -> bool,
    pub(super) scope: Scope,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            required: false,
            documentation: None,
            methods: vec![Method::POST, Method::PATCH],
            on_conflict: OnConflict::default(),
            durations: Durations::default(),
            body_limit: 1 << 20,
            response_limit: 1 << 20,
            counting_headers: vec![header::CONTENT_TYPE],
            kept_headers: vec![
                header::CACHE_CONTROL,
                header::CONTENT_DISPOSITION,
                header::CONTENT_ENCODING,
                header::CONTENT_LANGUAGE,
                header::CONTENT_LOCATION,
                header::CONTENT_TYPE,
                header::ETAG,
                header::LAST_MODIFIED,
                header::LINK,
                header::LOCATION,
                header::VARY,
            ],
            is_final,
            scope: Scope::Unset,
        }
    }
}

/// Returns whether this status shows that the work was done, or need not be.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error() && !status.is_client_error()
}

/// Returns whether the same request would get the same response whenever it is sent.
pub(super) fn is_final_with_client_errors(status: StatusCode) -> bool {
    let passing = [
        StatusCode::UNAUTHORIZED,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !passing.contains(&status)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("required", &self.required)
            .field("on_conflict", &self.on_conflict)
            .field("durations", &self.durations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_in_order() {
        let new = |run, lease, keep| {
            let seconds = Duration::from_secs;
            Durations::try_new(seconds(run), seconds(lease), seconds(keep))
        };
        assert!(new(1, 2, 2).is_ok());
        for (run, lease, keep) in [(0, 1, 1), (2, 2, 3), (1, 3, 2)] {
            assert_eq!(new(run, lease, keep), Err(DurationsError));
        }
        let Durations { run, lease, keep } = Durations::default();
        assert_eq!(Durations::try_new(run, lease, keep), Ok(Durations::default()));
    }
}
