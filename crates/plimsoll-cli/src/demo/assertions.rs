//! The claims that the demo makes and checks.

use super::{
    plan::{FAILING, NAMES},
    report::Figures,
};
use serde::Serialize;

/// A claim and whether it held.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Assertion {
    /// The claim, as a sentence.
    pub(super) claim: String,
    /// The figures found.
    pub(super) found: String,
    pub(super) held: bool,
}

/// The figures by which the claims are checked.
#[derive(Clone, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) with: &'a Figures,
    pub(super) without: &'a Figures,
    /// The attempts that the policy's budget allows.
    pub(super) attempts_allowed: f64,
    /// Whether the failing replica was seen ejected, and at the end was not.
    pub(super) ejected: bool,
    pub(super) let_back: bool,
    /// Successful responses of the failing replica since it recovered, on the side with policies.
    pub(super) good_since_recovery: u64,
}

/// With policies fewer than this part of the requests may fail.
const FAILED: f64 = 0.005;
/// Without them more than this part must: the plan makes a replica fail for a fifth of the run, which is a fifteenth of
/// the requests. Less shows that the faults did not happen.
const FAILED_WITHOUT: f64 = 0.02;

/// Returns every claim, checked. The claims compare counts and the two sides with one another, never a time with the
/// clock: a slow or busy machine slows both sides.
pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<Assertion> {
    let Evidence { with, without, .. } = evidence;
    let part = |figures: &Figures| figures.not_well() as f64 / figures.requests.max(1) as f64;
    // One request of a short run may be more than the part that is allowed.
    let few = with.not_well() <= 1 || part(with) < FAILED;
    let many = part(without) > FAILED_WITHOUT && without.not_well() >= 5 * with.not_well();
    let attempts = with.attempts.max(with.arrived);
    let whole = |figures: &Figures| figures.lost == 0 && figures.requests == figures.responses;
    let counted = |figures: &Figures| figures.calls == figures.requests;
    let claim = |claim: &str, found: String, held: bool| Assertion { claim: claim.to_owned(), found, held };
    let percent = |figures: &Figures| format!("{} ({:.2} %)", figures.not_well(), part(figures) * 100.0);
    vec![
        claim("with policies fewer than 0.5 % failed", percent(with), few),
        claim("without them clearly more did", percent(without), many),
        claim(
            "with policies p99 was lower",
            format!("{:.0} ms against {:.0} ms", with.p99_ms, without.p99_ms),
            with.p99_ms < without.p99_ms,
        ),
        claim(
            "retries and hedges kept to their budget",
            format!("{attempts} attempts, {:.0} allowed", evidence.attempts_allowed),
            attempts as f64 <= evidence.attempts_allowed,
        ),
        claim(
            &format!("{} was ejected and let back in", NAMES[FAILING]),
            format!("{}×, {} good responses since", with.ejections, evidence.good_since_recovery),
            with.ejections > 0 && evidence.ejected && evidence.let_back && evidence.good_since_recovery > 0,
        ),
        claim(
            "nothing was lost",
            format!(
                "{} and {} responses to {} requests each",
                with.responses, without.responses, with.requests
            ),
            [*with, *without].into_iter().all(|side| whole(side) && counted(side))
                && with.requests == without.requests,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(failed: u64, p99_ms: f64) -> Figures {
        Figures {
            requests: 1000,
            responses: 1000,
            good: 1000 - failed,
            failed,
            calls: 1000,
            attempts: 1040,
            arrived: 1030,
            ejections: 1,
            p99_ms,
            ..Figures::default()
        }
    }

    /// The claims that do not hold after a change, by their places.
    fn broken(change: impl FnOnce(&mut Figures, &mut Figures, &mut Evidence<'static>)) -> Vec<usize> {
        static NOBODY: std::sync::LazyLock<Figures> = std::sync::LazyLock::new(Figures::default);
        let (mut with, mut without) = (figures(1, 40.0), figures(66, 500.0));
        let mut evidence = Evidence {
            with: &NOBODY,
            without: &NOBODY,
            attempts_allowed: 1200.0,
            ejected: true,
            let_back: true,
            good_since_recovery: 100,
        };
        change(&mut with, &mut without, &mut evidence);
        let judged = judge(&Evidence { with: &with, without: &without, ..evidence });
        (0..judged.len()).filter(|at| !judged[*at].held).collect()
    }

    fn fail(figures: &mut Figures, requests: u64) {
        (figures.good, figures.failed) = (figures.requests - requests, requests);
    }

    fn nothing(_: &mut Figures, _: &mut Figures, _: &mut Evidence<'static>) {}

    #[test]
    fn a_good_run_holds_every_claim() {
        assert_eq!(broken(nothing), [0; 0]);
    }

    #[test]
    fn each_claim_can_fail() {
        assert_eq!(broken(|with, _, _| fail(with, 5)), [0]);
        assert_eq!(broken(|_, without, _| fail(without, 20)), [1]);
        assert_eq!(broken(|with, _, _| with.p99_ms = 500.0), [2]);
        assert_eq!(broken(|with, _, _| with.attempts = 1201), [3]);
        assert_eq!(broken(|with, _, _| with.arrived = 1201), [3]);
        assert_eq!(broken(|with, _, _| with.ejections = 0), [4]);
        assert_eq!(broken(|_, _, evidence| evidence.ejected = false), [4]);
        assert_eq!(broken(|_, _, evidence| evidence.let_back = false), [4]);
        assert_eq!(broken(|_, _, evidence| evidence.good_since_recovery = 0), [4]);
        assert_eq!(broken(|with, _, _| with.responses = 999), [5]);
        assert_eq!(broken(|_, without, _| without.calls = 1001), [5]);
        assert_eq!(broken(|_, without, _| without.lost = 1), [5]);
    }

    #[test]
    fn a_fault_that_shows_on_both_sides_is_no_success_of_the_policies() {
        assert_eq!(
            broken(|with, without, _| {
                fail(with, 30);
                fail(without, 66);
            }),
            [0, 1]
        );
    }
}
