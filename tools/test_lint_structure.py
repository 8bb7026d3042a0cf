#!/usr/bin/env python3
"""Shows each rule of lint_structure.py failing on a small bad tree, and none on a good one."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lint_structure  # noqa: E402

GOOD = {
    "src/CMakeLists.txt": "add_subdirectory(base)\nadd_subdirectory(upper)\n",
    "src/base/README.md": "# base\n",
    "src/base/a.h": "#pragma once\n#include <plimsoll/p.h>\n#include <nlohmann/json.hpp>\n",
    "src/upper/README.md": "# upper\n",
    "src/upper/b.cpp": '#include "upper/b.h"\n\n#include "base/a.h"\n\nnamespace n {\nint f() { return 1; }\n}\n',
    "src/upper/b.h": "#pragma once\n",
    "include/plimsoll/p.h": "#pragma once\n#include <vector>\n#include <plimsoll/q.h>\n#define PLIMSOLL_X 1\n",
    "apps/cli/README.md": "# cli\n",
    "apps/cli/main.cpp": '#include <plimsoll/p.h>\n#include <CLI/CLI.hpp>\n#include "own.h"\n',
    "apps/cli/own.h": "#pragma once\n",
    "apps/cli/CMakeLists.txt": "add_subdirectory(text)\nadd_subdirectory(terminal)\n",
    "apps/cli/text/README.md": "# text\n",
    "apps/cli/text/t.h": "#pragma once\n",
    "apps/cli/terminal/README.md": "# terminal\n",
    "apps/cli/terminal/s.h": '#pragma once\n#include "text/t.h"\n',
    "tests/base/a_test.cpp": '#include "base/a.h"\n#include "upper/b.h"\n',
}


def lines(count, text="  x();\n"):
    return text * count


class LintTest(unittest.TestCase):
    def lint(self, **changes):
        files = dict(GOOD)
        files.update({name: text for name, text in changes.get("files", {}).items()})
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                if text is not None:
                    path = pathlib.Path(root) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text.replace("@ROOT@", str(pathlib.Path(root).resolve())), encoding="utf-8")
            return lint_structure.Lint(root).run()

    def expect(self, where, words, **files):
        violations = self.lint(files={name.replace("__", "/").replace("_cpp", ".cpp").replace("_h", ".h"): text for name, text in files.items()})
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(where, violations[0])
        self.assertIn(words, violations[0])

    def test_good_tree_passes(self):
        self.assertEqual(self.lint(), [])

    def test_upward_include(self):
        self.expect("src/base/c.cpp:2:", "stands above it", src__base__c_cpp='\n#include "upper/b.h"\n')

    def test_room_that_is_not_listed(self):
        violations = self.lint(files={"src/stray/s.cpp": '#include "base/a.h"\n', "src/stray/README.md": ""})
        self.assertEqual(len(violations), 1, violations)
        self.assertIn("stray is missing", violations[0])

    def test_include_without_room(self):
        self.expect("src/upper/c.cpp:1:", "names no room", src__upper__c_cpp='#include "b.h"\n')

    def test_app_includes_a_room(self):
        self.expect("apps/cli/x.cpp:1:", "their own files only", apps__cli__x_cpp='#include "base/a.h"\n')
        self.expect("apps/cli/x.cpp:1:", "must not include the room", apps__cli__x_cpp="#include <base/a.h>\n")

    def test_upward_include_among_rooms_of_an_app(self):
        self.expect("apps/cli/text/x.cpp:1:", "stands above it in apps/cli/", apps__cli__text__x_cpp='#include "terminal/s.h"\n')
        self.expect("apps/cli/text/x.cpp:1:", "names no room", apps__cli__text__x_cpp='#include "own.h"\n')

    def test_public_header_includes_more(self):
        self.expect("include/plimsoll/r.h:1:", "standard library only", include__plimsoll__r_h="#include <fmt/core.h>\n")
        self.expect("include/plimsoll/r.h:1:", "standard library only", include__plimsoll__r_h='#include "base/a.h"\n')
        self.expect("include/plimsoll/r.h:1:", "standard library only", include__plimsoll__r_h="#include <unistd.h>\n")

    def test_public_header_depends_on_build(self):
        self.expect("include/plimsoll/r.h:1:", "build options", include__plimsoll__r_h="#ifdef X\n#endif\n")

    def test_long_file(self):
        self.assertEqual(self.lint(files={"src/base/l.cpp": lines(800, "int x;\n")}), [])
        self.expect("src/base/l.cpp:1:", "801 lines", src__base__l_cpp=lines(801, "int x;\n"))

    def test_long_function(self):
        def body(count):
            return f"namespace n {{\nclass C : public B<int> {{\n public:\n  C(int a = 3)\n      : a_(a) {{\n{lines(count)}  }}\n}};\n}}\n"

        self.assertEqual(self.lint(files={"src/base/l.h": body(97)}), [])
        self.expect("src/base/l.h:4:", "C has 101 lines", src__base__l_h=body(98))

    def test_long_functions_of_all_shapes(self):
        for head in ("int f(int a)", "auto C::operator()(int a) const noexcept -> int", "template <typename T, typename U = int>\nT f(T (*a)(U))", "TEST_F(Suite, Name)", "static std::vector<int> f(std::string s = \"{\")",
                     "C::C() : a_{1}, b_(2)", "struct S f(int x)", "bool operator==(const C& a, const C& b)"):
            violations = self.lint(files={"src/base/l.cpp": f"{head} {{\n  if (a) {{\n{lines(101)}  }}\n}}\n"})
            self.assertEqual(len(violations), 1, head)
            self.assertIn("lines: 100 are allowed", violations[0])

    def test_what_is_no_function(self):
        for head in ("namespace n", "struct S", "class C final : public D<decltype(f())>", "constexpr int k[] =", "enum class E : int", "constexpr auto k = f(3) + T"):
            text = f"{head} {{\n{lines(120, chr(10))}}};\n"
            self.assertEqual(self.lint(files={"src/base/l.cpp": text}), [], head)

    def test_braces_in_literals_and_comments_do_not_count(self):
        text = "void f() {\n  g('{', \"{\\\"{\", R\"x({)x\", 1'000'000);  // {\n  /* {{\n{ */\n}\n" + lines(150, "int x;\n")
        self.assertEqual(self.lint(files={"src/base/l.cpp": text}), [])
        self.assertEqual([found[0] for found in lint_structure.functions(text)], ["f"])

    def test_macros(self):
        self.expect("src/base/m.h:1:", "does not begin with", src__base__m_h="#define SQUARE(x) x\n")
        many = "".join(f"#define PLIMSOLL_{n} 1\n" for n in "ABCD")
        self.expect("src/base/m.h:4:", "one macro too many", src__base__m_h=many)

    def test_readme(self):
        violations = self.lint(files={"src/base/README.md": None})
        self.assertEqual(violations, ["src/base/README.md:1: every folder opens with a README.md"])
        self.assertEqual(len(self.lint(files={"src/base/README.md": lines(21)})), 1)
        self.assertEqual(self.lint(files={"src/base/README.md": lines(20)}), [])

    def test_machine_paths(self):
        for text in ("see /work" + "/x\n", 'open("/Users' + '/ann/x")\n', "in @ROOT@/src\n"):
            violations = self.lint(files={"docs/notes.md": text})
            self.assertEqual(len(violations), 1, text)
            self.assertIn("docs/notes.md:1:", violations[0])
        self.assertEqual(self.lint(files={"docs/notes.md": "https://a.org/work/x, ${HOME}/work/x, ../work/x and src/work/\n"}), [])

    @unittest.skipUnless(shutil.which("git"), "git is not installed")
    def test_machine_paths_of_what_git_tracks_only(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("tracked.md", "scratch.md"):
                pathlib.Path(root, name).write_text("/work" + "/x\n", encoding="utf-8")
            for command in (["init", "-q"], ["add", "tracked.md"]):
                subprocess.run(["git", *command], cwd=root, check=True)
            self.assertEqual(lint_structure.Lint(root).run(), ["tracked.md:1: a path of one particular machine"])

    def test_library_that_prints_or_exits(self):
        for call in ('printf("x")', "std::cout << 1", "::abort()", "std::exit(1)", "std::regex r", "alloca(3)", "::signal(1, f)"):
            self.expect("src/base/x.cpp:1:", "does not use", src__base__x_cpp=f"void f() {{ {call}; }}\n")
        for call in ('std::snprintf(b, 1, "x")', "scope.exit(1)", "on_exit(1)", '"abort()"', "p->exit()"):
            self.assertEqual(self.lint(files={"src/base/x.cpp": f"void f() {{ {call}; }}\n"}), [], call)


if __name__ == "__main__":
    unittest.main()
