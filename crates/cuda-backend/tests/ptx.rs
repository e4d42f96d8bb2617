//! The committed PTX is what its sources say.

use std::path::Path;

use sha2::{Digest, Sha256};

fn kernels() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

fn stems(folder: &Path, extension: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    let mut stems: Vec<String> = of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    stems.sort();
    stems
}

/// Of a source and the files that it includes, by name: as scripts/compile_kernels.py computes it.
fn digest(source: &str) -> String {
    let text = std::fs::read_to_string(kernels().join(source)).unwrap();
    let mut included: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix('"')).collect();
    included.sort_unstable();
    included.dedup();
    let mut hash = Sha256::new();
    hash.update(&text);
    included.iter().for_each(|name| hash.update(std::fs::read(kernels().join(name)).unwrap()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn each_ptx_was_made_of_its_source() {
    let sources = stems(&kernels(), "cu");
    assert_eq!(sources, stems(&kernels().join("ptx"), "ptx"));
    for name in sources {
        let ptx = std::fs::read_to_string(kernels().join("ptx").join(format!("{name}.ptx"))).unwrap();
        let said = ptx.strip_prefix("// ").and_then(|rest| rest.split(' ').next()).unwrap_or("");
        assert_eq!(
            said,
            digest(&format!("{name}.cu")),
            "{name}.ptx is out of date: run scripts/compile_kernels.py {name}"
        );
        assert!(ptx.contains("\n.target sm_70\n") && ptx.contains(".version 8.0\n"), "{name}: for CUDA 12.0 and sm_70");
        // A struct that is copied for each thread, or an array that is not in registers. (Sines have a table of their own.)
        let local = |text: &str| text.contains(".local .align 8 .b8 \t__local_depot");
        let bodies = ptx.split(".entry ").skip(1).filter_map(|text| text.split(".func").next());
        let copies: Vec<&str> = bodies.filter(|text| local(text)).filter_map(|text| text.split('(').next()).collect();
        assert!(
            copies.iter().all(|kernel| kernel.starts_with("unary_sin") || kernel.starts_with("unary_cos")),
            "{name}: {copies:?}"
        );
        // The compiler's own library has a few functions for double precision that it does not inline.
        let calls = ptx.lines().filter(|line| line.starts_with(".func") && !line.contains(" __internal_"));
        assert_eq!(calls.count(), 0, "{name}: a function that is not inlined");
    }
}
