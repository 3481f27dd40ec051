//! The chain of an error and its sources.

use std::{error::Error, iter};

/// A longer chain is a cycle, or of no use.
const MOST: usize = 32;

/// Returns an error and its sources, outermost first, at most 32 of them.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source()).take(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Cyclic;

    impl fmt::Display for Cyclic {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cyclic")
        }
    }

    impl Error for Cyclic {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Self)
        }
    }

    #[test]
    fn a_cycle_of_sources_ends() {
        assert_eq!(chain(&Cyclic).count(), MOST);
    }

    #[test]
    fn the_outermost_error_comes_first() {
        let number = "x".parse::<u8>().unwrap_err();
        let text = number.to_string();
        let outer = std::io::Error::other(crate::classify::ResolveError::from(std::io::Error::other(number)));
        let texts: Vec<_> = chain(&outer).map(ToString::to_string).collect();
        assert_eq!(texts.first(), Some(&"the name could not be looked up".to_owned()));
        assert_eq!(texts.last(), Some(&text));
    }
}
