use super::{EXAMPLE, read, wrong_files};

#[test]
fn every_wrong_file_is_told_place_expectation_and_nearest_word() {
    let mut count = 0;
    for (text, expected) in wrong_files() {
        let invalid = read(text).expect_err(text);
        assert_eq!(invalid.to_string(), expected.trim_end(), "\n{text}");
        count += 1;
    }
    assert!(count >= 50, "only {count} cases were found");
}

#[test]
fn what_the_environment_has_is_never_told() {
    for (text, _) in wrong_files() {
        let invalid = read(text).expect_err(text);
        let json = serde_json::to_string(invalid.faults()).unwrap();
        for told in [invalid.to_string(), invalid.render(), format!("{invalid:?}"), json] {
            for value in ["hunter2", "\"ordrs\"", "127.0.0.1:7777"] {
                let written = text.contains(value);
                assert!(written || !told.contains(value), "{told}");
            }
        }
    }
}

#[test]
fn a_literal_secret_is_not_in_what_is_logged() {
    let text = "version = 1\nadmin = { token = \"hunter3\", tokn = 1 }\nlistener = []\n";
    let invalid = read(text).unwrap_err();
    assert!(!format!("{invalid} {invalid:?}").contains("hunter3"));
    let sound = "version = 1\nadmin = { token = \"hunter3\" }\nlistener = [{ listen = \"[::1]:80\" }]\n";
    assert!(!format!("{:?}", read(sound).unwrap()).contains("hunter3"));
}

#[test]
fn faults_are_rendered_with_their_lines() {
    let text = "version = 1\n[[listener]]\nlisten = \"127.0.0.1:80\"\n[[route]]\nupstream = \"ordrs\"\n[upstream.orders]\nendpoints = [\"a:1\"]\n";
    let expected = r#"error: no upstream is called "ordrs"
 --> f:5:12 (route[0].upstream)
  |
5 | upstream = "ordrs"
  |            ^^^^^^^
  = expected "orders"
  = did you mean "orders"?
"#;
    assert_eq!(read(text).unwrap_err().render(), expected);
}

/// One change a time to a file that is right: each line left out, and each word spelled wrong.
#[test]
fn every_slip_in_the_example_is_read_or_told_without_a_panic() {
    let lines: Vec<_> = EXAMPLE.lines().collect();
    for left_out in 0..lines.len() {
        let text: Vec<_> =
            lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, l)| *l).collect();
        if let Err(invalid) = read(&text.join("\n")) {
            assert!(!invalid.render().is_empty());
        }
    }
    let mut refused = 0;
    let quoted = EXAMPLE.match_indices('"').map(|(at, _)| at).collect::<Vec<_>>();
    for pair in quoted.chunks_exact(2) {
        let text = format!("{}x{}", &EXAMPLE[..pair[1]], &EXAMPLE[pair[1]..]);
        refused += usize::from(read(&text).is_err());
    }
    assert!(refused > 20, "only {refused} of the example's values could be spelled wrong");
}
