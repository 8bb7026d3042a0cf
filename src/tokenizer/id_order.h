#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace plimsoll::tokenizer {

/// Fills `order` with the indexes below its size, by rising `id_of(index)` and then by index.
template <typename IdOf>
void order_by_id(std::span<std::uint32_t> order, const IdOf& id_of) {
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return std::pair(id_of(i), i); });
}

/// The first index of such an order that has this id.
template <typename IdOf>
std::optional<std::uint32_t> find_by_id(std::span<const std::uint32_t> order, std::int32_t id, const IdOf& id_of) {
  const auto found = std::ranges::lower_bound(order, id, {}, id_of);
  return found != order.end() && id_of(*found) == id ? std::optional(*found) : std::nullopt;
}

}  // namespace plimsoll::tokenizer
