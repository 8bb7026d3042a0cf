#!/usr/bin/env python3
"""Signals at random moments of a run: signals.py PLIMSOLL MODEL POINTS [SEED]

Each point starts one of a few runs and sends it something after a random part of its usual time: SIGINT, SIGTERM, SIGHUP, two of these,
SIGPIPE, a reader that leaves, or SIGKILL. Whatever the moment: an exit code of the contract, whole lines, no partial file.
"""
import fcntl
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

from driver import PATIENCE, Checks, Ended, Folder, run

ROWS = 400
STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# How a run is to end early. Those that stop are drawn more often.
ACTIONS = ["stop", "stop", "stop", "stop twice", "stop twice", "pipe", "leave", "kill"]


class Shape:
    """A way to run: where its answers go, what else it writes, and what it gives when nobody disturbs it."""

    def __init__(self, name, command, texts, to_file, slow=False):
        self.name, self.command, self.texts, self.to_file, self.slow = name, command, texts, to_file, slow

    def arguments(self, folder):
        files = ["--report", folder / "report.json"] + (["--output", folder / "out.jsonl"] if self.to_file else [])
        return [*self.command, *files] if self.to_file or "--report" in self.name else self.command

    def measure(self):
        times = []
        for _ in range(3):
            with Folder() as folder:
                start = time.monotonic()
                ended = run(self.arguments(folder.path), stdin=open(self.texts, "rb"))
                times.append(time.monotonic() - start)
                assert ended.status == 0, str(ended)
                self.expected = (folder.path / "out.jsonl").read_bytes() if self.to_file else ended.out
        # A slow reader takes longer; its pipe is full soon.
        self.seconds = statistics.median(times) * (3 if self.slow else 1)
        assert self.expected.count(b"\n") == ROWS


def shapes(plimsoll, model, folder):
    texts = folder / "texts.txt"
    texts.write_text("".join(f"the film number {i} was good and the plot was thin {'very ' * (i % 40)}\n" for i in range(ROWS)))
    base = [plimsoll, "run", model, "--json"]
    named = ["--input", texts]
    small = ["--sim", "memory=640KiB", "--device", "sim:0"]
    return [Shape("pipe", [*base, *named], texts, False), Shape("pipe --report", [*base, *named], texts, False),
            Shape("filter", base, texts, False), Shape("file", [*base, *named], texts, True),
            Shape("slow reader", [*base, *named, "--logits"], texts, False, slow=True),
            Shape("small passes", [*base, *named, "--batch-size", "2", "--logits"], texts, False),
            Shape("simulated", [*base, *named, *small], texts, True)]


def drain(process, parts, slow):
    """Threads that read both streams; a slow one leaves the pipe full."""
    def read(name):
        stream = getattr(process, name)
        parts[name] = b""
        while part := stream.read(1500 if slow else 1 << 16):
            parts[name] += part
            if slow:
                time.sleep(0.003)
    for name in ("stdout", "stderr"):
        thread = threading.Thread(target=read, args=(name,))
        thread.start()
        yield thread


def act(process, action, chance):
    """Does it; gives the signals that were sent, in order."""
    if action == "leave":
        process.stdout.close()
        return []
    if action == "kill":
        process.send_signal(signal.SIGKILL)
        return [signal.SIGKILL]
    if action == "pipe":
        process.send_signal(signal.SIGPIPE)
        return [signal.SIGPIPE]
    sent = [chance.choice(STOPPING)]
    process.send_signal(sent[0])
    if action == "stop twice":
        time.sleep(chance.choice([0, 0, 0.0002, 0.002, 0.01]))
        sent.append(chance.choice(STOPPING))
        process.send_signal(sent[1])
    return sent


def disturb(shape, folder, action, chance):
    """(what came of it, signals sent) of a run that is disturbed at a random moment."""
    process = subprocess.Popen([str(word) for word in shape.arguments(folder.path)], stdin=open(shape.texts, "rb"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, bufsize=0)
    delay = chance.random() * 1.1 * shape.seconds
    parts = {"stdout": b""}
    if action == "leave":
        # Its reader takes some and goes.
        parts["stdout"] = process.stdout.read(chance.randrange(1, 1 + len(shape.expected) // 4)) or b""
        threads = []
        act(process, action, chance)
        sent = []
        reader = threading.Thread(target=lambda: parts.update(stderr=process.stderr.read()))
        reader.start()
        threads.append(reader)
    else:
        threads = list(drain(process, parts, shape.slow))
        time.sleep(delay)
        sent = act(process, action, chance)
    hung = False
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        hung = True
        process.kill()
        process.wait()
    for thread in threads:
        thread.join()
    return Ended(process.returncode, parts.get("stdout", b""), parts.get("stderr", b""), hung), sent


def allowed(shape, action, sent):
    """Exit codes that may come of it; 0 always may, where the run was already through."""
    if action == "leave":
        return {0, 141} if not shape.to_file else {0}
    if action == "pipe":
        # Before the command ignores it, the signal ends it as it ends any process.
        return {0, 141}
    return {0} | {128 + number for number in sent}


def check(checks, shape, folder, action, ended, sent, label):
    tell = f"{label}: {ended}"
    checks.expect(not ended.hung and ended.status in allowed(shape, action, sent), tell)
    if action != "leave":
        checks.expect(shape.to_file or whole(ended.out, shape, action), f"{tell}: cut lines: {ended.out[-80:]!r}")
    if ended.status == 141:
        checks.expect(ended.err == b"", f"{tell}: it should be quiet")
    if ended.status == 0 and action != "leave":
        checks.expect(shape.to_file or ended.out == shape.expected, f"{tell}: an answer is missing")
    if action == "kill":
        return
    names = set(folder.names())
    checks.expect(names <= {"out.jsonl", "report.json"}, f"{tell}: left behind: {sorted(names)}")
    if "out.jsonl" in names:
        complete = (folder.path / "out.jsonl").read_bytes() == shape.expected
        checks.expect(complete and (ended.status == 0 or len(sent) > 1), f"{tell}: a file that is not complete")
    elif shape.to_file:
        checks.expect(ended.status != 0, f"{tell}: no file")
    if "report.json" in names:
        checks.expect(json.loads((folder.path / "report.json").read_text())["schema"] == 1, f"{tell}: a broken report")


def whole(out, shape, action):
    # Nobody can say what becomes of a line while the process is killed.
    return shape.expected.startswith(out) and (not out or out.endswith(b"\n") or action == "kill")


def held_lock(checks, plimsoll, model):
    """Others hold the lock of a shared heap, and would for ever: a signal is heard all the same."""
    with Folder() as folder:
        (folder.path / "plimsoll").mkdir(mode=0o700)
        with open(folder.path / "plimsoll/sim-held.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for command in (["run", model, "hi"], ["plan", model]):
                process = subprocess.Popen([plimsoll, *command, "--sim", "name=held,memory=8MiB"], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           env={**os.environ, "XDG_RUNTIME_DIR": str(folder.path)})
                time.sleep(0.5)
                start = time.monotonic()
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=PATIENCE)
                took = time.monotonic() - start
                ended = Ended(process.returncode, out, err)
                checks.expect(ended.status == 143 and took < 5, f"{command[0]} while a lock is held: {ended} after {took:.1f} s")
    checks.section("a lock that is held")


def main():
    plimsoll, model, points = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    checks = Checks()
    held_lock(checks, plimsoll, model)
    with Folder() as inputs:
        ways = shapes(plimsoll, model, inputs.path)
        for shape in ways:
            shape.measure()
        print("; ".join(f"{shape.name} {shape.seconds:.3f} s" for shape in ways), flush=True)
        for point in range(points):
            chance = random.Random(f"{seed}/{point}")
            shape, action = chance.choice(ways), chance.choice(ACTIONS)
            with Folder() as folder:
                label = f"point {point} ({shape.name}, {action})"
                ended, sent = disturb(shape, folder, action, chance)
                check(checks, shape, folder, action, ended, sent, label)
                if action == "kill":
                    again = run(shape.arguments(folder.path), stdin=open(shape.texts, "rb"))
                    out = (folder.path / "out.jsonl").read_bytes() if shape.to_file and again.status == 0 else again.out
                    checks.expect(again.status == 0 and out == shape.expected, f"{label}: the next run: {again}")
    checks.end()


if __name__ == "__main__":
    main()
