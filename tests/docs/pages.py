"""Examples of documentation pages: what stands in fenced blocks, and what a reader may expect of it elsewhere."""
import re

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(text, language):
    """The contents of fenced blocks of a language, in order."""
    return [body for name, body in FENCE.findall(text) if name == language]


def programs(text):
    """File name -> source of the C++ blocks, each of which begins with a comment that names its file."""
    found = {}
    for body in blocks(text, "cpp"):
        name = re.match(r"// (\w+\.cpp)\n", body)
        assert name, f"a C++ block that names no file: {body[:60]!r}"
        found[name.group(1)] = body
    return found


def console(text):
    """(command, what the page says it prints) of console blocks. A command goes on in the next line after a backslash."""
    found = []
    for body in blocks(text, "console"):
        body = body.replace("\\\n", "")
        for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            found.append((command.split("  #")[0].strip(), output.strip("\n")))
    return found
