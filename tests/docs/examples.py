#!/usr/bin/env python3
"""Commands in README.md, the help texts and the manual page work as written: examples.py PLIMSOLL MAKE_CHECKPOINT SOURCES

Each is run by a shell in a folder with the models and files that they name. Two words are replaced: `tail -f`, which never ends, by `cat`, and
`producer` is a program that prints texts. What looks on until it is told to end is told so after two seconds. Console blocks must print what the page says, on a terminal; for `plan`, whose figures are those of
a machine, numbers with their units, the bar and the source of rates may differ, the words not.
"""
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from pages import console

COMMANDS = ["run", "plan", "tokenize", "devices", "bench", "top", "ps", "doctor", "completion"]
ENDLESS = re.compile(r"plimsoll top(?!.*--once)")
SILENT = {"plimsoll ps", "plimsoll ps --json"}  # where nothing runs
LOG = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.57 GiB of which 1.58 GiB is free."
FIGURES = [(r"^  \[.*\]$", "  [bar]"), (r"\(rates: [^)]*\)", "(rates)"), (r"\d[\d.]*(?: ?(?:[KMG]iB|B|ms|s|us|%))?", "#"), (r" +", " ")]


class Folder:
    """Models and files by the names that examples give them."""

    def __init__(self, path, plimsoll, make_checkpoint, sources):
        self.path, self.failed = path, 0
        texts = "I loved this film.\nThe plot was thin.\n"
        for name in ("model", "m", "large", "small"):
            (path / name).symlink_to(sources / "models" / "sentiment")
        (path / "models").symlink_to(sources / "models")
        for name in ("reviews.txt", "texts.txt", "log.txt"):
            (path / name).write_text(texts)
        (path / "rows.jsonl").write_text('{"id": 1, "text": "I loved this film."}\n{"text": "The plot was thin."}\n')
        (path / "train.log").write_text(LOG + "\n")
        (path / "train.py").write_text(f"import sys\nsys.stderr.write({LOG!r} + '\\n')\n")
        for name in (".local/share/bash-completion/completions", ".config/fish/completions", "bin"):
            (path / name).mkdir(parents=True)
        (path / "bin" / "plimsoll").symlink_to(plimsoll)
        (path / "bin" / "producer").write_text("#!/bin/sh\ncat texts.txt\n")
        (path / "bin" / "producer").chmod(0o755)
        subprocess.run([make_checkpoint, path / "bert-large-uncased", "--shape", "large", "--holes"], check=True, stdout=subprocess.DEVNULL)
        self.environment = {**os.environ, "HOME": str(path), "PATH": f"{path / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1", "TERM": "xterm"}
        for name in [name for name in self.environment if name.startswith(("PLIMSOLL_", "XDG_"))]:
            del self.environment[name]

    def shell(self, command, **keywords):
        command = command.replace("tail -f", "cat")
        with open(self.path / "texts.txt", "rb") as texts:
            return subprocess.run(["/bin/sh", "-c", command], cwd=self.path, env=self.environment, stdin=texts, stderr=subprocess.PIPE, timeout=120,
                                  **keywords)

    def on_terminal(self, command):
        """(exit status, what a terminal shows of standard output)."""
        terminal, end = pty.openpty()
        parts = []

        def read():
            try:
                while part := os.read(terminal, 4096):
                    parts.append(part)
            except OSError:
                return
        reader = threading.Thread(target=read)
        reader.start()
        ended = self.shell(command, stdout=end)
        os.close(end)
        reader.join()
        os.close(terminal)
        return ended.returncode, b"".join(parts).decode().replace("\r\n", "\n").strip("\n"), ended.stderr.decode()

    def look_on(self, command):
        """(exit status, what it showed in two seconds) of a command on a terminal: it is asked to end by its key, then by ^C."""
        terminal, end = pty.openpty()
        running = subprocess.Popen(["/bin/sh", "-c", "exec " + command], cwd=self.path, env=self.environment, stdin=end, stdout=end, stderr=end, start_new_session=True)
        os.close(end)
        asked, shown = time.monotonic() + 2, b""
        threading.Timer(2, lambda: os.write(terminal, b"q")).start()
        threading.Timer(4, lambda: running.poll() is None and os.killpg(running.pid, signal.SIGINT)).start()
        try:
            while part := os.read(terminal, 4096):
                shown += part if time.monotonic() < asked else b""
        except OSError:
            pass
        status = running.wait(60)
        os.close(terminal)
        return status, shown

    def expect(self, holds, what):
        print(("ok    " if holds else "FAIL  ") + what, flush=True)
        self.failed += not holds


def without_figures(text):
    for pattern, stands in FIGURES:
        text = re.sub(pattern, stands, text, flags=re.M)
    # Where lines are broken depends on the width of figures.
    return text.split()


def check_blocks(folder, page):
    for command, expected in console(page):
        if not command.startswith("plimsoll "):
            continue
        status, printed, err = folder.on_terminal(command)
        same = printed == expected
        if command.startswith("plimsoll plan"):
            same = without_figures(printed) == without_figures(expected)
        folder.expect(status == 0 and same, f"{command}: prints what README.md says" + ("" if same else f"\n{printed}\ninstead of\n{expected}\n{err}"))


def examples_of_help(folder):
    for name in COMMANDS:
        text = folder.shell(f"plimsoll help {name}", stdout=subprocess.PIPE).stdout.decode()
        yield from re.findall(r"^  (\S.*)$", text.split("Examples\n")[1].split("\n\n")[0], re.M)


def examples_of_man(page):
    return [line[4:].replace(r"\(dq", '"').replace(r"\-", "-") for line in page.splitlines() if re.match(r"\.Dl .*plimsoll (?!:)[a-z]+ ", line)]


def examples_of_table(page):
    """Commands in the right-hand column of README's table."""
    for line in page.splitlines():
        if line.startswith("| "):
            cell = line.replace("\\|", "\0").split("|")[2].replace("\0", "|")
            yield from (code for code in re.findall(r"`([^`]*)`", cell) if "plimsoll " in code)


def check_make(folder, sources, page):
    makefile = (sources / "Makefile").read_text()
    for target in {target for command, _ in console(page) if command.startswith("make ") for target in command.split()[1:] if "=" not in target}:
        folder.expect(re.search(rf"^{target}:", makefile, re.M) is not None, f"make {target} exists")


def main():
    plimsoll, make_checkpoint, sources = (pathlib.Path(word) for word in sys.argv[1:4])
    readme = (sources / "README.md").read_text()
    with tempfile.TemporaryDirectory(prefix="examples-") as name:
        folder = Folder(pathlib.Path(name), plimsoll, make_checkpoint, sources)
        check_blocks(folder, readme)
        commands = [*examples_of_help(folder), *examples_of_man((sources / "docs/man/plimsoll.1").read_text()), *examples_of_table(readme)]
        folder.expect(len(commands) > 25, f"{len(commands)} examples")
        for command in dict.fromkeys(commands):
            if ENDLESS.match(command):
                status, shown = folder.look_on(command)
                folder.expect(status in (0, 130) and (shown or ">> " in command), f"{command}: looked on, exit {status}")
                continue
            ended = folder.shell(command, stdout=subprocess.PIPE)
            folder.expect(ended.returncode == 0 and (ended.stdout or " > " in command or command in SILENT), f"{command}: exit {ended.returncode}"
                          + ("" if ended.returncode == 0 else f" {ended.stderr.decode().strip()}"))
        for page in (readme, (sources / "CONTRIBUTING.md").read_text()):
            check_make(folder, sources, page)
    sys.exit(folder.failed > 0)


if __name__ == "__main__":
    main()
