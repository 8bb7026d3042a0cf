#include "files.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace plimsoll::fuzz {
namespace {

constexpr std::string_view kMark = "==> ";
constexpr std::string_view kHeader = ".header";
constexpr std::uint64_t kMostData = std::uint64_t{1} << 20U;
constexpr int kDeepest = 32;

// A lenient reading: whatever number stands last in any data_offsets.
std::uint64_t data_bytes(std::string_view header) {
  using nlohmann::json;
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth < kDeepest; };
  const json root = json::parse(header, shallow, false);
  std::uint64_t end = 0;
  if (!root.is_object()) return end;
  for (const auto& entry : root) {
    if (!entry.is_object()) continue;
    const auto offsets = entry.find("data_offsets");
    if (offsets != entry.end() && offsets->is_array() && !offsets->empty() && offsets->back().is_number_unsigned())
      end = std::max(end, offsets->back().get<std::uint64_t>());
  }
  return std::min(end, kMostData);
}

}  // namespace

std::string safetensors_file(std::string_view header, std::string_view data) {
  std::string file;
  for (unsigned shift = 0; shift < 64; shift += 8) file += static_cast<char>(header.size() >> shift & 0xFFU);
  file += header;
  const std::uint64_t size = data_bytes(header);
  for (std::uint64_t i = 0; i < size; ++i) file += data.empty() ? '\0' : data[i % data.size()];
  return file;
}

Files read_files(std::string_view input) {
  Files files;
  std::string path;
  while (true) {
    std::size_t mark = input.starts_with(kMark) ? 0 : input.find("\n==> ");
    files[path] = input.substr(0, mark);
    if (mark == std::string_view::npos) break;
    input.remove_prefix(mark + kMark.size() + (mark > 0 || input[0] == '\n' ? 1 : 0));
    const std::size_t end = std::min(input.find('\n'), input.size());
    path = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  const std::string data = files["data"];
  Files made;
  for (const auto& [name, text] : files) {
    const bool header = name.ends_with(".safetensors.header");
    made[header ? name.substr(0, name.size() - kHeader.size()) : name] = header ? safetensors_file(text, data) : text;
  }
  return made;
}

}  // namespace plimsoll::fuzz
