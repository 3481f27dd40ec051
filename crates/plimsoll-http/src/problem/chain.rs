use super::Problem;
use plimsoll_driver::chain;
use std::{error::Error, fmt};

/// An error and its sources in one line: `placing the order: connection reset`. For the log alone.
///
/// An error with the same text as its source (`#[error(transparent)]`) is written once.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(
    /// The outermost error.
    pub &'a (dyn Error + 'static),
);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<String> = None;
        for error in chain(self.0) {
            let text = error.to_string();
            match &before {
                None => f.write_str(&text)?,
                Some(before) if *before == text => {}
                Some(_) => write!(f, ": {text}")?,
            }
            before = Some(text);
        }
        Ok(())
    }
}

impl Problem {
    /// Returns the problem and its sources, for the log alone.
    pub fn chain(&self) -> Chain<'_> {
        Chain(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Passing(#[from] anyhow::Error);

    #[test]
    fn each_link_is_said_once() {
        let cause = anyhow::anyhow!("connection reset").context("placing the order");
        let problem = Problem::internal(Passing(cause));
        assert_eq!(problem.chain().to_string(), "internal: placing the order: connection reset");
    }
}
