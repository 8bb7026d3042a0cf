#!/usr/bin/env python3
"""Pass by pass, torch against plimsoll: the same checkpoint, precision, ids and number of threads, without padding.

    compare_torch.py [--server build/release/bench/serve_passes] [--shapes 1x128,8x128] [--rounds 7] [--json OUT] MODEL...

torch is transformers' AutoModelForSequenceClassification with sdpa attention in inference mode, eager unless --compile.
plimsoll is a `serve_passes` process that holds the model; neither start nor loading is counted on either side.

A round runs both engines twice, alternating T P P T and P T T P; its ratio is torch's time over plimsoll's. Reported are
the median, least and largest ratio, and as a control what the same rounds say of each engine against itself (1.00 is
right). Before each pass both engines rest, so that the other's idle threads have gone to sleep: how much processor they
used meanwhile is measured and printed. A round in whose passes other programs used more than --quiet of the processors
is run again, up to twice as many in all. Threads and waiting are each engine's own defaults.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}


class Processors:
    """What all processors did, and what of it was not ours."""

    def __init__(self, pids):
        self.pids = pids

    def reading(self):
        with open("/proc/stat") as stat:
            user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
        busy = user + nice + system + irq + softirq + steal
        return time.perf_counter(), busy / TICK, sum(self.process_seconds(pid) for pid in self.pids)

    @staticmethod
    def process_seconds(pid):
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def since(self, reading):
        """Seconds that passed, and processor seconds that went to other programs and other virtual machines."""
        start, busy, ours = reading
        end, busy_now, ours_now = self.reading()
        return end - start, (busy_now - busy) - (ours_now - ours)


class Plimsoll:
    def __init__(self, server, model, dtype, texts, tokens, threads, before=None):
        command = [server, model, str(texts), str(tokens), dtype, str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=before)
        self.about = self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def run(self, texts, tokens):
        self.process.stdin.write(f"{texts} {tokens}\n")
        self.process.stdin.flush()
        answer = self.reply()
        return answer["ms"], answer["logits"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Torch:
    def __init__(self, model, dtype, threads, compiled):
        import torch
        from transformers import AutoModelForSequenceClassification

        self.torch = torch
        torch.set_num_threads(threads)
        loaded = AutoModelForSequenceClassification.from_pretrained(model, dtype=getattr(torch, dtype), attn_implementation="sdpa")
        self.model = loaded.eval()
        self.vocabulary = self.model.config.vocab_size
        if compiled:
            self.model = torch.compile(self.model)

    def ids(self, texts, tokens):
        """The ids of serve_passes."""
        flat = [1000 + i * 7919 % (self.vocabulary - 1000) for i in range(texts * tokens)]
        rows = self.torch.tensor(flat).reshape(texts, tokens)
        rows[:, 0], rows[:, -1] = 101, 102
        return rows

    def run(self, texts, tokens):
        ids = self.ids(texts, tokens)
        mask = self.torch.ones_like(ids)
        with self.torch.inference_mode():
            start = time.perf_counter()
            logits = self.model(input_ids=ids, attention_mask=mask).logits
            elapsed = time.perf_counter() - start
        return elapsed * 1e3, logits.float().flatten().tolist()


def check_agreement(torch_side, plimsoll, shapes, tolerance):
    """Largest |a - b| / (1 + |b|) of all logits; also warms both engines up."""
    worst = 0.0
    for texts, tokens in shapes:
        for _ in range(2):
            expected, found = torch_side.run(texts, tokens)[1], plimsoll.run(texts, tokens)[1]
        if len(expected) != len(found):
            sys.exit(f"torch gives {len(expected)} logits, plimsoll {len(found)}")
        worst = max(worst, max(abs(a - b) / (1 + abs(b)) for a, b in zip(found, expected)))
    if not worst <= tolerance:
        sys.exit(f"logits differ by {worst:.2g}, more than {tolerance:g}: not timed")
    return worst


class Rounds:
    """Alternating passes of one shape."""

    def __init__(self, torch_side, plimsoll, options):
        self.engines = {"torch": torch_side, "plimsoll": plimsoll}
        self.options = options
        self.processors = Processors([os.getpid(), plimsoll.process.pid])
        self.idle = {"torch": 0.0, "plimsoll": 0.0}
        self.waited = {"torch": 0.0, "plimsoll": 0.0}

    def sample(self, name, shape):
        other = "plimsoll" if name == "torch" else "torch"
        pid = os.getpid() if other == "torch" else self.engines["plimsoll"].process.pid
        time.sleep(self.options.rest)
        idle, reading = self.processors.process_seconds(pid), self.processors.reading()
        milliseconds, _ = self.engines[name].run(*shape)
        seconds, others = self.processors.since(reading)
        self.idle[other] += self.processors.process_seconds(pid) - idle
        self.waited[other] += seconds
        return milliseconds, seconds, others

    def round(self, order, shape):
        times = {"torch": [], "plimsoll": []}
        seconds, others = 0.0, 0.0
        for name in order:
            milliseconds, passed, lost = self.sample(name, shape)
            times[name].append(milliseconds)
            seconds, others = seconds + passed, others + lost
        times["others"] = max(0.0, others) / (seconds * os.cpu_count())
        return times

    def run(self, shape):
        orders = (("torch", "plimsoll", "plimsoll", "torch"), ("plimsoll", "torch", "torch", "plimsoll"))
        done, wanted = [], self.options.rounds
        while sum(r["others"] <= self.options.quiet for r in done) < wanted and len(done) < 2 * wanted:
            done.append(self.round(orders[len(done) % 2], shape))
        quiet = [r for r in done if r["others"] <= self.options.quiet]
        return self.summary(shape, quiet if len(quiet) >= wanted else done, len(done), len(quiet))

    def summary(self, shape, rounds, ran, quiet):
        ratios = [sum(r["torch"]) / sum(r["plimsoll"]) for r in rounds]
        result = {"shape": f"{shape[0]}x{shape[1]}", "rounds": len(rounds), "ran": ran, "quiet": quiet,
                  "others": round(statistics.median(r["others"] for r in rounds), 3),
                  "ratio": {"median": round(statistics.median(ratios), 3), "min": round(min(ratios), 3), "max": round(max(ratios), 3)}}
        for name in self.engines:
            times = [t for r in rounds for t in r[name]]
            control = [r[name][0] / r[name][1] for r in rounds]
            result[name] = {"median_ms": round(statistics.median(times), 1), "min_ms": round(min(times), 1),
                            "control": round(statistics.median(control), 3), "idle_cores": round(self.idle[name] / self.waited[name], 3)}
        return result


def show(result):
    t, p, ratio = result["torch"], result["plimsoll"], result["ratio"]
    print(f"{result['shape']:>7}  torch {t['median_ms']:8.1f} ms  plimsoll {p['median_ms']:8.1f} ms  ratio {ratio['median']:.2f} "
          f"({ratio['min']:.2f} to {ratio['max']:.2f}, {result['rounds']} rounds)  controls {t['control']:.2f} {p['control']:.2f}  "
          f"idle cores {t['idle_cores']:.2f} {p['idle_cores']:.2f}", flush=True)
    if result["quiet"] < result["rounds"]:
        print(f"         not trustworthy: other programs used {result['others']:.0%} of the processors; only {result['quiet']} of "
              f"{result['ran']} rounds were quiet", flush=True)


def stored_dtype(model):
    with open(os.path.join(model, "config.json")) as file:
        config = json.load(file)
    return config.get("dtype") or config.get("torch_dtype") or "float32"


def compare(model, options, shapes):
    dtype = options.dtype or stored_dtype(model)
    texts, tokens = max(s[0] for s in shapes), max(s[1] for s in shapes)
    plimsoll = Plimsoll(options.server, model, dtype, texts, tokens, options.threads)
    if plimsoll.about["compute_dtype"] != dtype:
        print(f"{model}: skipped, plimsoll computes {dtype} in {plimsoll.about['compute_dtype']} on this processor", flush=True)
        plimsoll.close()
        return None
    torch_side = Torch(model, dtype, options.threads, options.compile)
    worst = check_agreement(torch_side, plimsoll, shapes, options.tolerance or TOLERANCE[dtype])
    print(f"{model}: {dtype}, {plimsoll.about['threads']} threads, {plimsoll.about['isa']}; logits agree within {worst:.1e}", flush=True)
    rounds = Rounds(torch_side, plimsoll, options)
    results = []
    for shape in shapes:
        results.append(rounds.run(shape))
        show(results[-1])
    plimsoll.close()
    name = os.path.basename(os.path.normpath(model))
    return {"model": name, "dtype": dtype, "logits_differ": worst, "plimsoll": plimsoll.about, "shapes": results}


def versions(compiled):
    import torch
    import transformers

    with open("/proc/cpuinfo") as info:
        name = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.processor())
    return {"cpu": name, "processors": os.cpu_count(), "python": platform.python_version(), "torch": torch.__version__,
            "torch_mode": "compile" if compiled else "eager", "transformers": transformers.__version__}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--server", default="build/release/bench/serve_passes", help="the serve_passes program")
    parser.add_argument("--shapes", default="1x128,8x128", help="TEXTSxTOKENS, comma-separated")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", choices=sorted(TOLERANCE), help="instead of the checkpoint's own")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--rest", type=float, default=0.25, help="seconds before each pass")
    parser.add_argument("--quiet", type=float, default=0.05, help="share of the processors that others may use during a round")
    parser.add_argument("--tolerance", type=float, help="for logits: |a - b| / (1 + |b|)")
    parser.add_argument("--json", help="write the results there")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    shapes = [tuple(map(int, shape.split("x"))) for shape in options.shapes.split(",")]
    about = versions(options.compile)
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    results = []
    for model in options.models:
        result = compare(model, options, shapes)
        results += [result] if result else []
        if options.json:
            with open(options.json, "w") as file:
                json.dump({"versions": about, "comparisons": results}, file, indent=1)


if __name__ == "__main__":
    main()
