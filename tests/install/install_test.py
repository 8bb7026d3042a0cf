#!/usr/bin/env python3
"""The installed library works for others, wherever it lies: install_test.py CMAKE BUILD SOURCES VERSION COMPILER"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from pages import console, programs

CMAKE, BUILD, SOURCES, VERSION, COMPILER = sys.argv[1], *(pathlib.Path(word) for word in sys.argv[2:4]), *sys.argv[4:6]
PAGE = (SOURCES / "docs" / "library.md").read_text()
EXPECTED = dict(console(PAGE))
FILES = ["bin/plimsoll", "include/plimsoll/session.h", "lib*/libplimsoll.so", "lib*/libplimsoll.a", f"lib*/libplimsoll.so.{VERSION}",
         "lib*/cmake/plimsoll/plimsollConfig.cmake", "lib*/cmake/plimsoll/plimsollConfigVersion.cmake", "lib*/pkgconfig/plimsoll.pc",
         "share/man/man1/plimsoll.1", "share/doc/plimsoll/causes/host_limit.md", "share/bash-completion/completions/plimsoll", "share/zsh/site-functions/_plimsoll",
         "share/fish/vendor_completions.d/plimsoll.fish"]


def run(*words, **keywords):
    """Standard output; the whole of it, and the end of this test, where the command fails."""
    ended = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **keywords)
    if ended.returncode != 0:
        sys.exit(f"FAIL  {' '.join(map(str, words))}: exit {ended.returncode}\n{ended.stdout}")
    return ended.stdout


def expect(holds, what):
    print(("ok    " if holds else "FAIL  ") + what, flush=True)
    if not holds:
        sys.exit(1)


def check_files(prefix):
    for pattern in FILES:
        found = list(prefix.glob(pattern)) + list(prefix.glob(pattern.replace("lib*", "lib/*")))
        expect(bool(found), f"{pattern} is installed")
    headers = {path.name for path in (SOURCES / "include" / "plimsoll").glob("*.h")}
    expect({path.name for path in (prefix / "include" / "plimsoll").iterdir()} == headers, "all public headers, and nothing else")
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".pc", ".h"):
            text = path.read_text()
            expect(not any(str(folder) in text for folder in (prefix, BUILD, SOURCES)), f"{path.name} names no folder of this machine")


def check_output(name, program, **keywords):
    printed = run(program, "models/sentiment", cwd=SOURCES, **keywords)
    expect(printed.strip("\n") == EXPECTED[f"./{name} models/sentiment"], f"{name} prints what docs/library.md says")


def build(prefix, folder, sources, kind="plimsoll"):
    """Configures and builds the consumer; its programs run without being told where the library is."""
    run(CMAKE, "-S", SOURCES / "tests" / "install" / "consumer", "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DKIND={kind}",
        f"-DCMAKE_CXX_COMPILER={COMPILER}", f"-DSOURCES={';'.join(map(str, sources))}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wshadow -Werror")
    run(CMAKE, "--build", folder)
    for source in sources:
        check_output(source.stem, folder / source.stem)


def build_by_pkg_config(prefix, folder, source):
    folder.mkdir()
    place = next(prefix.rglob("plimsoll.pc")).parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(place)}
    expect(run("pkg-config", "--modversion", "plimsoll", env=environment).strip() == VERSION, "pkg-config knows the version")
    flags = run("pkg-config", "--cflags", "--libs", "plimsoll", env=environment).split()
    run(COMPILER, "-std=c++20", source, *flags, "-o", folder / source.stem)
    check_output(source.stem, folder / source.stem, env={**environment, "LD_LIBRARY_PATH": str(place.parent)})


def check_versions(prefix, folder):
    """What find_package refuses: another minor version before 1.0, another major one after, and one that is newer."""
    major, minor, patch = (int(part) for part in VERSION.split("."))
    folder.mkdir()
    for asked, accepted in ((VERSION, True), (f"{major}.{minor}", True), (f"{major}.{minor}.{patch + 1}", False), (f"{major}.{minor + 1}", False),
                            (f"{major + 1}.0", False)):
        (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(asks LANGUAGES NONE)\n"
                                               f"find_package(plimsoll {asked} QUIET)\nmessage(\"found=${{plimsoll_FOUND}}\")\n")
        said = run(CMAKE, "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF")
        expect((f"found={1}" in said) == accepted, f"version {asked} is {'accepted' if accepted else 'refused'}")
        shutil.rmtree(folder / "build")


def check_folder(folder):
    """The sources as a folder of another project: neither the command nor tests nor warnings as errors."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.16)\nproject(outer LANGUAGES CXX)\nadd_subdirectory({SOURCES} inner)\n"
                                           "get_target_property(options plimsoll_base COMPILE_OPTIONS)\nmessage(\"options=${options}\")\n"
                                           "if(TARGET plimsoll OR TARGET test_base OR NOT TARGET plimsoll::plimsoll)\n  message(\"wrong targets\")\nendif()\n")
    said = run(CMAKE, "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={COMPILER}")
    expect("-Werror" not in said and "options=" in said and "wrong targets" not in said, "as a folder: only the library, warnings are no errors")


def main():
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        work = pathlib.Path(name)
        sources = []
        for file, text in programs(PAGE).items():
            sources.append(work / file)
            sources[-1].write_text(text)
        first, moved = work / "first", work / "moved elsewhere"
        run(CMAKE, "--install", BUILD, "--prefix", first)
        check_files(first)
        build(first, work / "build-first", sources)
        first.rename(moved)
        build(moved, work / "build-moved", sources[:1])
        build(moved, work / "build-static", sources[:1], "static")
        linked = run("ldd", work / "build-static" / sources[0].stem)
        expect("libplimsoll" not in linked, "the static program needs no libplimsoll.so")
        renamed = moved.rename(work / "moved")
        build_by_pkg_config(renamed, work / "by-pkg-config", sources[0])
        expect(run(renamed / "bin" / "plimsoll", "version").strip() == f"plimsoll {VERSION}", "the moved command runs")
        page = next(renamed.rglob("host_limit.md"))
        expect(f"More: {page}\n" in run(renamed / "bin" / "plimsoll", "doctor", input="MemoryError\n"), "the moved doctor names its page")
        check_versions(renamed, work / "versions")
        check_folder(work / "outer")


if __name__ == "__main__":
    main()
