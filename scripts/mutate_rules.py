#!/usr/bin/env python3
"""Breaks the gradient rules one by one and sees whether the table of derivatives notices.

    python3 scripts/mutate_rules.py                 # all rules; about ten seconds a mutant on two cores
    python3 scripts/mutate_rules.py --list          # the mutants, without running any
    python3 scripts/mutate_rules.py --only products # those of files whose name contains this

A mutant is one change of one place in crates/autograd/src/rules: a sign, a factor, a missing term, another function, another comparison. For each,
crates/autograd/tests/table, and where that passes tests/graph, is built and run in a copy of the tree; a mutant that both let pass has survived. One that does not compile counts for
nothing. Needs Python 3.8, git and the Rust toolchain. The exit status is 0 where every mutant was noticed or is explained in EXPLAINED.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = "crates/autograd/src/rules"

# What is changed, and into what. Each pattern is tried at every place of a line of code.
CHANGES = [
    ("sign", r"(?<=[\w)\]]) \+ (?=[\w(&])", " - "),
    ("sign", r"(?<=[\w)\]]) - (?=[\w(&])", " + "),
    ("sign", r"(?<=[(,] )-(?=[(\w])", ""),
    ("sign", r"(?<==> )-(?=[(\w])", ""),
    ("sign", r"(?<=\|\| )-(?=[(\w])", ""),
    ("sign", r"(?<== )-(?=[(\w])", ""),
    ("factor", r"(?<=[\w)\]]) \* (?=[\w(&])", " / "),
    ("factor", r"(?<=[\w)\]]) / (?=[\w(&])", " * "),
    ("factor", r"(?<![\w.])\d+\.\d+(?![\w.])", lambda m: repr(float(m[0]) * 2 + (1.0 if float(m[0]) == 0 else 0.0))),
    ("factor", r"\.square\(\)", ""),
    ("term", r"(?<=[\w)\]]) [+-] &?[\w.]+(\([\w., ]*\))?(?=[);,])", ""),
    ("term", r"(?<=[\w)\]]) \* &?[\w.]+(\([\w., ]*\))?(?=[);,])", ""),
    ("term", r"\.sum_to\([^()]*(\([^()]*\))?\)", ""),
    ("term", r"\.(flip|cumsum)\(axis\)", ""),
    ("function", r"\.sin\(\)", ".cos()"),
    ("function", r"\.cos\(\)", ".sin()"),
    ("function", r"\.sign\(\)", ".abs()"),
    ("function", r"\.exp\(\)", ".expm1()"),
    ("function", r"\.sigmoid\(\)", ".tanh()"),
    ("function", r"\.t\(\)", ""),
    ("comparison", r"\.(gt|ge)\(", ".lt("),
    ("comparison", r"\.(lt|le)\(", ".ge("),
    ("comparison", r"\.eq\(", ".ne("),
]

# The tests that are likeliest to notice what is broken in a file.
OWN_TESTS = {"elementwise": "elementwise", "reductions": "reduction", "products": "product", "views": "view", "indexing": "indexing", "lstm": "fused"}

# Survivors that change nothing which a derivative could show: (file, line of code, change) -> why.
EXPLAINED = {}


def mutants(only):
    """(file, line number, kind, old line, new line) of every mutant."""
    for path in sorted((ROOT / RULES).rglob("*.rs")):
        if only and only not in path.name:
            continue
        skip = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            if "panic!(" in code or "assert" in code:
                skip = True
            # Messages and their arguments, signatures, imports and attributes are not arithmetic.
            if not skip and not re.match(r"\s*(use|pub|fn|impl|#|mod|let Some|if let)\b", code) and "->" not in code:
                seen = set()
                for kind, pattern, replacement in CHANGES:
                    for match in re.finditer(pattern, code):
                        new = code[: match.start()] + match.expand(replacement) + code[match.end() :] if isinstance(replacement, str) else (
                            code[: match.start()] + replacement(match) + code[match.end() :])
                        if new not in seen and new != code:
                            seen.add(new)
                            yield path.relative_to(ROOT), number, kind, code.rstrip(), new.rstrip()
            if skip and code.rstrip().endswith((");", ")", "),")):
                skip = False


def cargo(tree, target, seconds, *arguments, only=None, tests="table"):
    """The exit status of cargo test in the copy, of all tests or those whose name contains `only`; None where it ran too long."""
    command = ["cargo", "test", "-p", "unrolled-autograd", "--test", tests, "--target-dir", str(target), "--quiet",
               "--config", "profile.dev.package.unrolled-autograd.opt-level=1", *arguments, *(["--", only] if only else [])]
    try:
        return subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds).returncode
    except subprocess.TimeoutExpired:
        return None


def noticed(tree, target, path):
    """Whether a test fails: first those of the rule's own kind, then, where they pass, all of the table, then those of kinks and edges."""
    own = OWN_TESTS.get(path.stem)
    if own and cargo(tree, target, 300, only=own) != 0:
        return True
    return cargo(tree, target, 300) != 0 or cargo(tree, target, 300, tests="graph") != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="files of rules whose name contains this")
    parser.add_argument("--list", action="store_true", help="print the mutants, run none")
    parser.add_argument("--lines", default="", help="code that contains this only")
    parser.add_argument("--every", type=int, default=1, help="every n-th mutant only")
    parser.add_argument("--target-dir", help="where to build (default: a temporary folder)")
    options = parser.parse_args()
    found = [m for m in mutants(options.only) if options.lines in m[3]][:: options.every]
    if options.list:
        for path, number, kind, old, new in found:
            print(f"{path}:{number}: {kind}\n  - {old.strip()}\n  + {new.strip()}")
        print(f"{len(found)} mutants")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "tree"
        for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
            source = ROOT / name
            if source.is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                # Not with its time: what an earlier run left in the target folder is then newer than a source that it was not made from.
                shutil.copy(source, tree / name)
        target = pathlib.Path(options.target_dir) if options.target_dir else pathlib.Path(folder) / "target"
        began = time.time()
        if cargo(tree, target, 3600) != 0 or cargo(tree, target, 3600, tests="graph") != 0:
            print("the tests do not pass as they are")
            return 2
        print(f"unchanged: passes, {time.time() - began:.0f} s with building; {len(found)} mutants", flush=True)
        killed, survived, invalid = 0, [], 0
        for path, number, kind, old, new in found:
            file = tree / path
            text = file.read_text()
            lines = text.split("\n")
            lines[number - 1] = new
            file.write_text("\n".join(lines))
            if cargo(tree, target, 600, "--no-run") != 0:
                invalid, outcome = invalid + 1, "does not compile"
            elif noticed(tree, target, path):
                killed, outcome = killed + 1, "noticed"
            elif (path.name, old.strip(), new.strip()) in EXPLAINED:
                invalid, outcome = invalid + 1, "the same: " + EXPLAINED[path.name, old.strip(), new.strip()]
            else:
                survived.append((path, number, kind, old, new))
                outcome = "SURVIVED"
            file.write_text(text)
            print(f"{path.name}:{number} {kind}: {new.strip()[:100]}: {outcome}", flush=True)
    total = killed + len(survived)
    print(f"\n{killed} of {total} noticed ({100 * killed / max(total, 1):.1f}%), {invalid} that do not compile or change nothing")
    for path, number, kind, old, new in survived:
        print(f"survived: {path}:{number} ({kind})\n  - {old.strip()}\n  + {new.strip()}")
    return int(bool(survived))


if __name__ == "__main__":
    sys.exit(main())
