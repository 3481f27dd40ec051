use crate::{
    Describe, Unknown,
    admit::{Admit, AdmitService},
    driver::{draw, now},
};
use plimsoll_policy::{
    Ask, Rejected,
    shed::{ShedSpec, Shedder},
};
use std::sync::Arc;
use tower_layer::Layer;

/// Sheds calls by priority and cohort. See the [module](super). Clones, and all services made by it, share the shedder.
///
/// `D` says how much a request matters and whose it is.
#[derive(Clone, Debug)]
pub struct ShedLayer<D = Unknown> {
    shedding: Shedding<D>,
}

/// Asks a shedder before each call.
#[derive(Clone, Debug)]
pub struct Shedding<D> {
    shedder: Arc<Shedder>,
    describe: D,
}

impl ShedLayer {
    /// A shedder that has heard of nothing yet.
    pub fn new(spec: ShedSpec) -> Self {
        Self { shedding: Shedding { shedder: Arc::new(Shedder::new(spec)), describe: Unknown } }
    }
}

impl<D> ShedLayer<D> {
    /// This says how much a request matters and whose it is.
    pub fn describe<T>(self, describe: T) -> ShedLayer<T> {
        ShedLayer { shedding: Shedding { shedder: self.shedding.shedder, describe } }
    }

    /// The shedder: to feed, to look at, to update.
    pub const fn shedder(&self) -> &Arc<Shedder> {
        &self.shedding.shedder
    }
}

impl<Req, D: Describe<Req>> Admit<Req> for Shedding<D> {
    type Guard = ();

    #[inline]
    fn admit(&self, request: &Req) -> Result<(), Rejected> {
        let facts = self.describe.describe(request);
        let ask =
            Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline: facts.deadline };
        self.shedder.admit(now(), ask, draw())
    }
}

impl<S, D: Clone> Layer<S> for ShedLayer<D> {
    type Service = AdmitService<S, Shedding<D>>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService::new(inner, self.shedding.clone())
    }
}
