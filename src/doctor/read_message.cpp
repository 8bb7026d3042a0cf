#include "doctor/read_message.h"

namespace plimsoll::doctor {

bool is_logged_alone(std::string_view before, std::string_view behind) {
  return (before.ends_with(":\"") || before.ends_with(": \"")) && (behind.starts_with("\\n") || behind.starts_with('"'));
}

bool is_event(std::string_view line, std::string_view name) {
  if (!line.ends_with(name)) return false;
  line.remove_suffix(name.size());
  return line.find_first_not_of(' ') == std::string_view::npos || line.ends_with("memory.events:") ||
         line.ends_with("memory.events.local:");
}

bool may_begin(Sign sign, std::string_view line, std::size_t at) {
  const std::string_view before = line.substr(0, at);
  const std::string_view behind = line.substr(at);
  // A line may begin in the middle of it.
  if (sign == Sign::oom)
    return before.ends_with(" OOM") || std::string_view("OOM").ends_with(before) || (is_event(before, "oom") && behind.starts_with(' '));
  if (sign == Sign::oom_kill) return behind != " 0" || !is_event(before, "oom_kill");
  if (sign != Sign::killed || before.ends_with("Killed")) return true;
  return before.ends_with("killed") && (before.starts_with("zsh:") || before.starts_with('['));
}

bool may_continue(Sign sign) {
  return sign == Sign::capacity || sign == Sign::cpu_asked || sign == Sign::hbm_exceeded || sign == Sign::array_memory ||
         sign == Sign::no_memory;
}

// The one list of what is recognised; phrases.cpp has the phrases.
std::optional<Message> read_message(Sign sign, const Place& place) {
  switch (sign) {
    case Sign::out_of_memory: return read_out_of_memory(place);
    case Sign::would_exceed:
    case Sign::allocation_warning:
    case Sign::internal_assert:
    case Sign::cpu_allocator:
    case Sign::cpu_asked:
    case Sign::host_map:
    case Sign::host_shared:
    case Sign::shared_object:
    case Sign::no_space:
    case Sign::bus_error:
    case Sign::capacity:
    case Sign::buffer_limit:
    case Sign::memory_summary: return read_pytorch(sign, place);
    case Sign::cublas_alloc:
    case Sign::cudnn_alloc:
    case Sign::nccl_allocation:
    case Sign::out_of_resource:
    case Sign::jetson_map:
    case Sign::oom: return is_event(place.line.substr(0, place.at), "oom") ? read_host(sign, place) : read_cuda(sign, place);
    case Sign::cache_flushes:
    case Sign::jax_request:
    case Sign::jax_trying:
    case Sign::hbm_exceeded:
    case Sign::tf_memory:
    case Sign::tf_tensor:
    case Sign::ort_available:
    case Sign::ort_buffer: return read_framework(sign, place);
    case Sign::llama_allocating:
    case Sign::llama_buffer:
    case Sign::llama_unable:
    case Sign::llama_host:
    case Sign::llama_failed:
    case Sign::vulkan_memory:
    case Sign::vulkan_size:
    case Sign::metal_memory:
    case Sign::ollama_requires:
    case Sign::ollama_system:
    case Sign::ollama_layout:
    case Sign::vllm_startup:
    case Sign::vllm_no_blocks:
    case Sign::vllm_length:
    case Sign::vllm_old_length:
    case Sign::sglang_share: return read_server(sign, place);
    case Sign::python_memory:
    case Sign::array_memory:
    case Sign::bad_alloc:
    case Sign::rust_memory:
    case Sign::no_memory:
    case Sign::ray_memory:
    case Sign::earlyoom: return read_program(sign, place);
    case Sign::oom_kill:
    case Sign::kernel_kill:
    case Sign::oomd_kill:
    case Sign::job_limit:
    case Sign::killed:
    case Sign::exit_status: return read_host(sign, place);
    default: return std::nullopt;
  }
}

}  // namespace plimsoll::doctor
