#!/usr/bin/env python3
"""Writes crates/seq2seq/tests/golden/bleu.tsv: BLEU scores that ours must equal.

    pip install sacrebleu==2.6.0
    python3 scripts/bleu_golden.py

sacreBLEU's values come from sacreBLEU itself. multi-bleu's come from `multi_bleu` below, written from the description
of Moses's multi-bleu.perl; it is checked here against values that the Perl script printed (PERL). The cases are made by
mutating a few sentences with a fixed seed, so running this again writes the same file.
"""

import json
import math
import random
import re
from collections import Counter
from pathlib import Path

from sacrebleu.metrics import BLEU

NB, NNB = "\u00a0", "\u202f"

# name, hypotheses, references, what multi-bleu.perl printed
PERL = [
    ("same", ["the cat sat on the mat ."], ["the cat sat on the mat ."], 100.00),
    ("partial", ["the cat sat on mat ."], ["the cat sat on the mat ."], 51.15),
    ("clip", ["the the the the the the the"], ["the cat is on the mat"], 0.00),
    (
        "two_lines",
        ["le chat est sur le tapis .", "il a dit UNK hier"],
        ["le chat était sur le tapis .", "il l' a dit hier ."],
        33.40,
    ),
    (
        "nbsp",
        [f"10{NB}000 euros par an et par personne"],
        [f"10{NB}000 euros par an et par habitant"],
        80.91,
    ),
    ("short", ["oui", "non ."], ["oui", "non ."], 0.00),
    ("empty_hyp", ["", "le chat est ici ."], ["vide", "le chat est ici ."], 81.87),
    ("no4gram", ["a b c x", "d e f"], ["a b c d", "d e g"], 0.00),
]

SENTENCES = [
    "The committee meets again on Tuesday, at 10:30, in room 4-B.",
    'She asked: "Is the well-known painter really coming?" Nobody answered.',
    "Prices rose by 3.5% to $1,250.75 in 2013-2014, analysts said.",
    "I don't think they've read the author's letters; we haven't either.",
    "Rain & wind &amp; snow: the &quot;three sisters&quot; of a &lt;b&gt;northern&lt;/b&gt; winter...",
    f"Combien coûtent ces 10{NB}000 pommes{NB}? Environ 2{NNB}500{NB}€{NB}!",
    f"Il m'a répondu{NB}: «{NB}L'hiver n'est pas fini, aujourd'hui non plus.{NB}»",
    "Est-ce que l’auteur d’à côté habite ici depuis 1998 ?",
    "Les trois quarts (75 %) des élèves, c'est-à-dire 1.204, ont réussi l'examen.",
    "Où sont passées les clés ? — Sous le paillasson, comme d'habitude…",
    "今天的天气很好，我们去公园散步吧。",
    "東京は3.5度、雪です。 Tokyo is cold!",
    "The launch went well 🚀🚀, thanks 👩‍💻 and 🇫🇷!",
    "Visit https://example.org/a-b?c=1,2&d=3.4 or write to me@example.org.",
    "A 1-2-3 step plan: 4,5 or 6. 7 , 8 . 9 -10 --",
    "x=y+z; {a} [b] ~c~ ^d_e` \\f/ |g| #h @i 50%",
    ".,.,a.b,c.,1.,2,.3 ..4.. ,,5,,",
    "le chat noir dort sur le vieux tapis rouge devant la cheminée .",
    "the black cat sleeps on the old red carpet in front of the fire .",
    "<skipped> one <skipped>two<skipped> three -",
    "tab\there\u2028separator\u0085next\x0bvertical\x0cfeed\x1cfile\u3000wide\u200bzero",
    "",
    " ",
    "   leading and trailing spaces   ",
    "oui",
    "42",
    ".",
]

EXTRA = ["the", "le", ",", ".", "-", "'", '"', "1", "2.5", "3,", "&amp;", "&", "é", NB, NNB, "…", "«", "»", "猫", "🙂", "-7", "a-b"]


def mutate(rng, sentence):
    """A sentence like this one: words dropped, doubled, swapped, changed, joined, or split by another space."""
    words = sentence.split(" ")
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5])):
        at = rng.randrange(len(words)) if words else 0
        kind = rng.randrange(7)
        if kind == 0 and words:
            del words[at]
        elif kind == 1 and words:
            words.insert(at, words[at])
        elif kind == 2 and words:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
        elif kind == 3 and words:
            words[at] = rng.choice(EXTRA)
        elif kind == 4:
            words.insert(at, rng.choice(EXTRA))
        elif kind == 5 and len(words) > 1:
            at = min(at, len(words) - 2)
            words[at : at + 2] = [rng.choice(["", NB, NNB, "-", "'", ".", ","]).join(words[at : at + 2])]
        elif kind == 6 and words and words[at]:
            cut = rng.randrange(len(words[at]))
            words[at] = words[at][:cut] + rng.choice([" ", "", ".", ",", "-"]) + words[at][cut + 1 :]
    return rng.choice([" ", " ", " ", "  "]).join(words)


def random_cases(rng, count):
    for index in range(count):
        lines = rng.choice([1, 1, 2, 3, 5, 8])
        streams = rng.choice([1, 1, 1, 2, 3])
        base = [rng.choice(SENTENCES) for _ in range(lines)]
        hypotheses = [mutate(rng, sentence) for sentence in base]
        references = [[mutate(rng, sentence) for sentence in base] for _ in range(streams)]
        yield f"random_{index}", hypotheses, references


def multi_bleu(hypotheses, references):
    """The score and the line of Moses's multi-bleu.perl."""

    def split(line):
        return [word for word in re.split("[ \t\n\r\x0b\x0c]+", line) if word]

    def ngrams(words, n):
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    correct, total, hyp_length, ref_length = [0] * 5, [0] * 5, 0, 0
    for line, hypothesis in enumerate(hypotheses):
        words = split(hypothesis)
        closest_difference, closest_length = 9999, 9999
        most = Counter()
        for stream in references:
            reference = split(stream[line])
            difference = abs(len(words) - len(reference))
            if difference < closest_difference:
                closest_difference, closest_length = difference, len(reference)
            elif difference == closest_difference and len(reference) < closest_length:
                closest_length = len(reference)
            for n in range(1, 5):
                most |= ngrams(reference, n)
        hyp_length += len(words)
        ref_length += closest_length
        for n in range(1, 5):
            for ngram, times in ngrams(words, n).items():
                total[n] += times
                correct[n] += min(times, most[ngram])
    if ref_length == 0:
        return 0.0, "BLEU = 0, 0/0/0/0 (BP=0, ratio=0, hyp_len=0, ref_len=0)"
    p = [correct[n] / total[n] if total[n] else 0.0 for n in range(1, 5)]
    # Perl stops with a division by zero where there are no words at all; 0 is the limit.
    penalty = 1.0
    if hyp_length < ref_length:
        penalty = math.exp(1 - ref_length / hyp_length) if hyp_length else 0.0
    score = penalty * math.exp(sum(math.log(x) if x else -9999999999 for x in p) / 4)
    line = "BLEU = %.2f, %.1f/%.1f/%.1f/%.1f (BP=%.3f, ratio=%.3f, hyp_len=%d, ref_len=%d)" % (
        100 * score, *[100 * x for x in p], penalty, hyp_length / ref_length, hyp_length, ref_length,
    )  # fmt: skip
    return 100 * score, line


def main():
    for name, hypotheses, references, printed in PERL:
        ours, _ = multi_bleu(hypotheses, [references])
        assert f"{ours:.2f}" == f"{printed:.2f}", (name, ours, printed)
    cases = [(name, hypotheses, [references]) for name, hypotheses, references, _ in PERL]
    cases += [("closest_is_empty", ["a b c d"], [[""], ["a b c d e f g h"]])]
    cases += list(random_cases(random.Random(1409_3215), 320))
    metrics = [
        BLEU(tokenize="none", smooth_method="none", force=True),
        BLEU(force=True),
        BLEU(smooth_method="none", force=True),
        BLEU(smooth_method="floor", force=True),
        BLEU(smooth_method="add-k", force=True),
    ]
    path = Path(__file__).resolve().parent.parent / "crates/seq2seq/tests/golden/bleu.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("case\thypotheses\treferences\tmulti_bleu\tmulti_bleu_line\tnone_none\t13a_exp\t13a_none\t13a_floor\t13a_add_k\n")
        for name, hypotheses, references in cases:
            score, line = multi_bleu(hypotheses, references)
            values = [f"{metric.corpus_score(hypotheses, references).score:.10f}" for metric in metrics]
            columns = [name, json.dumps(hypotheses), json.dumps(references), f"{score:.10f}", line, *values]
            out.write("\t".join(columns) + "\n")


if __name__ == "__main__":
    main()
