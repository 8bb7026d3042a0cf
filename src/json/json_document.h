#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/os.h>

namespace plimsoll {

namespace json_detail {
struct Tree;
}

enum class JsonType : std::uint8_t { null, boolean, integer, number, string, array, object };

/// One value of a JsonDocument: a cheap view, valid while the document lives (moving the document is fine).
///
/// Accessors fail with `corrupt_file`; the error names the file, the path of the key ("rope_scaling.factor", "layers[3]"),
/// what was found and what was expected. Text is never taken for a number, nor a number for text.
class JsonValue {
 public:
  class Iterator;
  class Children;

  JsonType type() const;
  bool is_null() const { return type() == JsonType::null; }
  bool is_object() const { return type() == JsonType::object; }
  bool is_array() const { return type() == JsonType::array; }
  bool is_string() const { return type() == JsonType::string; }

  /// "config.json: rope_scaling.factor", for errors of one's own.
  std::string where() const;

  /// This value itself. An integer is a number written without fraction and exponent within [low, high]; a number is any
  /// finite one. Strings live as long as the document.
  Result<std::int64_t> as_int(std::int64_t low, std::int64_t high) const;
  Result<double> as_number() const;
  Result<bool> as_bool() const;
  Result<std::string_view> as_string() const;

  /// The member `key` of an object; nothing when it is absent or this is no object. Linear in the number of members.
  std::optional<JsonValue> find(std::string_view key) const;

  /// The member `key`, which must be there.
  Result<JsonValue> get(std::string_view key) const;
  Result<std::int64_t> get_int(std::string_view key, std::int64_t low, std::int64_t high) const;
  Result<double> get_number(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;
  Result<JsonValue> get_object(std::string_view key) const;
  Result<JsonValue> get_array(std::string_view key) const;

  /// The same where the key may be absent or null, which give nothing.
  Result<std::optional<std::int64_t>> optional_int(std::string_view key, std::int64_t low, std::int64_t high) const;
  Result<std::optional<double>> optional_number(std::string_view key) const;
  Result<std::optional<std::string_view>> optional_string(std::string_view key) const;
  Result<std::optional<JsonValue>> optional_object(std::string_view key) const;
  Result<std::optional<JsonValue>> optional_array(std::string_view key) const;
  /// And which give `otherwise`.
  Result<bool> bool_or(std::string_view key, bool otherwise) const;

  /// Members of an object or elements of an array in file order; none for other types.
  Children children() const;
  /// Number of children.
  std::size_t size() const;
  /// Name of this member; empty for an element of an array and for the root.
  std::string_view key() const;

 private:
  friend class JsonDocument;
  JsonValue(const json_detail::Tree* tree, std::uint32_t node) : tree_(tree), node_(node) {}

  Error expected(std::string_view wanted) const;
  Error missing(std::string_view key) const;

  const json_detail::Tree* tree_;
  std::uint32_t node_;
};

class JsonValue::Iterator {
 public:
  JsonValue operator*() const { return {tree_, node_}; }
  Iterator& operator++();
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  friend class Children;
  Iterator(const json_detail::Tree* tree, std::uint32_t node) : tree_(tree), node_(node) {}
  const json_detail::Tree* tree_;
  std::uint32_t node_;
};

class JsonValue::Children {
 public:
  Iterator begin() const { return {tree_, first_}; }
  Iterator end() const { return {tree_, 0}; }

 private:
  friend class JsonValue;
  Children(const json_detail::Tree* tree, std::uint32_t first) : tree_(tree), first_(first) {}
  const json_detail::Tree* tree_;
  std::uint32_t first_;
};

/// A small JSON file held in memory: config.json, tokenizer_config.json and the like. Immutable; any number of threads
/// may read it. Repeated keys in one object are an error. Takes heap that no plan counts: the text of keys and strings and 32 bytes a
/// value, 2 MiB at most in all, and twice that while it is read. So it is meant to be read and let go.
class JsonDocument {
 public:
  static constexpr std::size_t kFileLimit = std::size_t{4} << 20U;  ///< with white space and escapes
  static constexpr std::size_t kHeapLimit = std::size_t{2} << 20U;
  static constexpr std::size_t kDepthLimit = 64;

  /// `not_found` when absent; `corrupt_file` naming byte and key when it is not strict JSON or passes a limit; `unsupported` beyond
  /// kHeapLimit.
  static Result<JsonDocument> read(Os& os, const std::string& path);
  static Result<JsonDocument> read(File& file);
  /// The same from memory; `name` stands for the file in errors.
  static Result<JsonDocument> parse(std::string_view text, std::string name);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonValue root() const;

 private:
  explicit JsonDocument(std::unique_ptr<json_detail::Tree> tree);

  std::unique_ptr<json_detail::Tree> tree_;
};

}  // namespace plimsoll
