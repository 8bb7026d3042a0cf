#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <plimsoll/bytes.h>

namespace plimsoll::doctor {

/// What a model that many people load comes to, counted from its published configuration.
struct KnownModel {
  std::uint64_t parameters = 0;      ///< without a head
  std::uint64_t largest_tensor = 0;  ///< parameters of it
  bool classifies_here = false;      ///< `plimsoll run` takes it: BERT

  Bytes weights(std::uint64_t bytes_each) const { return Bytes{parameters * bytes_each}; }
  Bytes largest(std::uint64_t bytes_each) const { return Bytes{largest_tensor * bytes_each}; }
};

/// By its id, with or without an owner before it ("google-bert/bert-large-uncased").
std::optional<KnownModel> find_known_model(std::string_view id);

}  // namespace plimsoll::doctor
