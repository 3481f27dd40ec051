/// The name of a policy or an upstream: that of the policy file.
pub use plimsoll::config::Name;
