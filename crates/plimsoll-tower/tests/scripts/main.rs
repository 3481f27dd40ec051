//! One script gives one journal, whichever driver runs its calls: the call machine fed by hand, the loop that the client and the
//! gateway share, and the fused layer.
//!
//! One script again, with its journals in full where they differ:
//! `PLIMSOLL_SCRIPT_SEED=123 cargo test -p plimsoll-tower --test scripts -- --nocapture`

mod layer;
mod shared_loop;

use plimsoll_policy::call::Stages;
use plimsoll_testkit::script::{Coverage, Detail, Journal, Script, Seeds, compare, reference};

/// So many scripts at least, of each kind.
const SCRIPTS: u64 = 4_000;
/// A kind that was not reached after so many will not be.
const MOST: u64 = 20_000;

fn judge(script: &Script, expected: &Journal, found: &Journal, detail: Detail, name: &str) {
    let replay = format!(
        "PLIMSOLL_SCRIPT_SEED={} cargo test -p plimsoll-tower --test scripts -- --nocapture",
        script.seed
    );
    if let Err(difference) = compare(expected, found, detail, name, &replay) {
        panic!("{script:#?}\n{difference}");
    }
}

#[test]
fn every_driver_comes_to_the_same_decisions() {
    let mut coverage = Coverage::default();
    let (mut played, seeds) = (0, Seeds::from_env(SCRIPTS));
    for seed in seeds.iter() {
        let reported = Script::random(seed, Stages::Reported);
        let expected = reference(&reported, &mut coverage);
        judge(&reported, &expected, &shared_loop::run(&reported), Detail::Actions, "the shared loop");
        let opaque = Script::random(seed, Stages::Opaque);
        let expected = reference(&opaque, &mut coverage);
        judge(&opaque, &expected, &shared_loop::run(&opaque), Detail::Actions, "the shared loop");
        judge(&opaque, &expected, &layer::run(&opaque), Detail::Decisions, "the fused layer");
        played += 1;
        let all = coverage.missing().is_empty();
        if played >= seeds.least() && (all || played >= MOST) {
            break;
        }
    }
    println!("{played} scripts with stages and as many without:\n{coverage}");
    assert!(seeds.is_alone() || coverage.missing().is_empty(), "never reached: {:#?}", coverage.missing());
}
