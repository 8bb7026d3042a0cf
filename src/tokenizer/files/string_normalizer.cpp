#include "tokenizer/files/string_normalizer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace plimsoll::tokenizer {

/// Counts what passes through it.
class StringNormalizer::Meter final : public CharStage {
 public:
  Meter(std::uint64_t& points, CharStage& next) : points_(points), next_(next) {}
  void feed(Char c) override {
    ++points_;
    next_.feed(c);
  }
  void cut() override { next_.cut(); }

 private:
  std::uint64_t& points_;
  CharStage& next_;
};

/// Writes bytes as far as there is room, and counts them all.
class StringNormalizer::Writer final : public CharStage {
 public:
  void begin(std::span<char> out) {
    out_ = out;
    used_ = 0;
  }
  void feed(Char c) override {
    std::array<char, 4> utf8{};
    const std::size_t size = utf8::encode(c.point, utf8.data());
    if (used_ + size <= out_.size()) std::copy_n(utf8.data(), size, out_.data() + used_);
    used_ += size;
  }
  void cut() override {}
  std::size_t used() const { return used_; }

 private:
  std::span<char> out_;
  std::size_t used_ = 0;
};

StringNormalizer::StringNormalizer(const Normalizers& normalizers) : writer_(&stages_.make<Writer>()) {
  head_ = &stages_.make<Meter>(points_, *writer_);
  for (auto it = normalizers.rbegin(); it != normalizers.rend(); ++it)
    head_ = &stages_.make<Meter>(points_, (*it)->attach(stages_, *head_));
}

std::size_t StringNormalizer::normalize(std::string_view text, std::span<char> out) {
  writer_->begin(out);
  std::uint32_t index = 0;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded decoded = utf8::decode(text, at);
    head_->feed({decoded.point, index++});
    at += decoded.size;
  }
  head_->cut();
  return writer_->used();
}

}  // namespace plimsoll::tokenizer
