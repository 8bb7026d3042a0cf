#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/device_status.h>

#include "probe/nvml/driver.h"

namespace plimsoll::nvml {

/// Reads one device, or one MIG instance, into its status. Once a call is late, or says that the device is gone, nothing more is asked.
class DeviceReader {
 public:
  DeviceReader(Driver& driver, Handle device, DeviceStatus& status)
      : driver_(driver), f_(driver.functions()), device_(device), status_(status) {}

  void read_name();
  void read_memory();
  /// After the memory: what `groups`, folders of control groups, may have of it. Older drivers, and devices without limits, say nothing.
  void read_limits(std::span<const std::string> groups);
  /// Numbers, bytes and share of time; who they are is for others to find out.
  void read_processes();
  void read_health();
  /// Handles of its MIG instances; none where there are none. Sets `split`.
  std::vector<Handle> read_instances();
  /// Of a MIG instance: where it is on `parent`.
  void read_place(const std::string& parent);

  /// Adds a remark for each reason why something is unknown.
  void finish();
  /// The call that did not return, if one did not.
  const Returned& late() const { return late_; }

 private:
  template <typename T, typename Call>
  std::optional<T> get(std::string_view what, bool exists, Call call);
  template <typename Call>
  void get_text(std::string_view what, bool exists, std::uint32_t size, std::string& out, Call call);
  template <typename To>
  void get_number(std::string_view what, int (*function)(Handle, U32*), std::optional<To>& out);
  bool note(std::string_view what, Code code);
  bool judge(const MemoryV2& memory);
  void read_power();
  void read_pcie();
  void read_errors();
  template <typename Process>
  bool list(std::string_view what, int (*function)(Handle, U32*, Process*), int (*older)(Handle, U32*, ProcessV1*));
  void add_process(std::uint32_t pid, std::uint64_t used);
  void read_process_utilisation();

  Driver& driver_;
  const Functions& f_;
  Handle device_;
  DeviceStatus& status_;
  std::map<Code, std::string> unknown_;  // what, for each reason
  bool gone_ = false;
  Returned late_;
};

}  // namespace plimsoll::nvml
