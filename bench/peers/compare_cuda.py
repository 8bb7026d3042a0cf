#!/usr/bin/env python3
"""Pass by pass on one GPU, torch against plimsoll: the same checkpoint, precision and ids; then streamed from pinned memory.

    compare_cuda.py [--build build/cuda] [--rounds 7] [--json OUT] MODEL

torch is transformers' AutoModelForSequenceClassification with sdpa attention in inference mode: the best of eager and
torch.compile with CUDA graphs, on padded texts, as it needs them. plimsoll is a `serve_passes` process on cuda:0.
A round runs both engines alternating; reported is the median ratio of torch's time over plimsoll's, and the least and the
largest. Without torch, plimsoll's own figures are printed alone. Every answer is compared; a wrong one ends it.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

SHAPES = {"1x128": [128], "8x128": [128] * 8, "32x512": [512] * 32}
MIXED_TEXTS = 64
MIXED_LONGEST = 512
TOLERANCE = 5e-2
STREAMED_BUDGET = "64MiB"
STREAMED = [128] * 8


def mixed_lengths():
    """Log-normal, as short texts are: a third of the longest on average."""
    numbers = random.Random(1)
    return [min(MIXED_LONGEST, max(8, int(numbers.lognormvariate(4.6, 0.8)))) for _ in range(MIXED_TEXTS)]


class Plimsoll:
    def __init__(self, build, model, dtype, texts, tokens, *device):
        command = [f"{build}/bench/serve_passes", model, str(texts), str(tokens), dtype, "0", *device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def run(self, lengths):
        self.process.stdin.write("mixed " + " ".join(map(str, lengths)) + "\n")
        self.process.stdin.flush()
        answer = self.reply()
        return answer["ms"], answer["logits"]

    def close(self):
        self.process.communicate("")


class Torch:
    """Eager or compiled, on padded texts of the same ids."""

    def __init__(self, model, dtype, compiled):
        import torch
        from transformers import AutoModelForSequenceClassification

        self.torch = torch
        network = AutoModelForSequenceClassification.from_pretrained(model, dtype=getattr(torch, dtype), attn_implementation="sdpa")
        self.network = network.to("cuda").eval()
        self.call = torch.compile(self.network, mode="reduce-overhead") if compiled else self.network
        self.vocabulary = self.network.config.vocab_size

    def inputs(self, lengths):
        longest, start, rows = max(lengths), 0, []
        for length in lengths:
            row = [1000 + (start + t) * 7919 % (self.vocabulary - 1000) for t in range(length)]
            row[0], row[-1] = 101, 102
            rows.append(row + [0] * (longest - length))
            start += length
        ids = self.torch.tensor(rows, device="cuda")
        mask = self.torch.tensor([[1] * n + [0] * (longest - n) for n in lengths], device="cuda")
        return {"input_ids": ids, "attention_mask": None if len(set(lengths)) == 1 else mask}

    def run(self, lengths):
        inputs = self.inputs(lengths)
        with self.torch.inference_mode():
            self.torch.cuda.synchronize()
            start = time.perf_counter()
            logits = self.call(**inputs).logits.float().flatten().tolist()
            self.torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1e3, logits


def torches(model, dtype):
    try:
        import torch
        import transformers  # noqa: F401: only whether it is there
    except ImportError:
        print("torch or transformers is not installed: nothing to compare with")
        return {}
    if not torch.cuda.is_available():
        print("torch sees no GPU: nothing to compare with")
        return {}
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}")
    return {name: Torch(model, dtype, compiled) for name, compiled in (("eager", False), ("compiled", True))}


def compare(ours, theirs, lengths, rounds):
    for engine in (ours, *theirs.values()):
        for _ in range(4):
            engine.run(lengths)
    _, logits = ours.run(lengths)
    for name, engine in theirs.items():
        worst = max(abs(a - b) / (1 + abs(b)) for a, b in zip(logits, engine.run(lengths)[1]))
        if not worst <= TOLERANCE:
            sys.exit(f"the answers differ from torch's ({name}) by {worst}")
    times = {name: [] for name in ("plimsoll", *theirs)}
    for _ in range(rounds):
        for name, engine in (("plimsoll", ours), *theirs.items(), *reversed(theirs.items()), ("plimsoll", ours)):
            times[name].append(engine.run(lengths)[0])
    return times


def report(name, times, lengths):
    mine = statistics.median(times["plimsoll"])
    row = {"shape": name, "tokens": sum(lengths), "ms": mine, "tokens_per_second": sum(lengths) / mine * 1e3}
    peers = {peer: statistics.median(all_of) for peer, all_of in times.items() if peer != "plimsoll"}
    if peers:
        best = min(peers, key=peers.get)
        ratios = [theirs / ours for theirs, ours in zip(times[best], times["plimsoll"])]
        row |= {"torch": best, "ratio": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)}
    print(json.dumps(row))
    return row


def streamed(arguments, dtype):
    """Everything from pinned memory, 1024 tokens a pass: the share of the link's own rate."""
    link = json.loads(subprocess.run([f"{arguments.build}/bench/pinned_copies", "0"], capture_output=True, text=True, check=True).stdout)
    engine = Plimsoll(arguments.build, arguments.model, dtype, len(STREAMED), max(STREAMED), "cuda:0", STREAMED_BUDGET)
    engine.run(STREAMED)
    seconds = statistics.median(engine.run(STREAMED)[0] for _ in range(arguments.rounds)) / 1e3
    engine.close()
    size = sum(path.stat().st_size for path in pathlib.Path(arguments.model).glob("*.safetensors"))
    row = {"shape": f"8x128 in {STREAMED_BUDGET}", "seconds": seconds, "share_of_link": size / seconds / link["bytes_per_second"]}
    print(json.dumps(row))
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("model")
    arguments = parser.parse_args()
    dtype = "bfloat16" if "bfloat16" in arguments.model else "float16"
    peers = torches(arguments.model, dtype)
    rows = []
    for name, lengths in {**SHAPES, "mixed": mixed_lengths()}.items():
        ours = Plimsoll(arguments.build, arguments.model, dtype, len(lengths), max(lengths), "cuda:0")
        rows.append(report(name, compare(ours, peers, lengths, arguments.rounds), lengths))
        ours.close()
    rows.append(streamed(arguments, dtype))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
