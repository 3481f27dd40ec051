//! Writes the corpus of the tests as seeds for the fuzz targets: `cargo run -p plimsoll-h1 --example fuzz_seeds`.

#[path = "../tests/corpus/mod.rs"]
mod corpus;

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for (direction, messages) in
        [("requests", corpus::all_requests()), ("responses", corpus::all_responses())]
    {
        for target in [direction.to_owned(), format!("{direction}_beside_hyper")] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
            fs::create_dir_all(&folder)?;
            for (number, bytes) in messages.iter().enumerate() {
                fs::write(folder.join(format!("seed-{number}")), bytes)?;
            }
        }
    }
    Ok(())
}
