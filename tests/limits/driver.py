"""Starts plimsoll under limits and says whether it ended as it may: with the right answer, or a typed error, and nothing left behind."""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

# What the command may end with beside 0, by DESIGN.md section 6; "cancelled" apart, which only a signal may bring.
ERRORS = {1: {"io", "internal", "bad_row", "device_lost"}, 2: {"usage"}, 3: {"not_found"}, 4: {"unsupported"}, 5: {"corrupt_file"},
          6: {"does_not_fit", "out_of_memory"}}
PATIENCE = 120
# Whoever starts this may ignore it (nohup), and the command then does too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
CI = bool(os.environ.get("CI"))


class Checks:
    """Counts; says only what fails, and one line a section."""

    def __init__(self):
        self.failed = 0
        self.count = 0

    def expect(self, holds, what):
        self.count += 1
        if not holds:
            self.failed += 1
            print(f"FAIL  {what}", flush=True)
        return holds

    def section(self, title):
        print(f"{title}: {self.count} checks so far, {self.failed} failed", flush=True)

    def end(self):
        print(f"{self.count} checks, {self.failed} failed")
        sys.exit(self.failed > 0)


class Ended:
    """A process that has ended: `status` as a shell gives it (128 + n for a signal), `out`, `err`; `hung` when it had to be killed."""

    def __init__(self, status, out, err, hung=False):
        self.status = 128 - status if status < 0 else status
        self.out, self.err, self.hung = out, err, hung

    def __str__(self):
        return f"{'hung, ' if self.hung else ''}exit {self.status}: {self.err.decode(errors='replace').strip()[-300:]!r}"

    def code(self):
        """Of the one error object on standard error; nothing where there is none."""
        for line in self.err.decode(errors="replace").splitlines():
            if line.startswith('{"error"'):
                return json.loads(line)["error"]["code"]
        return None


def run(arguments, preexec=None, patience=PATIENCE, **keywords):
    keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **keywords}
    with subprocess.Popen([str(argument) for argument in arguments], preexec_fn=preexec, **keywords) as process:
        try:
            out, err = process.communicate(timeout=patience)
            return Ended(process.returncode, out or b"", err or b"")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            return Ended(process.returncode, out or b"", err or b"", hung=True)


def typed(ended, codes=(1, 6)):
    """An error of one of these exit codes whose object on standard error (--json) says the same."""
    return not ended.hung and ended.status in codes and ended.code() in ERRORS[ended.status] - {"internal"}


def limited(**limits):
    """For `preexec`: sets RLIMIT_<name> of each, soft and hard."""
    def apply():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    return apply


def least(works, low, high, step):
    """The least of low, low + step, ... up to high for which `works`; it must work for all above."""
    while low < high:
        middle = low + (high - low) // step // 2 * step
        if works(middle):
            high = middle
        else:
            low = middle + step
    return high


class Folder:
    """An empty folder for results, removed at the end of a `with` block."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="limits-", dir=os.environ.get("PLIMSOLL_TEST_FOLDER"))).resolve()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def names(self):
        return sorted(path.name for path in self.path.iterdir())

    def clear(self):
        for path in self.path.iterdir():
            path.unlink()


def whole_lines(out, expected):
    """`out` is the first lines of `expected`, none of them cut."""
    return expected.startswith(out) and (not out or out.endswith(b"\n"))
