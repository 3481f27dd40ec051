//! One layer that turns every failure into one form.
