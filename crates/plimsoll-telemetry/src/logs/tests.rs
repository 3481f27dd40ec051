use super::*;
use std::io::Write;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(config: &LogConfig, from_env: Option<(&str, String)>) -> String {
    let page = Page::default();
    let writer = page.clone();
    let (_, filter) = chosen(config, from_env).unwrap();
    let (subscriber, _) = subscriber(config.format, filter, false, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(route = "home", status = 200, "served \"it\"");
        tracing::debug!("details");
    });
    page.text()
}

#[test]
fn json_is_one_object_a_line_with_the_fields_on_top() {
    let text = logged(&LogConfig { format: LogFormat::Json, ..LogConfig::default() }, None);
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in [
        "\"level\":\"INFO\"",
        "\"route\":\"home\"",
        "\"status\":200",
        "served \\\"it\\\"",
        "\"timestamp\":\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn readable_has_no_colours_off_a_terminal() {
    let text = logged(&LogConfig::default(), None);
    assert!(text.contains("INFO") && text.contains("route=\"home\"") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn the_environment_wins_unless_it_is_empty() {
    let config = LogConfig::default();
    assert_eq!(logged(&config, Some(("X", "debug".to_owned()))).lines().count(), 2);
    assert_eq!(logged(&config, Some(("X", "off".to_owned()))), "");
    assert_eq!(logged(&config, Some(("X", String::new()))).lines().count(), 1);
}

#[test]
fn a_malformed_filter_is_an_error_that_says_where_from() {
    let config = LogConfig { filter: "plimsoll=loud".to_owned(), ..LogConfig::default() };
    let error = chosen(&config, None).map(drop).unwrap_err();
    assert!(error.to_string().contains("\"plimsoll=loud\" (from the configuration)"), "{error}");
    let error = chosen(&LogConfig::default(), Some(("X", "a=b=c=".to_owned())));
    assert!(error.map(drop).unwrap_err().to_string().contains("from X"));
}

/// A log of its own, set up as the process's would be.
fn log(format: LogFormat, target: Target, capacity: usize) -> (Logs, Box<dyn Subscriber + Send + Sync>) {
    let bounds = LineLogConfig { capacity, interval: Duration::from_secs(60), linger: Duration::ZERO };
    let lines = Arc::new(LineLog::open(target, &bounds).unwrap());
    let writer = Lines::new(Arc::clone(&lines), format);
    let (filter, parsed) = chosen(&LogConfig::default(), None).unwrap();
    let (subscriber, reload) = subscriber(format, parsed, false, writer);
    (Logs(Arc::new(Inner { lines, filter: Mutex::new(filter), reload })), subscriber)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_level_changes_while_it_runs_and_a_wrong_one_changes_nothing() {
    for format in [LogFormat::Readable, LogFormat::Json] {
        let page = Page::default();
        let (logs, subscriber) = log(format, Target::Writer(Box::new(page.clone())), 1 << 16);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("one");
            assert_eq!(logs.set_filter("debug").unwrap(), "info");
            tracing::debug!("two");
            let error = logs.set_filter("debg").unwrap_err().to_string();
            assert!(error.contains("did you mean \"debug\"?"), "{error}");
            assert_eq!(logs.filter(), "debug");
            tracing::debug!("three");
            assert_eq!(logs.set_filter("warn").unwrap(), "debug");
            tracing::info!("four");
        });
        assert!(logs.flush(LONG));
        let text = page.text();
        let said = ["one", "two", "three", "four"].map(|word| text.contains(word));
        assert_eq!(said, [false, true, true, false], "{text}");
    }
}

/// A target that takes nothing until it is opened.
struct Shut(std::sync::mpsc::Receiver<()>, Page);

impl Write for Shut {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_nobody_reads_blocks_nobody_and_says_later_what_is_missing() {
    for format in [LogFormat::Readable, LogFormat::Json] {
        let (open, shut) = std::sync::mpsc::sync_channel(1);
        let page = Page::default();
        let (logs, subscriber) = log(format, Target::Writer(Box::new(Shut(shut, page.clone()))), 4096);
        tracing::subscriber::with_default(subscriber, || {
            // Many times what fits; this comes back though not one line is taken.
            for nth in 0..1000 {
                tracing::info!(nth, "served");
            }
            let dropped = logs.stats().full;
            assert!(dropped > 800, "{dropped}");
            drop(open);
            assert!(logs.flush(LONG));
            tracing::info!("again");
        });
        assert!(logs.flush(LONG));
        let (text, stats) = (page.text(), logs.stats());
        let told = text.lines().find(|line| line.contains("lines of this log were dropped")).unwrap();
        assert!(told.contains(&stats.full.to_string()), "{told}");
        if format == LogFormat::Json {
            assert!(told.starts_with("{\"timestamp\":\"") && told.ends_with('}'), "{told}");
        }
        assert!(text.ends_with(if format == LogFormat::Json { "}\n" } else { "again\n" }), "{text}");
    }
}
