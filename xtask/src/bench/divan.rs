//! Reads the tables that divan prints.

/// One row: a bench, or one of its arguments or thread counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Modules, bench and argument, joined by `/`; the target's own name is left out.
    pub(crate) path: String,
    pub(crate) median_ns: f64,
    /// Allocations of one iteration (median); `None` where nobody counted them.
    pub(crate) allocations: Option<f64>,
}

/// Every row with figures in the output of `cargo bench`.
///
/// Divan leaves allocations out both where there were none and where nobody counted; `counted` tells which.
pub(crate) fn read(output: &str, counted: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    let mut next_is_allocations = false;
    for line in output.lines() {
        if let Some((depth, rest)) = branch(line) {
            next_is_allocations = false;
            let cells: Vec<&str> = rest.split('│').collect();
            let first = cells[0].trim();
            path.truncate(depth);
            path.push(first.split_once("  ").map_or(first, |(name, _)| name));
            if let Some(median_ns) = cells.get(2).and_then(|cell| nanoseconds(cell)) {
                rows.push(Row { path: path.join("/"), median_ns, allocations: counted.then_some(0.0) });
            }
            continue;
        }
        let cells: Vec<&str> = line.trim_start_matches(['│', ' ']).split('│').map(str::trim).collect();
        if next_is_allocations {
            next_is_allocations = false;
            if let (Some(row), Some(count)) =
                (rows.last_mut(), cells.get(2).and_then(|cell| cell.parse().ok()))
            {
                row.allocations = Some(count);
            }
        } else {
            next_is_allocations = cells[0] == "alloc:";
        }
    }
    rows
}

/// How deep a row hangs in the tree, and the row without its branch.
fn branch(line: &str) -> Option<(usize, &str)> {
    let at = line.find("├─ ").into_iter().chain(line.find("╰─ ")).min()?;
    let (before, rest) = line.split_at(at);
    // Each level is three characters wide: a bar or a blank, and two blanks.
    let depth = before.chars().count() / 3;
    Some((depth, rest.get("├─ ".len()..)?))
}

fn nanoseconds(cell: &str) -> Option<f64> {
    let (number, unit) = cell.trim().split_once(' ')?;
    let factor = match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 0 tests

p               fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ allocs       14.05 ns      │ 32.36 ns      │ 14.83 ns      │ 15.09 ns      │ 100     │ 6400
│               max alloc:    │               │               │               │         │
│                 3           │ 3             │ 3             │ 3             │         │
│                 80 B        │ 80 B          │ 80 B          │ 80 B          │         │
│               alloc:        │               │               │               │         │
│                 1           │ 1             │ 1.5           │ 1             │         │
│                 80 B        │ 80 B          │ 80 B          │ 80 B          │         │
├─ free         0.014 ns      │ 0.165 ns      │ 0.026 ns      │ 0.027 ns      │ 100     │ 819200
├─ two                        │               │               │               │         │
│  ├─ t=1       0.012 ns      │ 7.356 ns      │ 0.025 ns      │ 0.101 ns      │ 100     │ 819200
│  ╰─ t=2       0.011 ns      │ 0.349 ns      │ 0.027 ns      │ 0.034 ns      │ 100     │ 819200
╰─ inner                      │               │               │               │         │
   ├─ keyed                   │               │               │               │         │
   │  ├─ 1      0.304 ns      │ 10.74 ns      │ 0.309 ns      │ 0.412 ns      │ 100     │ 409600
   │  ╰─ 10000  0.301 ns      │ 0.434 ns      │ 0.307 ns      │ 0.308 ns      │ 100     │ 409600
   ╰─ slow      26.99 µs      │ 37.14 µs      │ 27.14 µs      │ 27.31 µs      │ 100     │ 100
";

    #[test]
    fn reads_paths_medians_and_allocations() {
        let rows = read(OUTPUT, true);
        let paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(
            paths,
            ["allocs", "free", "two/t=1", "two/t=2", "inner/keyed/1", "inner/keyed/10000", "inner/slow"]
        );
        assert!((rows[6].median_ns - 27140.0).abs() < 1e-6);
        assert!((rows[0].median_ns - 14.83).abs() < 1e-9);
        assert_eq!((rows[0].allocations, rows[1].allocations), (Some(1.5), Some(0.0)));
        assert_eq!(read(OUTPUT, false)[1].allocations, None);
    }

    #[test]
    fn other_output_holds_no_row() {
        assert_eq!(read("test result: ok. 0 passed\nTimer precision: 20 ns\n", true), []);
    }
}
