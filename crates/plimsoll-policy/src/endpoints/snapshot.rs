use crate::{
    balance::{EndpointLoad, Weight},
    ejection::EndpointStanding,
};

/// How the endpoints of an upstream stand.
#[derive(Clone, PartialEq, Debug)]
pub struct EndpointsSnapshot {
    /// Too few are usable, and all are asked.
    pub panic: bool,
    /// How often that has begun.
    pub panics: u64,
    /// Each endpoint, in the order of their indices.
    pub endpoints: Vec<EndpointSnapshot>,
}

/// How one endpoint stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EndpointSnapshot {
    /// Whether it is healthy and not ejected. In panic it may be asked all the same.
    pub usable: bool,
    /// The result of health checks; `true` without any.
    pub healthy: bool,
    /// Whether a health check has ever completed.
    pub checked: bool,
    /// Its ejections; `None` where there are none to be.
    pub standing: Option<EndpointStanding>,
    /// The load.
    pub load: EndpointLoad,
    /// How much it takes, relative to the others.
    pub weight: Weight,
    /// The part of its share that it gets: below 1 while it warms up.
    pub share: f64,
}
