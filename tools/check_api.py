#!/usr/bin/env python3
"""What the shared library exports is what the public headers declare, and is listed: check_api.py MAP ARCHIVE [LIBRARY] [--update]

MAP is docs/api/symbols.map, the linker's version script and the list in one; ARCHIVE the static library, whose objects say what the
headers made visible; LIBRARY the shared one. --update writes MAP from ARCHIVE. Exits 1 with a line for each difference.
"""
import pathlib
import re
import subprocess
import sys

HEAD = """# The symbols of libplimsoll.so: every function that a header in include/plimsoll declares, for people and for the linker.
# Written by tools/check_api.py --update; docs/versioning.md says what becomes of one.
{
global:
  extern "C++" {
"""
TAIL = """  };
local:
  *;
};
"""
# Members of a class's private parts, and functions that take one: nobody outside can name those.
PRIVATE = re.compile(r"::(?:State|Impl|Member)\b")


def declared(archive):
    """Demangled names of the functions that the objects of a static library define for everybody. Inline functions are not among them:
    each user has their own."""
    listing = subprocess.run(["readelf", "--symbols", "--wide", archive], capture_output=True, text=True, check=True).stdout
    fields = (line.split() for line in listing.splitlines())
    mangled = {field[7] for field in fields if len(field) == 8 and field[4:6] == ["GLOBAL", "DEFAULT"] and field[6] != "UND"}
    return {name for name in demangled(mangled) if not PRIVATE.search(name)}


def exported(library):
    listing = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library], capture_output=True, text=True, check=True).stdout
    return set(demangled({line.split()[0] for line in listing.splitlines()}))


def demangled(names):
    filtered = subprocess.run(["c++filt"], input="\n".join(sorted(names)), capture_output=True, text=True, check=True).stdout
    return filtered.splitlines()


def listed(path):
    return set(re.findall(r'^    "(.*)";$', path.read_text(), re.M)) if path.exists() else set()


def differences(one, other, what):
    return [f"{what}: {name}" for name in sorted(one - other)]


def main():
    update = "--update" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    if not 2 <= len(arguments) <= 3:
        sys.exit(__doc__)
    path, in_headers = pathlib.Path(arguments[0]), declared(arguments[1])
    if update:
        path.write_text(HEAD + "".join(f'    "{name}";\n' for name in sorted(in_headers)) + TAIL)
        return
    names = listed(path)
    found = differences(in_headers, names, "declared in a public header, not listed (tools/check_api.py --update)")
    found += differences(names, in_headers, "listed, and no public header's")
    if len(arguments) == 3:
        out = exported(arguments[2])
        found += differences(out, names, "exported, not listed") + differences(names, out, "listed, not exported")
    print("\n".join(found) or f"{len(names)} symbols are declared, listed and exported")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
