//! The invariants of ARCHITECTURE.md that can be read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_crate_depends_only_on_those_below_it() {
    let layers = ["tensor", "autograd", "nn", "seq2seq"];
    for (height, name) in layers.iter().enumerate() {
        let manifest = fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        for above in &layers[height..] {
            assert!(
                !manifest.contains(&format!("unrolled-{above}.workspace")),
                "unrolled-{name} depends on unrolled-{above}"
            );
        }
    }
}

#[test]
fn unsafe_code_is_in_the_backends_and_the_virtual_driver_alone() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "examples", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "the sources were found");
    // The virtual driver is called from C, and is for tests alone.
    let allowed =
        ["crates/tensor/src/cpu", "crates/cuda-backend", "crates/virtual-cuda"].map(|folder| root().join(folder));
    for file in files.iter().filter(|file| !allowed.iter().any(|folder| file.starts_with(folder))) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(line));
        let found = code
            .clone()
            .any(|line| line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"));
        assert!(!found, "{} has unsafe code", file.display());
    }
}

#[test]
fn the_readme_names_only_commands_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let known = fs::read_to_string(root().join("src/cli/mod.rs")).unwrap().to_lowercase();
    let mut commands = 0;
    for line in readme.lines().filter_map(|line| line.strip_prefix("unrolled ")) {
        let name = line.split_whitespace().next().unwrap();
        if name == "=" {
            continue; // a line of Cargo.toml
        }
        assert!(known.contains(&format!("mod {name};")), "README: `unrolled {name}` is no command");
        commands += 1;
    }
    assert!(commands >= 4, "the README shows the command");
}

#[test]
fn the_guide_names_only_functions_that_exist() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("crates"), &mut files);
    let sources: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    // Defined by itself, or as a row `name => Operation` of a macro.
    let exists = |name: &str| {
        [format!("fn {name}("), format!("fn {name}<"), format!("{name} => "), format!("macro_rules! {name}")]
            .iter()
            .any(|text| sources.contains(text))
    };
    let guide = fs::read_to_string(root().join("docs/from-pytorch.md")).unwrap();
    let mut checked = 0;
    for row in guide.lines().filter(|line| line.starts_with("| ")) {
        let ours = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for code in ours.split('`').skip(1).step_by(2) {
            for (at, _) in code.match_indices('(') {
                let name = code[..at].rsplit(|c| !word(c)).next().unwrap();
                // `Some` and `clone` are Rust's.
                if name.starts_with(|c: char| c.is_lowercase()) && name != "clone" {
                    assert!(exists(name), "the guide names `{name}`, which does not exist: {row}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "the guide's tables were found");
}
