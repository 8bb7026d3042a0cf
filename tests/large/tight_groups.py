#!/usr/bin/env python3
"""Whatever is asked for in a control group that is too small for it, the kernel kills nobody: tight_groups.py PLIMSOLL MAKE_CHECKPOINT FOLDER

Rows longer than the group, simulated devices whose memory is the group's, and fallbacks whose words do not fit beside the first model's.
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from cgroup import memory_group
from command import Checks, make_checkpoint

MIB = 1 << 20


def with_more_words(plain, model, words):
    """The model with so many words that nobody uses: its tables are large, its table of weights has holes."""
    model.mkdir(exist_ok=True)
    tokenizer = json.loads((plain / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary.update({f"w{i:08x}": i for i in range(len(vocabulary), words)})
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = json.loads((plain / "config.json").read_text())
    with (plain / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    hidden = config["hidden_size"]
    config["vocab_size"] = words
    (model / "config.json").write_text(json.dumps(config))
    header.pop("__metadata__", None)
    at = 0
    for name, tensor in header.items():
        if name.endswith("word_embeddings.weight"):
            tensor["shape"] = [words, hidden]
        size = 4
        for extent in tensor["shape"]:
            size *= extent
        tensor["dtype"], tensor["data_offsets"] = "F32", [at, at + size]
        at += size
    text = json.dumps(header).encode()
    with (model / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
    return str(model)


@contextlib.contextmanager
def overlay_in_memory(folder, hidden):
    """A folder whose files lie on a tmpfs below an overlay, as in live systems; nothing where none can be mounted. `hidden`: of the tmpfs
    nothing is seen, as in containers."""
    memory, overlay = folder / "memory", folder / "overlay"
    mounted = []

    def mount(kind, where, options):
        if subprocess.run(["mount", "-t", kind, kind, where, "-o", options], stderr=subprocess.DEVNULL).returncode == 0:
            mounted.append(where)
            return True
        return False
    for path in (memory, overlay):
        path.mkdir(exist_ok=True)
    try:
        there = mount("tmpfs", memory, "size=256m")
        if there:
            for name in ("lower", "upper", "work"):
                (memory / name).mkdir()
        options = f"lowerdir={memory}/lower,upperdir={memory}/upper,workdir={memory}/work"
        covered = there and mount("overlay", overlay, options)
        if hidden and covered:
            subprocess.run(["umount", "-l", memory], check=True)
            mounted.remove(memory)
        yield overlay if covered else None
    finally:
        for where in reversed(mounted):
            subprocess.run(["umount", where], check=True)


class Groups:
    def __init__(self, checks):
        self.checks = checks

    def run(self, limit, statuses, arguments, text=None):
        with memory_group(limit * MIB) as group:
            ended = subprocess.run(arguments, input=text, capture_output=True, preexec_fn=group.enter)
            label = f"{arguments[1]} in {limit} MiB {[argument[:60] for argument in arguments[2:6]]}"
            self.checks.expect(group.kills() == 0, f"{label}: killed")
            self.checks.expect(ended.returncode in statuses, f"{label}: exit {ended.returncode} {ended.stderr[-200:]}")
            return ended


def main():
    plimsoll, tool, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    group = memory_group(64 * MIB)
    if group is None:
        print("no control group can be made here")
        sys.exit(77)
    group.__exit__(None, None, None)
    checks = Checks()
    groups = Groups(checks)
    plain = str(pathlib.Path(__file__).resolve().parents[1] / "fixtures/models/bert")

    row = b"w " * (15 * MIB) + b"\n"
    for limit in (16, 20, 24, 32, 48):
        groups.run(limit, (1, 6), [plimsoll, "tokenize", plain], row)

    middle = str(folder / "middle")
    make_checkpoint(tool, middle, "--hidden", "192", "--layers", "6", "--heads", "4", "--intermediate", "768", "--vocab", "4000")
    for limit in (16, 20, 24, 32, 64):
        for device in ([], ["--device", "sim:0"]):
            groups.run(limit, (0, 6), [plimsoll, "run", middle, "hi", "--sim", "memory=64MiB", *device])

    # Small passes, planned anew as the model runs: still for a device whose memory is the group's.
    wide = str(folder / "wide")
    make_checkpoint(tool, wide, "--hidden", "1024", "--layers", "12", "--heads", "16", "--intermediate", "4096", "--vocab", "30000", "--holes")
    for limit in (30, 60, 150):
        groups.run(limit, (0, 6), [plimsoll, "run", wide, *["w " * 20] * 6, "--sim", "memory=64MiB", "--batch-size", "1"])

    # A namespace of groups without a mount of its own names none of the groups that bind it.
    hidden = ["unshare", "--cgroup"]
    if subprocess.run([*hidden, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        for limit in (11, 13, 24):
            groups.run(limit, (0, 6), [*hidden, plimsoll, "run", middle, "hi"])

    # As many devices as somebody may think of: each takes something of the process before anything is planned.
    for limit, devices, threads in ((10, 32, 2), (16, 48, 2), (24, 64, 2), (32, 100, 2), (64, 200, 2), (24, 4, 256)):
        for command in (["plan", plain], ["run", plain, "hi"]):
            simulated = ["--sim", "memory=1MiB"] * devices
            groups.run(limit, (0, 6), [plimsoll, *command, "--threads", str(threads), *simulated])

    # As many arguments as the system passes on.
    for many, text in ((190_000, "a"), (15, "a" * 120_000)):
        for limit in (16, 18, 20, 24):
            for command in ("plan", "tokenize", "run"):
                groups.run(limit, (0, 6), [plimsoll, command, plain, *([text] * many)])

    # Results on a tmpfs are memory of the group's: they end before the group does.
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="plimsoll-") as shared:
        answers = f"{shared}/answers.jsonl"
        rows = folder / "rows.txt"
        # The first is all control characters: long answers, no tokens.
        for text, many, commands in (("\1" * (1 << 18), 400, ["run"]), ("a b " * (1 << 10), 20_000, ["run", "tokenize"])):
            rows.write_text((text + "\n") * many)
            for limit in (24, 48):
                for command in [[name] for name in commands] + [["run", "--batch-size", "1"]]:
                    arguments = [plimsoll, *command, plain, "--input", str(rows), "--json", "--output", answers]
                    ended = groups.run(limit, (1,), arguments)
                    checks.expect(b"lies in memory (tmpfs)" in ended.stderr, f"the reason: {ended.stderr[-200:]}")
                    checks.expect(os.listdir(shared) == [], "no half file")
        rows.write_text("a b " * (1 << 20) + "\n" + "a b " * (1 << 10) + ("\n" + "a b " * (1 << 10)) * 20_000)
        for hidden in (False, True):
            with overlay_in_memory(folder, hidden) as overlay:
                if overlay is None:
                    continue
                arguments = [plimsoll, "tokenize", plain, "--input", str(rows), "--json", "--output", f"{overlay}/answers.jsonl"]
                ended = groups.run(48, (1,), arguments)
                checks.expect(b"lies in memory (tmpfs)" in ended.stderr, f"the reason: {ended.stderr[-200:]}")
        few = groups.run(24, (0,), [plimsoll, "run", plain, "a b", "--json", "--output", answers])
        checks.expect(few.returncode == 0 and os.path.getsize(answers) > 0, "few answers have room")

    small = with_more_words(pathlib.Path(plain), folder / "words-250k", 250_000)
    large = with_more_words(pathlib.Path(plain), folder / "words-500k", 500_000)
    for limit in (16, 20, 24, 28, 32):
        alone = groups.run(limit, (0, 6), [plimsoll, "run", small, "hi"])
        both = groups.run(limit, (0, 6), [plimsoll, "run", small, "hi", "--fallback", large])
        checks.expect(alone.returncode == both.returncode, f"in {limit} MiB: {alone} alone, {both} with a larger fallback")
        groups.run(limit, (0, 6), [plimsoll, "plan", large, "hi", "--fallback", small])

    # Tables that find no room are no reason to stop, while a model with smaller ones can answer.
    vast = with_more_words(pathlib.Path(plain), folder / "words-2000k", 2_000_000)
    groups.run(48, (6,), [plimsoll, "run", vast, "hi"])
    answered = groups.run(48, (0,), [plimsoll, "run", vast, "hi", "--json", "--fallback", plain])
    checks.expect(json.loads(answered.stdout)["model"] == plain, f"answered by {answered.stdout}")
    checks.expect(b"the tables of " in answered.stderr, f"the reason: {answered.stderr}")
    planned = groups.run(48, (0,), [plimsoll, "plan", vast, "hi", "--json", "--fallback", plain])
    checks.expect(json.loads(planned.stdout)["sacrifices"][0]["rung"] == "fallback", f"planned: {planned.stdout}")
    groups.run(48, (6,), [plimsoll, "run", vast, "hi", "--fallback", plain, "--strict-fit"])
    groups.run(48, (2,), [plimsoll, "run", vast, "hi", "--fallback", middle])
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
