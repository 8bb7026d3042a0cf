// Mutates inputs that are JSON, or files by their marks (files.h), by their structure half of the time: bytes alone seldom keep JSON whole.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);

namespace {

using Json = nlohmann::ordered_json;
using Random = std::minstd_rand;

constexpr int kDeepest = 40;

std::size_t below(Random& random, std::size_t count) { return random() % std::max<std::size_t>(count, 1); }

// Every value of a document, the root first.
std::vector<Json*> values_of(Json& root) {
  std::vector<Json*> values = {&root};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i]->is_structured())
      for (Json& child : *values[i]) values.push_back(&child);
  }
  return values;
}

Json scalar(Random& random) {
  static const std::vector<std::string> kScalars = {"null",
                                                    "true",
                                                    "false",
                                                    "0",
                                                    "1",
                                                    "-1",
                                                    "2",
                                                    "3",
                                                    "7",
                                                    "64",
                                                    "65",
                                                    "255",
                                                    "65536",
                                                    "4096",
                                                    "2147483647",
                                                    "2147483648",
                                                    "4294967295",
                                                    "4294967296",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "18446744073709551615",
                                                    "1e308",
                                                    "0.5",
                                                    "-0.0",
                                                    "1e-300",
                                                    "\"\"",
                                                    "\"a\"",
                                                    "\"\\u0000\"",
                                                    "\"\\ud83d\\ude00\"",
                                                    "\"[UNK]\"",
                                                    "\"##\"",
                                                    "\"/\"",
                                                    "\"..\"",
                                                    "[]",
                                                    "{}",
                                                    "[[]]",
                                                    "{\"\":0}"};
  return Json::parse(kScalars[below(random, kScalars.size())]);
}

std::string mutated(std::string text) {
  text.resize(text.size() + 16);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), text.size() - 16, text.size()));
  return text;
}

void change_number(Json& value, Random& random) {
  const std::int64_t number = value.is_number_integer() ? value.get<std::int64_t>() : 0;
  static constexpr std::int64_t kSteps[] = {1, -1, 8, -8, 256};
  const std::int64_t step = kSteps[below(random, std::size(kSteps))];
  value = static_cast<std::int64_t>(static_cast<std::uint64_t>(number) + static_cast<std::uint64_t>(step));
}

void change(Json& root, Random& random) {
  const std::vector<Json*> values = values_of(root);
  Json& value = *values[below(random, values.size())];
  const Json other = *values[below(random, values.size())];
  switch (random() % 7) {
    case 0: value = scalar(random); break;
    case 1: value = other; break;
    case 2:
      if (value.is_structured() && !value.empty())
        value.erase(std::next(value.begin(), static_cast<std::ptrdiff_t>(below(random, value.size()))));
      break;
    case 3:
      if (value.is_array()) value.push_back(other);
      else if (value.is_object()) value[mutated("key")] = other;
      break;
    case 4:
      if (value.is_string()) value = mutated(value.get<std::string>());
      break;
    case 5:
      if (value.is_number()) change_number(value, random);
      break;
    default:
      if (value.is_array() && value.size() > 1) std::shuffle(value.begin(), value.end(), random);
      else if (value.is_array() && !value.empty()) value.push_back(value.back());
      break;
  }
}

std::string mutate_json(const std::string& text, Random& random) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kDeepest; };
  Json root = Json::parse(text, shallow, false);
  if (root.is_discarded()) return mutated(text);
  for (std::size_t i = 0, changes = 1 + below(random, 3); i < changes; ++i) change(root, random);
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Random random(seed);
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  // One of the stretches between the marks, each without its own first line.
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::size_t> starts = {0};
  for (std::size_t at = text.find("==> "); at != std::string::npos; at = text.find("==> ", at + 1)) {
    const std::size_t line = text.find('\n', at);
    if (line != std::string::npos) starts.push_back(line + 1);
  }
  const std::size_t start = starts[below(random, starts.size())];
  const std::size_t end = std::min(text.find("\n==> ", start), text.size());
  text.replace(start, end - start, mutate_json(text.substr(start, end - start), random));
  if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
