"""Runs the same training step in unrolled and in PyTorch, alternately, and prints the ratio with its spread.

usage: python benches/vs_pytorch.py [--sizes s,m,l] [--threads 2] [--rounds 5] [--steps N] [--json | --table]
           [--binary PATH] [--python PATH] [--no-install] [--loss fastest|plain|fused]
           [--embeddings fastest|sparse|dense] [--precision f32|tf32|bf16] [--matmul-precision f32|f32-fma|tf32|bf16]
           [--device cpu|cuda] [--activations f32|bf16] [--compile fastest|no|yes]
       python benches/vs_pytorch.py --translate [--sizes s,m,l] [--beam 12] [--batch-size 64] [--sentences N] [--threads 2]
           [--matmul-precision f32|f32-fma|bf16] [--weights f32|bf16|int8] [--precision f32|bf16] [--rounds 5] [--json]
           [--binary PATH] [--python PATH]
       python benches/vs_pytorch.py --graph [--rounds 5] [--json] [--binary PATH] [--python PATH] [--no-install]

Needs a built command (`cargo build --release`). PyTorch is taken from --python, else from the Python that runs this
file, else from a virtual environment under the target folder, which is made on first use (several GB; --no-install says
no). Each round starts one process of each side; who goes first changes every round, so that a machine that slows
down or speeds up favours nobody. The ratio of a round is unrolled's words/s over PyTorch's: 2 means twice as fast;
shown are the median over rounds and the range. Memory is the peak of the process, for PyTorch also without its
libraries. Where another program takes the processor, the processor time of both sides says more than the clock: its
ratio is shown too. --table prints Markdown.
--translate measures greedy (--beam 1) or beam search, see pytorch_translate.py; --matmul-precision and
--weights are unrolled's, --precision PyTorch's.
--graph measures the graph alone: additions and products of 10,000 one-element tensors, forward and backward; it needs
`cargo build --release -p unrolled-autograd --example overhead`, and the ratio is PyTorch's seconds over unrolled's.
--loss, --embeddings and --precision choose PyTorch's variant (see pytorch_translator.py); "fastest" tries them once
before the rounds and takes the quickest.
--device cuda runs both on the first GPU: PyTorch's LSTM is then cuDNN's, torch.compile is tried with the other variants, memory is what tensors held
on the GPU at most, and unrolled's --activations may be bf16. One size after the other; --precision and --matmul-precision say in what.
Exit status: 0 measured, 1 a side failed, 2 something needed is missing.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
TRANSLATE_KEYS = {"size", "threads", "beam", "batch_size", "sentences", "seconds", "words_per_s", "tgt_words_per_s", "peak_mb"}
GRAPH_KEYS = {"nodes", "seconds", "gradients"}
KEYS = {"size", "threads", "step_s", "words_per_s", "tgt_words_per_s", "params", "peak_mb"}


class Missing(Exception):
    """Something that the comparison needs is not there."""


class Failed(Exception):
    """A side ran and gave no usable answer."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_binary(given, bench="train-step"):
    """The `unrolled` command, checked to have this `bench`."""
    suffix = ".exe" if os.name == "nt" else ""
    binary = pathlib.Path(given) if given else TARGET / "release" / f"unrolled{suffix}"
    if not binary.is_file():
        raise Missing(f"no command at {binary}: run `cargo build --release` first, or name it with --binary")
    probe = subprocess.run([binary, "bench", bench, "--help"], capture_output=True, text=True)
    if probe.returncode != 0:
        raise Missing(f"{binary} has no `bench {bench}`: build a version that has it, or name one with --binary")
    return binary


def find_example(given):
    """The example that measures the graph."""
    suffix = ".exe" if os.name == "nt" else ""
    binary = pathlib.Path(given) if given else TARGET / "release" / "examples" / f"overhead{suffix}"
    if not binary.is_file():
        raise Missing(f"no program at {binary}: run `cargo build --release -p unrolled-autograd --example overhead` first")
    return binary


def has_torch(python):
    return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0


def find_python(given, install):
    """A Python that has PyTorch."""
    if given:
        if not has_torch(given):
            raise Missing(f"{given} cannot import torch: install it there (`{given} -m pip install torch numpy`)")
        return given
    if has_torch(sys.executable):
        return sys.executable
    folder = TARGET / "pytorch"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.is_file() and has_torch(python):
        return python
    if not install:
        raise Missing("PyTorch was not found: name a Python that has it with --python, or leave out --no-install")
    say(f"installing PyTorch into {folder} (once; several GB) ...")
    venv.create(folder, with_pip=True)
    if subprocess.run([python, "-m", "pip", "install", "torch", "numpy"], stdout=sys.stderr).returncode != 0:
        raise Missing(f"PyTorch could not be installed into {folder}: install it yourself and use --python")
    return python


def has_gpu(python):
    return subprocess.run([python, "-c", "import torch; assert torch.cuda.is_available()"], capture_output=True).returncode == 0


def ask(side, command, keys=KEYS):
    """Runs one side and reads the JSON object on its last line, which has these keys."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{side} failed with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(f"{side} did not end with a JSON object: {done.stdout[-500:]!r}") from None
    if lacking := keys - set(answer):
        raise Failed(f"{side} did not report {', '.join(sorted(lacking))}")
    return answer


def same_work(ours, theirs):
    """Both sides must have trained the same model on as many words."""
    for key in ("size", "threads", "params"):
        if ours[key] != theirs[key]:
            raise Failed(f"not the same work: {key} is {ours[key]} in unrolled and {theirs[key]} in PyTorch")
    words = [answer["words_per_s"] * answer["step_s"] for answer in (ours, theirs)]
    if abs(words[0] - words[1]) > 0.01 * words[1]:
        raise Failed(f"not the same work: {words[0]:.0f} words a step in unrolled and {words[1]:.0f} in PyTorch")


def spread(values):
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4), "max": round(max(values), 4)}


def fastest_variant(command, loss, embeddings, compile, gpu):
    """PyTorch's options for a step: those given, the others tried once each, the quickest of all that run."""
    losses = ("plain", "fused") if loss == "fastest" else (loss,)
    kinds = ("sparse", "dense") if embeddings == "fastest" else (embeddings,)
    compiled = {"no": [[]], "yes": [["--compile"]], "fastest": [[], ["--compile"]] if gpu else [[]]}[compile]
    variants = [["--loss", one, "--embeddings", kind, *flag] for flag in compiled for one in losses for kind in kinds]
    if len(variants) == 1:
        return variants[0]
    seconds = {}
    for number, variant in enumerate(variants):
        try:
            answer = ask("PyTorch", [*command, *variant])
        except Failed as failed:
            say(f"PyTorch with {' '.join(variant)} does not run: {str(failed)[-300:]}")
            continue
        # On the CPU the processor's time is more to be trusted than the clock where others work too.
        seconds[number] = answer["step_s"] if gpu else answer.get("cpu_step_s") or answer["step_s"]
        say(f"PyTorch with {' '.join(variant)}: {answer['step_s']:.3f} s a step, {seconds[number]:.3f} s of the "
            f"{'GPU' if gpu else 'processors'}, {answer[memory_key(answer)]:.0f} MiB")
    if not seconds:
        raise Failed("PyTorch ran in none of its variants")
    return variants[min(seconds, key=seconds.get)]


def memory_key(answer):
    """Which memory counts: a GPU's, where the step ran on one."""
    return "device_peak_mb" if "device_peak_mb" in answer else "peak_mb"


def compare(commands, rounds):
    """Runs both sides alternately; gives every answer and the ratios."""
    answers = {side: [] for side in commands}
    for number in range(rounds):
        order = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for side in order:
            answers[side].append(ask(side, commands[side]))
            say(f"round {number + 1}/{rounds}: {side} {answers[side][-1]['words_per_s']:.0f} words/s, "
                f"{answers[side][-1][memory_key(answers[side][-1])]:.0f} MiB")
        same_work(answers["unrolled"][-1], answers["PyTorch"][-1])
    pairs = list(zip(answers["unrolled"], answers["PyTorch"]))
    libraries = [theirs.get("import_mb", 0.0) for theirs in answers["PyTorch"]]
    key = memory_key(pairs[0][1])
    ratios = {
        "speed": spread([ours["words_per_s"] / theirs["words_per_s"] for ours, theirs in pairs]),
        "memory": spread([ours[key] / theirs[key] for ours, theirs in pairs]),
    }
    if key == "device_peak_mb":
        return answers, ratios
    ratios["memory_without_libraries"] = spread(
        [ours["peak_mb"] / (theirs["peak_mb"] - mb) for (ours, theirs), mb in zip(pairs, libraries)])
    if all(answer.get("cpu_step_s") for pair in pairs for answer in pair):
        ratios["speed_by_processor_time"] = spread([theirs["cpu_step_s"] / ours["cpu_step_s"] for ours, theirs in pairs])
    return answers, ratios


def middle(given, key):
    return statistics.median(answer[key] for answer in given)


def show(answers, ratios):
    first, torch = answers["unrolled"][0], answers["PyTorch"][0]
    print(f"size {first['size']}, {first['threads']} threads, {first['params']:,} parameters, {len(answers['unrolled'])} "
          f"rounds; {first.get('precision', 'f32')} against PyTorch {torch['torch']}: {torch['precision']}, "
          f"{torch['loss']} loss, {torch['embeddings']} embeddings{', compiled' if torch.get('compiled') else ''}"
          f"{'; ' + first['hardware'] if 'hardware' in first else ''}")
    for side, given in answers.items():
        step, words, peak = (middle(given, key) for key in ("step_s", "words_per_s", memory_key(given[0])))
        print(f"{side:9} {step:8.4f} s/step  {words:10,.0f} words/s  {peak:8,.0f} MiB peak")
    if "share_of_peak" in first:
        print(f"unrolled's products: {middle(answers['unrolled'], 'gflop_per_s'):,.0f} GFLOP/s, "
              f"{middle(answers['unrolled'], 'share_of_peak'):.1%} of what square ones reach")
    for name, ratio in ratios.items():
        title = name.replace("_", " ")
        print(f"{title}: {ratio['median']:.2f}x of PyTorch's (from {ratio['min']:.2f} to {ratio['max']:.2f})")


def show_table(results):
    """All sizes as a table in Markdown."""
    torch = next(iter(results.values()))["answers"]["PyTorch"][0]
    print(f"PyTorch {torch['torch']}, {torch['threads']} threads; the median over rounds, and the range\n")
    print("| size | precision | PyTorch's | words/s | PyTorch's | ratio | by processor time | MiB | PyTorch's | ratio |")
    print("|---|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for size, result in results.items():
        ours, theirs = result["answers"]["unrolled"], result["answers"]["PyTorch"]
        speed, memory, processor = (result["ratios"].get(key) for key in ("speed", "memory", "speed_by_processor_time"))
        ratio = lambda spread: f"{spread['median']:.2f} ({spread['min']:.2f}–{spread['max']:.2f})" if spread else ""
        variant = f"{theirs[0]['precision']}, {theirs[0]['loss']} loss, {theirs[0]['embeddings']}"
        variant += ", compiled" if theirs[0].get("compiled") else ""
        print(f"| {size} | {ours[0].get('precision', 'f32')} | {variant} | {middle(ours, 'words_per_s'):,.0f} | "
              f"{middle(theirs, 'words_per_s'):,.0f} | {ratio(speed)} | {ratio(processor)} | "
              f"{middle(ours, memory_key(theirs[0])):,.0f} | {middle(theirs, memory_key(theirs[0])):,.0f} | {memory['median']:.2f} |")


def compare_translations(commands, rounds):
    """Both sides alternately on the same search; gives every answer and the ratios."""
    answers = {side: [] for side in commands}
    for number in range(rounds):
        order = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for side in order:
            answers[side].append(ask(side, commands[side], TRANSLATE_KEYS))
            say(f"round {number + 1}/{rounds}: {side} {answers[side][-1]['words_per_s']:.0f} words/s")
        ours, theirs = (answers[side][-1] for side in ("unrolled", "PyTorch"))
        for key in ("size", "threads", "beam", "batch_size", "sentences"):
            if ours[key] != theirs[key]:
                raise Failed(f"not the same work: {key} is {ours[key]} in unrolled and {theirs[key]} in PyTorch")
        words = [answer["words_per_s"] * answer["seconds"] for answer in (ours, theirs)]
        if abs(words[0] - words[1]) > 0.02 * words[1]:
            raise Failed(f"not the same work: {words[0]:.0f} words in unrolled and {words[1]:.0f} in PyTorch")
    pairs = list(zip(answers["unrolled"], answers["PyTorch"]))
    ratios = {
        "speed": spread([ours["words_per_s"] / theirs["words_per_s"] for ours, theirs in pairs]),
        "memory": spread([ours["peak_mb"] / theirs["peak_mb"] for ours, theirs in pairs]),
    }
    # Where another program takes the processor, the time that both sides had of it says more than the clock.
    if all(answer.get("cpu_seconds") for pair in pairs for answer in pair):
        ratios["speed_by_processor_time"] = spread([theirs["cpu_seconds"] / ours["cpu_seconds"] for ours, theirs in pairs])
    return answers, ratios


def show_translations(answers, ratios):
    first, torch = answers["unrolled"][0], answers["PyTorch"][0]
    print(f"size {first['size']}, {first['threads']} threads, beam {first['beam']}, batches of {first['batch_size']}, "
          f"{first['sentences']} sentences, {len(answers['unrolled'])} rounds; {first.get('precision', 'f32')}, weights in "
          f"{first.get('weights', 'f32')}, against "
          f"PyTorch {torch['torch']} in {torch['precision']}")
    for side, given in answers.items():
        seconds, words, peak = (statistics.median(a[key] for a in given) for key in ("seconds", "words_per_s", "peak_mb"))
        print(f"{side:9} {seconds:8.3f} s  {words:10,.0f} words/s  {peak:8,.0f} MiB peak")
    for name, ratio in ratios.items():
        title = name.replace("_", " ")
        print(f"{title}: {ratio['median']:.2f}x of PyTorch's (from {ratio['min']:.2f} to {ratio['max']:.2f})")


def compare_graphs(commands, rounds):
    """Both sides alternately on one-element nodes; gives every answer and the ratio of the times."""
    answers = {side: [] for side in commands}
    for number in range(rounds):
        order = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for side in order:
            answers[side].append(ask(side, commands[side], GRAPH_KEYS))
            say(f"round {number + 1}/{rounds}: {side} {answers[side][-1]['seconds'] * 1e3:.3f} ms")
        ours, theirs = (answers[side][-1] for side in ("unrolled", "PyTorch"))
        if any(ours[key] != theirs[key] for key in ("nodes", "gradients")):
            raise Failed(f"not the same work: {ours} in unrolled and {theirs} in PyTorch")
    pairs = zip(answers["unrolled"], answers["PyTorch"])
    return answers, {"graph": spread([theirs["seconds"] / ours["seconds"] for ours, theirs in pairs])}


def show_graphs(answers, ratios):
    nodes, torch = answers["unrolled"][0]["nodes"], answers["PyTorch"][0]["torch"]
    print(f"{nodes:,} additions and products of one element, forward and backward; PyTorch {torch}")
    for side, given in answers.items():
        seconds = statistics.median(answer["seconds"] for answer in given)
        print(f"{side:9} {seconds * 1e3:8.3f} ms  {seconds / nodes * 1e6:6.3f} µs a node")
    ratio = ratios["graph"]
    print(f"graph: {ratio['median']:.2f}x as fast as PyTorch (from {ratio['min']:.2f} to {ratio['max']:.2f})")


def of_train_step(a, python, size):
    """Training steps of one size."""
    work = ["--size", size, "--threads", str(a.threads), *(["--steps", str(a.steps)] if a.steps else [])]
    gpu = a.device == "cuda"
    torch = [python, HERE / "pytorch_translator.py", *work, "--precision", a.precision, "--device", a.device]
    ours = ["--device", "cuda:0" if gpu else "cpu", "--matmul-precision", a.matmul_precision, "--activations", a.activations]
    commands = {
        "unrolled": [find_binary(a.binary), "bench", "train-step", *work, *ours, "--json"],
        "PyTorch": [*torch, *fastest_variant(torch, a.loss, a.embeddings, a.compile, gpu)],
    }
    return compare(commands, a.rounds)


def of_translation(a, python, size):
    """Greedy or beam search with a model of one size."""
    search = ["--size", size, "--threads", str(a.threads), "--beam", str(a.beam), "--batch-size", str(a.batch_size)]
    search += ["--sentences", str(a.sentences)] if a.sentences else []
    binary = find_binary(a.binary, "translate")
    commands = {
        "unrolled": [binary, "bench", "translate", *search, "--matmul-precision", a.matmul_precision, "--weights", a.weights,
                     "--json"],
        "PyTorch": [python, HERE / "pytorch_translate.py", *search, "--precision", a.precision],
    }
    return compare_translations(commands, a.rounds)


def of_graph(a, python, _):
    """The graph alone."""
    commands = {"unrolled": [find_example(a.binary), "--json"], "PyTorch": [python, HERE / "pytorch_graph.py"]}
    return compare_graphs(commands, a.rounds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", "--size", default="s", help="tiny, s, m, l, or several: s,m,l")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="timed steps of each process (s 15, m 5, l 1)")
    parser.add_argument("--json", action="store_true", help="print every answer and the ratios as one JSON object")
    parser.add_argument("--table", action="store_true", help="print a table in Markdown, of training steps")
    parser.add_argument("--binary", help="the `unrolled` command; else target/release/unrolled")
    parser.add_argument("--python", help="a Python that has PyTorch")
    parser.add_argument("--no-install", action="store_true", help="do not install PyTorch where it is missing")
    parser.add_argument("--loss", choices=("fastest", "plain", "fused"), default="fastest")
    parser.add_argument("--embeddings", choices=("fastest", "sparse", "dense"), default="fastest")
    parser.add_argument("--precision", choices=("f32", "tf32", "bf16"), default="f32", help="PyTorch's; bf16 is autocast")
    parser.add_argument("--matmul-precision", choices=("f32", "f32-fma", "tf32", "bf16"), default="f32", help="unrolled's")
    parser.add_argument("--activations", choices=("f32", "bf16"), default="f32", help="unrolled's, of training steps")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of training steps")
    parser.add_argument("--compile", choices=("fastest", "no", "yes"), default="fastest", help="PyTorch's torch.compile, of a GPU's steps")
    parser.add_argument("--translate", action="store_true", help="greedy or beam search instead of a training step")
    parser.add_argument("--beam", type=int, default=12, help="of --translate")
    parser.add_argument("--batch-size", type=int, default=64, help="of --translate")
    parser.add_argument("--weights", choices=("f32", "bf16", "int8"), default="f32", help="of --translate: unrolled's")
    parser.add_argument("--sentences", type=int, help="of --translate; by default a batch or more")
    parser.add_argument("--graph", action="store_true", help="the graph alone: 10,000 one-element nodes")
    a = parser.parse_args()
    a.sizes = ["graph"] if a.graph else a.sizes.split(",")
    if unknown := set(a.sizes) - {"tiny", "s", "m", "l", "graph"}:
        parser.error(f"--sizes: {', '.join(sorted(unknown))} is not one of tiny, s, m, l")
    if min(a.rounds, a.threads, a.steps or 1) < 1:
        parser.error("--rounds, --threads and --steps must be at least 1")
    return a


def main():
    a = arguments()
    measure, shown = (of_graph, show_graphs) if a.graph else (of_translation, show_translations) if a.translate else (of_train_step, show)
    results = {}
    try:
        python = find_python(a.python, not a.no_install)
        if a.device == "cuda" and not has_gpu(python):
            raise Missing(f"--device cuda: the PyTorch of {python} finds no GPU")
        for size in a.sizes:
            answers, ratios = measure(a, python, size)
            results[size] = {"ratios": ratios, "answers": answers}
    except Missing as missing:
        say(f"vs_pytorch: {missing}")
        return 2
    except Failed as failed:
        say(f"vs_pytorch: {failed}")
        return 1
    if a.json:
        print(json.dumps(results[a.sizes[0]] if len(results) == 1 else results))
    elif a.table and measure is of_train_step:
        show_table(results)
    else:
        for result in results.values():
            shown(result["answers"], result["ratios"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
