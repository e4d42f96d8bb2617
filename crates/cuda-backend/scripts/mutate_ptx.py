#!/usr/bin/env python3
"""Do the tests notice a wrong kernel? Changes one instruction of the embedded PTX at a time and runs the tests of its file on a virtual GPU.

    cargo test -p unrolled-cuda --test gpu --no-run
    python3 crates/cuda-backend/scripts/mutate_ptx.py [--sample N] [--seed S] [--kind KIND] [--minutes M] [NAME …]

Nothing is compiled: the virtual driver loads the changed file in place of the module that begins with the same line (VIRTUAL_CUDA_PTX). A
mutant is killed when a test fails, the driver refuses the module, or the work does not end. Every barrier is deleted once; of all other changes
a sample is taken (--sample of each file). Tells the score of each file and kind, and every survivor. Roundings are changed only where results are
promised to the bit.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

CRATE = pathlib.Path(__file__).resolve().parent.parent
# The tests that are meant to notice, quickest first. The answers of the files in EXACT are promised to the bit.
TESTS = {
    "sort": ["rows::sums_of_many_duplicates_are_those_of_the_cpu_to_the_bit", "rows::the_largest_k_in_all_three_ways"],
    "indexing": ["rows::an_index_outside_is_found_out", "rows::views_are_gathered_and_scattered_as_on_the_cpu",
                 "rows::sums_of_many_duplicates_are_those_of_the_cpu_to_the_bit", "verbs::indexing"],
    "update": ["models::optimiser_steps_have_the_bits_of_the_cpu", "verbs::updates", "conformance::elementwise"],
    "random": ["rows::random_numbers_have_the_bits_of_the_cpu"],
    "copy": ["short::casts_of_whole_numbers", "conformance::joining", "conformance::memory", "conformance::elementwise"],
    "unary": ["functions::functions_are_as_exact_as_they_promise", "short::functions_of_every_number", "conformance::elementwise"],
    "binary": ["short::functions_of_two_numbers", "functions::functions_are_as_exact_as_they_promise", "conformance::elementwise"],
    "reduce": ["bits::rows_of_a_view_are_those_of_a_copy", "bits::a_sum_has_one_order", "short::sums_and_rows", "conformance::reductions", "verbs::rows"],
    "softmax": ["short::sums_and_rows", "rows::softmax_of_short_and_long_rows", "verbs::rows"],
    "top_k": ["short::the_softmax_of_a_vocabulary", "rows::the_largest_k_in_all_three_ways", "models::the_most_probable_words",
              "verbs::linear_top_k"],
    "lstm": ["short::steps_of_a_layer", "models::lstm_layers_with_ragged_lengths", "verbs::lstm"],
    "cross_entropy": ["short::the_softmax_of_a_vocabulary", "models::a_target_or_a_row_outside_is_found_out", "models::cross_entropy_of_many_rows",
                      "models::cross_entropy_over_several_chunks_and_slices", "verbs::cross_entropy"],
    "matmul": ["bits::our_product_has_the_cpus_bits", "short::products_of_our_own", "conformance::products"],
}
EXACT = {"sort", "indexing", "random", "update", "matmul"}
# Where cuBLAS is found these are not called.
WITHOUT_CUBLAS = {"matmul"}
OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq", "ltu": "ge", "geu": "lt", "gtu": "le", "leu": "gt",
            "equ": "ne", "neu": "eq", "lo": "hs", "hs": "lo", "ls": "hi", "hi": "ls"}
EXCHANGE = {"add": "sub", "sub": "add", "max": "min", "min": "max", "and": "or", "or": "and", "shl": "shr", "mul": "add"}
SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}


def swapped(line, i, j):
    """With two operands exchanged."""
    head, operands = line.rstrip(";").rsplit("\t", 1)
    parts = operands.split(", ")
    if parts[i] == parts[j]:
        return None
    parts[i], parts[j] = parts[j], parts[i]
    return f"{head}\t{', '.join(parts)};"


def exchanged(line):
    """Another operation."""
    found = re.search(r"\t(add|sub|max|min|and|or|shl|mul)\.(\S+)", line)
    if not found or "%SP" in line or found[2] in ("cc.s32", "pred"):
        return None
    name, rest = found[1], found[2]
    new = EXCHANGE[name]
    if name == "mul":
        if rest.startswith(("wide", "hi")):
            return None
        rest = rest.replace("lo.", "")
    if name == "shl":
        rest = rest.replace("b", "u")
    if name in ("max", "min") and "f" not in rest and "u" not in rest and "s" not in rest:
        return None
    return line[:found.start()] + f"\t{new}.{rest}" + line[found.end():]


def compared(line):
    found = re.search(r"\tsetp\.(\w+)\.", line)
    if not found or found[1] not in OPPOSITE:
        return None
    return line.replace(f"setp.{found[1]}.", f"setp.{OPPOSITE[found[1]]}.", 1)


def shifted(line):
    """Another address."""
    found = re.search(r"\t(?:ld|st|atom)\.(?:global|shared)\.(?:add\.|nc\.)*(?:v\d\.)?[a-z](\d+) .*?\[(%?\w+)(\+\d+)?\]", line)
    if not found:
        return None
    old = f"[{found[2]}{found[3] or ''}]"
    return line.replace(old, f"[{found[2]}+{int((found[3] or '+0')[1:]) + SIZES[found[1]]}]", 1)


def constant(line):
    """Another number: a float off by an eighth or so, a whole number by one."""
    found = re.search(r"0f([0-9A-F]{8})|0d([0-9A-F]{16})", line)
    if found:
        if int(found[1] or found[2], 16) == 0:
            return None
        new = f"0f{int(found[1], 16) ^ 0x00200000:08X}" if found[1] else f"0d{int(found[2], 16) ^ 0x0004000000000000:016X}"
        return line[:found.start()] + new + line[found.end():]
    found = re.search(r", (-?\d+);$", line)
    if not found or re.search(r"\t(shfl|vote|bar|ld|st)", line):
        return None
    return f"{line[:found.start()]}, {int(found[1]) + 1};"


def rounded(line):
    found = re.search(r"\t(?:add|sub|mul|fma|div|sqrt|cvt)\.rn\.", line)
    # Of whole numbers that fit nothing is lost whichever way.
    if not found or re.search(r"cvt\.rn\.f64\.[us]|cvt\.rn\.f32\.u32", line):
        return None
    return line.replace(".rn.", ".rz.", 1)


KINDS = {
    "barrier": lambda line: "" if re.search(r"\tbar\.sync", line) else None,
    "operation": exchanged,
    "operands": lambda line: swapped(line, 2, 3) if re.search(r"\t(fma|mad)\.", line) else swapped(line, 1, 2) if "\tselp." in line else None,
    "comparison": compared,
    "address": shifted,
    "constant": constant,
    "branch": lambda line: re.sub(r"^\t@(!?)(%p\d+)", lambda m: f"\t@{'' if m[1] else '!'}{m[2]}", line),
    "store": lambda line: "" if re.search(r"\t(st\.(global|shared)|atom)\.", line) else None,
    "rounding": rounded,
}


def low_bits(lines, number):
    """How many of the lowest bits of a mask's operand are 0, because it has just been shifted to the left."""
    register = re.search(r", (%\w+), -?\d+;$", lines[number])[1]
    for line in reversed(lines[max(0, number - 4):number]):
        shifted = re.search(r"\tshl\.b\d+ \t(%\w+), %\w+, (\d+);$", line)
        if shifted and shifted[1] == register:
            return int(shifted[2])
        widened = re.search(r"\tcvt\.u64\.u32 \t(%\w+), (%\w+);$", line)
        if widened and widened[1] == register:
            register = widened[2]
        elif re.search(rf"\t{register}, ", line):
            return 0
    return 0


def changes_nothing(kind, lines, number):
    """True of changes after which the program is, provably, the same."""
    mask = re.search(r"\tand\.b\d+ .*, (-?\d+);$", lines[number])
    if kind == "constant" and mask:
        # Bits of a mask where the operand has none.
        return int(mask[1]) ^ (int(mask[1]) + 1) < 1 << low_bits(lines, number)
    # A product with a power of two is exact, whichever way it is rounded (but below the normal numbers, which none of these is).
    power = re.search(r"\tmul\.rn\.f64 .*0d[0-9A-F]{3}0{13};$", lines[number])
    return kind == "rounding" and bool(power)


def mutants(name, text):
    """(kernel, line number, kind, new line) for each change that there is."""
    kernel, lines = "?", text.split("\n")
    for number, line in enumerate(lines):
        entry = re.search(r"\.entry (\w+)", line)
        kernel = entry[1] if entry else kernel
        if line.strip().startswith((".", "//")) or "%SP" in line:
            continue
        for kind, change in KINDS.items():
            # Another rounding on the way in f64, where the answer is rounded to f32 or less, changes one answer in 2²⁹ or fewer.
            on_the_way = kernel.endswith(("f32", "f16")) and ".f64" in line and not re.search(r"cvt\.rn\.f(16|32)\.f64", line)
            if kind == "rounding" and (name not in EXACT or on_the_way):
                continue
            new = change(line)
            if new is not None and new != line and not changes_nothing(kind, lines, number):
                yield kernel, number, kind, new


def sample(name, text, count, seed, only):
    """All deleted barriers, and so many others, as many of each kind as can be."""
    chance = random.Random(f"{seed} {name}")
    of_kind = collections.defaultdict(list)
    for mutant in mutants(name, text):
        if only in (None, mutant[2]):
            of_kind[mutant[2]].append(mutant)
    chosen = of_kind.pop("barrier", [])
    for found in of_kind.values():
        chance.shuffle(found)
    while count > 0 and any(of_kind.values()):
        for found in of_kind.values():
            if found and count > 0:
                chosen.append(found.pop())
                count -= 1
    return chosen


def binary():
    """The newest test binary, and the virtual driver beside it."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CRATE.parent.parent / "target"))
    folder = target / "debug" / "deps"
    found = [path for path in folder.glob("gpu-*") if path.suffix == "" and os.access(path, os.X_OK)]
    if not found:
        sys.exit("there is no test binary: cargo test -p unrolled-cuda --test gpu --no-run")
    return max(found, key=lambda path: path.stat().st_mtime), (folder / "libvirtual_cuda.so").resolve()


def driver(folder, library, names):
    """A new folder in which these names lead to the virtual driver."""
    folder.mkdir()
    for name in names:
        os.symlink(library, folder / name)
    return str(folder)


def run(tests, program, folder, variables):
    """What a run of the tests one after another came to; None where all of them pass."""
    environment = os.environ | {"LD_LIBRARY_PATH": folder, "UNROLLED_TEST_ON_GPU": "1", "RUST_BACKTRACE": "0", "VIRTUAL_CUDA_VERBOSE": "0",
                                "VIRTUAL_CUDA_LIMIT": "5000000"} | variables
    for test in tests:
        try:
            done = subprocess.run([program, test, "--exact"], env=environment, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired:
            return "does not end"
        if done.returncode != 0:
            return "refused" if "INVALID_PTX" in done.stdout + done.stderr else "killed"
        if "1 passed" not in done.stdout:
            sys.exit(f"{test} is not the path of a test")
    return None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sample", type=int, default=40, help="changes of each file beside its barriers")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--kind", choices=KINDS, help="only these")
    arguments.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    arguments.add_argument("names", nargs="*", help="files without .ptx; all that have tests where none is named")
    chosen = arguments.parse_args()
    program, library = binary()
    scores = collections.defaultdict(lambda: [0, 0])
    invalid, end = 0, time.monotonic() + 60 * chosen.minutes
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        names = ["libcuda.so", "libcuda.so.1", "libcublas.so", "libcublas.so.12"]
        drivers = [driver(folder / "without", library, names[:2]), driver(folder / "with", library, names)]
        changed = str(folder / "changed.ptx")
        for name in chosen.names or TESTS:
            text = (CRATE / "kernels" / "ptx" / f"{name}.ptx").read_text()
            here = drivers[name not in WITHOUT_CUBLAS]
            if run(TESTS[name], program, here, {}) is not None:
                print(f"{name}: the tests fail on the kernels as they are")
                continue
            for kernel, number, kind, new in sample(name, text, chosen.sample, chosen.seed, chosen.kind):
                if time.monotonic() > end:
                    break
                lines = text.split("\n")
                old, lines[number] = lines[number], new
                pathlib.Path(changed).write_text("\n".join(lines))
                outcome = run(TESTS[name], program, here, {"VIRTUAL_CUDA_PTX": changed})
                if outcome == "refused":
                    # A change that makes no program says nothing of the tests.
                    invalid += 1
                    continue
                for key in [name, f"({kind})", "all"]:
                    scores[key][0] += outcome is not None
                    scores[key][1] += 1
                if outcome is None:
                    print(f"survived: {kernel} line {number + 1} ({kind}): {old.strip()}  ->  {new.strip() or 'deleted'}", flush=True)
    for key, (killed, all) in scores.items():
        print(f"{key}: {killed} of {all} killed, {100 * killed / all:.0f}%")
    print(f"{invalid} changes were no programs and are not counted")


if __name__ == "__main__":
    main()
