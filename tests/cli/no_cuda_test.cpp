// The command in a build without CUDA.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

TEST(NoCuda, TheErrorNamesTheOption) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--device", "cuda:0"}, {"--max-memory", "0=2GiB"}}) {
    std::vector<std::string> arguments = {"run", fixture("models/bert"), "x"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Finished result = run(arguments);
    EXPECT_EQ(result.status, 4);
    EXPECT_THAT(result.err, ::testing::HasSubstr("PLIMSOLL_CUDA=ON"));
  }
}

}  // namespace
}  // namespace plimsoll::test
