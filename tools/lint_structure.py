#!/usr/bin/env python3
"""Checks the rules of the house that no compiler knows. Prints one line a violation; exits 1 if there are any.

usage: lint_structure.py [ROOT]

The order of the rooms is that of src/CMakeLists.txt and nowhere else; of an app's rooms, if it has any, that of its own CMakeLists.txt.
"""

import os
import pathlib
import re
import subprocess
import sys

FILE_LIMIT = 800
FUNCTION_LIMIT = 100
README_LIMIT = 20
MACRO_LIMIT = 4
MACRO_PREFIX = "PLIMSOLL_"

CODE_FOLDERS = ("include", "src", "apps", "tests", "bench", "fuzz", "python")
TEXT_SUFFIXES = {".cpp", ".h", ".cmake", ".txt", ".md", ".sh", ".py", ".yml", ".yaml", ".toml", ""}
SKIPPED_FOLDERS = {".git", "build", "__pycache__", "fixtures", ".cache"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
CONDITION = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef)\b", re.M)
ROOM = re.compile(r"^\s*add_subdirectory\(\s*([\w-]+)", re.M)
MACHINE_PATH = re.compile(r"(?<![\w.:/*}-])/(?:work|Users)/\w")
# What the library never does, and what input must never drive.
FORBIDDEN_IN_SRC = re.compile(
    r"\bstd::(?:regex|cout|cerr|clog)\b|(?<![\w.>:])(?:std::|::)?(?:printf|fprintf|puts|perror|abort|exit|quick_exit|_exit|signal|alloca)\s*\(")


class Lint:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.violations = []

    def complain(self, path, line, text):
        self.violations.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def run(self):
        rooms = self.read_rooms()
        for path in self.code_files():
            text = path.read_text(encoding="utf-8", errors="replace")
            self.check_lengths(path, text)
            self.check_includes(path, text, rooms)
            self.check_forbidden(path, text)
        self.check_macros()
        self.check_readmes(rooms)
        self.check_machine_paths()
        return self.violations

    # The files.

    def files(self, *folders):
        for folder in folders:
            for where, names, files in os.walk(self.root / folder):
                names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS)
                for name in sorted(files):
                    yield pathlib.Path(where) / name

    def code_files(self, *folders):
        return (path for path in self.files(*(folders or CODE_FOLDERS)) if path.suffix in (".cpp", ".h"))

    def tracked_files(self):
        """What git tracks, without fixtures; nothing outside of a repository."""
        try:
            listing = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, capture_output=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return []
        paths = [self.root / os.fsdecode(name) for name in listing.split(b"\0") if name]
        return [path for path in paths if path.is_file() and not SKIPPED_FOLDERS.intersection(path.relative_to(self.root).parts)]

    def read_rooms(self, folder="src"):
        """Name -> position; lower rooms first."""
        listing = self.root / folder / "CMakeLists.txt"
        names = ROOM.findall(listing.read_text(encoding="utf-8")) if listing.exists() else []
        return {name: position for position, name in enumerate(names)}

    # Includes point one way.

    def check_includes(self, path, text, rooms):
        parts = path.relative_to(self.root).parts
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            quoted, target = match.group(1) == '"', match.group(2)
            if parts[0] == "src" and len(parts) > 2:
                self.check_room_include(path, line, parts[1], quoted, target, rooms)
            elif parts[0] == "apps":
                self.check_app_include(path, line, parts, quoted, target, rooms)
            elif parts[0] == "include":
                self.check_public_include(path, line, quoted, target)

    def check_room_include(self, path, line, room, quoted, target, rooms):
        if not quoted:
            return
        other = target.split("/")[0]
        if "/" not in target or other not in rooms:
            self.complain(path, line, f'"{target}" names no room: write "room/file.h", or <...> for what is not ours')
        elif room not in rooms:
            self.complain(path, line, f"the room {room} is missing in src/CMakeLists.txt")
        elif rooms[other] > rooms[room]:
            self.complain(path, line, f"{room} includes {other}, which stands above it in src/CMakeLists.txt")

    def check_app_include(self, path, line, parts, quoted, target, rooms):
        app = self.root.joinpath(*parts[:2])
        own = (path.parent / target).exists() or (app / target).exists() or (app.parent / target).exists()
        if quoted and not own:
            self.complain(path, line, f'apps include <plimsoll/...> and their own files only, not "{target}"')
        elif not quoted and target.split("/")[0] in rooms and "/" in target:
            self.complain(path, line, f"apps must not include the room of <{target}>")
        elif quoted and len(parts) > 3:
            self.check_app_room_include(path, line, parts, target)

    def check_app_room_include(self, path, line, parts, target):
        room, other = parts[2], target.split("/")[0]
        rooms = self.read_rooms(pathlib.Path(*parts[:2]))
        if "/" not in target:
            self.complain(path, line, f'"{target}" names no room: write "room/file.h"')
        elif room not in rooms or other not in rooms:
            self.complain(path, line, f"the room {other if room in rooms else room} is missing in {'/'.join(parts[:2])}/CMakeLists.txt")
        elif rooms[other] > rooms[room]:
            self.complain(path, line, f"{room} includes {other}, which stands above it in {'/'.join(parts[:2])}/CMakeLists.txt")

    def check_public_include(self, path, line, quoted, target):
        standard = "." not in target and "/" not in target
        if quoted or not (standard or target.startswith("plimsoll/")):
            self.complain(path, line, f"public headers include <plimsoll/...> and the standard library only, not {target}")

    # What must not stand in the library.

    def check_forbidden(self, path, text):
        folder = path.relative_to(self.root).parts[0]
        if folder == "include":
            for match in CONDITION.finditer(text):
                self.complain(path, text.count("\n", 0, match.start()) + 1, "public headers do not depend on build options")
        if folder in ("src", "include"):
            code = blank_out(text)
            for match in FORBIDDEN_IN_SRC.finditer(code):
                self.complain(path, code.count("\n", 0, match.start()) + 1, f"the library does not use {match.group(0).strip('( ')}")

    def check_macros(self):
        macros = {}
        for path in self.code_files("include", "src", "apps"):
            text = path.read_text(encoding="utf-8", errors="replace")
            for match in DEFINE.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                if not match.group(1).startswith(MACRO_PREFIX):
                    self.complain(path, line, f"the macro {match.group(1)} does not begin with {MACRO_PREFIX}")
                macros.setdefault(match.group(1), (path, line))
        for name in list(macros)[MACRO_LIMIT:]:
            self.complain(*macros[name], f"{name} is one macro too many: {MACRO_LIMIT} are allowed")

    # Sizes.

    def check_lengths(self, path, text):
        lines = text.count("\n") + (0 if text.endswith("\n") else 1)
        if lines > FILE_LIMIT:
            self.complain(path, 1, f"{lines} lines: {FILE_LIMIT} are allowed")
        for name, first, last in functions(text):
            if last - first + 1 > FUNCTION_LIMIT:
                self.complain(path, first, f"{name} has {last - first + 1} lines: {FUNCTION_LIMIT} are allowed")

    def check_readmes(self, rooms):
        folders = {path.parent for path in self.code_files("src", "apps")}
        for folder in sorted(folders - {self.root / "src", self.root / "apps"}):
            readme = folder / "README.md"
            if not readme.exists():
                self.complain(readme, 1, "every folder opens with a README.md")
            elif len(readme.read_text(encoding="utf-8").splitlines()) > README_LIMIT:
                self.complain(readme, README_LIMIT + 1, f"{README_LIMIT} lines are allowed")
        for room in rooms:
            if not (self.root / "src" / room).is_dir():
                self.complain(self.root / "src" / "CMakeLists.txt", 1, f"there is no folder {room}")

    def check_machine_paths(self):
        own = str(self.root)
        for path in self.tracked_files() or self.files("."):
            if path.suffix not in TEXT_SUFFIXES or path.name in ("LICENSE",) or path.stat().st_size > 1 << 20:
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                if MACHINE_PATH.search(line) or (len(own) > 4 and own + "/" in line):
                    self.complain(path, number, "a path of one particular machine")


def blank_out(text):
    """`text` with comments, string and character literals and preprocessor lines blank, lines kept."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


ACCESS = re.compile(r"\s*(?:(?:public|private|protected)\s*:\s*)*")
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
NAME = re.compile(r"([~\w:<>]+(?:\s*operator\s*\S+)?)\s*\(")


def functions(text):
    """(name, first line, last line) of each function at namespace or class scope, found by its braces."""
    code = blank_out(text)
    found = []
    stack = []  # of (kind, name, first line); kind is "scope", "function" or "other"
    head_start = 0
    for match in re.finditer(r"[{};]", code):
        at, mark = match.start(), match.group(0)
        if mark == "{":
            head = code[head_start:at]
            in_scope = all(kind == "scope" for kind, _, _ in stack)
            skipped = ACCESS.match(head).end()
            stack.append((*classify(head[skipped:], in_scope), first_line(code, head_start + skipped, at)))
        elif mark == "}" and stack:
            kind, name, first = stack.pop()
            if kind == "function":
                found.append((name, first, code.count("\n", 0, at) + 1))
        head_start = at + 1
    return found


def classify(head, in_scope):
    if not in_scope:
        return "other", ""
    # Template parameters and what stands inside parentheses do not tell what this is.
    plain = re.sub(r"\btemplate\s*<[^{}]*?>\s*(?=[\w\[:~])", "", head)
    outside = plain.split("(")[0]
    if SCOPE.search(outside) and ("(" not in plain or not re.search(r"\)\s*(?:const|noexcept|override|final|\s)*$", plain)):
        return "scope", ""
    if "(" not in plain or re.search(r"(?<!operator)=", outside.replace("==", "")):
        return "other", ""
    name = NAME.search(plain)
    return "function", name.group(1) if name else "a function"


def first_line(code, start, end):
    while start < end and code[start].isspace():
        start += 1
    return code.count("\n", 0, start) + 1


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    violations = Lint(root).run()
    for violation in violations:
        print(violation)
    print(f"structure: {len(violations)} violations", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
