"""Watches a training run and says whether its memory and its speed are flat.

usage: python benches/long_run.py RUN [--pid PID] [--every 10] [--skip 0.1] [--tolerance 0.03] [--processor-time] [--json]
       python benches/long_run.py RUN [options] -- unrolled train --output RUN ...

RUN is a run folder. With --pid, or with a command after `--`, which is then started, the process's resident memory and
processor time and the words that it has trained on are written down every few seconds into RUN/memory.tsv (seconds since
the epoch, MiB, processor seconds, words) until it ends. What is said in the end is read from there and from
RUN/log.jsonl; without a process only these are read.

Memory is flat where its last quarter's median is not above its second quarter's by more than the tolerance (the first
quarter may still grow: buffers are taken once). Speed is flat where the words/s of the last quarter are not below those
of the second by more than the tolerance. Words/s are those of updates alone, so that validations and checkpoints between
them do not count; the first updates, a share of --skip, are left out. Where other programs take the processor, words by
the second of processor time say more than the clock: --processor-time judges by these. They count validations and
checkpoints too.
Exit status: 0 both are flat, 1 one is not, 2 there is too little to tell.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time


JUDGED = {
    "words_per_s": ("words/s", "slower"),
    "words_per_processor_s": ("words/s of processor", "slower"),
    "resident_mb": ("MiB resident", "more"),
}


def resident_mb(pid):
    """The resident memory of a process in MiB; None where it is gone, or a zombie, which has none."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:")), None)
    except OSError:
        return None


def processor_seconds(pid):
    """The seconds of processor time that a process has taken, or None where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def words_of(event):
    """The words of both languages in a line of the log."""
    return event["source_words"] + event["target_words"] if event["event"] == "update" else 0


def watch(pid, run, every, ended):
    """Writes down the memory, the processor time and the words of a process until it ends."""
    words = 0
    with open(run / "memory.tsv", "a", encoding="ascii") as out, open(run / "log.jsonl", encoding="utf-8") as log:
        while not ended() and (mb := resident_mb(pid)) is not None and (taken := processor_seconds(pid)) is not None:
            while (line := log.readline()).endswith("\n"):
                words += words_of(json.loads(line))
            log.seek(log.tell() - len(line.encode()))
            out.write(f"{time.time():.1f}\t{mb:.1f}\t{taken:.2f}\t{words}\n")
            out.flush()
            time.sleep(every)


def looks_at(path):
    """The lines of memory.tsv: seconds, MiB, processor seconds, words."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [tuple(map(float, line.split("\t"))) for line in lines if line.count("\t") == 3]


def speeds_of(path):
    """Triples for each line of updates in the log: update, seconds of training at its end, words/s."""
    speeds = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            if event["event"] == "update" and event["seconds"] > 0:
                speeds.append((event["update"], event["elapsed"], words_of(event) / event["seconds"]))
    return speeds


def quarters(values):
    """The medians of the four quarters."""
    size = len(values) / 4
    return [statistics.median(values[round(i * size):round((i + 1) * size)]) for i in range(4)]


def by_processor_time(looks, skip):
    """The words by the second of processor time between looks at which words were counted."""
    counted = [look for i, look in enumerate(looks) if look[3] > 0 and (i == 0 or look[3] > looks[i - 1][3])]
    rates = [(b[3] - a[3]) / (b[2] - a[2]) for a, b in zip(counted, counted[1:])]
    return rates[int(skip * len(rates)):]


def drift(values, sign):
    """Medians of the quarters, and by how much the last is worse than the second, as a share."""
    medians = quarters(values)
    return {"quarters": [round(value, 1) for value in medians], "drift": round(sign * (medians[3] / medians[1] - 1), 4)}


def judge(run, skip, tolerance):
    """What there is to say, or None where it is too little."""
    speeds, looks = speeds_of(run / "log.jsonl"), looks_at(run / "memory.tsv")
    kept, rates = speeds[int(skip * len(speeds)):], by_processor_time(looks, skip)
    if len(kept) < 8 or len(rates) < 8:
        return None
    memory = [look[1] for look in looks]
    answer = {
        "updates": speeds[-1][0],
        "minutes": round(speeds[-1][1] / 60, 1),
        "words_per_s": drift([words for _, _, words in kept], -1),
        "words_per_processor_s": drift(rates, -1),
        "resident_mb": drift(memory, 1),
        "peak_mb": max(memory),
    }
    for what in JUDGED:
        answer[what]["flat"] = answer[what]["drift"] <= tolerance
    return answer


def show(answer):
    print(f"{answer['updates']} updates, {answer['minutes']} minutes of training, at most {answer['peak_mb']:.0f} MiB")
    for what, (title, worse) in JUDGED.items():
        quarters_shown = "  ".join(f"{value:10,.1f}" for value in answer[what]["quarters"])
        verdict = "flat" if answer[what]["flat"] else "NOT flat"
        print(f"{title:21} by quarters {quarters_shown}   the last is {100 * answer[what]['drift']:+.1f}% {worse}: {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="the run folder")
    parser.add_argument("--pid", type=int, help="the process that trains")
    parser.add_argument("--every", type=float, default=10, help="seconds from one look at the memory to the next")
    parser.add_argument("--skip", type=float, default=0.1, help="share of the first updates that is left out")
    parser.add_argument("--tolerance", type=float, default=0.03, help="what counts as flat")
    parser.add_argument("--processor-time", action="store_true", help="judge the speed by processor time")
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
            watch(child.pid, a.run, a.every, lambda: child.poll() is not None)
        if child.wait() != 0:
            print(f"long_run: {a.command[0]} ended with status {child.returncode}", file=sys.stderr)
            return 2
    elif a.pid:
        watch(a.pid, a.run, a.every, lambda: False)
    try:
        answer = judge(a.run, a.skip, a.tolerance)
    except OSError as error:
        print(f"long_run: {error}", file=sys.stderr)
        return 2
    if answer is None:
        print("long_run: fewer than 8 lines of the log or 8 looks at the process with new words: too little to tell", file=sys.stderr)
        return 2
    print(json.dumps(answer)) if a.json else show(answer)
    speed = "words_per_processor_s" if a.processor_time else "words_per_s"
    return 0 if answer[speed]["flat"] and answer["resident_mb"]["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
