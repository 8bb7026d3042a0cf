// What `plan` makes of its standard input, which it never reads.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>

#include "command.h"
#include "process/waiting_input.h"

namespace plimsoll::test {
namespace {

using cli::input_is_waiting;
using nlohmann::json;

const std::string kModel = fixture("models/bert");

json planned(const std::string& redirection, const std::string& file = "/dev/null") {
  const Finished result = run({"/bin/sh", "-c", redirection, PLIMSOLL_COMMAND, kModel, file});
  EXPECT_EQ(result.status, 0) << result.err;
  return result.rows().at(0).at("workload");
}

TEST(PlanInput, OfAPipeOrFileIsPlannedForLikeThatOfRun) {
  const Folder folder;
  const std::string file = folder.write("a.txt", "one\ntwo\n");
  const json named = planned("printf 'one\\ntwo\\n' | \"$0\" plan \"$1\" --json --input -");
  EXPECT_GT(named.at("texts_per_pass"), 1);
  EXPECT_EQ(planned("printf 'one\\ntwo\\n' | \"$0\" plan \"$1\" --json"), named);
  EXPECT_EQ(planned("\"$0\" plan \"$1\" --json < \"$2\"", file), named);
  const Finished told = run({"/bin/sh", "-c", "echo one | \"$0\" plan \"$1\"", PLIMSOLL_COMMAND, kModel});
  EXPECT_NE(told.err.find("standard input"), std::string::npos) << told.err;
}

TEST(PlanInput, ThatIsEmptyIsNone) {
  const Folder folder;
  const json alone = planned("\"$0\" plan \"$1\" --json < /dev/null");
  EXPECT_EQ(alone.at("texts_per_pass"), 1);
  EXPECT_EQ(planned("\"$0\" plan \"$1\" --json < \"$2\"", folder.write("empty", "")), alone);
  EXPECT_EQ(planned(": | \"$0\" plan \"$1\" --json"), alone);
  EXPECT_EQ(planned("\"$0\" plan \"$1\" --json <&-"), alone);
  EXPECT_EQ(run({"plan", kModel}).err, "");
}

TEST(PlanInput, IsLeftForTheNextProgram) {
  const Folder folder;
  const std::string line = "{ \"$0\" plan \"$1\" -q > /dev/null; cat; } < \"$2\"";
  const Finished result = run({"/bin/sh", "-c", line, PLIMSOLL_COMMAND, kModel, folder.write("a.txt", "one\ntwo\n")});
  EXPECT_EQ(result.out, "one\ntwo\n") << result.err;
}

TEST(WaitingInput, IsSeenInFilesPipesAndSockets) {
  const Folder folder;
  const int file = ::open(folder.write("a", "x").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(input_is_waiting(file, 0));
  ASSERT_EQ(::lseek(file, 1, SEEK_SET), 1);
  EXPECT_FALSE(input_is_waiting(file, 0)) << "its bytes lie behind";
  ::close(file);
  EXPECT_FALSE(input_is_waiting(file, 0)) << "closed";

  std::array<int, 2> ends{};
  for (const bool socket : {false, true}) {
    ASSERT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) : ::pipe(ends.data()), 0);
    EXPECT_FALSE(input_is_waiting(ends[0], 1)) << "silent";
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    EXPECT_TRUE(input_is_waiting(ends[0], 1));
    char byte = 0;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1);
    ::close(ends[1]);
    EXPECT_FALSE(input_is_waiting(ends[0], 1)) << "closed empty";
    ::close(ends[0]);
  }
  const int device = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  EXPECT_FALSE(input_is_waiting(device, 0));
  ::close(device);
}

}  // namespace
}  // namespace plimsoll::test
