#include "tensors.h"

#include <array>

#include "target.h"

namespace plimsoll::fuzz {

void check_tensors(const Checkpoint& checkpoint, bool disjoint) {
  std::uint64_t end = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    const std::uint64_t size = checkpoint.file(tensor.file).size();
    require(tensor.bytes <= size && tensor.offset <= size - tensor.bytes, "a tensor lies within its file");
    require(!disjoint || tensor.offset >= end || tensor.bytes == 0, "tensors do not overlap");
    end = tensor.offset + tensor.bytes;
    std::uint64_t bits = file_type_bits(tensor.type);
    for (const std::int64_t dimension : tensor.shape) bits *= static_cast<std::uint64_t>(dimension);
    require(bits == tensor.bytes * 8, "a tensor's bytes are those of its shape");
    require(checkpoint.find(tensor.name) == &tensor, "a tensor is found by its name");
    std::array<std::byte, 1> last{};
    if (tensor.bytes > 0) require(checkpoint.read(tensor, tensor.bytes - 1, last).ok(), "the last byte can be read");
  }
}

}  // namespace plimsoll::fuzz
