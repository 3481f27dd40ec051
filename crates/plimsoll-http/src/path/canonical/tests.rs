use super::*;
use proptest::prelude::*;

#[test]
fn by_default_there_is_one_spelling_or_none() {
    let rules = PathRules::default();
    for (path, clean) in [
        ("/%61dmin", "/admin"),
        ("/admi%6E/x", "/admin/x"),
        ("//admin", "/admin"),
        ("/admin//", "/admin/"),
        ("/a//../admin", "/admin"),
        ("/a/%2e%2e//admin", "/admin"),
        ("/./admin/.", "/admin/"),
        ("/%2561dmin", "/%2561dmin"),
        ("/admin%20", "/admin%20"),
        ("/%c3%a9", "/%C3%A9"),
        ("/\u{e9}", "/%C3%A9"),
        ("/%e4%b8%ad", "/%E4%B8%AD"),
        ("/a%3Fb%23c", "/a%3Fb%23c"),
    ] {
        assert_eq!(canonical(path, rules).as_deref(), Ok(clean), "{path}");
    }
    for (path, fault) in [
        ("/admin%2fx", PathRuleError::EncodedSlash),
        ("/%2fadmin", PathRuleError::EncodedSlash),
        ("/x/..;/admin", PathRuleError::Parameters),
        ("/admin;a", PathRuleError::Parameters),
        ("/admin%3ba", PathRuleError::Parameters),
        ("/\\admin", PathRuleError::Backslash),
        ("/a/..%5cadmin", PathRuleError::Backslash),
        ("/admin%00", PathRuleError::Control),
        ("/admin%7f", PathRuleError::Control),
        ("/admin%0d%0a", PathRuleError::Control),
        ("/..%c0%af", PathRuleError::Control),
        ("/%e0%80%af", PathRuleError::Control),
        ("/%f0%80%80%af", PathRuleError::Control),
        ("/a/../../b", PathRuleError::AboveRoot),
        ("/%2", PathRuleError::BrokenEscape),
        ("*", PathRuleError::Relative),
    ] {
        assert_eq!(canonical(path, rules), Err(fault), "{path}");
    }
}

#[test]
fn each_spelling_has_a_rule_of_its_own() {
    let default = PathRules::default();
    let decode = PathRules { encoded_slash: EncodedSlash::Decode, ..default };
    let keep = PathRules { encoded_slash: EncodedSlash::Pass, ..default };
    let strict = PathRules { repeated_slash: RepeatedSlash::Refuse, dots: Dots::Refuse, ..default };
    let empty = PathRules { repeated_slash: RepeatedSlash::Pass, ..default };
    let slash = PathRules { backslash: Backslash::Slash, ..default };
    let back = PathRules { backslash: Backslash::Pass, ..default };
    let strip = PathRules { parameters: Parameters::Strip, ..default };
    let with = PathRules { parameters: Parameters::Pass, ..default };
    let control = PathRules { controls: Controls::Pass, ..default };
    for (rules, path, clean) in [
        (decode, "/a%2fb%2F..%2fc", Ok("/a/c")),
        (decode, "/%2F%2fa", Ok("/a")),
        (keep, "/a%2fb", Ok("/a%2Fb")),
        (keep, "/a/..%2fb", Ok("/a/..%2Fb")),
        (strict, "/a//b", Err(PathRuleError::RepeatedSlash)),
        (strict, "/a/./b", Err(PathRuleError::DotSegment)),
        (strict, "/a/%2e%2E", Err(PathRuleError::DotSegment)),
        (empty, "/a//b", Ok("/a//b")),
        (empty, "//a", Ok("//a")),
        (empty, "/a//../b", Ok("/a/b")),
        (slash, "/a\\b%5c..%5Cc", Ok("/a/c")),
        (back, "/a\\b%5cc", Ok("/a%5Cb%5Cc")),
        (strip, "/admin;a=b/x;c", Ok("/admin/x")),
        (strip, "/x/..;a/admin", Ok("/admin")),
        (strip, "/admin%3Ba", Ok("/admin")),
        (strip, "/;/admin", Ok("/admin")),
        (strip, "/a;%2f", Err(PathRuleError::EncodedSlash)),
        (strip, "/a;%00", Err(PathRuleError::Control)),
        (with, "/a;b%3bc", Ok("/a;b%3Bc")),
        (with, "/x/..;a/admin", Err(PathRuleError::DotSegmentWithParameters)),
        (with, "/x/.;/admin", Err(PathRuleError::DotSegmentWithParameters)),
        (with, "/x/%2e%2e%3ba", Err(PathRuleError::DotSegmentWithParameters)),
        (control, "/a%00%c0%af", Ok("/a%00%C0%AF")),
    ] {
        assert_eq!(canonical(path, rules).as_deref().map_err(|fault| *fault), clean, "{path} {rules:?}");
    }
}

fn rules() -> impl Strategy<Value = PathRules> {
    let pick = |count: usize| 0..count;
    (pick(3), pick(3), pick(3), pick(3), pick(2), pick(2)).prop_map(|(a, b, c, d, e, f)| PathRules {
        encoded_slash: [EncodedSlash::Refuse, EncodedSlash::Decode, EncodedSlash::Pass][a],
        repeated_slash: [RepeatedSlash::Merge, RepeatedSlash::Refuse, RepeatedSlash::Pass][b],
        backslash: [Backslash::Refuse, Backslash::Slash, Backslash::Pass][c],
        parameters: [Parameters::Refuse, Parameters::Strip, Parameters::Pass][d],
        controls: [Controls::Refuse, Controls::Pass][e],
        dots: [Dots::Resolve, Dots::Refuse][f],
    })
}

const PIECES: &str =
    "(/|//|\\.|\\.\\.|;|%3b|%3B|%2f|%2F|%5c|\\\\|a|%61|%2e|%00|%c0%af|%25|%4|%|%C3%A9|b){0,9}";

proptest! {
    #[test]
    fn a_canonical_path_is_its_own(path in PIECES, rules in rules()) {
        if let Ok(clean) = canonical(&format!("/{path}"), rules) {
            prop_assert!(matches!(canonical(&clean, rules), Ok(Cow::Borrowed(_))), "{clean}");
        }
    }

    #[test]
    fn nothing_ambiguous_is_left_by_default(path in PIECES) {
        if let Ok(clean) = canonical(&format!("/{path}"), PathRules::default()) {
            for gone in ["//", "/./", "/../", "\\", ";", "%2F", "%5C", "%3B", "%0", "%61", "%2E", "%C0"] {
                prop_assert!(!clean.contains(gone), "{clean}");
            }
            prop_assert!(!clean.ends_with("/.") && !clean.ends_with("/.."), "{clean}");
        }
    }

    /// The quick look and the rebuilding never disagree.
    #[test]
    fn what_looks_canonical_is_rebuilt_to_itself(path in PIECES, rules in rules()) {
        let path = format!("/{path}");
        let rebuilt = rebuilt(path.as_bytes(), rules);
        prop_assert_eq!(is_canonical(path.as_bytes(), rules), rebuilt.as_deref() == Ok(&*path));
    }
}
