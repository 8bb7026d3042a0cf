#include "target.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace plimsoll::fuzz {
namespace {

// As a reader that is not ours sees it.
bool is_utf8(const std::string& text) {
  using nlohmann::json;
  const std::string escaped = json(text).dump(-1, ' ', true, json::error_handler_t::ignore);
  return json::parse(escaped).get<std::string>() == text;
}

}  // namespace

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

void check(const Error& error) {
  require(error.code != ErrorCode::internal, "no input breaks an invariant");
  require(!error.what.empty(), "an error says what is wrong");
  const std::string line = message(error);
  require(is_utf8(line), "a message is UTF-8");
  require(std::none_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }),
          "a message has no control characters");
}

}  // namespace plimsoll::fuzz
