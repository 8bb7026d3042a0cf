#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_document.h"
#include "json/json_reader.h"

namespace plimsoll::json_detail {

/// A stretch of Tree::text. Trivial, so that a union can hold it.
struct Stretch {
  std::uint32_t start;
  std::uint32_t length;
};

/// One value. Nodes stand in file order, so a node's children come after it; node 0 is the root, so as `first` or `next`
/// 0 means none.
struct Node {
  JsonType type = JsonType::null;
  bool boolean = false;
  std::uint32_t parent = 0;
  std::uint32_t next = 0;   ///< next sibling
  std::uint32_t first = 0;  ///< first child
  Stretch key{};
  union {
    std::int64_t integer = 0;
    double number;
    Stretch string;
  };
};
static_assert(sizeof(Node) <= 40);

struct Tree {
  std::string name;
  std::string text;
  std::vector<Node> nodes;

  std::string_view at(Stretch s) const { return std::string_view(text).substr(s.start, s.length); }

  /// "name: a.b[3]"; the root gives "name".
  std::string where(std::uint32_t node) const;
};

/// Builds a Tree from events, within the limits of JsonDocument.
class TreeBuilder final : public JsonHandler {
 public:
  explicit TreeBuilder(Tree& tree) : tree_(tree) {}

  /// Path of the value that was being read, for an error in the middle of it.
  std::string where() const;

  Status on_null() override;
  Status on_bool(bool value) override;
  Status on_integer(std::int64_t value) override;
  Status on_unsigned(std::uint64_t value) override;
  Status on_number(double value) override;
  Status on_string(std::string_view value) override;
  Status on_key(std::string_view name) override;
  Status begin_object() override;
  Status end_object() override;
  Status begin_array() override;
  Status end_array() override;

 private:
  struct Open {
    std::uint32_t node = 0;
    std::uint32_t last_child = 0;
  };

  Status check_room(std::size_t bytes) const;
  Status add(const Node& node);
  Status open(JsonType type);
  Result<Stretch> keep(std::string_view text);

  Tree& tree_;
  std::vector<Open> open_;
  std::vector<std::string_view> keys_;  // scratch of end_object
  Stretch key_{};
  bool has_key_ = false;
};

}  // namespace plimsoll::json_detail
