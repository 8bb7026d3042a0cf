#!/usr/bin/env python3
"""Standard streams that are closed or that nobody reads, and disks that are full: streams.py PLIMSOLL MODEL

Results either are whole where they belong, or the exit code says why not; no temporary file stays behind.
"""
import itertools
import os
import pathlib
import sys

from driver import CI, Checks, Folder, limited, run, typed
from mounts import mount_empty, mount_itself, own_mounts

TEXTS = ["I loved this film", "not good at all"]


def closing(numbers):
    def apply():
        for number in numbers:
            os.close(number)
    return apply


def closed_streams(checks, plimsoll, model, texts):
    commands = {"run": ["run", model, *TEXTS, "--json"], "run from stdin": ["run", model, "--json"], "plan": ["plan", model, "--json"],
                "tokenize": ["tokenize", model, *TEXTS], "devices": ["devices"], "help": ["help"], "version": ["version"], "wrong": ["wrong"],
                "completion": ["completion", "bash"], "bench": ["bench", model, "--shapes", "1x4", "--repeat", "1"]}
    for count in range(4):
        for numbers in itertools.combinations(range(3), count):
            for name, command in commands.items():
                with Folder() as folder:
                    file = folder.path / "out"
                    with open(texts, "rb") as source:
                        ended = run([plimsoll, *command], closing(numbers), stdin=source)
                    expected = 2 if name == "wrong" else 1 if 1 in numbers or (name == "run from stdin" and 0 in numbers) else 0
                    checks.expect(not ended.hung and ended.status == expected, f"{name} without {numbers}: {ended}")
                    if name == "run":
                        ended = run([plimsoll, *command, "--output", file], closing(numbers))
                        checks.expect(ended.status == 0 and file.read_bytes().count(b"\n") == 2, f"--output without {numbers}: {ended}")
    checks.section("closed streams")


def without_reader(stream):
    """Popen's keyword for a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return {stream: writer}


def unread_streams(checks, plimsoll, model):
    for command in (["run", model, *TEXTS], ["run", model, *TEXTS, "--json", "-q"], ["plan", model], ["tokenize", model, *TEXTS], ["devices", "-q"],
                    ["help"], ["version"], ["completion", "zsh"], ["bench", model, "--shapes", "1x4", "--repeat", "1"]):
        ended = run([plimsoll, *command], **without_reader("stdout"))
        checks.expect(ended.status == 141 and ended.err == b"", f"{command[0]} into a pipe without reader: {ended}")
        ended = run([plimsoll, *command], **without_reader("stderr"))
        checks.expect(ended.status == 0, f"{command[0]} with nobody at standard error: {ended}")
    ended = run([plimsoll, "wrong"], **without_reader("stderr"))
    checks.expect(ended.status == 2, f"an error that nobody reads: {ended}")
    checks.section("readers that are gone")


def small_disk(size):
    """For `preexec`, given a folder: it is a disk of `size` bytes, for the process alone."""
    def apply(folder):
        own_mounts()
        if not mount_empty(folder, f"size={size}"):
            os._exit(99)
    return apply


def full_disk(checks, plimsoll, model):
    """`list` shows what is left on the disk while it is still mounted."""
    with Folder() as inputs:
        rows = inputs.path / "texts.txt"
        rows.write_text("the film was good and the plot was thin\n" * 2000)
        for flag, size in itertools.product(("--output", "--report", ">"), (4096, 8192, 65536)):
            with Folder() as folder:
                target = folder.path / "results"
                words = [str(plimsoll), "run", model, "--json", "--input", str(rows), *([] if flag == ">" else [flag, str(target)])]
                shell = f'"$@" > "{target}"; s=$?; ls -A "{folder.path}" >&2; exit $s' if flag == ">" else \
                    f'"$@" > /dev/null; s=$?; ls -A "{folder.path}" >&2; exit $s'
                mount = small_disk(size)
                ended = run(["/bin/sh", "-c", shell, "sh", *words], lambda path=folder.path: mount(path))
                if ended.status == 99:
                    return False
                fits = flag == "--report" and size == 65536
                left = [line for line in ended.err.decode().splitlines() if not line.startswith(("plimsoll:", "{"))]
                checks.expect(ended.status == (0 if fits else 1) and (fits or b"No space left" in ended.err), f"{flag} on {size} bytes: {ended}")
                checks.expect(left == (["results"] if fits or flag == ">" else []), f"{flag} on {size} bytes leaves {left}")
    return True


def full_device(checks, plimsoll, model):
    for flag in ("--output", "--report"):
        ended = run([plimsoll, "run", model, *TEXTS, "--json", flag, "/dev/full"])
        checks.expect(typed(ended, (1,)), f"{flag} /dev/full: {ended}")
    with open("/dev/full", "wb") as full:
        ended = run([plimsoll, "run", model, *TEXTS, "--json"], stdout=full)
        checks.expect(typed(ended, (1,)), f"standard output on a full disk: {ended}")
        ended = run([plimsoll, "run", model, *TEXTS, "-v"], stderr=full)
        checks.expect(ended.status == 0 and ended.out.count(b"\n") == 2, f"standard error on a full disk: {ended}")


def mounted_file(checks, plimsoll, model):
    """Refused before anything is computed, for the results could never be given their name."""
    for flag in ("--output", "--report"):
        with Folder() as folder:
            target = folder.path / "results"
            target.write_text("before")

            def mount(path=target):
                own_mounts()
                if not mount_itself(path):
                    os._exit(99)
            ended = run([plimsoll, "run", model, *TEXTS, "--json", flag, target], mount)
            if ended.status == 99:
                return
            checks.expect(typed(ended, (1,)) and b"mounted by itself" in ended.err and ended.out == b"", f"{flag} at a mounted file: {ended}")
            checks.expect(folder.names() == ["results"] and target.read_text() == "before", f"{flag} leaves {folder.names()}")
    checks.section("mounted files")


def files_that_may_not_grow(checks, plimsoll, model):
    with Folder() as inputs:
        rows = inputs.path / "texts.txt"
        rows.write_text("the film was good and the plot was thin\n" * 500)
        with Folder() as folder:
            target = folder.path / "results"
            command = [plimsoll, "run", model, "--json", "--input", rows]
            whole = run(command).out
            for flag, size in itertools.product(("--output", "--report", ">"), (0, 1, 1000, 4096, 16384, 20000, len(whole) - 1, len(whole))):
                folder.clear()
                with open(target if flag == ">" else os.devnull, "wb") as out:
                    ended = run([*command, *([] if flag == ">" else [flag, target])], limited(FSIZE=size), stdout=out)
                enough = size >= len(whole) or (flag == "--report" and ended.status == 0)
                checks.expect(ended.status == 0 if enough else typed(ended, (1,)), f"{flag} with RLIMIT_FSIZE={size}: {ended}")
                if flag == ">":
                    checks.expect(target.read_bytes() == whole[:size], f"{flag} with RLIMIT_FSIZE={size}: {target.stat().st_size} bytes")
                else:
                    checks.expect(folder.names() == (["results"] if enough else []), f"{flag} with RLIMIT_FSIZE={size} leaves {folder.names()}")
    checks.section("files that may not grow")


def main():
    plimsoll, model = pathlib.Path(sys.argv[1]), sys.argv[2]
    checks = Checks()
    with Folder() as inputs:
        texts = inputs.path / "texts.txt"
        texts.write_text("\n".join(TEXTS) + "\n")
        closed_streams(checks, plimsoll, model, texts)
    unread_streams(checks, plimsoll, model)
    full_device(checks, plimsoll, model)
    files_that_may_not_grow(checks, plimsoll, model)
    if not full_disk(checks, plimsoll, model):
        print("skipped: no disk can be mounted here")
        checks.expect(not (CI and os.geteuid() == 0), "root should be able to mount one")
    checks.section("full disks")
    mounted_file(checks, plimsoll, model)
    checks.end()


if __name__ == "__main__":
    main()
