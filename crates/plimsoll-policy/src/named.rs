use crate::PolicySpec;
use std::sync::Arc;

/// A policy with the name that it has in a file, in metrics and at an admin address.
///
/// ```
/// use plimsoll_policy::{NamedPolicy, PolicySpec};
///
/// let ledger = NamedPolicy::from(("ledger", PolicySpec::default()));
/// assert_eq!(&*ledger.name, "ledger");
/// assert_eq!(&*NamedPolicy::from(PolicySpec::default()).name, NamedPolicy::NAMELESS);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct NamedPolicy {
    /// The name.
    pub name: Arc<str>,
    /// The spec.
    pub spec: PolicySpec,
}

impl NamedPolicy {
    /// The name of a policy that was given none.
    pub const NAMELESS: &'static str = "client";

    /// This policy under this name.
    pub fn new(name: impl Into<Arc<str>>, spec: PolicySpec) -> Self {
        Self { name: name.into(), spec }
    }
}

impl From<PolicySpec> for NamedPolicy {
    fn from(spec: PolicySpec) -> Self {
        Self::new(Self::NAMELESS, spec)
    }
}

impl From<(&str, PolicySpec)> for NamedPolicy {
    fn from((name, spec): (&str, PolicySpec)) -> Self {
        Self::new(name, spec)
    }
}
