"""Watches a training run and says whether its memory and its speed are flat.

usage: python benches/long_run.py RUN [--pid PID] [--every 10] [--skip 0.1] [--tolerance 0.03] [--json]
       python benches/long_run.py RUN [options] -- unrolled train --output RUN ...

RUN is a run folder. With --pid, or with a command after `--`, which is then started, the process's resident memory is
written down every few seconds into RUN/memory.tsv (seconds since the epoch, MiB) until it ends. What is said in the end
is read from there and from RUN/log.jsonl; without a process only these are read.

Memory is flat where its last quarter's median is not above its second quarter's by more than the tolerance (the first
quarter may still grow: buffers are taken once). Speed is flat where the words/s of the last quarter are not below those
of the second by more than the tolerance. Words/s are those of updates alone, so that validations and checkpoints between
them do not count; the first updates, a share of --skip, are left out.
Exit status: 0 both are flat, 1 one is not, 2 there is too little to tell.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time


def resident_mb(pid):
    """The resident memory of a process in MiB; None where it is gone, or a zombie, which has none."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:")), None)
    except OSError:
        return None


def watch(pid, path, every, ended):
    """Writes down the memory of a process until it ends."""
    with open(path, "a", encoding="ascii") as out:
        while not ended() and (mb := resident_mb(pid)) is not None:
            out.write(f"{time.time():.1f}\t{mb:.1f}\n")
            out.flush()
            time.sleep(every)


def memory_of(path):
    """Pairs of seconds and MiB."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [tuple(map(float, line.split("\t"))) for line in lines if line.count("\t") == 1]


def speeds_of(path):
    """Triples for each line of updates in the log: update, seconds of training at its end, words/s."""
    speeds = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            if event["event"] == "update" and event["seconds"] > 0:
                words = event["source_words"] + event["target_words"]
                speeds.append((event["update"], event["elapsed"], words / event["seconds"]))
    return speeds


def quarters(values):
    """The medians of the four quarters."""
    size = len(values) / 4
    return [statistics.median(values[round(i * size):round((i + 1) * size)]) for i in range(4)]


def drift(values, sign):
    """Medians of the quarters, and by how much the last is worse than the second, as a share."""
    medians = quarters(values)
    return {"quarters": [round(value, 1) for value in medians], "drift": round(sign * (medians[3] / medians[1] - 1), 4)}


def judge(run, skip, tolerance):
    """What there is to say, or None where it is too little."""
    speeds, memory = speeds_of(run / "log.jsonl"), memory_of(run / "memory.tsv")
    kept = speeds[int(skip * len(speeds)):]
    if len(kept) < 8 or len(memory) < 8:
        return None
    answer = {
        "updates": speeds[-1][0],
        "minutes": round(speeds[-1][1] / 60, 1),
        "words_per_s": drift([words for _, _, words in kept], -1),
        "resident_mb": drift([mb for _, mb in memory], 1),
        "peak_mb": max(mb for _, mb in memory),
    }
    for what in ("words_per_s", "resident_mb"):
        answer[what]["flat"] = answer[what]["drift"] <= tolerance
    return answer


def show(answer):
    print(f"{answer['updates']} updates, {answer['minutes']} minutes of training, at most {answer['peak_mb']:.0f} MiB")
    for what, title, worse in (("words_per_s", "words/s", "slower"), ("resident_mb", "MiB resident", "more")):
        quarters_shown = "  ".join(f"{value:10,.1f}" for value in answer[what]["quarters"])
        verdict = "flat" if answer[what]["flat"] else "NOT flat"
        print(f"{title:13} by quarters {quarters_shown}   the last is {100 * answer[what]['drift']:+.1f}% {worse}: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="the run folder")
    parser.add_argument("--pid", type=int, help="the process that trains")
    parser.add_argument("--every", type=float, default=10, help="seconds from one look at the memory to the next")
    parser.add_argument("--skip", type=float, default=0.1, help="share of the first updates that is left out")
    parser.add_argument("--tolerance", type=float, default=0.03, help="what counts as flat")
    parser.add_argument("--json", action="store_true")
    words = sys.argv[1:]
    place = words.index("--") if "--" in words else len(words)
    a = parser.parse_args(words[:place])
    a.command = words[place + 1:]
    if a.command:
        child = subprocess.Popen(a.command)
        # The command makes the run folder itself, and refuses one that has files already.
        while child.poll() is None and not (a.run / "log.jsonl").exists():
            time.sleep(0.1)
        if child.poll() is None:
            watch(child.pid, a.run / "memory.tsv", a.every, lambda: child.poll() is not None)
        if child.wait() != 0:
            print(f"long_run: {a.command[0]} ended with status {child.returncode}", file=sys.stderr)
            return 2
    elif a.pid:
        watch(a.pid, a.run / "memory.tsv", a.every, lambda: False)
    try:
        answer = judge(a.run, a.skip, a.tolerance)
    except OSError as error:
        print(f"long_run: {error}", file=sys.stderr)
        return 2
    if answer is None:
        print("long_run: fewer than 8 lines of the log or 8 looks at the memory: too little to tell", file=sys.stderr)
        return 2
    print(json.dumps(answer)) if a.json else show(answer)
    return 0 if answer["words_per_s"]["flat"] and answer["resident_mb"]["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
