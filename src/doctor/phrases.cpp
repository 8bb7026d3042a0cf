#include "doctor/phrases.h"

#include <deque>

namespace plimsoll::doctor {
namespace {

constexpr std::array kPhrases = {
    Phrase{"outofmemory", Sign::out_of_memory},
    Phrase{"wouldexceedallowedmemory", Sign::would_exceed},
    Phrase{"memoryallocationfailedwithoom", Sign::allocation_warning},
    Phrase{"internalassertfailed", Sign::internal_assert},
    Phrase{"defaultcpuallocator", Sign::cpu_allocator},
    Phrase{"torchnotenoughmemory", Sign::cpu_allocator},
    Phrase{"notenoughmemoryyoutriedtoallocate", Sign::cpu_asked},
    Phrase{"unabletommap", Sign::host_map},
    Phrase{"insufficientsharedmemoryshm", Sign::host_shared},
    Phrase{"workersareoutofsharedmemory", Sign::host_shared},
    Phrase{"unabletoopensharedmemoryobject", Sign::shared_object},
    Phrase{"nospaceleftondevice", Sign::no_space},
    Phrase{"iskilledbysignalbuserror", Sign::bus_error},
    Phrase{"hasatotalcapacityof", Sign::capacity},
    Phrase{"hasatotalcapactyof", Sign::capacity},
    Phrase{"totalcapacity", Sign::capacity},
    Phrase{"invalidbuffersize", Sign::buffer_limit},
    Phrase{"cudaooms", Sign::memory_summary},
    Phrase{"cublasstatusallocfailed", Sign::cublas_alloc},
    Phrase{"cublasstatusnotinitialized", Sign::cublas_alloc},
    Phrase{"cudnnstatusallocfailed", Sign::cudnn_alloc},
    Phrase{"failedtocuda", Sign::nccl_allocation},
    Phrase{"outofresource", Sign::out_of_resource},
    Phrase{"allocatorcacheflushes", Sign::cache_flushes},
    Phrase{"failedtoallocaterequestfor", Sign::jax_request},
    Phrase{"resourceexhaustedoutofmemorywhiletryingtoallocate", Sign::jax_trying},
    Phrase{"exceededhbmcapacityby", Sign::hbm_exceeded},
    Phrase{"failedtoallocatememoryop", Sign::tf_memory},
    Phrase{"oomwhenallocatingtensor", Sign::tf_tensor},
    Phrase{"issmallerthanrequestedbytesof", Sign::ort_available},
    Phrase{"memoryforrequestedbufferofsize", Sign::ort_buffer},
    Phrase{"cudamallocfailed", Sign::llama_allocating},
    Phrase{"bufferofsize", Sign::llama_buffer},
    Phrase{"unabletoallocate", Sign::llama_unable},
    Phrase{"insufficientmemoryattemptedtoallocate", Sign::llama_host},
    Phrase{"ofpinnedmemory", Sign::llama_host},
    Phrase{"failedtoallocatebuffersize", Sign::llama_buffer},
    Phrase{"failedtoallocatebufferforkvcache", Sign::llama_failed},
    Phrase{"failedtoallocatecomputebuffers", Sign::llama_failed},
    Phrase{"failedtoallocatecomputeppbuffers", Sign::llama_failed},
    Phrase{"failedtoallocatecomputetgbuffers", Sign::llama_failed},
    Phrase{"erroroutofdevicememory", Sign::vulkan_memory},
    Phrase{"devicememoryallocationofsize", Sign::vulkan_size},
    Phrase{"kiogpucommandbuffercallbackerroroutofmemory", Sign::metal_memory},
    Phrase{"requiresmoresystemmemory", Sign::ollama_requires},
    Phrase{"modelrequesttoolargeforsystem", Sign::ollama_system},
    Phrase{"memorylayoutcannotbeallocated", Sign::ollama_layout},
    Phrase{"insufficientmemoryrequiredallocations", Sign::ollama_layout},
    Phrase{"islessthandesiredgpumemoryutilization", Sign::vllm_startup},
    Phrase{"noavailablememoryforthecacheblocks", Sign::vllm_no_blocks},
    Phrase{"kvcacheisneeded", Sign::vllm_length},
    Phrase{"thatcanbestoredinkvcache", Sign::vllm_old_length},
    Phrase{"oom", Sign::oom},
    Phrase{"nvmapmemalloc", Sign::jetson_map},
    Phrase{"oomkill", Sign::oom_kill},
    Phrase{"killedprocess", Sign::kernel_kill},
    Phrase{"killprocess", Sign::kernel_kill},
    Phrase{"duetomemorypressurefor", Sign::oomd_kill},
    Phrase{"duetomemoryused", Sign::oomd_kill},
    Phrase{"exceededmemorylimit", Sign::job_limit},
    Phrase{"exceededjobmemorylimit", Sign::job_limit},
    Phrase{"exceededstepmemorylimit", Sign::job_limit},
    Phrase{"memfractionstatic", Sign::sglang_share},
    Phrase{"memoryerror", Sign::python_memory},
    Phrase{"foranarraywithshape", Sign::array_memory},
    Phrase{"stdbadalloc", Sign::bad_alloc},
    Phrase{"memoryallocationof", Sign::rust_memory},
    Phrase{"cannotallocatememory", Sign::no_memory},
    Phrase{"noderunninglowonmemory", Sign::ray_memory},
    Phrase{"killedduetomemorypressureoom", Sign::ray_memory},
    Phrase{"sendingsigtermtoprocess", Sign::earlyoom},
    Phrase{"sendingsigkilltoprocess", Sign::earlyoom},
    Phrase{"killed", Sign::killed},
    Phrase{"exitcode137", Sign::exit_status},
    Phrase{"exitedwithcode137", Sign::exit_status},
    Phrase{"exited137", Sign::exit_status},
    Phrase{"exitstatus137", Sign::exit_status},
    Phrase{"exitstatusof137", Sign::exit_status},
    Phrase{"exitcode9", Sign::exit_status},
    Phrase{"sigkill", Sign::exit_status},
    Phrase{"signal9", Sign::exit_status},
    Phrase{"signalkilled", Sign::exit_status},
    Phrase{"codekilledstatus9kill", Sign::exit_status},

    Phrase{"selfapply", Sign::moves},
    Phrase{"inapply", Sign::moves},
    Phrase{"inconvert", Sign::moves},
    Phrase{"returntto", Sign::loads},
    Phrase{"loadstatedict", Sign::loads},
    Phrase{"loadmodel", Sign::loads},
    Phrase{"loadweights", Sign::loads},
    Phrase{"loadtensors", Sign::loads},
    Phrase{"cachingallocatorwarmup", Sign::loads},
    Phrase{"torchload", Sign::loads},
    Phrase{"safetensorsloadfile", Sign::loads},
    Phrase{"setmoduletensortodevice", Sign::loads},
    Phrase{"frompretrained", Sign::loads_model},
    Phrase{"maplocationcpu", Sign::loads_to_cpu},
    Phrase{"cudainit", Sign::starts_cuda},
    Phrase{"softmax", Sign::attends},
    Phrase{"attention", Sign::attends},
    Phrase{"attnoutput", Sign::attends},
    Phrase{"flinear", Sign::computes},
    Phrase{"inforward", Sign::computes},
    Phrase{"conv2d", Sign::computes},
    Phrase{"torchmatmul", Sign::computes},
    Phrase{"layernorm", Sign::computes},
    Phrase{"backward", Sign::trains},
    Phrase{"optimizerstep", Sign::trains},
    Phrase{"optimpy", Sign::trains},
    Phrase{"adamwpy", Sign::trains},
    Phrase{"adampy", Sign::trains},
    Phrase{"ingenerate", Sign::fills_cache},
    Phrase{"modelgenerate", Sign::fills_cache},
    Phrase{"cacheutils", Sign::fills_cache},
    Phrase{"pastkeyvalue", Sign::fills_cache},
    Phrase{"catpastkey", Sign::fills_cache},
    Phrase{"selfkeycache", Sign::fills_cache},
    Phrase{"kvcacheinit", Sign::fills_cache},
    Phrase{"capturemodel", Sign::starts_up},
    Phrase{"graphcapture", Sign::captures},
    Phrase{"cudagraph", Sign::captures},
    Phrase{"vllm", Sign::serves},
    Phrase{"sglang", Sign::serves},
    Phrase{"enginecorefailedtostart", Sign::starts_up},
    Phrase{"determineavailablememory", Sign::starts_up},
    Phrase{"profilerun", Sign::starts_up},

    Phrase{"tracebackmostrecentcalllast", Sign::traceback},
    Phrase{"devicesideassert", Sign::device_assert},
    Phrase{"srcindexsrcselectdimsize", Sign::device_assert},
    Phrase{"tnclassesfailed", Sign::device_assert},
    Phrase{"indexoutofboundsfailed", Sign::device_assert},
    Phrase{"rootcausefirstobservedfailure", Sign::root_cause},
    Phrase{"expandablesegmentstrue", Sign::expandable_on},
    Phrase{"memoryusage", Sign::group_limit},
    Phrase{"memoryrequiredfull", Sign::ollama_plan},
    Phrase{"llamarunnerprocess", Sign::ollama_runner},
};

}  // namespace

std::span<const Phrase> phrases() { return kPhrases; }

std::size_t PhraseTable::class_of(unsigned char byte) {
  if (byte >= 'a' && byte <= 'z') return byte - std::size_t{'a'};
  if (byte >= 'A' && byte <= 'Z') return byte - std::size_t{'A'};
  if (byte >= '0' && byte <= '9') return 26 + byte - std::size_t{'0'};
  return byte < 0x80 ? kSkip : kOther;
}

PhraseTable::PhraseTable() {
  for (std::size_t byte = 0; byte < classes_.size(); ++byte)
    classes_[byte] = static_cast<std::uint8_t>(class_of(static_cast<unsigned char>(byte)));
  const auto add_state = [&] {
    next_.resize(next_.size() + kClasses, 0);
    signs_.push_back(kNoSign);
    shorter_.push_back(0);
    return static_cast<State>(signs_.size() - 1);
  };
  add_state();
  for (const Phrase& phrase : kPhrases) {
    State at = 0;
    for (const char c : phrase.letters) {
      const std::size_t slot = at * kClasses + class_of(static_cast<unsigned char>(c));
      if (next_[slot] == 0) {
        const State made = add_state();
        next_[slot] = made;
      }
      at = next_[slot];
    }
    signs_[at] = static_cast<std::uint8_t>(phrase.sign);
  }
  // Breadth first: a state's suffix is shorter, so it is complete before the state is reached.
  std::vector<bool> ends(signs_.size(), false);
  std::deque<State> order;
  for (std::size_t c = 0; c < kSkip; ++c) {
    if (next_[c] != 0) order.push_back(next_[c]);
  }
  while (!order.empty()) {
    const State at = order.front();
    order.pop_front();
    const State suffix = shorter_[at];
    ends[at] = signs_[at] != kNoSign || ends[suffix];
    for (std::size_t c = 0; c < kSkip; ++c) {
      State& child = next_[at * kClasses + c];
      const State fallback = next_[suffix * kClasses + c];
      if (child == 0) {
        child = fallback;
        continue;
      }
      shorter_[child] = fallback;
      order.push_back(child);
    }
    next_[at * kClasses + kSkip] = at;
  }
  for (State& state : next_) state = static_cast<State>(state * kClasses) + (ends[state] ? kEnds : 0);
}

}  // namespace plimsoll::doctor
