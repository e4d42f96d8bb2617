//! Every public method of `Var` that is an operation has a documentation with an example that runs, and a row in the table of derivatives:
//! read off the sources, so that none can be added without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Methods that are no operations, and why.
const NO_OPERATIONS: [(&str, &[&str]); 4] = [
    ("makes a variable", &["leaf", "constant", "detach"]),
    ("hands out the value", &["tensor", "into_tensor", "value_mut", "to_vec", "item"]),
    ("describes the value", &["shape", "rank", "dim", "dtype", "device"]),
    (
        "describes the graph",
        &["is_tracked", "is_leaf", "operation", "operations", "same", "backward", "backward_with", "backward_from"],
    ),
];

/// Operations whose answer has no gradient: an example, but no row.
const WITHOUT_GRADIENT: [&str; 9] = ["eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin", "argsort"];

/// Operations that the table reaches through `Var::unary`.
const BY_VALUE: [&str; 2] = ["affine", "clamp"];

/// At least so many; to be raised with the table.
const OPERATIONS: usize = 119;

struct Method {
    name: String,
    place: String,
    /// The lines of its documentation, of a macro's before those of the line in its call.
    documentation: Vec<String>,
    /// A line of a macro's call: the table of `Unary::ALL` or `Binary::ALL` has its row.
    of_macro: bool,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    sources(&root.join(folder), &mut found);
    found.sort();
    let named =
        |path: PathBuf| (path.strip_prefix(root).unwrap().display().to_string(), fs::read_to_string(path).unwrap());
    found.into_iter().map(named).collect()
}

/// The identifier that a line begins with.
fn identifier(line: &str) -> &str {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The public methods in `impl Var { .. }`, and in macros that make such, by the layout that rustfmt gives: a block ends where a brace stands as far
/// left as its first line.
fn methods(file: &str, text: &str) -> Vec<Method> {
    let mut found = Vec::new();
    // A macro's name, and the documentation that it gives to each method.
    let mut macros: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut block, mut macro_name, mut documentation) = (None::<String>, None::<String>, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let place = format!("{file}:{}", number + 1);
        if let Some(name) = line.strip_prefix("macro_rules! ") {
            (macro_name, block) = (Some(identifier(name).to_owned()), None);
        } else if line.starts_with('}') {
            (macro_name, block) = (None, None);
        } else if line.ends_with("! {") {
            block = Some(identifier(line).to_owned());
        } else if trimmed == "impl Var {" || trimmed == "impl Var {$(" {
            block = Some("impl".to_owned());
        }
        if trimmed.starts_with("///") || trimmed.starts_with("#[doc") {
            documentation.push(trimmed.to_owned());
            continue;
        }
        if trimmed.starts_with("#[") || trimmed.starts_with("$(#[") {
            continue;
        }
        let documented = std::mem::take(&mut documentation);
        match block.as_deref() {
            Some("impl") => {
                let Some(rest) = trimmed.strip_prefix("pub fn ").or(trimmed.strip_prefix("pub const fn ")) else {
                    continue;
                };
                match &macro_name {
                    Some(name) => drop(macros.insert(name.clone(), documented)),
                    None => {
                        let name = identifier(rest).to_owned();
                        found.push(Method { name, place, documentation: documented, of_macro: false });
                    }
                }
            }
            Some(called) if trimmed.contains(" => ") => {
                let Some(given) = macros.get(called) else { continue };
                let name = identifier(trimmed).to_owned();
                let documentation = if documented.is_empty() { documented } else { [&given[..], &documented].concat() };
                found.push(Method { name, place, documentation, of_macro: true });
            }
            _ => {}
        }
    }
    found
}

/// What a documentation lacks.
fn lacks(documentation: &[String]) -> Option<&'static str> {
    let lines = || documentation.iter().map(|line| line.trim_start_matches("///").trim());
    let fences: Vec<&str> = lines().filter(|line| line.starts_with("```")).collect();
    if documentation.is_empty() {
        return Some("a documentation");
    }
    if fences.len() < 2 || fences.iter().any(|&fence| fence != "```") {
        return Some("an example that runs: a fence without words");
    }
    let asserts = documentation.iter().any(|line| line.contains("assert"));
    (!asserts).then_some("an assertion in its example")
}

fn operations() -> Vec<Method> {
    let exempt: BTreeSet<&str> = NO_OPERATIONS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let all: Vec<Method> = read("src").iter().flat_map(|(file, text)| methods(file, text)).collect();
    let names: BTreeSet<&str> = all.iter().map(|method| method.name.as_str()).collect();
    let gone: Vec<&&str> = exempt.iter().chain(&WITHOUT_GRADIENT).filter(|name| !names.contains(**name)).collect();
    assert!(gone.is_empty(), "listed here, but no methods: {gone:?}");
    all.into_iter().filter(|method| !exempt.contains(method.name.as_str())).collect()
}

#[test]
fn every_operation_is_documented_with_an_example_that_runs() {
    let operations = operations();
    let lacking: Vec<String> = operations
        .iter()
        .filter_map(|method| {
            lacks(&method.documentation).map(|what| format!("{}: `{}` lacks {what}", method.place, method.name))
        })
        .collect();
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    println!("{} operations", operations.len());
    assert!(operations.len() >= OPERATIONS, "only {} operations found", operations.len());
    for known in ["exp", "pow", "ge", "sum", "matmul", "lstm_sequence", "linear_cross_entropy", "apply", "pad"] {
        assert!(operations.iter().any(|method| method.name == known), "`{known}` is an operation");
    }
}

#[test]
fn every_operation_is_in_the_table_of_derivatives() {
    let table: String = read("tests/table").into_iter().map(|(_, text)| text).collect();
    let named = |name: &str| table.contains(&format!(".{name}(")) || table.contains(&format!("Var::{name}"));
    let missing: Vec<String> = operations()
        .iter()
        .filter(|method| {
            !method.of_macro && !WITHOUT_GRADIENT.contains(&&*method.name) && !BY_VALUE.contains(&&*method.name)
        })
        .filter(|method| !named(&method.name))
        .map(|method| format!("{}: `{}` has no row", method.place, method.name))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The check finds what it is there for.
#[test]
fn what_is_lacking_is_found() {
    let text = "impl Var {\n    /// Doubled.\n    ///\n    /// ```\n    /// assert!(true);\n    /// ```\n    pub fn twice(&self) -> Var {\n    }\n\n    \
                /// Tripled.\n    pub fn thrice(&self) -> Var {\n    }\n\n    /// ```ignore\n    /// assert!(true);\n    /// ```\n    \
                #[track_caller]\n    pub fn never(&self) -> Var {\n    }\n\n    pub fn bare(&self) -> Var {\n    }\n    fn private(&self) {}\n}\n";
    let found = methods("here.rs", text);
    let names: Vec<&str> = found.iter().map(|method| method.name.as_str()).collect();
    assert_eq!(names, ["twice", "thrice", "never", "bare"]);
    let lacking: Vec<bool> = found.iter().map(|method| lacks(&method.documentation).is_some()).collect();
    assert_eq!(lacking, [false, true, true, true]);
}
