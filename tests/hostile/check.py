"""Runs a command on one case and says what it did that it must not do."""
import dataclasses
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time
import unicodedata

SECONDS = 5.0
MEMORY = 300 << 20
HANG = 90.0
CODES = {1: ("io", "bad_row", "internal", "device_lost"), 2: ("usage",), 3: ("not_found",), 4: ("unsupported",), 5: ("corrupt_file",),
         6: ("does_not_fit", "out_of_memory")}  # fmt: skip
TRACES = re.compile(r"terminate called|Traceback|Sanitizer|runtime error:|Segmentation|core dumped|^\s*#\d+ 0x|exception|internal", re.MULTILINE)


def limit_children(sanitized):
    """What this process may not exceed its children cannot either: a small stack, no core, and a backstop for memory."""
    global HANG
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sanitized:
        HANG *= 4
    else:
        resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


@dataclasses.dataclass
class Outcome:
    status: int  # exit code, or minus the signal
    out: bytes
    err: bytes
    cpu_seconds: float
    seconds: float
    memory: int


def forget_peak():
    """A new process begins with the peak of the one that made it, which may just have made a large case."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def run(arguments, environment, given, folder):
    """`given`: bytes for standard input, or None for nothing to read."""
    forget_peak()
    (folder / "stdin").write_bytes(given or b"")
    with open(folder / "stdin", "rb") as stdin, open(folder / "stdout", "w+b") as out, open(folder / "stderr", "w+b") as err:
        process = subprocess.Popen(arguments, stdin=stdin if given is not None else subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})  # fmt: skip
        status, usage, seconds = wait(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Outcome(process.returncode, out.read(), err.read(), usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss << 10)


def run_fairly(*arguments):
    """As run(), again and again where it took too long: processor time grows with what a machine does besides. The shortest of three counts."""
    outcomes = [run(*arguments)]
    while len(outcomes) < 3 and outcomes[-1].cpu_seconds > SECONDS and outcomes[-1].seconds <= HANG:
        outcomes.append(run(*arguments))
    return min(outcomes, key=lambda outcome: outcome.cpu_seconds)


def wait(pid):
    """(status, usage, seconds). A machine that stands still for a while, this process with it, does not count as a hang."""
    pause, seconds, last = 0.001, 0.0, time.monotonic()
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        now = time.monotonic()
        seconds += min(now - last, 0.1)
        last = now
        if done or seconds > HANG:
            break
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    if not done:
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    return status, usage, seconds


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def rows_of(text):
    return [json.loads(line, parse_constant=no_constant) for line in text.split("\n") if line]


def controls_in(text):
    """Characters that could move a terminal's cursor or hide what a line says."""
    return sorted({repr(c) for c in set(text) if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c not in "\t\u200b\u200c\u200d\ufeff\u00ad"})


class Check:
    """Collects what is wrong with an outcome."""

    def __init__(self, outcome, codes, where, as_json, sanitized=False):
        self.faults = []
        self.outcome = outcome
        self.limits(20 if sanitized else 1, sanitized)
        self.status(codes)
        try:
            self.out, self.err = outcome.out.decode(), outcome.err.decode()
        except UnicodeDecodeError as error:
            self.faults.append(f"not UTF-8: {error}")
            return
        self.messages(where, as_json)
        if as_json:
            self.json_rows()

    def expect(self, holds, fault):
        if not holds:
            self.faults.append(fault)

    def limits(self, slower, sanitized):
        outcome = self.outcome
        self.expect(outcome.cpu_seconds <= SECONDS * slower, f"{outcome.cpu_seconds:.1f} s of processor time")
        self.expect(outcome.seconds <= HANG, f"hung for {outcome.seconds:.0f} s")
        self.expect(sanitized or outcome.memory <= MEMORY, f"{outcome.memory >> 20} MiB of memory")

    def status(self, codes):
        status = self.outcome.status
        name = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        self.expect(status in codes, f"{name}, expected {' or '.join(map(str, codes))}")

    def messages(self, where, as_json):
        status, err = self.outcome.status, self.err
        self.expect(not TRACES.search(err), f"a trace: {err[:300]}")
        self.expect(not controls_in(err), f"control characters on stderr: {controls_in(err)}")
        self.expect(not controls_in(self.out), f"control characters on stdout: {controls_in(self.out)}")
        self.expect(len(err) < 10_000 or status == 1, f"{len(err)} bytes of messages")
        if status < 2:
            return
        message = self.error_object() if as_json else self.error_line()
        self.expect(where in message, f"{where} is not named: {message}")

    def error_line(self):
        errors = [line for line in self.err.splitlines() if line.startswith("plimsoll: error: ")]
        self.expect(len(errors) == 1, f"{len(errors)} error lines: {self.err[:500]}")
        self.expect(all(line.startswith("plimsoll: ") for line in self.err.splitlines()), f"stray lines: {self.err[:500]}")
        return errors[0] if errors else ""

    def error_object(self):
        objects = [line for line in self.err.splitlines() if line.startswith("{")]
        self.expect(len(objects) == 1, f"{len(objects)} error objects: {self.err[:500]}")
        try:
            error = rows_of(objects[0])[0]["error"] if objects else {"code": "", "message": ""}
        except (ValueError, KeyError) as broken:
            self.faults.append(f"no error object ({broken}): {objects[0][:300]}")
            return ""
        allowed = CODES.get(self.outcome.status, ())
        self.expect(error["code"] in allowed, f"code {error['code']} with exit code {self.outcome.status}")
        self.expect(error["code"] != "internal", f"internal: {error['message']}")
        return error["message"]

    def json_rows(self):
        try:
            rows_of(self.out)
        except ValueError as broken:
            self.faults.append(f"stdout is no JSON ({broken}): {self.out[:300]}")
