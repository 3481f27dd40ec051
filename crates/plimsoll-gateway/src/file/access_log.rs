//! `[access-log]`.

use crate::spec::AccessLogSpec;
use plimsoll::{
    config::{Rules, Section, section},
    policy::units::Ratio,
};
use std::path::PathBuf;

section! {
    /// One JSON line a request.
    for AccessLogSpec {
        /// The file. Left out, standard output.
        path?: PathBuf,
        /// The part of requests that are written.
        sample: Ratio = Ratio::ONE,
    }
}

impl Rules for AccessLogSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        if self.sample == Ratio::ZERO {
            let fault = section.fault(&["sample"], "a sample of 0% writes nothing");
            section.push(fault.expecting("a sample above 0%, or access-log = \"off\""));
        }
    }
}
