#!/usr/bin/env python3
"""A neighbour takes memory in the middle of a run and gives it back: memory_pressure.py PLIMSOLL MAKE_CHECKPOINT FOLDER

Both are in one memory cgroup, which holds the plan and not the neighbour beside it. The run must give memory back before the kernel
kills, print the same answers as undisturbed, and take the memory again. Exits 77 (skipped) where no memory cgroup can be made.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import threading
import time

from cgroup import memory_group, skip_without_groups
from command import Checks, make_checkpoint, rows

MIB = 2**20
NEIGHBOUR = 200 * MIB
TEXTS = 600

# Takes 4 MiB every 0.1 s, holds them, and ends when its input does.
GROW = f"""
import sys, time
held = []
for _ in range({NEIGHBOUR // MIB} // 4):
    held.append(bytearray(b"x" * {4 * MIB}))
    time.sleep(0.1)
print("full", flush=True)
sys.stdin.read()
"""


def disturbed(command, group, answers):
    """The run's exit status and messages, with a neighbour that comes after the first answers and goes again."""
    with open(answers, "w") as out:
        run = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, preexec_fn=group.enter)
    while answers.stat().st_size == 0 and run.poll() is None:
        time.sleep(0.01)
    with neighbour_comes(group):
        time.sleep(1)
    _, err = run.communicate()
    return run.returncode, err


@contextlib.contextmanager
def neighbour_comes(group):
    """It has all its memory by then, and goes at the end of the block."""
    neighbour = subprocess.Popen([sys.executable, "-c", GROW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
    neighbour.stdout.readline()
    try:
        yield
    finally:
        neighbour.communicate()


def waiting(command, group, rows, read_first):
    """The exit status of a filter that has nothing to do while a neighbour comes: its input pauses, or its reader does."""
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=group.enter)
    feeder = threading.Thread(target=lambda: (run.stdin.write(rows), run.stdin.flush()))
    feeder.start()
    if read_first:
        run.stdout.readline()
    else:
        time.sleep(3)
    with neighbour_comes(group):
        time.sleep(1)
    answers = threading.Thread(target=run.stdout.read)
    answers.start()
    feeder.join()
    run.stdin.close()
    answers.join()
    return run.wait()


def never_silent(command, group, act):
    """The exit status of a filter that `act` keeps from ever waiting for its input in silence, while a neighbour comes."""
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=group.enter)
    run.stdin.write(b'{"text": "a good film"}\n')
    run.stdin.flush()
    run.stdout.readline()
    over = threading.Event()
    feeder = threading.Thread(target=lambda: act(run.stdin, over))
    feeder.start()
    with neighbour_comes(group):
        time.sleep(1)
    over.set()
    readers = [threading.Thread(target=stream.read) for stream in (run.stdout, run.stderr)]
    for reader in readers:
        reader.start()
    feeder.join()
    with contextlib.suppress(BrokenPipeError):
        run.stdin.close()
    for reader in readers:
        reader.join()
    return run.wait()


def dribble(stdin, over):
    """A row that comes byte by byte."""
    with contextlib.suppress(BrokenPipeError):
        stdin.write(b'{"text": "')
        while not over.wait(0.03):
            stdin.write(b"x")
            stdin.flush()
        stdin.write(b'"}\n')


def spoil(stdin, over):
    """Rows that are no good, each a message that nobody reads."""
    with contextlib.suppress(BrokenPipeError):
        while not over.is_set():
            stdin.write(b"{}\n" * 50)
            stdin.flush()
            time.sleep(0.01)


def main():
    plimsoll, tool, folder = (sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
    model = str(folder / "bert-base")
    make_checkpoint(tool, model, "--shape", "base")
    texts = folder / "pressure.txt"
    texts.write_text("".join(f"the film number {i} was good and the plot was thin " + "very " * (i % 90) + "\n" for i in range(TEXTS)))
    report_file = folder / "pressure.json"
    answers = folder / "pressure.jsonl"
    run = [plimsoll, "run", model, "--json", "--logits", "--input", str(texts)]
    quiet = subprocess.run(run, capture_output=True, text=True, check=True)
    plan = json.loads(subprocess.run([plimsoll, "plan", model, "--json", "--input", str(texts)], capture_output=True, text=True, check=True).stdout)
    total = plan["devices"][0]["planned"]["total"]

    group = memory_group(total + NEIGHBOUR // 5 + 8 * MIB)
    if group is None:
        skip_without_groups()
    checks = Checks()
    with group:
        status, err = disturbed([*run, "--report", str(report_file)], group, answers)
        kills = group.kills()
    checks.expect(status == 0 and kills == 0, f"exit {status}, {kills} kills {err.strip()[-300:]}")
    checks.expect(rows(answers.read_text()) == rows(quiet.stdout), "the same answers, to the bit")
    events = json.loads(report_file.read_text())["events"] if status == 0 else []
    kinds = [event["kind"] for event in events]
    for event in events:
        print(f"      {event['t']:.2f} s: {event['message']}")
    checks.expect("shed" in kinds, f"memory was given back: {kinds}")
    checks.expect("grown" in kinds and kinds[-1] == "grown", "and taken again")
    lines = err.splitlines()
    checks.expect(all(f"plimsoll: {event['message']}" in lines for event in events), "each is a line on stderr")
    checks.expect(all(event["device"] == "cpu" and event["requested_bytes"] > 0 and event["free_bytes"] > 0 for event in events), "with figures")
    checks.expect(any("stream" in event["rungs"] for event in events), "and rungs")
    checks.expect(len(kinds) <= 12, "and it was not done in many small steps")

    # What waits, for input or for a reader, gives back as well.
    for name, text, read_first in (("its input", "a good film\n", True), ("its reader", "a good film\n" * 8000, False)):
        with memory_group(total + NEIGHBOUR // 5 + 8 * MIB) as group:
            status = waiting([plimsoll, "run", model, "--json", "--max-length", "16"], group, text, read_first)
            checks.expect(status == 0 and group.kills() == 0, f"waiting for {name}: exit {status}, {group.kills()} kills")
    for name, act, status_then in (("a row that dribbles", dribble, 0), ("messages nobody reads", spoil, 1)):
        with memory_group(total + NEIGHBOUR // 5 + 8 * MIB) as group:
            status = never_silent([plimsoll, "run", model, "--jsonl", "--max-length", "16"], group, act)
            checks.expect(status == status_then and group.kills() == 0, f"{name}: exit {status}, {group.kills()} kills")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
