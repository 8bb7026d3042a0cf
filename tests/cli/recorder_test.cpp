#include "report/recorder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/event_log.h"
#include "rows/answer_writer.h"

namespace plimsoll::cli {
namespace {

TEST(EventLog, TellsEachEventOnceAndOfManyTheNewest) {
  EventLog log;
  const auto told = [&log] {
    Console console({});
    ::testing::internal::CaptureStderr();
    log.tell(console);
    return ::testing::internal::GetCapturedStderr();
  };
  SessionEvent event;
  for (const char* text : {"one", "two"}) {
    event.text = text;
    log.add(0, event);
  }
  EXPECT_EQ(told(), "plimsoll: one\nplimsoll: two\n");
  EXPECT_EQ(told(), "");
  for (int i = 0; i < 500; ++i) {
    event.text = std::to_string(i);
    log.add(0, event);
  }
  const std::string text = told();
  EXPECT_LT(text.size(), 1000U);
  EXPECT_TRUE(text.ends_with("plimsoll: 499\n")) << text;
}

TEST(Recorder, KeepsSamplesOfAWholeRunInBoundedSpace) {
  Gate gate;
  const auto os = make_os(gate);
  Recorder recorder(*os);
  recorder.set_budget(Bytes{10'000});
  for (std::uint64_t i = 0; i < 5'000; ++i) recorder.observe(i < 100 ? "load" : "pass", Bytes{i});
  JsonWriter json;
  recorder.write_samples(json);
  const auto samples = nlohmann::json::parse(json.text());
  EXPECT_LE(samples.size(), Recorder::kMostSamples);
  EXPECT_GE(samples.size(), Recorder::kMostSamples / 2);
  EXPECT_EQ(samples[0]["ledger"], 0);
  EXPECT_EQ(samples[0]["phase"], "load");
  EXPECT_GT(samples.back()["ledger"], 4'900);
  EXPECT_EQ(samples.back()["phase"], "pass");
  const std::int64_t step = samples[1]["ledger"].get<std::int64_t>() - samples[0]["ledger"].get<std::int64_t>();
  for (std::size_t i = 1; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i]["ledger"].get<std::int64_t>() - samples[i - 1]["ledger"].get<std::int64_t>(), step);
    EXPECT_EQ(samples[i]["free"].get<std::int64_t>() + samples[i]["ledger"].get<std::int64_t>(), 10'000);
    EXPECT_LE(samples[i - 1]["t"], samples[i]["t"]);
  }
}

TEST(Recorder, SeesTheProcessGrow) {
  Gate gate;
  const auto os = make_os(gate);
  const Bytes before = anonymous_memory(*os);
  ASSERT_GT(before.count, 0U);
  auto mapping = os->map_memory(mib(32));
  ASSERT_TRUE(mapping.ok());
  for (std::byte& byte : (*mapping)->bytes()) byte = std::byte{1};
  EXPECT_GE(anonymous_memory(*os).count, before.count + mib(30).count);
}

}  // namespace
}  // namespace plimsoll::cli
