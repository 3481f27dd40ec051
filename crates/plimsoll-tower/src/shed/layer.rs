use crate::{
    Describe, Unknown,
    admit::{Admit, AdmitService},
    driver::{draw, now},
};
use plimsoll_policy::{
    Ask, RejectedError,
    shed::{ShedSpec, Shedder},
};
use std::sync::Arc;
use tower_layer::Layer;

/// A layer that sheds calls by priority and cohort. See the [module](super). Clones, and all services made by it, share
/// the shedder.
///
/// `D` reads a request's priority and cohort.
#[derive(Clone, Debug)]
pub struct ShedLayer<D = Unknown> {
    admit: AdmitByPriority<D>,
}

/// Admission of calls by a shedder.
#[derive(Clone, Debug)]
pub struct AdmitByPriority<D> {
    shedder: Arc<Shedder>,
    describe: D,
}

impl ShedLayer {
    /// A layer with a new shedder, which admits everything until it is told of waits.
    pub fn new(spec: ShedSpec) -> Self {
        Self { admit: AdmitByPriority { shedder: Arc::new(Shedder::new(spec)), describe: Unknown } }
    }
}

impl<D> ShedLayer<D> {
    /// Reads a request's priority and cohort by `describe`.
    pub fn describe<T>(self, describe: T) -> ShedLayer<T> {
        ShedLayer { admit: AdmitByPriority { shedder: self.admit.shedder, describe } }
    }

    /// Returns the shedder, to feed, inspect and update it.
    pub const fn shedder(&self) -> &Arc<Shedder> {
        &self.admit.shedder
    }
}

impl<Req, D: Describe<Req>> Admit<Req> for AdmitByPriority<D> {
    type Guard = ();

    #[inline]
    fn admit(&self, request: &Req) -> Result<(), RejectedError> {
        let facts = self.describe.describe(request);
        let ask =
            Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline: facts.deadline };
        self.shedder.admit(now(), ask, draw())
    }
}

impl<S, D: Clone> Layer<S> for ShedLayer<D> {
    type Service = AdmitService<S, AdmitByPriority<D>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.admit.clone())
    }
}
