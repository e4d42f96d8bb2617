#!/usr/bin/env python3
"""Writes crates/seq2seq/tests/golden/evaluation.tsv and significance.json: sacreBLEU's numbers, which ours must equal.

    pip install sacrebleu==2.6.0
    python3 scripts/evaluation_golden.py

evaluation.tsv: chrF2, chrF2++, BLEU with the tokeniser intl, and the mean of the sentences' own BLEU (effective order), over the same kind of cases
as bleu.tsv, made with another seed. significance.json: systems made by spoiling sentences, and what sacreBLEU's paired tests say of them.
"""

import json
import os
import random
from pathlib import Path

from bleu_golden import SENTENCES, mutate, random_cases
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

FOLDER = Path(__file__).resolve().parent.parent / "crates/seq2seq/tests/golden"
METRICS = {"bleu": lambda: BLEU(), "chrf": lambda: CHRF(), "chrf++": lambda: CHRF(word_order=2)}


KEYS = {"bleu": "BLEU", "chrf": "chrF2", "chrf++": "chrF2++"}


def scores(hypotheses, references):
    texts = [CHRF(), CHRF(word_order=2), BLEU(tokenize="intl", force=True)]
    values = [metric.corpus_score(hypotheses, references).score for metric in texts]
    sentence = BLEU(effective_order=True, force=True)
    own = [
        sentence.sentence_score(hypothesis, [stream[line] for stream in references]).score
        for line, hypothesis in enumerate(hypotheses)
    ]
    return [*values, sum(own) / len(own)]


def write_evaluation():
    cases = list(random_cases(random.Random(2015_1410), 320))
    with open(FOLDER / "evaluation.tsv", "w", encoding="utf-8", newline="\n") as out:
        out.write("case\thypotheses\treferences\tchrf\tchrf++\tbleu_intl\tsentence_bleu\n")
        for name, hypotheses, references in cases:
            values = [f"{value:.10f}" for value in scores(hypotheses, references)]
            out.write("\t".join([name, json.dumps(hypotheses), json.dumps(references), *values]) + "\n")


def spoilt(rng, sentence, times):
    for _ in range(times):
        sentence = mutate(rng, sentence)
    return sentence


def write_significance():
    rng = random.Random(7)
    cases = []
    for lines, worse, better in [(5, 2, 1), (20, 2, 1), (40, 1, 1), (60, 3, 2), (33, 1, 0), (12, 0, 0)]:
        reference = [rng.choice([s for s in SENTENCES if len(s) > 30]) for _ in range(lines)]
        systems = [[spoilt(rng, sentence, times) for sentence in reference] for times in (worse, better)]
        case = {"reference": reference, "baseline": systems[0], "system": systems[1], "answers": []}
        for seed in (12345, 7):
            os.environ["SACREBLEU_SEED"] = str(seed)
            for kind, trials in (("bs", 300), ("ar", 1000)):
                named = [("baseline", systems[0]), ("system", systems[1])]
                metrics = {name: metric() for name, metric in METRICS.items()}
                test = PairedTest(named, metrics, [reference], kind, n_samples=trials)
                results = test()[1]
                for name in METRICS:
                    baseline, system = results[KEYS[name]]
                    number = lambda value: None if value is None else float(value)
                    case["answers"].append({
                        "seed": seed, "test": kind, "trials": trials, "metric": name, "baseline": number(baseline.score),
                        "score": number(system.score), "p": number(system.p_value), "mean": number(system.mean),
                        "ci": number(system.ci),
                    })  # fmt: skip
        cases.append(case)
    text = json.dumps(cases, ensure_ascii=True, indent=0)
    (FOLDER / "significance.json").write_text(text + "\n")


if __name__ == "__main__":
    write_evaluation()
    write_significance()
