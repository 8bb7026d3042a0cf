#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "terminal/graph.h"
#include "top/top_sample.h"

namespace plimsoll::cli {

/// How much of each device is shown.
struct DeviceDetail {
  bool details = true;    ///< a second line, or the end of a wide first one
  std::size_t graph = 0;  ///< lines of history
  bool remarks = true;
};

/// Share of the host's memory that is taken; of a device's; zero where that is unknown.
double busy_share(const HostMemory& memory);
double busy_share(const DeviceStatus& device);

/// A line, or more, that says what is unknown; broken at blanks and never cut.
void add_remark(std::vector<std::string>& lines, std::string_view remark, std::size_t indent, const Terminal& terminal);

/// The host, as lines of the screen.
std::vector<std::string> host_lines(const TopSample& sample, const Histories& histories, const DeviceDetail& detail,
                                    const Terminal& terminal);
std::vector<std::string> device_lines(const DeviceStatus& device, const Histories& histories, const DeviceDetail& detail,
                                      const Terminal& terminal);

}  // namespace plimsoll::cli
