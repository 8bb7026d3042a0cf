#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "support/fake_os.h"

namespace plimsoll::testing {

/// A safetensors file of `header` and `data`; `length` is written instead of the header's own where given.
inline std::string safetensors_file(std::string_view header, std::string_view data, std::optional<std::uint64_t> length = std::nullopt) {
  const std::uint64_t n = length.value_or(header.size());
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(n >> (8 * i) & 0xFFU);
  return file.append(header).append(data);
}

/// Two float32 tensors, "bias" [3] and "weight" [3, 2], holding the bytes 0, 1, 2, ...
inline std::string small_file() {
  std::string data;
  for (int i = 0; i < 36; ++i) data += static_cast<char>(i);
  return safetensors_file(R"({"__metadata__":{"format":"pt"},"weight":{"dtype":"F32","shape":[3,2],"data_offsets":[12,36]},)"
                          R"("bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}   )",
                          data);
}

/// A ledger that no test here fills.
inline constexpr Bytes kAmple = mib(512);

}  // namespace plimsoll::testing
