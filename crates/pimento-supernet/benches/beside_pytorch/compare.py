#!/usr/bin/env python3
"""Training steps and scorings of pimento and of eager PyTorch, in turns on the same cores and samples.

    pip install torch numpy
    python3 crates/pimento-supernet/benches/beside_pytorch/compare.py [--rounds 9]
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy
import torch

from nasrec import MaskedSupernet, Network, Training

BATCH = 512
SCORED_AT_ONCE = 1024


class Pimento:
    """The bench, which does a turn when it is asked."""

    def __init__(self, folder):
        command = "cargo bench -p pimento-supernet --bench beside_pytorch --".split()
        self.process = subprocess.Popen(
            [*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.line() == "ready"

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the bench has ended")
        return line.strip()

    def milliseconds(self, what, which, times):
        self.process.stdin.write(f"{what} {which} {times}\n")
        self.process.stdin.flush()
        return float(self.line())


class Samples:
    def __init__(self, folder, split, fields, dense_dim):
        def read(part, kind):
            return torch.from_numpy(numpy.fromfile(Path(folder, f"{split}.{part}"), kind))

        self.dense = read("dense", "<f4").reshape(-1, dense_dim)
        self.indices = read("indices", "<i4").long().reshape(-1, fields)
        self.labels = read("labels", "<f4")
        self.order = torch.randperm(len(self.labels))
        self.next = 0

    def batch(self):
        if self.next + BATCH > len(self.order):
            self.next = 0
        rows = self.order[self.next : self.next + BATCH]
        self.next += BATCH
        return self.dense[rows], self.indices[rows], self.labels[rows]


def milliseconds(work, times):
    start = time.perf_counter()
    for _ in range(times):
        work()
    return 1e3 * (time.perf_counter() - start) / times


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    rounds = arguments.parse_args().rounds
    torch.manual_seed(1)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        pimento = Pimento(folder)
        bench = json.loads(Path(folder, "bench.json").read_text())
        shape = bench["published"]["input"]
        train, validation = (
            Samples(folder, split, shape["fields"], shape["dense_dim"])
            for split in ("train", "validation")
        )
    network = Network(bench["published"], bench["table_rows"])
    weights = sum(p.numel() for name, p in network.named_parameters() if "table" not in name)
    assert weights == bench["published_weights"], (weights, bench["published_weights"])
    alone = Training(network)
    shared = Training(MaskedSupernet(bench["capacity"], bench["table_rows"]))

    def step_alone():
        dense, indices, labels = train.batch()
        alone.step(labels, dense, indices)

    def step_shared(path):
        dense, indices, labels = train.batch()
        shared.step(labels, path, dense, indices)

    def score():
        logits = []
        with torch.inference_mode():
            for dense, indices in zip(
                validation.dense.split(SCORED_AT_ONCE), validation.indices.split(SCORED_AT_ONCE)
            ):
                logits.append(network(dense, indices))
            logits = torch.cat(logits)
            torch.nn.functional.binary_cross_entropy_with_logits(logits, validation.labels)

    turns = {
        "training step, published network": (
            lambda: pimento.milliseconds("train", "published", 20),
            lambda: milliseconds(step_alone, 20),
        ),
        "scoring 12,000 samples, published network": (
            lambda: pimento.milliseconds("score", "published", 4),
            lambda: milliseconds(score, 2),
        ),
    }
    for name, (ours, theirs) in turns.items():
        ours(), theirs()
        report(name, [(ours(), theirs()) for _ in range(rounds)])
    paths = list(enumerate(bench["paths"]))
    for number, path in paths[:2]:
        pimento.milliseconds("train", number, 1), step_shared(path)
    times = [
        (pimento.milliseconds("train", number, 4), milliseconds(lambda: step_shared(path), 2))
        for number, path in paths
    ]
    report("training step, random single path against masked supernet", times)
    macs = sorted(bench["path_macs"])
    print(f"multiply-accumulates of a path: median {macs[len(macs) // 2]:,}, mean {sum(macs) // len(macs):,}")


def report(name, times):
    ratios = sorted(theirs / ours for ours, theirs in times)
    ours, theirs = (statistics.median(column) for column in zip(*times))
    total = sum(theirs for _, theirs in times) / sum(ours for ours, _ in times)
    print(
        f"{name}: {ours:.1f} ms, PyTorch {theirs:.1f} ms (medians); PyTorch / pimento: median "
        f"{statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}, of sums {total:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
