"""Talks to serve_readers, and counts what was compared."""
import argparse
import collections
import json
import random
import subprocess
import sys
import time


class Server:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the server ended with {self.process.wait()} at {json.dumps(request)}")
        return json.loads(line)


class Comparison:
    """The loop over seeds. Each case has a random number generator of its own, so that `--seed N --count 1` repeats it."""

    def __init__(self, what):
        parser = argparse.ArgumentParser()
        parser.add_argument("server")
        parser.add_argument("--seconds", type=float, default=1e9)
        parser.add_argument("--count", type=int, default=1 << 60)
        parser.add_argument("--seed", type=int, default=1)
        self.arguments = parser.parse_args()
        self.what = what
        self.server = Server(self.arguments.server)
        self.outcomes = collections.Counter()
        self.findings = 0

    def seeds(self):
        end = time.monotonic() + self.arguments.seconds
        first = self.arguments.seed * 1_000_000 if self.arguments.count > 1 else self.arguments.seed
        for seed in range(first, first + self.arguments.count):
            if time.monotonic() > end or self.findings >= 10:
                return
            yield seed, random.Random(seed)

    def outcome(self, name):
        self.outcomes[name] += 1

    def finding(self, seed, text, **details):
        self.findings += 1
        print(f"{self.what}: case {seed} (--seed {seed} --count 1): {text}")
        for name, value in details.items():
            print(f"  {name}: {value if isinstance(value, bytes) else json.dumps(value)}"[:2000])

    def end(self):
        print(f"{self.what}: {sum(self.outcomes.values())} compared, {self.findings} findings")
        for name, count in self.outcomes.most_common():
            print(f"  {count:8} {name}")
        sys.exit(1 if self.findings or not self.outcomes else 0)
