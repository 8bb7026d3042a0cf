#include "tokenizer.h"

#include <algorithm>
#include <array>
#include <memory_resource>

namespace plimsoll::fuzz {
namespace {

// The heap up to a limit: more than any text of a few KiB may take. A file may ask for padding that no memory holds.
class SmallHeap final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > kLimit - used_) throw std::bad_alloc();
    used_ += bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    used_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  static constexpr std::size_t kLimit = std::size_t{8} << 20U;
  std::size_t used_ = 0;
};

bool is_shortage(const Error& error) { return error.what.find("more memory") != std::string::npos; }

std::uint32_t code_points(std::string_view text) {
  std::pmr::string replaced;
  utf8_replace(text, replaced);
  return static_cast<std::uint32_t>(
      std::ranges::count_if(replaced, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void check_encoding(const Tokenizer& tokenizer, const Encoding& encoding, const EncodeInput& input) {
  const std::size_t size = encoding.ids.size();
  require(encoding.type_ids.size() == size && encoding.offsets.size() == size && encoding.special.size() == size &&
              encoding.attention.size() == size,
          "all parts of an encoding are as long");
  const std::uint32_t longest = std::max(code_points(input.text), input.pair ? code_points(*input.pair) : 0);
  for (std::size_t i = 0; i < size; ++i) {
    require(encoding.ids[i] >= 0 && encoding.ids[i] <= tokenizer.max_id(), "an id has a row in the table");
    require(encoding.offsets[i].start <= encoding.offsets[i].end && encoding.offsets[i].end <= longest, "a token lies in its text");
  }
}

void encode(const Tokenizer& tokenizer, const EncodeInput& input, const EncodeOptions& options) {
  SmallHeap heap;
  const auto encoding = tokenizer.encode(input, options, &heap);
  const auto count = tokenizer.count(input, options, &heap);
  if (!good(encoding)) {
    require(is_shortage(encoding.error()) || !good(count), "what cannot be encoded cannot be counted");
    return;
  }
  require(good(count), "what can be encoded can be counted");
  check_encoding(tokenizer, *encoding, input);
  require(std::ranges::count(encoding->attention, 1) == *count, "as many tokens as were counted");
  static_cast<void>(tokenizer.decode(encoding->ids, true));
  static_cast<void>(tokenizer.decode(encoding->ids, false));
  EncodeOptions other = options;
  other.keep_tokens = !options.keep_tokens;
  const auto again = tokenizer.encode(input, other, &heap);
  if (!good(again)) return require(is_shortage(again.error()), "kept tokens take memory only");
  require(again->ids == encoding->ids && again->offsets == encoding->offsets, "kept tokens change nothing");
  std::array<std::byte, 4096> scratch{};
  std::pmr::monotonic_buffer_resource little(scratch.data(), scratch.size(), std::pmr::null_memory_resource());
  const auto cramped = tokenizer.encode(input, options, &little);
  if (good(cramped)) require(cramped->ids == encoding->ids, "little memory changes nothing");
}

}  // namespace

void open_and_encode(testing::FakeOs& os) {
  SmallLedger ledger;
  const auto tokenizer = Tokenizer::open(os, ledger, "m");
  if (!good(tokenizer)) return;
  require(tokenizer->table_bytes() == ledger->current(), "the tables are charged");
  const std::string& text = os.files["m/text"];
  EncodeInput input{text};
  const auto pair = os.files.find("m/pair");
  if (pair != os.files.end()) input.pair = pair->second;
  encode(*tokenizer, input, {});
  encode(*tokenizer, input, {.file_truncation = true, .file_padding = true, .keep_tokens = true});
  encode(*tokenizer, input, {.max_length = 5, .add_special_tokens = text.size() % 2 == 0});
  for (std::int32_t id = -1; id <= std::min(tokenizer->max_id(), 64); ++id) {
    const auto token = tokenizer->token(id);
    if (token) static_cast<void>(tokenizer->id(*token));
    static_cast<void>(tokenizer->is_special(id));
  }
}

}  // namespace plimsoll::fuzz
