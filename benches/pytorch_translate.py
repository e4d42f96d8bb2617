"""Batched greedy and beam search in PyTorch, as a fair and fast opponent: what a translation costs.

usage: python benches/pytorch_translate.py --size s|m|l [--threads 2] [--batch-size 64] [--beam 12] [--sentences N]
           [--precision f32|bf16] [--top-k rows|sentences]

Prints one JSON object with the keys of `unrolled bench translate --json`: {"size", "threads", "beam", "batch_size",
"sentences", "seconds", "words_per_s", "tgt_words_per_s", "peak_mb"}, and after them what else was measured or chosen.
The sizes are those of pytorch_translator.py, with random weights. Every source has full length, and every translation
exactly as many words: the bias of <EOS> is so low that no hypothesis ends before. So each batch takes words + 1 steps,
of which the last finds the probability of <EOS> alone. Words are those of both languages, without <EOS>.

Fair means: inference mode; the encoder runs once a batch; all hypotheses of all sentences are rows of one batch; the
first step has one row a sentence; states are reordered by index_select, and not at all where the beam is 1; the k best
of each row are found on the log-softmax, those of a sentence among its rows' (--top-k sentences takes the k best of all
rows of a sentence at once, as many programs do; it was slower); greedy takes max, not topk; hypotheses are back-pointers;
nothing looks for hypotheses that end. bf16 is autocast.
"""

import argparse
import json
import time

import torch
from torch import nn

from pytorch_translator import SIZES, peak_mb

PAD, EOS, SPECIAL = 0, 1, 3
NEVER = -10_000.0  # the bias of <EOS> and of padding
SENTENCES = {"s": (16, 128), "m": (4, 64), "l": (2, 64)}  # by default: one by one, in batches


class Translator(nn.Module):
    """Encoder and decoder of "Sequence to Sequence Learning with Neural Networks" (Sutskever, Vinyals, Le, 2014)."""

    def __init__(self, size):
        super().__init__()
        self.source_embedding = nn.Embedding(size.source_words, size.hidden)
        self.target_embedding = nn.Embedding(size.target_words, size.hidden)
        self.encoder = nn.LSTM(size.hidden, size.hidden, size.layers)
        self.decoder = nn.LSTM(size.hidden, size.hidden, size.layers)
        self.projection = nn.Linear(size.hidden, size.target_words)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.08, 0.08)
        with torch.no_grad():
            self.projection.bias[[PAD, EOS]] = NEVER

    def next_words(self, last, state):
        """Log-probabilities of the next word [n, V] after the words [n], and the state."""
        output, state = self.decoder(self.target_embedding(last).unsqueeze(0), state)
        return self.projection(output[0]).float().log_softmax(-1), state

    def best(self, log_probabilities, scores, beam, by_rows):
        """The best `beam` continuations of each sentence: scores, parents and words, each [B, beam]."""
        sentences, live = scores.shape
        if by_rows:
            values, words = log_probabilities.topk(beam, -1)
            values = (values.view(sentences, live, beam) + scores.unsqueeze(-1)).view(sentences, -1)
            scores, places = values.topk(beam, -1)
            return scores, places // beam, words.view(sentences, -1).gather(1, places)
        count = log_probabilities.shape[-1]
        values = (log_probabilities.view(sentences, live, count) + scores.unsqueeze(-1)).view(sentences, -1)
        scores, places = values.topk(beam, -1)
        return scores, places // count, places % count

    def translate(self, source, beam, length, by_rows):
        """The best translation of each column of `source` [T, B] in `length` words: [B, length], and its score [B]."""
        _, state = self.encoder(self.source_embedding(source))
        sentences = source.shape[1]
        last, scores = torch.full((sentences,), EOS), torch.zeros(sentences, 1)
        first_rows = torch.arange(sentences).unsqueeze(1)
        history = []
        for _ in range(length):
            log_probabilities, state = self.next_words(last, state)
            if beam == 1:
                values, words = log_probabilities.max(-1)
                scores, last = scores + values.unsqueeze(1), words
                history.append((None, words.unsqueeze(1)))
                continue
            live = scores.shape[1]
            scores, parents, words = self.best(log_probabilities, scores, beam, by_rows)
            rows = (first_rows * live + parents).flatten()
            state = tuple(part.index_select(1, rows) for part in state)
            last = words.flatten()
            history.append((parents, words))
        log_probabilities, _ = self.next_words(last, state)
        scores, place = (scores + log_probabilities[:, EOS].view(sentences, -1)).max(-1, keepdim=True)
        found = []
        for parents, words in reversed(history):
            found.append(words.gather(1, place))
            if parents is not None:
                place = parents.gather(1, place)
        return torch.cat(found[::-1], 1), scores.squeeze(1)


@torch.inference_mode()
def measure(name, threads, batch_size, beam, sentences=None, bf16=False, by_rows=True):
    """Times translating at one size; gives the object that is printed."""
    size, imported = SIZES[name], peak_mb()
    sentences = sentences or max(batch_size, SENTENCES[name][batch_size > 1])
    torch.set_num_threads(threads)
    torch.manual_seed(2014)
    model = Translator(size).eval()
    sources = torch.randint(SPECIAL, size.source_words, (size.time, sentences))

    def run(columns):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            words, scores = model.translate(columns, beam, size.time, by_rows)
        if not (bool(torch.isfinite(scores).all()) and int(words.min()) >= SPECIAL - 1):
            raise RuntimeError("a translation has an impossible word or score")

    run(sources[:, : min(batch_size, 8)])
    start, cpu = time.perf_counter(), time.process_time()
    for first in range(0, sentences, batch_size):
        run(sources[:, first : first + batch_size])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    words = sentences * size.time
    return {
        "size": name,
        "threads": threads,
        "beam": beam,
        "batch_size": batch_size,
        "sentences": sentences,
        "seconds": round(seconds, 4),
        "words_per_s": round(2 * words / seconds, 1),
        "tgt_words_per_s": round(words / seconds, 1),
        "peak_mb": round(peak_mb(), 1),
        "cpu_seconds": round(cpu, 4),
        "import_mb": round(imported, 1),
        "precision": "bf16" if bf16 else "f32",
        "top_k": "rows" if by_rows else "sentences",
        "torch": torch.__version__,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--beam", type=int, default=12)
    parser.add_argument("--sentences", type=int, help="by default one batch or more")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16: autocast")
    parser.add_argument("--top-k", choices=("rows", "sentences"), default="rows")
    a = parser.parse_args()
    by_rows, bf16 = a.top_k == "rows", a.precision == "bf16"
    print(json.dumps(measure(a.size, a.threads, a.batch_size, a.beam, a.sentences, bf16, by_rows)))


if __name__ == "__main__":
    main()
