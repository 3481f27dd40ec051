use super::Problem;
use std::{error::Error, fmt};

/// An error and everything behind it, in one line: `placing the order: connection reset`. For the log alone.
///
/// An error that says no more than what is behind it (`#[error(transparent)]`) is said once.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(
    /// The outermost error.
    pub &'a (dyn Error + 'static),
);

/// More than this is a circle, or of no use to anybody.
const MOST: usize = 32;

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        for _ in 0..MOST {
            let Some(error) = next else { break };
            let says = error.to_string();
            if says != said {
                write!(f, ": {says}")?;
            }
            said = says;
            next = error.source();
        }
        Ok(())
    }
}

impl Problem {
    /// The problem and everything behind it, for the log alone.
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
