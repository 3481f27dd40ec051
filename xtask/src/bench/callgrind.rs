//! A profile that callgrind wrote: instructions by function and crate.
//!
//! The format is that of <https://valgrind.org/docs/manual/cl-format.html>.

use crate::bench::figures::table;
use anyhow::{Result, ensure};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

/// Instructions of each function itself, without those of its callees.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    functions: BTreeMap<String, u64>,
}

impl Profile {
    /// Reads a dump.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut profile = Self::default();
        let mut function = "";
        let mut callee_follows = false;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = named(name, &mut names);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                named(name, &mut names);
            } else if line.starts_with("calls=") {
                callee_follows = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                // The line after `calls=` has what the callee took.
                if !std::mem::take(&mut callee_follows)
                    && let Some(cost) = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok())
                {
                    *profile.functions.entry(function.to_owned()).or_default() += cost;
                }
            }
        }
        ensure!(!profile.functions.is_empty(), "callgrind counted nothing");
        Ok(profile)
    }

    /// Returns the instructions of all functions.
    pub(crate) fn total(&self) -> u64 {
        self.functions.values().sum()
    }

    /// Prints where the dump is, and what is dearest in it.
    pub(crate) fn show(&self, dump: &Path, requests: u64, shown: usize) {
        println!("{} (kcachegrind and callgrind_annotate show it by line)\n", dump.display());
        print!("{}", self.readable(requests, shown));
    }

    /// Returns tables of instructions a request, by crate and of the `shown` dearest functions.
    fn readable(&self, requests: u64, shown: usize) -> String {
        let mut crates: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, cost) in &self.functions {
            *crates.entry(crate_of(name)).or_default() += cost;
        }
        let functions = self.functions.iter().map(|(name, cost)| (name.as_str(), *cost));
        let rows = |pairs: Vec<(&str, u64)>| -> Vec<Vec<String>> {
            let mut pairs = pairs;
            pairs.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
            let row = |(name, cost): (&str, u64)| {
                let name: String = name.chars().take(100).collect();
                vec![name, format!("{:.0}", cost as f64 / requests as f64)]
            };
            pairs.into_iter().take(shown).map(row).collect()
        };
        let by_crate = table(&["crate", "instructions"], &rows(crates.into_iter().collect()));
        let by_function = table(&["function", "instructions"], &rows(functions.collect()));
        format!("{by_crate}\n{by_function}\n")
    }
}

/// Returns the name of `(12) name`, which is remembered, or of `(12)`, which was told before.
fn named<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

/// Returns the crate of a demangled name: `h2` of `<h2::Frame as core::fmt::Debug>::fmt`.
fn crate_of(name: &str) -> &str {
    let inner = name.trim_start_matches(['<', '&', '(']);
    match inner.split_once("::") {
        Some((first, _)) if first.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => first,
        _ => "libc and others",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_a_functions_own() {
        let text = "version: 1\npositions: line\nevents: Ir\n\nfl=(1) a.rs\nfn=(1) h2::frame::read\n12 100\n+3 20\n\
                    cfn=(2) memcpy\ncalls=5 0\n* 999\n\nfn=(2)\n0 40\n\nfn=(1)\n* 1\ntotals: 161\n";
        let profile = Profile::parse(text).unwrap();
        assert_eq!(profile.functions["h2::frame::read"], 121);
        assert_eq!(profile.functions["memcpy"], 40);
        assert_eq!(profile.total(), 161);
        let readable = profile.readable(10, 1);
        assert!(readable.contains("h2 ") && readable.contains("12"), "{readable}");
        assert!(Profile::parse("events: Ir").is_err());
    }

    #[test]
    fn crates_of_names() {
        for (name, of) in [
            ("plimsoll_h1::fields::collect", "plimsoll_h1"),
            ("<h2::Frame as core::fmt::Debug>::fmt", "h2"),
            ("__memcpy_avx_unaligned_erms", "libc and others"),
            ("<&mut tokio::net::TcpStream as X>::f", "libc and others"),
        ] {
            assert_eq!(crate_of(name), of);
        }
    }
}
