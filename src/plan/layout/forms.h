#pragma once

#include <plimsoll/plan.h>

#include "model/binding.h"
#include "plan/candidates/candidate.h"
#include "plan/candidates/description.h"
#include "plan/layout/schedule.h"

namespace plimsoll {

struct StageValues;

struct LayoutRequest {
  const Program* program = nullptr;
  const Binding* binding = nullptr;
  const DeviceDescription* device = nullptr;  ///< that computes
  const DeviceDescription* host = nullptr;    ///< the same one where the host computes
  Workload workload;
  Bytes tables;                           ///< held by the model already
  std::uint64_t red_zone = 0;             ///< bytes left free behind every value and weight, for tests
  const StageValues* crossing = nullptr;  ///< of a stage: what it takes over and hands on; null: the program is whole
  bool is_accelerator() const { return device != host; }
};

/// All arena places begin at multiples of this.
inline constexpr std::uint64_t kPlaceAlignment = 64;
constexpr std::uint64_t align_place(std::uint64_t bytes) { return (bytes + kPlaceAlignment - 1) / kPlaceAlignment * kPlaceAlignment; }

/// Where the matrices that can stream of each of `blocks` blocks are; `order` is residency_order.
std::vector<Home> block_homes(const Candidate& candidate, const std::vector<std::int64_t>& order, std::size_t blocks);

/// A schedule with everything that needs no offset: form, home and bytes of each weight, type and shape of each value.
Schedule assign_forms(const LayoutRequest& request, const Candidate& candidate);

/// Bytes of one row of a weight as its file has it.
std::uint64_t stored_row_bytes(const Weight& weight, const std::vector<BoundPart>& parts);

}  // namespace plimsoll
