#include <array>

#include <plimsoll/doctor.h>

namespace plimsoll::doctor {

std::string_view source_name(Source source) {
  static constexpr std::array<std::string_view, 19> kNames = {
      "pytorch",   "cuda",         "nccl",   "jax",    "tensorflow", "onnxruntime", "llama.cpp", "vllm", "triton", "cupy",
      "deepspeed", "bitsandbytes", "ollama", "jetson", "systemd",    "kernel",      "slurm",     "hami", ""};
  return kNames[static_cast<std::size_t>(source)];
}

std::string_view phase_name(Phase phase) {
  static constexpr std::array<std::string_view, 6> kNames = {"", "loading", "activations", "kv_cache", "training", "start_up"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::string_view cause_name(Cause cause) {
  static constexpr std::array<std::string_view, 9> kNames = {"too_large",    "fragmentation", "other_process", "own_cap", "external_cap",
                                                             "driver_spill", "host_limit",    "not_vram",      "unknown"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string_view confidence_name(Confidence confidence) {
  static constexpr std::array<std::string_view, 3> kNames = {"high", "medium", "low"};
  return kNames[static_cast<std::size_t>(confidence)];
}

}  // namespace plimsoll::doctor
