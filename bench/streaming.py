#!/usr/bin/env python3
"""Weights streamed from disk under a real memory limit, against the same model resident: in pairs, pass by pass.

    streaming.py PLIMSOLL MODEL --limit 64MiB [--shape 8x128] [--cold] [--pairs 7] [--passes N] [--json FILE]

A pair is the time of a pass without a limit and inside a control group of the given size, each from wall(N passes) - wall(1 pass), so that
starting and loading are not counted. Answers must be the same bits. Without --cold the model's file is in the page cache, read there by
a process outside the group; with it, caches are dropped before every run (needs root).

The bound of a pass is what no program beats that streams: the larger of the resident pass and the streamed bytes divided by the rate at
which the file can be read in the same state, measured in the same pair by two threads that do nothing else.

The planner's own prediction of both passes is printed beside them. It knows the rates that `plimsoll bench MODEL` measured last, and
takes what it streams to come from the disk: so a cached file is read faster than predicted where the disk sets the pace."""
import argparse
import ctypes
import json
import mmap
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "large"))
from cgroup import memory_group  # noqa: E402

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def predicted(report):
    return report["plan"]["predicted"]["pass_seconds"]


def size(text):
    return int(text[:-3]) * UNITS[text[-3:]]


BLOCK = 4 << 20
HUGE = 2 << 20


def read_rate(path, cold):
    """Bytes a second of two threads that read the whole file in blocks into huge pages: directly when cold, else from the page cache."""
    blocks = iter(range(0, path.stat().st_size, BLOCK))
    lock = threading.Lock()

    def work():
        memory = mmap.mmap(-1, 2 * BLOCK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        start = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % HUGE
        fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if cold else 0))
        view = memoryview(memory)[start : start + BLOCK]
        while True:
            with lock:
                offset = next(blocks, None)
            if offset is None:
                break
            os.preadv(fd, [view], offset)
        os.close(fd)

    threads = [threading.Thread(target=work) for _ in range(2)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return path.stat().st_size / (time.monotonic() - start)


class Runs:
    def __init__(self, arguments, folder):
        self.plimsoll, self.model, self.cold = arguments.plimsoll, arguments.model, arguments.cold
        self.texts, self.tokens = map(int, arguments.shape.split("x"))
        self.passes = arguments.passes or (5 if self.texts > 1 else 21)
        self.flags = arguments.flag
        self.folder = folder
        for passes in (1, self.passes):
            rows = [f"{n} the film was good and the plot was thin " * (self.tokens // 4) for n in range(passes * self.texts)]
            (folder / f"{passes}.txt").write_text("\n".join(rows) + "\n")

    def prepare(self):
        if self.cold:
            subprocess.run(["sync"], check=True)
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        else:
            for file in pathlib.Path(self.model).glob("*.safetensors"):
                subprocess.run(["cat", file], check=True, stdout=subprocess.DEVNULL)

    def read_rate(self):
        self.prepare()
        return read_rate(max(pathlib.Path(self.model).glob("*.safetensors"), key=lambda file: file.stat().st_size), self.cold)

    def seconds(self, passes, group=None):
        """(seconds, answers, report) of a run over that many passes."""
        self.prepare()
        report = self.folder / "report.json"
        command = [self.plimsoll, "run", self.model, "--input", self.folder / f"{passes}.txt", "--batch-size", str(self.texts), "--max-length", str(self.tokens),
                   "--forbid", "microbatch", "--json", "--logits", "-q", "--report", report, *self.flags]
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=group.enter if group else None)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            sys.exit(f"exit {done.returncode}: {done.stderr}")
        return seconds, done.stdout, json.loads(report.read_text())

    def pass_seconds(self, group=None):
        one, _, _ = self.seconds(1, group)
        all_of_them, answers, report = self.seconds(self.passes, group)
        return (all_of_them - one) / (self.passes - 1), answers, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plimsoll")
    parser.add_argument("model")
    parser.add_argument("--limit", type=size, required=True)
    parser.add_argument("--shape", default="8x128")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--passes", type=int, help="of the longer run (default 5; of one text 21, because loading varies by more than such a pass takes)")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--flag", action="append", default=[], help="handed to plimsoll run, inside and outside the group")
    arguments = parser.parse_args()
    group = memory_group(arguments.limit)
    if group is None:
        print("skipped: no control group with a memory limit can be made here")
        sys.exit(77)
    pairs = []
    with group, tempfile.TemporaryDirectory() as folder:
        runs = Runs(arguments, pathlib.Path(folder))
        for number in range(arguments.pairs):
            first, second = (None, group) if number % 2 == 0 else (group, None)
            measured = {id(g): runs.pass_seconds(g) for g in (first, second)}
            free, limited = measured[id(None)], measured[id(group)]
            if free[1] != limited[1]:
                sys.exit("the answers differ")
            streamed = sum(layer["bytes"] for layer in limited[2]["plan"]["layers"] if layer["home"] == "disk")
            rate = runs.read_rate()
            bound = max(free[0], streamed / rate)
            foreseen = predicted(limited[2]) / predicted(free[2])
            pairs.append((free[0], limited[0], bound, limited[0] / free[0] / foreseen))
            actual, planned = limited[2]["actual"]["cpu"], limited[2]["plan"]["devices"][0]["planned"]["total"]
            print(f"resident {free[0] * 1e3:7.1f} ms  limited {limited[0] * 1e3:7.1f} ms  ratio {limited[0] / free[0]:.3f} (predicted {foreseen:.3f})  "
                  f"of the bound {limited[0] / bound:.3f} ({streamed / (1 << 20):.0f} MiB at {rate / 1e9:.2f} GB/s)  process {actual['rss_anon_peak'] / (1 << 20):.1f} of {planned / (1 << 20):.1f} MiB planned", flush=True)
        kills = group.kills()
    ratios = [limited / free for free, limited, *_ in pairs]
    of_bound = [limited / bound for _, limited, bound, _ in pairs]
    of_predicted = statistics.median(pair[3] for pair in pairs)
    result = {"model": pathlib.Path(arguments.model).name, "shape": arguments.shape, "limit": arguments.limit, "cold": arguments.cold, "kills": kills,
              "resident_ms": statistics.median(pair[0] for pair in pairs) * 1e3, "limited_ms": statistics.median(pair[1] for pair in pairs) * 1e3,
              "of_bound": statistics.median(of_bound), "of_predicted": of_predicted,
              "ratio": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)}
    print(f"{result['model']} {arguments.shape} in {arguments.limit >> 20} MiB, {'cold' if arguments.cold else 'cached'}: ratio {result['ratio']:.3f} "
          f"({result['least']:.3f} to {result['largest']:.3f}, {len(ratios)} pairs), {result['of_bound']:.3f} of the bound, {of_predicted:.3f} of the predicted ratio, same bits, {kills} kills")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
