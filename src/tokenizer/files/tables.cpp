#include "tokenizer/files/tables.h"

#include <algorithm>
#include <memory>
#include <string>

#include "base/utf8.h"
#include "tokenizer/files/string_normalizer.h"
#include "tokenizer/token_text.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

// Several times what the largest tokenizers have. Tables at all of these limits are 230 MiB.
constexpr std::uint64_t kTokenLimit = std::uint64_t{1} << 22U;
constexpr std::uint64_t kAddedLimit = std::uint64_t{1} << 18U;
constexpr std::uint64_t kByteLimit = std::uint64_t{1} << 27U;
// Code points that go into the parts of a normalizer or come out of the last: a second or two, and as much again to write them.
constexpr std::uint64_t kNormalizingLimit = std::uint64_t{1} << 24U;

Error corrupt(std::string what, std::string where, std::string advice = {}) {
  return {ErrorCode::corrupt_file, std::move(what), std::move(where), std::move(advice)};
}

std::string named(std::string_view token) { return "the added token \"" + printable(token, 60) + '"'; }

/// Carves `count` elements off the front of `rest`, which is known to hold them.
template <typename T>
std::span<T> carve(std::span<std::byte>& rest, std::uint64_t count) {
  const auto size = static_cast<std::size_t>(count);
  T* first = reinterpret_cast<T*>(rest.data());
  std::uninitialized_value_construct_n(first, size);
  rest = rest.subspan(size * sizeof(T));
  return {first, size};
}

}  // namespace

std::string TokenPlaces::added(TokenSource source) const {
  return source == TokenSource::tokenizer ? file + ": added_tokens" : folder + '/' + std::string(file_name(source));
}

Status TableCounter::on_token(std::string_view token, std::int32_t) {
  if (++tokens > kTokenLimit) return corrupt("a vocabulary of more than " + std::to_string(kTokenLimit) + " tokens", places.file);
  return count_bytes(token);
}

Status TableCounter::on_added(const AddedTokenSpec& token) {
  if (++added > kAddedLimit) return corrupt("more than " + std::to_string(kAddedLimit) + " added tokens", places.added(token.source));
  if (token.content.size() > kTokenTextBytes) return token_too_long(named(token.content), token.content.size(), places.added(token.source));
  return count_bytes(token.content);
}

Status TableCounter::count_bytes(std::string_view token) {
  bytes += token.size();
  if (bytes > kByteLimit) return corrupt("tokens of more than " + format_bytes(Bytes{kByteLimit}) + " in all", places.file);
  return {};
}

Result<Tables> Tables::create(Os& os, Ledger& ledger, const TableCounter& counted) {
  // The limits above keep this sum far from overflow. The widest element comes first, so that every table is aligned.
  const std::uint64_t size = counted.added * (sizeof(AddedToken) + 3 * sizeof(StringEntry) + sizeof(std::uint32_t)) +
                             counted.tokens * (sizeof(StringEntry) + sizeof(std::uint32_t)) + counted.bytes;
  Tables tables;
  tables.places_ = counted.places;
  PLIMSOLL_TRY(tables.arena_, Arena::create(os, ledger, MemoryTag::tables, Bytes{size}));
  std::span<std::byte> rest = tables.arena_.bytes();
  tables.added_ = carve<AddedToken>(rest, counted.added);
  tables.contents_ = carve<StringEntry>(rest, counted.added);
  tables.raw_ = carve<StringEntry>(rest, counted.added);
  tables.normalized_ = carve<StringEntry>(rest, counted.added);
  tables.entries_ = carve<StringEntry>(rest, counted.tokens);
  tables.added_by_id_ = carve<std::uint32_t>(rest, counted.added);
  tables.by_id_ = carve<std::uint32_t>(rest, counted.tokens);
  tables.bytes_ = carve<char>(rest, counted.bytes);
  return tables;
}

Error Tables::changed() const {
  return {ErrorCode::io, "the tokenizer's file changed while it was being read", places_.file, "try again once it is written"};
}

Status Tables::on_token(std::string_view token, std::int32_t id) {
  if (entries_used_ == entries_.size() || token.size() > bytes_.size() - bytes_used_) return changed();
  token.copy(bytes_.data() + bytes_used_, token.size());
  entries_[entries_used_++] = {static_cast<std::uint32_t>(bytes_used_), static_cast<std::uint32_t>(token.size()), id};
  bytes_used_ += token.size();
  return {};
}

Status Tables::on_added(const AddedTokenSpec& token) {
  if (added_used_ == added_.size() || token.content.size() > bytes_.size() - bytes_used_) return changed();
  token.content.copy(bytes_.data() + bytes_used_, token.content.size());
  const std::string_view content(bytes_.data() + bytes_used_, token.content.size());
  added_[added_used_++] = {content,          content,       0,           token.single_word, token.lstrip, token.rstrip,
                           token.normalized, token.special, token.source};
  bytes_used_ += token.content.size();
  return {};
}

Status Tables::finish(Os& os, Ledger& ledger, const Normalizers& normalizers, Repeated repeated) {
  if (entries_used_ != entries_.size() || added_used_ != added_.size()) return changed();
  PLIMSOLL_CHECK(sort_vocabulary(repeated));
  PLIMSOLL_CHECK(name_added());
  PLIMSOLL_CHECK(normalize_added(os, ledger, normalizers));
  PLIMSOLL_CHECK(check_overlaps(added_tokens_.raw()));
  return check_overlaps(added_tokens_.normalized());
}

Status Tables::sort_vocabulary(Repeated repeated) {
  SortedStrings::sort(bytes_, entries_);
  const auto string = [&](const StringEntry& e) { return std::string_view(bytes_.data() + e.offset, e.length); };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const bool again = kept > 0 && string(entries_[kept - 1]) == string(entries_[i]);
    if (again && repeated == Repeated::refuse)
      return corrupt("the token \"" + printable(string(entries_[i]), 60) + "\" occurs twice", places_.file + ": model.vocab");
    entries_[again ? kept - 1 : kept++] = entries_[i];
  }
  entries_ = entries_.first(kept);
  vocabulary_ = Vocabulary(bytes_, entries_, by_id_.first(kept));
  return {};
}

Status Tables::name_added() {
  const auto entry = [&](std::size_t i) {
    return StringEntry{static_cast<std::uint32_t>(added_[i].content.data() - bytes_.data()),
                       static_cast<std::uint32_t>(added_[i].content.size()), static_cast<std::int32_t>(i)};
  };
  for (std::size_t i = 0; i < added_.size(); ++i) contents_[i] = entry(i);
  SortedStrings::sort(bytes_, contents_);
  std::size_t kept = 0;  // of the same content the last counts, and an empty one none
  const AddedToken* before = nullptr;
  for (const StringEntry& e : contents_) {
    if (e.length == 0) continue;
    AddedToken& token = added_[static_cast<std::size_t>(e.value)];
    const bool again = before != nullptr && before->content == token.content;
    // The first keeps its place in the order of new ids: it is remembered where its id will be asked. What was special once stays so.
    token.id = again ? before->id : e.value;
    token.special = token.special || (again && before->special);
    contents_[again ? kept - 1 : kept++] = e;
    before = &token;
  }
  contents_ = contents_.first(kept);
  // by order of first occurrence
  std::span<StringEntry> order = raw_.first(kept);
  std::copy(contents_.begin(), contents_.end(), order.begin());
  std::sort(order.begin(), order.end(), [&](const StringEntry& a, const StringEntry& b) {
    return added_[static_cast<std::size_t>(a.value)].id < added_[static_cast<std::size_t>(b.value)].id;
  });
  // Those of the tokenizer's own file come first.
  const auto own =
      std::ranges::find_if(added_, [](const AddedToken& token) { return token.source != TokenSource::tokenizer; }) - added_.begin();
  auto next = static_cast<std::int64_t>(vocabulary_.size());
  std::int64_t largest = -1;
  for (const StringEntry& e : order) {
    AddedToken& token = added_[static_cast<std::size_t>(e.value)];
    if (token.id >= own) next = std::max(next, largest + 1);
    const std::optional<std::int32_t> known = vocabulary_.id(token.content);
    if (!known && next > INT32_MAX) return corrupt(named(token.content) + " has no id left", places_.added(token.source));
    token.id = known ? *known : static_cast<std::int32_t>(next++);
    largest = std::max<std::int64_t>(largest, token.id);
  }
  return {};
}

Status Tables::normalize_added(Os& os, Ledger& ledger, const Normalizers& normalizers) {
  StringNormalizer normalizer(normalizers);
  std::uint64_t size = 0;
  for (const StringEntry& e : contents_) {
    const AddedToken& token = added_[static_cast<std::size_t>(e.value)];
    if (!token.normalized) continue;
    const std::size_t length = normalizer.normalize(token.content, {});
    if (length > kTokenTextBytes) return token_too_long(named(token.content) + ", normalized,", length, places_.added(token.source));
    size += length;
    if (normalizer.points() > kNormalizingLimit)
      return corrupt("added tokens of too many characters for a normalizer of " + std::to_string(normalizers.size()) + " parts",
                     places_.file + ": added_tokens", "take some of either away");
  }
  if (size > kByteLimit) return corrupt("added tokens of too many bytes", places_.file + ": added_tokens");
  PLIMSOLL_TRY(normalized_arena_, Arena::create(os, ledger, MemoryTag::tables, Bytes{size}));
  const std::span<std::byte> whole = normalized_arena_.bytes();
  const std::span<char> out(reinterpret_cast<char*>(whole.data()), whole.size());
  std::size_t used = 0;
  for (const StringEntry& e : contents_) {
    AddedToken& token = added_[static_cast<std::size_t>(e.value)];
    if (!token.normalized) continue;
    const std::size_t length = normalizer.normalize(token.content, out.subspan(used));
    token.normalized_content = {out.data() + used, length};
    used += length;
  }
  const SortedStrings contents(bytes_, contents_);
  added_tokens_ = AddedTokens(added_, contents, pattern_table(raw_, false, bytes_), pattern_table(normalized_, true, out),
                              added_by_id_.first(contents_.size()));
  return {};
}

// One that takes the white space behind it, and others that are found in there, are as many tokens as there are blanks, each of all that
// follow.
Status Tables::check_overlaps(const SortedStrings& patterns) const {
  const AddedToken* taking = nullptr;
  const AddedToken* taken = nullptr;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const AddedToken& token = added_tokens_[patterns[i].value];
    if (token.rstrip) taking = &token;
    if (unicode::is_whitespace(utf8::decode(patterns.string(patterns[i]), 0).point)) taken = &token;
  }
  if (taking == nullptr || taken == nullptr) return {};
  return Error{ErrorCode::unsupported,
               named(taken->content) + " begins with white space" + (taken->normalized ? ", normalized," : "") + " beside \"" +
                   printable(taking->content, 60) + "\", which takes the white space behind it (rstrip)",
               places_.added(taking->source), "take the setting from one or remove the other"};
}

SortedStrings Tables::pattern_table(std::span<StringEntry> entries, bool normalized, std::span<const char> bytes) {
  std::size_t count = 0;
  for (const StringEntry& e : contents_) {
    const AddedToken& token = added_[static_cast<std::size_t>(e.value)];
    const std::string_view pattern = normalized ? token.normalized_content : token.content;
    if (token.normalized != normalized || pattern.empty()) continue;
    entries[count++] = {static_cast<std::uint32_t>(pattern.data() - bytes.data()), static_cast<std::uint32_t>(pattern.size()), e.value};
  }
  entries = entries.first(count);
  SortedStrings::sort(bytes, entries);
  const auto string = [&](const StringEntry& e) { return std::string_view(bytes.data() + e.offset, e.length); };
  // Some are the same once they are normalized: the first is found.
  const auto end = std::unique(entries.begin(), entries.end(), [&](const auto& a, const auto& b) { return string(a) == string(b); });
  return {bytes, entries.first(static_cast<std::size_t>(end - entries.begin()))};
}

}  // namespace plimsoll::tokenizer
