"""Runs the plimsoll command and watches its memory from outside."""
import json
import pathlib
import subprocess
import time


def anonymous_bytes(pid):
    """RssAnon + RssShmem of a process; 0 when it is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return sum(int(fields.get(key, "0 kB").split()[0]) * 1024 for key in ("RssAnon", "RssShmem"))


def bytes_beside_arenas(pid):
    """Anonymous bytes outside arenas. Arenas are the only memory that is advised against huge pages (flag nh) or for them (hg)."""
    try:
        maps = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    total = anonymous = 0
    for line in maps.splitlines():
        if line.startswith("Anonymous:"):
            anonymous = int(line.split()[1]) * 1024
        elif line.startswith("VmFlags:") and " nh" not in line and " hg" not in line:
            total += anonymous
    return total


def watch(arguments, preexec=None, measure=anonymous_bytes):
    """(exit status, stdout, stderr, highest measured bytes, seconds) of a command, sampled every 2 ms."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=preexec)
    peak = 0
    while process.poll() is None:
        peak = max(peak, measure(process.pid))
        time.sleep(0.002)
    out, err = process.communicate()
    return process.returncode, out, err, peak, time.monotonic() - start


def rows(text):
    return [json.loads(line) for line in text.split("\n") if line]


def make_checkpoint(tool, folder, *flags):
    """Generates a checkpoint unless it is there already."""
    subprocess.run([tool, folder, *flags], check=True, stdout=subprocess.DEVNULL)


class Checks:
    """Counts what holds and what does not, and says each."""

    def __init__(self):
        self.failed = 0

    def expect(self, holds, what):
        print(("ok    " if holds else "FAIL  ") + what, flush=True)
        self.failed += not holds
