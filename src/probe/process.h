#pragma once

#include <string>
#include <string_view>

#include <plimsoll/device_status.h>
#include <plimsoll/os.h>

namespace plimsoll::probe {

/// The container that the paths of /proc/PID/cgroup speak of: the first twelve characters of its id, or an LXC name; empty if none.
std::string find_container(std::string_view groups);

/// True where /proc numbers processes as the kernel, and so the driver, does; false in a PID namespace, or when in doubt.
bool sees_host_processes(Os& os);

}  // namespace plimsoll::probe
