//! The validation of log filters.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads a filter. Stricter than `EnvFilter`, which takes any word alone for a target: a level with a slip in it would
/// silence everything else.
pub(super) fn parse(filter: &str) -> Result<EnvFilter, String> {
    let directives: Vec<&str> = filter.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    for directive in &directives {
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive))
            || directive.parse::<u8>().is_ok_and(|level| level <= 5);
        if !is_level && !directive.contains(['=', '[']) {
            return Err(unknown(directive));
        }
    }
    EnvFilter::builder().parse(directives.join(",")).map_err(|fault| fault.to_string())
}

fn unknown(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let near = LEVELS.iter().map(|level| (strsim::levenshtein(&lower, level), level)).min();
    let meant = match near {
        Some((distance, level)) if distance <= 2 => format!("; did you mean {level:?}?"),
        _ => format!("; for all of a target write \"{word}=trace\""),
    };
    format!("{word:?} is no level, expected {}{meant}", LEVELS.join(", "))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_is_a_level() {
        for right in
            ["info", "INFO", "3", "", "off", "info,a=debug", "a=off", "warn,[span]=info", "info, a::b=warn"]
        {
            assert!(parse(right).is_ok(), "{right}");
        }
        for (wrong, said) in [
            ("debg", "did you mean \"debug\"?"),
            ("info,wrn", "did you mean \"warn\"?"),
            ("my_crate", "write \"my_crate=trace\""),
            ("a=loud", "error parsing level filter"),
        ] {
            let error = parse(wrong).map(drop).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
