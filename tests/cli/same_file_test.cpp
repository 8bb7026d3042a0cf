// One file for two purposes is refused before anything is written.
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command.h"

namespace plimsoll::test {
namespace {

const std::string kModel = fixture("models/bert");
const std::string kRows = "one\ntwo\n";

void expect_refused(const Finished& result, const std::string& flag) {
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_NE(result.err.find("same file (" + flag + "): give "), std::string::npos) << result.err;
}

Finished shell(const std::string& line, const std::string& file) { return run({"/bin/sh", "-c", line, PLIMSOLL_COMMAND, kModel, file}); }

TEST(SameFile, IsRefusedByWhateverName) {
  const Folder folder;
  const std::string file = folder.write("a.txt", kRows);
  std::filesystem::create_symlink("a.txt", folder / "soft");
  std::filesystem::create_hard_link(file, folder / "hard");
  for (const std::string& name : {file, folder / "soft", folder / "hard", folder / "./a.txt"}) {
    expect_refused(run({"run", kModel, "--input", file, "--output", name}), "--output");
    expect_refused(run({"tokenize", kModel, "--input", file, "--output", name}), "--output");
    expect_refused(run({"run", kModel, "--input", file, "--report", name}), "--report");
    EXPECT_EQ(read_file(file), kRows) << name;
  }
}

TEST(SameFile, IsSeenThroughRedirections) {
  const Folder folder;
  const std::string file = folder.write("a.txt", kRows);
  expect_refused(shell("\"$0\" run \"$1\" < \"$2\" >> \"$2\"", file), "--output");
  expect_refused(shell("\"$0\" run \"$1\" --input \"$2\" >> \"$2\"", file), "--output");
  expect_refused(shell("\"$0\" run \"$1\" --output \"$2\" < \"$2\"", file), "--output");
  EXPECT_EQ(read_file(file), kRows);
}

// Else each message would be a text, and a text that is refused a message, without end.
TEST(SameFile, OfTextsAndMessagesIsRefused) {
  const Folder folder;
  const std::string file = folder.write("a.txt", kRows);
  for (const std::string command : {"run", "tokenize"}) {
    const Finished result = shell("\"$0\" " + command + " \"$1\" --input \"$2\" 2>> \"$2\"", file);
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.out.find("same file (standard error): give "), std::string::npos) << result.out;
    EXPECT_EQ(shell("\"$0\" " + command + " \"$1\" < \"$2\" >> \"$2\" 2>&1", file).status, 2);
  }
  EXPECT_EQ(read_file(file), kRows);
}

TEST(SameFile, OfResultsAndMessagesIsRefusedWhereItIsNamed) {
  const Folder folder;
  const std::string file = folder / "r.txt";
  for (const std::string flag : {"--output", "--report"}) {
    EXPECT_EQ(shell("\"$0\" run \"$1\" x " + flag + " \"$2\" 2> \"$2\"", file).status, 2);
    EXPECT_NE(read_file(file).find("same file (" + flag + "): give "), std::string::npos) << read_file(file);
  }
  EXPECT_EQ(shell("\"$0\" run \"$1\" x > \"$2\" 2>&1", file).status, 0);
}

TEST(SameFile, OfResultsAndReportNeedNotExist) {
  const Folder folder;
  expect_refused(run({"run", kModel, "x", "--output", folder / "new", "--report", folder / "./new"}), "--report");
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(SameFile, OfAModelOrADeviceMapIsNotWrittenOver) {
  const Folder folder;
  const std::string model = folder / "model";
  std::filesystem::copy(kModel, model);
  std::filesystem::create_symlink("model/config.json", folder / "soft");
  const std::string map = folder.write("map.json", "{\"\": \"cpu\"}");
  const std::string before = read_file(model + "/config.json");
  for (const std::string& name :
       {folder / "soft", model + "/config.json", model + "/model.safetensors", model + "/../model/tokenizer.json"}) {
    expect_refused(run({"run", model, "x", "--output", name}), "--output");
    expect_refused(run({"run", model, "x", "--report", name}), "--report");
    expect_refused(run({"run", kModel, "x", "--fallback", model, "--output", name}), "--output");
    expect_refused(run({"tokenize", model, "x", "--output", name}), "--output");
  }
  expect_refused(run({"run", model, "x", "--device-map", map, "--report", map}), "--report");
  EXPECT_EQ(read_file(model + "/config.json"), before);
  EXPECT_EQ(run({"run", model, "x", "--output", model + "/answers.txt"}).status, 0);
  EXPECT_EQ(run({"run", model, "x", "--output", model + "/answers.txt"}).status, 0) << "what is no file of the model";
}

TEST(SameFile, OfAModelIsNotRedirectedInto) {
  const Folder folder;
  const std::string model = folder / "model";
  std::filesystem::copy(kModel, model);
  const std::string file = model + "/config.json";
  const std::string before = read_file(file);
  const std::string command = std::string(PLIMSOLL_COMMAND) + " run " + model + " x ";
  for (const char* how : {">> \"$2\"", "1<> \"$2\"", "--output /dev/fd/7 7>> \"$2\""})
    expect_refused(shell(command + how, file), "--output");
  expect_refused(shell(command + "--report /dev/fd/7 7>> \"$2\"", file), "--report");
  EXPECT_EQ(shell(command + "2>> \"$2\"", file).status, 2);
  EXPECT_EQ(read_file(file), before);
}

TEST(SameFile, OfAModelInTheHubsCacheIsNotWrittenOver) {
  const Folder folder;
  const std::string commit(40, 'a');
  const std::string snapshot = folder / ("models--o--m/snapshots/" + commit);
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_directories(folder / "models--o--m/blobs");
  for (const auto& entry : std::filesystem::directory_iterator(kModel)) {
    const std::string name = entry.path().filename().string();
    std::filesystem::copy_file(entry.path(), folder / ("models--o--m/blobs/" + name + "-blob"));
    std::filesystem::create_symlink("../../blobs/" + name + "-blob", snapshot + "/" + name);
  }
  const std::string blob = folder / "models--o--m/blobs/config.json-blob";
  const std::string before = read_file(blob);
  for (const std::string& name : {snapshot + "/config.json", blob}) {
    expect_refused(run({"run", snapshot, "x", "--output", name}), "--output");
    const Start by_id{{"run", "o/m", "--revision", commit, "x", "--report", name}, {}, {"HF_HUB_CACHE=" + folder.path()}, false, {}};
    expect_refused(run(by_id), "--report");
  }
  EXPECT_EQ(read_file(blob), before);
}

TEST(SameFile, OfTheRestOfAModelOrAScriptIsNotWrittenOver) {
  const Folder folder;
  const std::string model = folder / "model";
  std::filesystem::copy(kModel, model);
  std::filesystem::rename(model + "/config.json", model + "/kept");
  std::filesystem::create_symlink("kept", model + "/config.json");
  folder.write("model/added_tokens.json", "{}");
  for (const char* name : {"/kept", "/added_tokens.json"}) expect_refused(run({"run", model, "x", "--output", model + name}), "--output");
  const std::string script = folder.write("events.txt", "at=start others=+1MiB\n");
  expect_refused(run({"run", model, "x", "--sim", "memory=64MiB,script=" + script, "--output", script}), "--output");
}

TEST(SameFile, OfAnswersAndReportMayBeAPipe) {
  for (const char* report : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
    expect_refused(run({"run", kModel, "x", "--report", report}), "--report");
  const Folder folder;
  EXPECT_EQ(run({"run", kModel, "x", "--output", folder / "answers", "--report", "-"}).status, 0);
}

TEST(SameFile, IsNoneForASocketThatIsReadAndWritten) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ASSERT_EQ(::write(ends[0], "hello\n", 6), 6);
  ::shutdown(ends[0], SHUT_WR);
  const std::string there = "/dev/fd/" + std::to_string(ends[1]);
  const Finished result = run({"run", kModel, "--json", "--input", there, "--output", there});
  EXPECT_EQ(result.status, 0) << result.err;
  char first = 0;
  EXPECT_EQ(::read(ends[0], &first, 1), 1);
  EXPECT_EQ(first, '{');
  ::close(ends[0]);
  ::close(ends[1]);
}

// Written is what the links lead to, not the link that stands last.
TEST(SameFile, IsSeenThroughLinksToNothing) {
  const Folder folder;
  std::filesystem::create_symlink("target", folder / "link");
  std::filesystem::create_symlink("link", folder / "other");
  expect_refused(run({"run", kModel, "x", "--output", folder / "link", "--report", folder / "target"}), "--report");
  EXPECT_EQ(run({"run", kModel, "x", "--output", folder / "other"}).status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "other"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "target"));
}

// A link of /proc to a file that is gone has a text, and no path.
TEST(SameFile, IsNotMadeWhereALinkOnlySaysSo) {
  const Folder folder;
  const std::string line =
      "cd \"$2\" && sleep 30 3<>gone & sleep 0.3; rm \"$2/gone\"; \"$0\" run \"$1\" x --output /proc/$!/fd/3; status=$?; kill $!; exit "
      "$status";
  const Finished result = shell(line, folder.path());
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(SameFile, IsNoneForDevicesAndOtherFiles) {
  const Folder folder;
  const std::string file = folder.write("a.txt", kRows);
  EXPECT_EQ(run({"run", kModel, "--input", file, "--output", folder / "b.txt"}).status, 0);
  EXPECT_EQ(run({"run", kModel, "x", "--output", "/dev/null", "--report", "/dev/null"}).status, 0);
  EXPECT_EQ(shell("\"$0\" plan \"$1\" < \"$2\" >> \"$2\"", file).status, 0) << "plan reads nothing";
  EXPECT_EQ(run({"run", kModel, "x", "--output", file}).status, 0) << "texts are arguments";
}

}  // namespace
}  // namespace plimsoll::test
