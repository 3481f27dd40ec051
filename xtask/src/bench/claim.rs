//! A figure that the project claims, beside what was found.

use super::figures::table;
use serde_json::{Value, json};

/// At most `limit`, or the project says something untrue.
pub(crate) struct Claim {
    pub(crate) what: String,
    pub(crate) limit: f64,
    pub(crate) found: Option<f64>,
}

impl Claim {
    /// A figure that was not measured keeps nothing.
    pub(crate) fn kept(&self) -> bool {
        self.found.is_some_and(|found| found <= self.limit)
    }

    /// All of them for machines.
    pub(crate) fn machine_readable(claims: &[Self]) -> Value {
        let each = |claim: &Self| json!({"what": claim.what, "limit": claim.limit, "found": claim.found, "kept": claim.kept()});
        claims.iter().map(each).collect()
    }

    /// All of them as a table.
    pub(crate) fn table(claims: &[Self]) -> String {
        let row = |claim: &Self| {
            let found = claim.found.map_or_else(|| "not measured".to_owned(), |found| format!("{found:.2}"));
            let verdict = if claim.kept() { "kept" } else { "MISSED" };
            vec![claim.what.clone(), claim.limit.to_string(), found, verdict.to_owned()]
        };
        table(&["claim", "at most", "found", ""], &claims.iter().map(row).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_was_not_measured_is_missed() {
        let claim = |found| Claim { what: "a figure".to_owned(), limit: 1.15, found };
        assert!(claim(Some(1.15)).kept());
        assert!(!claim(Some(1.16)).kept());
        assert!(!claim(None).kept());
        assert!(Claim::table(&[claim(None)]).contains("not measured   MISSED"));
    }
}
