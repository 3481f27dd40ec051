//! Type names that were retired: each has a standard term instead (`docs/glossary.md`).

/// Retired names of types with the term to use. A name is added when its last type is renamed.
const RETIRED: &[(&str, &str)] = &[
    ("Answered", "a response"),
    ("Answering", "a counted body"),
    ("Apart", "a value padded to its cache line (`CachePadded`)"),
    ("Bank", "an arena, a pool or an allocator"),
    ("BodyVerdict", "a body classifier"),
    ("Brought", "a result"),
    ("Crew", "a worker pool"),
    ("Driven", "a call guard"),
    ("Flight", "an attempt, or a shared call"),
    ("Happened", "an event"),
    ("Held", "a holder, or a shared request"),
    ("Judge", "an outcome machine"),
    ("Judged", "an admission"),
    ("Lanes", "slots"),
    ("Pilot", "a call state"),
    ("Placed", "a located value"),
    ("Resident", "a keyed machine"),
    ("Seat", "a slot, or a participant"),
    ("Source", "a response source, or a source file"),
    ("Spot", "a location"),
    ("Stay", "a reservation"),
    ("Tenure", "a hold record"),
    ("Trust", "the trusted proxies"),
    ("Under", "an attempt in flight"),
    ("Verdict", "an outcome, a decision or a result"),
    ("Watch", "an observer"),
];

/// The retired type name that this line of source declares, with the term to use.
pub(super) fn declared(line: &str) -> Option<(&'static str, &'static str)> {
    let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    // Before the keyword only a visibility: prose and expressions that name a type are no declarations.
    let keyword = words.find(|word| !matches!(*word, "" | "pub" | "crate" | "super" | "self" | "in"))?;
    let name = words.find(|word| !word.is_empty())?;
    let declares = matches!(keyword, "struct" | "enum" | "trait" | "type" | "union");
    RETIRED.iter().copied().find(|(retired, _)| declares && *retired == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_retired_types_are_found() {
        // In two parts and turned round, so that this file declares none.
        for (rest, keyword) in [
            ("Seat<T> {", "pub(super) struct"),
            ("Judge {", "    enum"),
            ("Resident: Send {", "trait"),
            ("Crew = ();", "type"),
        ] {
            let line = format!("{keyword} {rest}");
            assert!(declared(&line).is_some(), "{line}");
        }
    }

    #[test]
    fn other_names_uses_and_prose_are_not() {
        for line in [
            &format!("{} {}", "struct", "Seats;"),
            "let seat = Seat::new();",
            "/// A struct Seat",
            "impl Seat {",
            "fn struct_seat()",
        ] {
            assert_eq!(declared(line), None, "{line}");
        }
    }
}
