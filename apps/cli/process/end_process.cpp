#include "process/end_process.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

/// A descriptor of a process, which no later process of the same number can take the place of.
class ProcessDescriptor {
 public:
  explicit ProcessDescriptor(std::int64_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0))) {}
  ProcessDescriptor(const ProcessDescriptor&) = delete;
  ProcessDescriptor& operator=(const ProcessDescriptor&) = delete;
  ~ProcessDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  int signal(int number) const { return static_cast<int>(::syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0)); }

 private:
  int fd_;
};

Error refused(const ProcessStatus& process, std::string what) {
  return Error{ErrorCode::usage, std::move(what), fmt::format("process {}", process.pid)};
}

}  // namespace

Status end_process(Os& os, const ProcessStatus& process) {
  if (process.start == 0) return refused(process, "nothing is known about this process here");
  if (!process.own) return refused(process, fmt::format("it belongs to {}, not to you", process.user));
  const ProcessDescriptor descriptor(process.pid);
  const bool no_descriptors = !descriptor.ok() && errno == ENOSYS;
  const ProcessStatus now = describe_process(os, process.pid);
  if ((!descriptor.ok() && !no_descriptors) || now.start != process.start || !now.own) return refused(process, "it is gone");
  const int done = no_descriptors ? ::kill(static_cast<pid_t>(process.pid), SIGTERM) : descriptor.signal(SIGTERM);
  if (done == 0) return {};
  const int code = errno;
  return refused(process, std::string("it cannot be signalled: ") + std::strerror(code));
}

}  // namespace plimsoll::cli
