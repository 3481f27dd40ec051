//! The standing of an endpoint: healthy or unhealthy by the responses to its checks.

use crate::spec::HealthSpec;

/// A standing, and the responses in a row that speak against it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    healthy: bool,
    /// Responses in a row that speak against the standing.
    against: u32,
}

impl Standing {
    /// Creates a standing.
    pub(super) fn new(healthy: bool) -> Self {
        Self { healthy, against: 0 }
    }

    /// Adds a response and returns the standing after it.
    pub(super) fn heard(&mut self, good: bool, spec: &HealthSpec) -> bool {
        if good == self.healthy {
            self.against = 0;
            return self.healthy;
        }
        self.against += 1;
        let needed = if good { spec.healthy_after } else { spec.unhealthy_after };
        if self.against >= needed.get() {
            *self = Self::new(good);
        }
        self.healthy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PathPrefix;

    #[test]
    fn only_responses_in_a_row_change_the_standing() {
        let spec = HealthSpec::new(PathPrefix::default());
        let mut standing = Standing::new(true);
        let heard: Vec<bool> = [false, false, true, false, false, false, true, false, true, true, false]
            .into_iter()
            .map(|good| standing.heard(good, &spec))
            .collect();
        assert_eq!(
            heard,
            [true, true, true, true, true, false, false, false, false, true, true],
            "three bad ones, then two good ones"
        );
    }
}
