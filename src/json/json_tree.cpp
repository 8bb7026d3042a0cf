#include "json/json_tree.h"

#include <algorithm>
#include <limits>

namespace plimsoll::json_detail {

std::string Tree::where(std::uint32_t node) const {
  std::vector<std::string> parts;
  for (; node != 0; node = nodes[node].parent) {
    const Node& parent = nodes[nodes[node].parent];
    if (parent.type == JsonType::object) {
      parts.push_back("." + printable(at(nodes[node].key), 80));
      continue;
    }
    std::size_t index = 0;
    for (std::uint32_t i = parent.first; i != node; i = nodes[i].next) ++index;
    parts.push_back("[" + std::to_string(index) + "]");
  }
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) path += *part;
  if (path.empty()) return name;
  return name + ": " + (path.front() == '.' ? path.substr(1) : path);
}

std::string TreeBuilder::where() const {
  if (tree_.nodes.empty()) return tree_.name;
  if (open_.empty()) return tree_.where(0);
  std::string parent = tree_.where(open_.back().node);
  if (!has_key_) return parent;
  return parent + (open_.back().node == 0 ? ": " : ".") + printable(tree_.at(key_), 80);
}

// For so many bytes more.
Status TreeBuilder::check_room(std::size_t bytes) const {
  const std::size_t held = tree_.text.size() + tree_.nodes.size() * sizeof(Node);
  if (bytes <= JsonDocument::kHeapLimit - held) return {};
  return Error{ErrorCode::unsupported,
               "more than " + format_bytes(Bytes{JsonDocument::kHeapLimit}) + " of JSON values, at " + std::to_string(sizeof(Node)) +
                   " bytes each beside their text",
               {},
               "no more is held of a file of settings: leave out what is not needed, such as label2id"};
}

Result<Stretch> TreeBuilder::keep(std::string_view text) {
  PLIMSOLL_CHECK(check_room(text.size()));
  const Stretch stretch{static_cast<std::uint32_t>(tree_.text.size()), static_cast<std::uint32_t>(text.size())};
  tree_.text += text;
  return stretch;
}

Status TreeBuilder::add(const Node& node) {
  PLIMSOLL_CHECK(check_room(sizeof(Node)));
  const auto index = static_cast<std::uint32_t>(tree_.nodes.size());
  tree_.nodes.push_back(node);
  tree_.nodes.back().key = key_;
  has_key_ = false;
  key_ = {};
  if (open_.empty()) return {};
  Open& parent = open_.back();
  tree_.nodes[index].parent = parent.node;
  if (parent.last_child == 0) tree_.nodes[parent.node].first = index;
  else tree_.nodes[parent.last_child].next = index;
  parent.last_child = index;
  return {};
}

Status TreeBuilder::open(JsonType type) {
  Node node;
  node.type = type;
  PLIMSOLL_CHECK(add(node));
  open_.push_back({static_cast<std::uint32_t>(tree_.nodes.size() - 1), 0});
  return {};
}

Status TreeBuilder::on_null() { return add(Node{}); }

Status TreeBuilder::on_bool(bool value) {
  Node node;
  node.type = JsonType::boolean;
  node.boolean = value;
  return add(node);
}

Status TreeBuilder::on_integer(std::int64_t value) {
  Node node;
  node.type = JsonType::integer;
  node.integer = value;
  return add(node);
}

Status TreeBuilder::on_unsigned(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return on_number(static_cast<double>(value));
  return on_integer(static_cast<std::int64_t>(value));
}

Status TreeBuilder::on_number(double value) {
  Node node;
  node.type = JsonType::number;
  node.number = value;
  return add(node);
}

Status TreeBuilder::on_string(std::string_view value) {
  Node node;
  node.type = JsonType::string;
  PLIMSOLL_TRY(node.string, keep(value));
  return add(node);
}

Status TreeBuilder::on_key(std::string_view name) {
  PLIMSOLL_TRY(key_, keep(name));
  has_key_ = true;
  return {};
}

Status TreeBuilder::begin_object() { return open(JsonType::object); }

Status TreeBuilder::end_object() {
  const std::uint32_t node = open_.back().node;
  open_.pop_back();
  keys_.clear();
  for (std::uint32_t child = tree_.nodes[node].first; child != 0; child = tree_.nodes[child].next)
    keys_.push_back(tree_.at(tree_.nodes[child].key));
  std::sort(keys_.begin(), keys_.end());
  const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
  if (twice == keys_.end()) return {};
  return Error{ErrorCode::corrupt_file, "the key \"" + printable(*twice, 80) + "\" appears twice in one object", tree_.where(node),
               "keep one of the two"};
}

Status TreeBuilder::begin_array() { return open(JsonType::array); }

Status TreeBuilder::end_array() {
  open_.pop_back();
  return {};
}

}  // namespace plimsoll::json_detail
