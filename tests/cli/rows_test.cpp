// Rows from files: what ends a line, what is a bad row, what survives.
#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

const std::string kModel = fixture("models/bert");

Finished run_file(const std::string& name, const std::string& text, std::vector<std::string> flags = {}) {
  const Folder folder;
  std::vector<std::string> arguments = {"run", kModel, "--input", folder.write(name, text), "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return run(arguments);
}

std::vector<std::string> texts_of(const Finished& result) {
  std::vector<std::string> texts;
  for (const json& row : result.rows())
    texts.push_back(row.contains("text") ? row["text"].get<std::string>() : "<" + row["error"]["code"].get<std::string>() + ">");
  return texts;
}

using Texts = std::vector<std::string>;

TEST(TextFile, EndsLinesAtNewlinesOnly) {
  const std::string text = "\xEF\xBB\xBFone\r\n\ntwo\rhalves\nthree\xE2\x80\xA8more\x0B\x0C\n  four  ";
  EXPECT_EQ(texts_of(run_file("a.txt", text)), (Texts{"one", "", "two\rhalves", "three\xE2\x80\xA8more\x0B\x0C", "  four  "}));
}

TEST(TextFile, MayBeEmpty) {
  for (const std::string text : {"", "\xEF\xBB\xBF"}) {
    const Finished result = run_file("a.txt", text);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(texts_of(run_file("a.txt", "\n")), Texts{""});
}

TEST(TextFile, MayHoldAnyBytes) {
  const Finished result = run_file("a.txt", std::string("a\0b\n\xFF\xFE\n", 7));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(texts_of(result), (Texts{std::string("a\0b", 3), "\xEF\xBF\xBD\xEF\xBF\xBD"}));
}

TEST(TextFile, MayHoldLinesLongerThanAnyBuffer) {
  const std::string lengthy(300'000, 'x');
  EXPECT_EQ(texts_of(run_file("a.txt", "short\n" + lengthy + "\nend")), (Texts{"short", lengthy, "end"}));
}

TEST(JsonLines, KeepIdsAsTheyAre) {
  const Finished result = run_file("a.jsonl", R"({"id": 12345678901234567890123, "text": "a"}
{"text": "b", "id": "x\u00e9\n", "other": {"text": [1, {"id": 2}]}}
{"text": "c", "id": 1.50}
{"text": "d", "id": null, "text_pair": ""}
{"text": "e", "text_pair": null}
)");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find(R"("id": 12345678901234567890123,)"), std::string::npos);
  EXPECT_NE(result.out.find(R"("id": 1.50,)"), std::string::npos);
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[1]["id"], "x\xC3\xA9\n");
  EXPECT_TRUE(rows[3]["id"].is_null());
  EXPECT_EQ(rows[3]["text_pair"], "");
  EXPECT_FALSE(rows[4].contains("text_pair"));
  EXPECT_FALSE(rows[4].contains("id"));
}

TEST(JsonLines, ReportBadRowsInTheirPlaceAndGoOn) {
  const Finished result = run_file("a.jsonl",
                                   "{\"text\": \"a\"}\n{\"id\": 7, \"text\": 5}\nnonsense\n[]\n\n{\"id\": 8}\n{\"text\": \"z\", "
                                   "\"text_pair\": []}\n{\"text\": \"b\"}\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(texts_of(result), (Texts{"a", "<bad_row>", "<bad_row>", "<bad_row>", "<bad_row>", "<bad_row>", "b"}));
  const auto rows = result.rows();
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i]["index"], i);
  EXPECT_EQ(rows[1]["id"], 7);
  EXPECT_EQ(rows[4]["id"], 8);
  EXPECT_TRUE(rows[1]["error"]["message"].is_string());
}

TEST(BadRows, KeepTheirPlaceAmongThoseOfAPass) {
  std::string text;
  Texts wanted;
  for (int i = 0; i < 40; ++i) {
    text += "{\"text\": \"a" + std::to_string(i) + "\"}\nnonsense\n";
    wanted.push_back("a" + std::to_string(i));
    wanted.emplace_back("<bad_row>");
  }
  for (const char* batch : {"1", "7", "100"}) {
    const Finished result = run_file("a.jsonl", text, {"--batch-size", batch});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(texts_of(result), wanted) << batch;
    const auto rows = result.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i]["index"], i);
  }
}

TEST(JsonLines, MayEndInBlankLines) {
  const Finished result = run_file("a.jsonl", "{\"text\": \"a\"}\n \t\r\n{\"text\": \"b\"}\n\n\r\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(texts_of(result), (Texts{"a", "b"}));
  EXPECT_EQ(result.rows().at(1)["index"], 1);
}

TEST(JsonLines, BoundTheirIds) {
  const std::string id(4096, '7');
  const Finished result =
      run_file("a.jsonl", "{\"id\": \"" + id + "\", \"text\": \"a\"}\n{\"id\": \"" + id + "8\", \"text\": \"b\"}\n{\"id\": " + id +
                              "8, \"text\": \"c\"}\n{\"other\": \"" + id + "8\", \"text\": \"d\"}\n");
  EXPECT_EQ(texts_of(result), (Texts{"a", "<bad_row>", "<bad_row>", "d"}));
  EXPECT_EQ(result.rows().at(0)["id"], id);
  EXPECT_FALSE(result.rows().at(1).contains("id"));
}

TEST(JsonLines, AreBoundedInDepth) {
  const auto deep = [](std::size_t depth) {
    return R"({"deep": )" + std::string(depth, '[') + std::string(depth, ']') + ", \"text\": \"under\"}\n";
  };
  EXPECT_EQ(texts_of(run_file("a.jsonl", deep(255) + deep(256) + deep(200'000) + std::string(200'000, '[') + "\n" +
                                             std::string(200'000, '{') + "\n{\"text\": \"b\"}")),
            (Texts{"under", "<bad_row>", "<bad_row>", "<bad_row>", "<bad_row>", "b"}));
}

TEST(JsonLines, MayHoldAnythingBesideTheirTexts) {
  const std::string line =
      R"({"other": ")" + std::string(3'000'000, 'x') + R"(", "text": "a", "more": [)" + std::string(3'000'000, ' ') + "]}\n";
  for (const std::string path : {"-", ""}) {
    const Folder folder;
    const std::string file = path.empty() ? folder.write("a.jsonl", line) : path;
    const Finished result = run(Start{{"run", kModel, "--input", file, "--jsonl", "--json"}, path.empty() ? "" : line, {}, false, {}});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(texts_of(result), Texts{"a"});
  }
}

TEST(JsonLines, KeepARowThatArrivesBitByBit) {
  Process process(Start{{"run", kModel, "--input", "-", "--jsonl", "--json"}, {}, {}, false, {}});
  for (const std::string piece :
       {"\xEF", "\xBB", "\xBF{\"id\": 1, \"te", "xt\": \"first\\u00", "e9\xE4", "\xBD\xA0\"", "}\n{\"text\": \"b\"}"}) {
    process.write(piece);
    (void)process.read_line(std::chrono::milliseconds(30));  // long enough for the command to see a pause
  }
  EXPECT_EQ(texts_of(process.wait()).back(), "b");
}

TEST(TooLongTexts, AreToldWhatWouldHelp) {
  const std::string text(3'000'000, 'x');
  const std::string line = "{\"id\": 7, \"text\": \"" + text + "\"}\n{\"text\": \"b\"}\n";
  const Finished piped = run(Start{{"run", kModel, "--input", "-", "--jsonl", "--json"}, line, {}, false, {}});
  EXPECT_EQ(piped.status, 1);
  EXPECT_EQ(texts_of(piped), (Texts{"<bad_row>", "b"}));
  EXPECT_EQ(piped.rows().at(0)["id"], 7);
  EXPECT_EQ(piped.rows().at(0)["error"]["message"],
            "the text is longer than 1.00 MiB: split it, or give the file by --input, which is measured before memory is planned");
  // Which measures nothing before.
  const Finished tokens = run(Start{{"tokenize", kModel}, std::string(70'000'000, 'x') + "\n", {}, false, {}});
  EXPECT_EQ(tokens.status, 1);
  EXPECT_NE(tokens.err.find("the text is longer than 64.0 MiB: split it\n"), std::string::npos) << tokens.err;
  const Finished words = run(Start{{"run", kModel, "--input", "-", "--json"}, text + "\nb\n", {}, false, {}});
  EXPECT_EQ(words.rows().at(0)["error"], piped.rows().at(0)["error"]);
  for (const std::string name : {"a.jsonl", "a.txt"}) {
    const Finished small = run_file(name, name == "a.txt" ? text + "\nb\n" : line, {"--max-memory", "40MiB"});
    EXPECT_EQ(texts_of(small), (Texts{"<bad_row>", "b"})) << small.err;
    EXPECT_EQ(small.rows().at(0)["error"]["message"], "the text is longer than 2.50 MiB: split it, or allow more memory");
    EXPECT_EQ(texts_of(run_file(name, name == "a.txt" ? text + "\nb\n" : line)), (Texts{text, "b"}));
  }
}

TEST(JsonLines, MayBeMuchLongerThanTheirTexts) {
  std::string line = "{\"text\": \"";
  for (int i = 0; i < 300'000; ++i) line += "\\u0061";
  const Finished result = run_file("a.jsonl", line + "\"}\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(texts_of(result), Texts{std::string(300'000, 'a')});
}

TEST(JsonLines, AreAskedForByFlagWhateverTheName) {
  EXPECT_EQ(texts_of(run_file("a.data", "{\"text\": \"a\"}", {"--jsonl"})), Texts{"a"});
  EXPECT_EQ(texts_of(run_file("a.data", "{\"text\": \"a\"}")), Texts{"{\"text\": \"a\"}"});
}

TEST(JsonLines, AreKnownByTheirNames) {
  for (const std::string name : {"a.ndjson", "a.JSONL", "a.NdJson"})
    EXPECT_EQ(texts_of(run_file(name, R"({"text": "a"})")), Texts{"a"}) << name;
  EXPECT_EQ(run_file("a.json", R"({"text": "a"})").status, 2);
  EXPECT_EQ(texts_of(run_file("a.json", R"({"text": "a"})", {"--jsonl"})), Texts{"a"});
}

TEST(BadRows, SayWhereTheyStandInTheFile) {
  const std::string text = "{\"text\": \"a\"}\n\n\nnonsense\n";
  const Folder folder;
  const std::string file = folder.write("a.jsonl", text);
  for (const std::string command : {"run", "tokenize"}) {
    EXPECT_NE(run({command, kModel, "--input", file}).err.find("row 1 (line 4): "), std::string::npos) << command;
    EXPECT_NE(run({command, kModel, "--input", file, "--fail-fast"}).err.find("row 1 (line 4) cannot be used"), std::string::npos);
    const Finished piped = run(Start{{command, kModel, "-", "--jsonl", "--json"}, text, {}, false, {}});
    EXPECT_EQ(piped.rows().at(1)["index"], 1) << command;
    EXPECT_EQ(piped.rows().at(1)["line"], 4) << command;
  }
  const Finished words = run_file("a.txt", "a\n\n" + std::string(3'000'000, 'x') + "\n", {"--max-memory", "40MiB"});
  EXPECT_EQ(words.rows().at(2)["line"], 3);
}

TEST(BadRows, StopTheRunWhenAsked) {
  const Finished result = run_file("a.jsonl", "{\"text\": \"a\"}\nnonsense\n{\"text\": \"b\"}\n", {"--fail-fast"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(texts_of(result), (Texts{"a", "<bad_row>"}));
  EXPECT_EQ(json::parse(result.err)["error"]["code"], "bad_row");
}

TEST(BadRows, AreLinesOnStderrForPeople) {
  const Folder folder;
  const Finished result = run({"run", kModel, "--input", folder.write("a.jsonl", "nonsense\n{\"text\": \"b\"}\n"), "-q"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("row 0 (line 1): "), std::string::npos) << result.err;
  EXPECT_TRUE(result.out.ends_with("\tb\n")) << result.out;
}

TEST(Rows, ComeOutInOrderAcrossPasses) {
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += "{\"id\": " + std::to_string(i) + ", \"text\": \"row " + std::to_string(i) + "\"}\n" + (i % 50 == 7 ? "bad\n" : "");
  const auto rows = run_file("a.jsonl", text, {"--batch-size", "7"}).rows();
  ASSERT_EQ(rows.size(), 510U);
  int id = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["index"], i);
    if (rows[i].contains("id")) {
      EXPECT_EQ(rows[i]["id"], id++);
    }
  }
}

TEST(Rows, GiveTheSameAnswersInAnyPass) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += std::string(static_cast<std::size_t>(1 + i * 3), 'w') + " text number " + std::to_string(i) + "\n";
  EXPECT_EQ(run_file("a.txt", text, {"--logits", "--batch-size", "1"}).out, run_file("a.txt", text, {"--logits"}).out);
}

TEST(Encoding, OfTextsThatAreNotUtf8IsSaidOnce) {
  const Folder folder;
  const std::string file = folder.write("a.txt", "good\ncaf\xE9\n\xFF\n");
  for (const std::string command : {"run", "tokenize"}) {
    const std::string err = run({command, kModel, "--input", file}).err;
    EXPECT_NE(err.find("warning: 2 rows had bytes that are not UTF-8, read as U+FFFD: the first is row 1 (line 2)\n"), std::string::npos)
        << err;
    EXPECT_EQ(run({command, kModel, "--input", file, "-q"}).err, "");
    EXPECT_EQ(run({command, kModel, "good"}).err.find("UTF-8"), std::string::npos);
  }
  EXPECT_NE(run({"run", kModel, "caf\xE9"}).err.find("warning: 1 row had bytes that are not UTF-8, read as U+FFFD: row 0\n"),
            std::string::npos);
}

TEST(Encoding, IsNamedWhereTheInputBeginsWithItsMark) {
  const Folder folder;
  const std::string gzip = "\x1f\x8b\x08\x01\x02\xff";
  const auto says = [](const Finished& result, const std::string& form) {
    const std::size_t at = result.err.find(" begins like " + form);
    return at != std::string::npos && result.err.find(" begins like ", at + 1) == std::string::npos;
  };
  for (const std::string command : {"run", "plan", "tokenize"})
    EXPECT_TRUE(says(run({command, kModel, "--input", folder.write("a.txt.gz", gzip)}), "gzip")) << command;
  for (const std::string command : {"run", "tokenize"})
    EXPECT_TRUE(says(run(Start{{command, kModel, "--jsonl"}, gzip, {}, false, {}}), "gzip")) << command;
  EXPECT_TRUE(says(run({"run", kModel, "--input", folder.write("a.zip", "PK\x03\x04 and so on")}), "zip"));
  EXPECT_TRUE(says(run({"run", kModel, "--input", folder.write("le.txt", std::string("\xFF\xFEh\0i\0", 6))}), "UTF-16"));
  EXPECT_FALSE(says(run({"run", kModel, "--input", folder.write("a.txt", "PK is a name\n")}), "zip"));
  EXPECT_EQ(run({"run", kModel, "--input", folder.write("b.txt.gz", gzip), "-q"}).err, "");
}

TEST(Input, IsStandardInputForADashAlone) {
  const auto texts = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "run");
    arguments.emplace_back("--json");
    return texts_of(run(Start{arguments, "one\ntwo\n", {"PLIMSOLL_INPUT=/nonexistent.txt"}, false, {}}));
  };
  EXPECT_EQ(texts({kModel, "-"}), (Texts{"one", "two"}));
  EXPECT_EQ(texts({kModel, "-", "x"}), (Texts{"-", "x"}));
  const auto behind = [&](const std::vector<std::string>& arguments) { return texts_of(run(Start{arguments, "one\n", {}, false, {}})); };
  EXPECT_EQ(behind({"run", kModel, "--json", "--", "-"}), Texts{"-"});
  EXPECT_EQ(behind({"run", "--json", "--", kModel, "-"}), Texts{"-"});
  EXPECT_TRUE(run(Start{{"tokenize", kModel, "-"}, "one\n", {}, false, {}}).out.starts_with("one\n"));
  const Finished planned = run(Start{{"plan", kModel, "-", "--json"}, "one\n", {}, false, {}});
  EXPECT_EQ(planned.rows().at(0)["workload"]["longest"], 128) << "a stream is not read";
}

TEST(Input, RefusesWhatIsNoFile) {
  const Folder folder;
  ASSERT_EQ(run({"/usr/bin/mkfifo", folder / "pipe"}).status, 0);
  const Finished result = run({"run", kModel, "--input", folder / "pipe"});
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("a FIFO"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace plimsoll::test
