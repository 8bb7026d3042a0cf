#include "model/not_finite.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "weights/convert.h"
#include "weights/element_type.h"

namespace plimsoll {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10U;
// A tensor whose values a file has in another order takes a read for every few of them.
constexpr std::uint64_t kReorderedCost = 128;

/// How a type of floats is told apart: a value without its sign is greater where its bits are.
template <typename Bits>
struct Layout {
  Bits magnitude;  ///< all but the sign
  Bits infinity;   ///< above it is what is not a number
};

/// The largest magnitude among some elements, as bits.
struct Largest {
  std::uint64_t bits = 0;
  std::uint64_t element = 0;
};

template <typename Bits>
Largest find_largest(std::span<const std::byte> block, Layout<Bits> layout) {
  Largest largest;
  for (std::size_t at = 0; at + sizeof(Bits) <= block.size(); at += sizeof(Bits)) {
    Bits bits{};
    std::memcpy(&bits, block.data() + at, sizeof bits);
    bits &= layout.magnitude;
    if (bits <= largest.bits) continue;
    largest = {bits, at / sizeof(Bits)};
    if (bits >= layout.infinity) break;
  }
  return largest;
}

Largest find_largest(std::span<const std::byte> block, ElementType type) {
  switch (type) {
    case ElementType::float16: return find_largest<std::uint16_t>(block, {0x7FFF, 0x7C00});
    case ElementType::bfloat16: return find_largest<std::uint16_t>(block, {0x7FFF, 0x7F80});
    case ElementType::float64: return find_largest<std::uint64_t>(block, {0x7FFF'FFFF'FFFF'FFFF, 0x7FF0'0000'0000'0000});
    default: return find_largest<std::uint32_t>(block, {0x7FFF'FFFF, 0x7F80'0000});
  }
}

double value_of(std::uint64_t bits, ElementType type) {
  switch (type) {
    case ElementType::float16: return from_float16(static_cast<std::uint16_t>(bits));
    case ElementType::bfloat16: return from_bfloat16(static_cast<std::uint16_t>(bits));
    case ElementType::float64: return std::bit_cast<double>(bits);
    default: return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  }
}

/// Where a value is.
struct Found {
  double value = 0;
  BoundPart part;
  std::uint64_t element = 0;  ///< of the part's tensor
};

/// The largest magnitude in a tensor's first bytes, or the first that is no number.
Result<Found> find_in(const Checkpoint& checkpoint, const BoundPart& part, std::uint64_t bytes, const CancelToken* cancel) {
  std::array<std::byte, kBlockBytes> block;
  Found found{0, part, 0};
  for (std::uint64_t offset = 0; offset < bytes && std::isfinite(found.value); offset += block.size()) {
    if (cancel != nullptr && cancel->cancelled()) return Error{ErrorCode::cancelled, "stopped on request"};
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - offset));
    const std::span<std::byte> piece = std::span(block).first(length);
    PLIMSOLL_CHECK(checkpoint.read(*part.tensor, offset, piece));
    const Largest largest = find_largest(piece, part.type);
    const double value = value_of(largest.bits, part.type);
    if (!(value <= found.value)) found = {value, part, offset / element_bytes(part.type) + largest.element};
  }
  return found;
}

bool is_reordered(const TensorInfo& tensor) { return tensor.file != tensor.shard; }

std::uint64_t cost_of_byte(const TensorInfo& tensor) { return is_reordered(tensor) ? kReorderedCost : 1; }

// Where a file has its values in another order, they are counted in the tensor's own.
std::string place_of(const Checkpoint& checkpoint, const Found& found) {
  const TensorInfo& tensor = *found.part.tensor;
  const std::string& path = checkpoint.file(tensor.file).path();
  if (is_reordered(tensor)) return fmt::format("{}, at value {} of the tensor in row-major order", path, found.element);
  return fmt::format("{} at byte {}", path, tensor.offset + found.element * element_bytes(found.part.type));
}

// The quickest first: most tensors are looked at before one takes too long.
std::vector<BoundPart> parts_by_cost(const Binding& binding) {
  std::vector<BoundPart> all;
  for (const std::vector<BoundPart>& parts : binding.weights)
    std::ranges::copy_if(parts, std::back_inserter(all), [](const BoundPart& part) { return part.tensor != nullptr; });
  std::ranges::stable_sort(all, {}, [](const BoundPart& part) { return part.tensor->bytes * cost_of_byte(*part.tensor); });
  return all;
}

std::string which_are(const Model& model, Bytes looked_at) {
  if (model.weight_bytes() <= looked_at) return "although all weights are";
  return fmt::format("although the first {} of {} of weights are, the tensors that are read quickest first; no more was looked at",
                     format_bytes(looked_at), format_bytes(model.weight_bytes()));
}

}  // namespace

Error not_finite(const Model& model, const CancelToken* cancel, Bytes most) {
  const Checkpoint& checkpoint = model.checkpoint();
  std::uint64_t left = most.count;
  Bytes looked_at;
  Found largest;
  for (const BoundPart& part : parts_by_cost(model.binding())) {
    const std::uint64_t cost = cost_of_byte(*part.tensor);
    const std::uint64_t element = element_bytes(part.type);
    const std::uint64_t bytes = std::min(left / cost / element * element, part.tensor->bytes);
    const Result<Found> found = find_in(checkpoint, part, bytes, cancel);
    if (!found.ok()) return found.error();
    if (!std::isfinite(found->value)) {
      return Error{ErrorCode::corrupt_file,
                   fmt::format("the model's logits are no numbers, for tensor {} holds {}", printable(part.tensor->name, kShownText),
                               std::isinf(found->value) ? "infinity" : "NaN"),
                   place_of(checkpoint, *found), "download or save the checkpoint again"};
    }
    if (largest.part.tensor == nullptr || found->value > largest.value) largest = *found;
    left -= bytes * cost;
    looked_at += Bytes{bytes};
  }
  const TensorInfo* tensor = largest.part.tensor;
  return Error{ErrorCode::corrupt_file,
               fmt::format("the model's logits are no numbers (NaN or infinite), {}; the largest, {:.4g}, is in tensor {}",
                           which_are(model, looked_at), largest.value, tensor != nullptr ? printable(tensor->name, kShownText) : "none"),
               tensor != nullptr ? place_of(checkpoint, largest) : model.directory(),
               "if that is far too large, download the checkpoint again; else try --dtype float32"};
}

}  // namespace plimsoll
