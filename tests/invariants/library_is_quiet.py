#!/usr/bin/env python3
"""The library never prints, aborts, exits, handles signals or reads ambient state: library_is_quiet.py LIBRARY.a...

Looks at the undefined symbols of every object file of the given archives. What a room may not call is listed with the
rooms that are the one place for it. Exits 1 with a line for each offence.
"""
import pathlib
import re
import subprocess
import sys

EVERYWHERE = set()
# symbol pattern (of the demangled name) -> rooms that may use it
FORBIDDEN = {
    r"(v?printf|puts|putchar|perror|std::cout|std::cerr|std::clog|fputs|stdout|stderr)": EVERYWHERE,
    r"(exit|_exit|quick_exit|_Exit|abort|std::terminate\(\))": EVERYWHERE,
    r"(signal|sigaction|sigprocmask|pthread_sigmask|raise|kill)": EVERYWHERE,
    r"(getenv|secure_getenv|setenv|putenv)": {"platform"},
    r"(pthread_create|std::thread::_M_start_thread.*)": {"platform"},
    r"(mmap64?|munmap|open64?|openat64?|fopen64?|read|pread64?)": {"platform", "probe"},
    r"(std::chrono::_V2::\w+::now\(\)|clock_gettime|gettimeofday|time)": {"platform"},
    r"(srand|rand|random)": EVERYWHERE,
    # of the program's locale; nlohmann's JSON reads numbers with them and asks for the decimal point
    r"(toupper|tolower|__ctype_b_loc|__ctype_to(upper|lower)_loc|v?snprintf|strtod|localeconv|setlocale)": {"json", "probe", "tokenizer"},
}


def undefined_symbols(archive):
    """Demangled names that the objects of `archive` take from elsewhere, without symbol versions."""
    out = subprocess.run(["nm", "--undefined-only", "--demangle", "--format=posix", archive], capture_output=True, text=True, check=True).stdout
    names = (line.rsplit(" U", 1)[0] for line in out.splitlines() if " U" in line)
    return {name.split("@")[0].strip() for name in names}


def offences(archive):
    room = re.sub(r"^libplimsoll_", "", pathlib.Path(archive).stem)
    symbols = undefined_symbols(archive)
    for pattern, allowed in FORBIDDEN.items():
        if room in allowed:
            continue
        for symbol in sorted(symbols):
            if re.fullmatch(pattern, symbol):
                yield f"{room}: uses {symbol}"


def main():
    archives = sys.argv[1:]
    if not archives:
        sys.exit(__doc__)
    found = [line for archive in archives for line in offences(archive)]
    print("\n".join(found) or f"{len(archives)} archives are quiet")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
