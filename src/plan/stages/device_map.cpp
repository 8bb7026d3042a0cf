#include "plan/stages/device_map.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "json/json_document.h"
#include "plan/candidates/residency.h"

namespace plimsoll {
namespace {

Error usage(std::string what, const std::string& where, std::string advice) {
  return Error{ErrorCode::usage, std::move(what), where, std::move(advice)};
}

/// Where a map says that a module is.
struct Target {
  std::int32_t device = 0;  ///< that is named; of "disk": none
  bool on_disk = false;
};

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Modules that transformers has and no tensor belongs to: maps of other programs name them.
bool is_without_weights(const std::string& module) {
  const std::string last = module.substr(module.find_last_of('.') + 1);
  return last.find("dropout") != std::string::npos || last.find("act") != std::string::npos;
}

class Follower {
 public:
  Follower(const DeviceMap& map, const Program& program, const Binding& binding, std::span<const DeviceDescription> devices)
      : map_(map), program_(program), binding_(binding), devices_(devices), used_(map.modules.size()) {}

  /// Whatever the devices are.
  Status check() {
    for (const auto& [module, device] : map_.modules) add(module, {});
    for (const Weight& weight : program_.weights) {
      for (const WeightPart& part : weight.parts) PLIMSOLL_CHECK(find_target(part.tensor));
    }
    return check_modules();
  }

  Result<MappedBlocks> follow() {
    for (const auto& [module, device] : map_.modules) {
      PLIMSOLL_TRY(const Target target, find_device(device));
      add(module, target);
      if (main_ == 0) main_ = target.device;
    }
    MappedBlocks mapped;
    table_ = gatherable_table(program_, binding_);
    for (const Block& block : program_.blocks) {
      PLIMSOLL_TRY(const BlockPlace place, follow_block(block, mapped));
      mapped.blocks.push_back(place);
    }
    PLIMSOLL_CHECK(check_modules());
    return mapped;
  }

 private:
  void add(const std::string& module, const Target& target) {
    numbers_.emplace(module, targets_.size());
    targets_.push_back(target);
  }

  Result<Target> find_device(const std::string& name) const {
    if (name == "disk") return Target{0, true};
    if (is_number(name)) {
      std::size_t number = 0;
      std::from_chars(name.data(), name.data() + name.size(), number);
      if (number + 1 < devices_.size()) return Target{static_cast<std::int32_t>(number + 1)};
    }
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      if (devices_[d].name == name) return Target{static_cast<std::int32_t>(d)};
    }
    std::string names = "disk";
    for (const DeviceDescription& device : devices_) names += ", " + device.name;
    return usage("there is no device " + printable(name), map_.source, "there are " + names + ", and accelerators by their number, from 0");
  }

  // Of the longest module that holds the tensor: "bert.encoder" holds "bert.encoder.layer.0.output.dense.weight", and "" everything.
  Result<Target> find_target(const std::string& tensor) {
    std::optional<std::size_t> found;
    const auto look_for = [&](std::string_view module) {
      const auto at = numbers_.find(module);
      if (at == numbers_.end()) return;
      used_[at->second] = true;
      if (!found) found = at->second;
    };
    look_for(tensor);
    for (std::size_t end = tensor.rfind('.'); end != std::string::npos && end > 0; end = tensor.rfind('.', end - 1))
      look_for(std::string_view(tensor).substr(0, end));
    look_for("");
    if (found) return targets_[*found];
    return usage("no module of the map holds " + tensor, map_.source, "give its module a device, or \"\": DEVICE for all that is left");
  }

  Result<BlockPlace> follow_block(const Block& block, MappedBlocks& mapped) {
    std::int32_t device = 0;
    bool on_cpu = false;
    bool on_disk = false;
    Target table;
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) {
        for (const WeightPart& part : program_.weights[static_cast<std::size_t>(id)].parts) {
          PLIMSOLL_TRY(const Target target, find_target(part.tensor));
          if (id == table_) table = target;
          if (target.device > 0 && device > 0 && target.device != device)
            return usage("the block " + block.name + " is on several devices", map_.source, "blocks are not divided: give it one device");
          device = std::max(device, target.device);
          if (!can_stream(program_.weights[static_cast<std::size_t>(id)], binding_.weights[static_cast<std::size_t>(id)])) continue;
          on_disk = on_disk || target.on_disk;
          on_cpu = on_cpu || (!target.on_disk && target.device == 0);
        }
      }
    }
    if (device == 0) device = main_;
    const auto home = [device](bool disk, bool cpu) { return disk ? Home::disk : cpu && device > 0 ? Home::host : Home::device; };
    if (!block.ops.empty() && table_ != kNone && &block == &program_.blocks.front())
      mapped.table = home(table.on_disk, !table.on_disk && table.device == 0);
    return BlockPlace{device, home(on_disk, on_cpu)};
  }

  Status check_modules() const {
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const std::string& module = map_.modules[i].first;
      if (used_[i] || is_without_weights(module)) continue;
      return usage("the model has no module " + printable(module), map_.source,
                   "its tensors are " + tensor(0) + " to " + tensor(program_.weights.size() - 1));
    }
    return {};
  }

  const std::string& tensor(std::size_t weight) const { return program_.weights[weight].parts.front().tensor; }

  const DeviceMap& map_;
  const Program& program_;
  const Binding& binding_;
  std::span<const DeviceDescription> devices_;
  std::vector<Target> targets_;
  std::map<std::string_view, std::size_t> numbers_;  // of modules
  std::vector<bool> used_;
  std::int32_t main_ = 0;
  WeightId table_ = kNone;
};

}  // namespace

Result<MappedBlocks> follow_modules(const DeviceMap& map, const LayoutRequest& request, const std::vector<DeviceDescription>& devices) {
  return Follower(map, *request.program, *request.binding, devices).follow();
}

Status check_device_map(const DeviceMap& map, const Model& model) try {
  return Follower(map, model.program(), model.binding(), {}).check();
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

bool streams(const MappedBlocks& mapped, const LayoutRequest& request) {
  for (const std::int64_t block : residency_order(*request.program, *request.binding)) {
    if (mapped.blocks[static_cast<std::size_t>(block)].home != Home::device) return true;
  }
  return false;
}

std::vector<StageChoice> mapped_stages(const MappedBlocks& mapped, const LayoutRequest& request, const Candidate& shared,
                                       const RingShape& ring) {
  const std::vector<bool> streamable = streamable_blocks(*request.program, *request.binding);
  std::vector<StageChoice> stages;
  for (std::size_t first = 0; first < mapped.blocks.size();) {
    const std::int32_t device = mapped.blocks[first].device;
    Candidate candidate = shared;
    candidate.device = device;
    std::vector<Home> homes;
    for (std::size_t b = first; b < mapped.blocks.size() && mapped.blocks[b].device == device; ++b) {
      homes.push_back(streamable[b] ? mapped.blocks[b].home : Home::device);
      candidate.streamed_blocks += homes.back() != Home::device ? 1 : 0;
      candidate.host_blocks += homes.back() == Home::host ? 1 : 0;
    }
    if (candidate.streamed_blocks > 0) {
      candidate.chunk_bytes = ring.chunk_bytes;
      candidate.slots = ring.slots;
    }
    if (first == 0) candidate.table = mapped.table;
    const auto count = std::ssize(homes);
    candidate.homes = std::make_shared<const std::vector<Home>>(std::move(homes));
    stages.push_back({static_cast<std::int64_t>(first), count, std::move(candidate)});
    first += static_cast<std::size_t>(count);
  }
  return stages;
}

Result<DeviceMap> read_device_map(Os& os, const std::string& path) try {
  auto document = JsonDocument::read(os, path);
  if (!document.ok()) {
    Error error = std::move(document).error();
    if (error.code == ErrorCode::unsupported) error.advice = "name larger modules: \"bert.encoder\" holds all of its layers";
    return error;
  }
  const JsonValue root = document->root();
  if (!root.is_object() || root.size() == 0)
    return usage("a device map is an object of modules and their devices", path, "write {\"bert.embeddings\": 0, \"\": \"cpu\"}");
  DeviceMap map{DeviceMap::Kind::modules, {}, path};
  for (const JsonValue module : root.children()) {
    std::string device;
    if (module.type() == JsonType::integer) {
      PLIMSOLL_TRY(const std::int64_t number, module.as_int(0, 1 << 20));
      device = std::to_string(number);
    } else {
      PLIMSOLL_TRY(device, module.as_string());
    }
    map.modules.emplace_back(module.key(), std::move(device));
  }
  return map;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
