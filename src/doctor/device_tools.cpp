#include "doctor/device_tools.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace plimsoll::doctor {
namespace {

struct Maker {
  std::string_view name;    ///< in PyTorch's messages
  std::string_view prefix;  ///< of Figures::device
  DeviceTools tools;
};

constexpr std::string_view kGroupCaps = "cat /sys/fs/cgroup/dmem.max";

constexpr std::array<Maker, 4> kMakers = {
    {{"CUDA",
      "cuda",
      {"cuda", "PYTORCH_CUDA_ALLOC_CONF", "nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv",
       "env | grep -E 'CUDA_MPS|CUDA_DEVICE_MEMORY'; cat /sys/fs/cgroup/dmem.max"}},
     {"HIP", "hip", {"cuda", "PYTORCH_HIP_ALLOC_CONF", "rocm-smi --showpids --showmeminfo vram", kGroupCaps}},
     {"XPU", "xpu", {"xpu", "PYTORCH_ALLOC_CONF", "xpu-smi ps", kGroupCaps}},
     {"NPU", "npu", {"npu", "PYTORCH_NPU_ALLOC_CONF", "npu-smi info", kGroupCaps}}}};

}  // namespace

std::string DeviceTools::call(std::string_view function) const { return fmt::format("torch.{}.{}", device, function); }

const DeviceTools& tools_of(const Message& message) {
  const auto* const found = std::ranges::find_if(
      kMakers, [&](const Maker& maker) { return message.name == maker.name || message.figures.device.starts_with(maker.prefix); });
  return found == kMakers.end() ? kMakers.front().tools : found->tools;
}

}  // namespace plimsoll::doctor
