//! The policies of a file by name.

use crate::{Document, DocumentError, Env, LoadError, Name, PolicyFile, nearest, one_of};
use plimsoll_policy::{NamedPolicy, PolicySpec};
use std::{collections::BTreeMap, fmt, path::Path};

/// All policies of a file by name; each is valid.
///
/// ```
/// use plimsoll_config::Policies;
///
/// let policies = Policies::parse("policies.toml", r#"
/// version = 1
/// [policy.payments]
/// timeout = { attempt = "1s", total = "3s" }
/// "#, &|name| std::env::var(name).ok())?;
/// assert_eq!(policies.get("payments")?.timeouts.total, Some(std::time::Duration::from_secs(3)));
/// assert_eq!(
///     policies.get("payment").unwrap_err().to_string(),
///     "no policy is called \"payment\", expected \"payments\" (did you mean \"payments\"?)"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Policies {
    by_name: BTreeMap<Name, PolicySpec>,
}

impl Policies {
    /// Reads a file of policies, `${NAME}` in its texts replaced by the environment's value of `NAME`. Blocks while it
    /// reads: once, at start.
    ///
    /// # Errors
    /// If it cannot be read, or with everything that is wrong in it: `file:line:column`, what was expected, and what
    /// may have been meant.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let document = Document::load(path.as_ref())?;
        Ok(document.valid::<PolicyFile>(&|name| std::env::var(name).ok())?.into())
    }

    /// Reads a text as a file would be; `name` is what faults call it.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(name: &str, text: &str, env: Env<'_>) -> Result<Self, DocumentError> {
        Ok(Document::of_text(name, text)?.valid::<PolicyFile>(env)?.into())
    }

    /// Returns the policy of a name.
    ///
    /// # Errors
    /// If there is none; the error names the nearest that there is.
    pub fn get(&self, name: &str) -> Result<PolicySpec, UnknownPolicyError> {
        self.by_name.get(name).cloned().ok_or_else(|| self.unknown(name))
    }

    /// The policy of this name, with its name: metrics and the admin address call it so.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn named(&self, name: &str) -> Result<NamedPolicy, UnknownPolicyError> {
        Ok(NamedPolicy::new(name, self.get(name)?))
    }

    /// Returns each name with its policy, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PolicySpec)> {
        self.by_name.iter().map(|(name, spec)| (name.as_str(), spec))
    }

    fn unknown(&self, name: &str) -> UnknownPolicyError {
        let names = self.by_name.keys().map(Name::as_str);
        UnknownPolicyError {
            name: name.into(),
            nearest: nearest(name, names.clone()).map(Into::into),
            known: names.map(Into::into).collect(),
        }
    }
}

impl From<PolicyFile> for Policies {
    fn from(file: PolicyFile) -> Self {
        Self { by_name: file.policy }
    }
}

/// A policy that the file does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownPolicyError {
    name: Box<str>,
    nearest: Option<Box<str>>,
    known: Vec<Box<str>>,
}

/// The most names that a message lists.
const LISTED: usize = 8;

impl UnknownPolicyError {
    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that may have been meant.
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }
}

impl fmt::Display for UnknownPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no policy is called {:?}, expected ", self.name)?;
        match self.known.len() {
            0 => f.write_str("a table [policy.NAME] of that name")?,
            1..=LISTED => f.write_str(&one_of(&self.known))?,
            more => write!(f, "one of the {more} names of [policy.NAME]")?,
        }
        match &self.nearest {
            Some(nearest) => write!(f, " (did you mean {nearest:?}?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownPolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policies, DocumentError> {
        Policies::parse("p.toml", text, &|_| None)
    }

    #[test]
    fn an_unknown_policy_is_reported_with_the_known_ones() {
        let policies = read("version = 1\n[policy.careful]\n[policy.patient]\n").unwrap();
        assert_eq!(policies.get("careful"), Ok(PolicySpec::default()));
        let unknown = policies.get("carefull").unwrap_err();
        assert_eq!((unknown.name(), unknown.nearest()), ("carefull", Some("careful")));
        assert_eq!(
            policies.get("bananas").unwrap_err().to_string(),
            "no policy is called \"bananas\", expected \"careful\" or \"patient\""
        );
        assert_eq!(
            Policies::default().get("x").unwrap_err().to_string(),
            "no policy is called \"x\", expected a table [policy.NAME] of that name"
        );
        let many: Vec<_> = (0..9).map(|at| format!("[policy.p{at}]")).collect();
        let text = format!("version = 1\n{}\n", many.join("\n"));
        let unknown = read(&text).unwrap().get("bananas").unwrap_err();
        assert!(unknown.to_string().ends_with("expected one of the 9 names of [policy.NAME]"), "{unknown}");
    }

    #[test]
    fn faults_have_their_place() {
        let invalid = read("version = 1\n[policy.p]\nretri = \"off\"\n").unwrap_err();
        assert!(invalid.to_string().starts_with("p.toml:3:1: policy.p.retri: unknown key"), "{invalid}");
        assert!(invalid.render().contains("3 | retri"), "{}", invalid.render());
        assert!(read("version = ").unwrap_err().to_string().starts_with("p.toml:1:"));
    }

    #[test]
    fn a_file_is_read_from_disk() {
        let path = std::env::temp_dir().join(format!("plimsoll-policies-{}.toml", std::process::id()));
        std::fs::write(&path, "version = 1\n[policy.p]\nretry = \"off\"\n").unwrap();
        let loaded = Policies::load(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(loaded.unwrap().get("p").unwrap().retry, None);
        let missing = Policies::load(&path).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read /"), "{missing}");
    }
}
