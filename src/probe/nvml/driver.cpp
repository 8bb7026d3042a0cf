#include "probe/nvml/driver.h"

namespace plimsoll::nvml {
namespace {

std::string seconds(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

/// What can be done when the library is there and does not start.
Error start_error(Code code, std::chrono::milliseconds patience) {
  const auto error = [](ErrorCode kind, std::string what, std::string advice) {
    return Error{kind, std::move(what), "NVML", std::move(advice)};
  };
  switch (code) {
    case Code::version_mismatch:
      return error(ErrorCode::unsupported, "the driver's library and its kernel module are of different versions",
                   "reboot, or reload the nvidia modules");
    case Code::driver_not_loaded:
      return error(ErrorCode::not_found, "the driver is not loaded", "load the nvidia module, or do without a GPU");
    case Code::no_permission:
      return error(ErrorCode::not_found, "there is no permission to use the driver", "check the permissions of /dev/nvidia*");
    case Code::unknown:
      return error(ErrorCode::io, "the driver answers with an unknown error",
                   "in a container this follows a `systemctl daemon-reload` on the host: restart the container");
    default: return error(ErrorCode::io, "the driver does not start: " + reason(code, patience), "see nvidia-smi and the kernel's log");
  }
}

}  // namespace

std::string reason(Code code, std::chrono::milliseconds patience) {
  switch (code) {
    case Code::late: return "the driver did not answer within " + seconds(patience);
    case Code::not_made: return "not asked, for the driver hangs or no thread can be started";
    case Code::no_memory: return "there is no memory for the answer";
    case Code::not_supported: return "not supported by this device";
    case Code::no_permission: return "no permission";
    case Code::function_not_found: return "this driver has no such call";
    case Code::insufficient_power: return "a power cable is missing";
    case Code::gpu_is_lost: return "the device has fallen off the bus";
    case Code::reset_required: return "the device needs a reset";
    case Code::no_data: return "no data yet";
    case Code::corrupted_inforom: return "the device's own records are corrupt";
    case Code::irq_issue: return "the device's interrupts do not arrive";
    default: return "the driver answers with error " + std::to_string(static_cast<int>(code));
  }
}

Status Driver::start(const std::string& name, std::chrono::milliseconds patience) {
  struct Loaded {
    Result<std::shared_ptr<Library>> library = Error{};
    Functions functions;
    int code = 0;
  };
  auto loaded = std::make_shared<Loaded>();
  Os* os = &os_;
  const auto outcome = caller_.call(
      [loaded, name, os] {
        loaded->library = os->load_library(name);
        if (!loaded->library.ok()) return;
        loaded->functions = find_functions(**loaded->library);
        const Functions& f = loaded->functions;
        const bool complete = f.init != nullptr && f.count != nullptr && f.handle_by_index != nullptr;
        loaded->code = complete ? f.init() : static_cast<int>(Code::function_not_found);
      },
      patience);
  if (outcome == DeadlineCaller::Outcome::not_made && caller_.stuck() == 0)
    return Error{ErrorCode::io, "no thread can be started to ask the driver", "NVML",
                 "raise the limits on processes (ulimit -u, pids.max)"};
  if (outcome == DeadlineCaller::Outcome::no_memory) return heap_exhausted();
  if (outcome != DeadlineCaller::Outcome::done)
    return start_error(outcome == DeadlineCaller::Outcome::late ? Code::late : Code::not_made, patience);
  PLIMSOLL_TRY(library_, std::move(loaded->library));
  functions_ = loaded->functions;
  if (loaded->code != 0) return start_error(Code{loaded->code}, patience);
  started_ = true;
  return {};
}

Driver::~Driver() {
  if (!started_ || functions_.shutdown == nullptr || caller_.stuck() > 0) return;
  try {
    int unused = 0;
    static_cast<void>(ask(true, unused, [shutdown = functions_.shutdown](int&) { return shutdown(); }));
  } catch (...) {
    // The heap has nothing for the call: the library ends with the process.
  }
}

}  // namespace plimsoll::nvml
