//! One layer that turns every failure into one form.

mod told;

pub use told::Told;
