#pragma once

#include <string>
#include <vector>

#include <plimsoll/plan.h>

#include "plan/stages/stages.h"

namespace plimsoll {

/// What a device map comes to for a program: who computes each block, and where its matrices are.
struct BlockPlace {
  std::int32_t device = 0;
  Home home = Home::device;
};
struct MappedBlocks {
  std::vector<BlockPlace> blocks;
  Home table = Home::device;  ///< of the word table, where it can be gathered
};

/// Follows a map of modules to tensors: the longest name that a tensor's begins with counts. "cpu" and "disk" say where weights are kept;
/// the first accelerator that the map names computes with them, the host where it names none. Fails with `usage` for devices and modules
/// that there are not, tensors without a device, and a block on several devices.
Result<MappedBlocks> follow_modules(const DeviceMap& map, const LayoutRequest& request, const std::vector<DeviceDescription>& devices);

/// Stages for `mapped`, consecutive blocks of a device in one, for a pass and precision; `ring` for those that stream.
std::vector<StageChoice> mapped_stages(const MappedBlocks& mapped, const LayoutRequest& request, const Candidate& shared,
                                       const RingShape& ring);

/// Whether any block or the word table is kept away from the device that computes.
bool streams(const MappedBlocks& mapped, const LayoutRequest& request);

}  // namespace plimsoll
