#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <plimsoll/doctor.h>

#include "doctor/figure.h"

namespace plimsoll::doctor::test {

inline Figure gib(double value) {
  const auto bytes = [](double each) { return Bytes{static_cast<std::uint64_t>(each * 1073741824.0)}; };
  return {bytes(value), bytes(std::max(0.0, value - 0.005)), bytes(value + 0.005)};
}

/// What one kind of message must come to. Sizes in MiB; -1: not said.
struct Expected {
  Source source;
  Cause cause;
  Confidence confidence;
  bool fatal = true;
  double requested = -1;
  double total = -1;
  double free = -1;
  double allocated = -1;
  double reserved = -1;
  double limit = -1;
  std::string device;
};

inline void expect_size(const char* name, const std::optional<Figure>& figure, double mib) {
  if (mib < 0) {
    EXPECT_FALSE(figure.has_value()) << name << " is said";
    return;
  }
  ASSERT_TRUE(figure.has_value()) << name;
  const double bytes = mib * 1048576.0;
  // Right to its rounding, and what is exact to the byte.
  EXPECT_LE(static_cast<double>(figure->low.count), bytes + 1) << name;
  EXPECT_GE(static_cast<double>(figure->high.count), bytes - 1) << name;
  EXPECT_NEAR(static_cast<double>(figure->said.count), bytes, 6.0 * 1048576) << name;
}

inline void expect_diagnosis(const Diagnosis& diagnosis, const Expected& expected) {
  EXPECT_EQ(source_name(diagnosis.source), source_name(expected.source));
  EXPECT_EQ(cause_name(diagnosis.cause), cause_name(expected.cause));
  EXPECT_EQ(confidence_name(diagnosis.confidence), confidence_name(expected.confidence));
  EXPECT_EQ(diagnosis.fatal, expected.fatal);
  expect_size("requested", diagnosis.figures.requested, expected.requested);
  expect_size("total", diagnosis.figures.total, expected.total);
  expect_size("free", diagnosis.figures.free, expected.free);
  expect_size("allocated", diagnosis.figures.allocated, expected.allocated);
  expect_size("reserved", diagnosis.figures.reserved, expected.reserved);
  expect_size("limit", diagnosis.figures.limit, expected.limit);
  EXPECT_EQ(diagnosis.figures.device, expected.device);
  EXPECT_FALSE(diagnosis.headline.empty());
  EXPECT_FALSE(diagnosis.findings.empty());
  EXPECT_FALSE(diagnosis.remedies.empty());
}

struct Sample {
  std::string name;
  std::string log;
  Expected expected;
};

/// `text` as a launcher, a logger or a terminal may give it.
inline std::vector<std::pair<std::string, std::string>> disguises(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> all = {{"plain", text + "\n"}};
  const auto per_line = [&](const std::string& before, const std::string& after) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out += before + text.substr(at, end - at) + after + "\n";
      at = end + 1;
    }
    return out;
  };
  all.emplace_back("rank", per_line("[rank6]: ", ""));
  all.emplace_back("engine", per_line("(EngineCore_DP0 pid=711) ERROR 10-25 13:08:43 [core.py:708] ", ""));
  all.emplace_back("compose", per_line("trainer-1  | ", ""));
  all.emplace_back("colours", per_line("\x1b[1;31m", "\x1b[0m"));
  all.emplace_back("carriage returns", per_line("", "\r"));
  all.emplace_back("noise around", "step 7 loss 0.25\n" + text + "\nstep 8 loss 0.24\n");
  std::string wide;
  for (const char c : text + "\n") wide += std::string{c, '\0'};
  all.emplace_back("UTF-16", wide);
  // Terminals break lines at their width, anywhere; only prose survives that, not the tables of several lines.
  if (text.find('\n') == std::string::npos) {
    for (const std::size_t width : {80U, 61U}) {
      std::string broken;
      for (std::size_t i = 0; i < text.size(); ++i) broken += (i > 0 && i % width == 0 ? "\n" : "") + std::string(1, text[i]);
      all.emplace_back("broken at " + std::to_string(width), broken + "\n");
    }
  }
  return all;
}

}  // namespace plimsoll::doctor::test
