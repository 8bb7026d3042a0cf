#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace plimsoll::doctor {

/// What a phrase of a log may begin or prove. The first group begins messages; each has a reader (read_message.h). The second is evidence
/// of what the program was doing (trace.h). The third is context.
enum class Sign : std::uint8_t {
  out_of_memory,
  would_exceed,
  allocation_warning,
  internal_assert,
  cpu_allocator,
  cpu_asked,
  host_map,
  host_shared,
  shared_object,
  no_space,
  bus_error,
  capacity,
  buffer_limit,
  memory_summary,
  cublas_alloc,
  cudnn_alloc,
  nccl_allocation,
  out_of_resource,
  cache_flushes,
  jax_request,
  jax_trying,
  hbm_exceeded,
  tf_memory,
  tf_tensor,
  ort_available,
  ort_buffer,
  llama_allocating,
  llama_buffer,
  llama_unable,
  llama_host,
  llama_failed,
  vulkan_memory,
  vulkan_size,
  metal_memory,
  ollama_requires,
  ollama_system,
  ollama_layout,
  vllm_startup,
  vllm_no_blocks,
  vllm_length,
  vllm_old_length,
  oom,
  jetson_map,
  oom_kill,
  kernel_kill,
  oomd_kill,
  job_limit,
  sglang_share,
  python_memory,
  array_memory,
  bad_alloc,
  rust_memory,
  no_memory,
  ray_memory,
  earlyoom,
  killed,
  exit_status,

  loads,
  moves,
  loads_model,
  loads_to_cpu,
  starts_cuda,
  computes,
  attends,
  trains,
  fills_cache,
  captures,
  serves,
  starts_up,

  traceback,
  device_assert,
  root_cause,
  expandable_on,
  group_limit,
  ollama_plan,
  ollama_runner,
};
inline constexpr Sign kLastMessage = Sign::exit_status;
inline constexpr Sign kLastEvidence = Sign::starts_up;

/// A phrase without what is neither letter nor digit, in lower case: it is found however a log spaces, breaks or hyphenates it.
struct Phrase {
  std::string_view letters;
  Sign sign;
};
std::span<const Phrase> phrases();

/// Finds all phrases in one pass over the text, a table look-up a byte (Aho and Corasick, 1975). Immutable once made.
class PhraseTable {
 public:
  PhraseTable();

  /// Where a scan is; it goes on over line ends.
  using State = std::uint32_t;

  /// Calls `found(sign, end)` for each phrase that ends at text[end - 1].
  template <typename Found>
  State scan(State state, std::string_view text, Found&& found) const {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::size_t kind = classes_[static_cast<unsigned char>(text[i])];
      state = next_[state + kind];
      if (state < kEnds) continue;
      state -= kEnds;
      if (kind == kSkip) continue;
      for (State at = state / State{kClasses}; at != 0; at = shorter_[at]) {
        if (signs_[at] != kNoSign) found(static_cast<Sign>(signs_[at]), i + 1);
      }
    }
    return state;
  }

 private:
  // Letters and digits; what is passed over; what begins anew.
  static constexpr std::size_t kSkip = 36;
  static constexpr std::size_t kOther = 37;
  static constexpr std::size_t kClasses = 38;
  static std::size_t class_of(unsigned char byte);

  // A state is the place of its row; kEnds more where a phrase ends in it, or a shorter one does.
  static constexpr State kEnds = State{1} << 31U;
  static constexpr std::uint8_t kNoSign = 255;

  std::array<std::uint8_t, 256> classes_{};
  std::vector<State> next_;
  std::vector<std::uint8_t> signs_;  ///< by number of the state, as the next
  std::vector<State> shorter_;       ///< the longest proper suffix that is a state
};

}  // namespace plimsoll::doctor
