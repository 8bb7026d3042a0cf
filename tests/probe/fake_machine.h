#pragma once

#include <string>

#include "support/fake_os.h"

namespace plimsoll::probe::testing {

using plimsoll::testing::FakeOs;

inline std::string lines(std::initializer_list<std::string> all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

/// A line of mountinfo for one cgroup mount.
inline std::string mount_line(const std::string& root, const std::string& point, const std::string& type, const std::string& options) {
  return "35 31 0:32 " + root + " " + point + " rw,relatime shared:9 master:1 - " + type + " " + type + " " + options;
}

inline std::string version1_mount(const std::string& controllers, const std::string& root = "/") {
  return mount_line(root, "/sys/fs/cgroup/" + controllers, "cgroup", "rw," + controllers);
}

inline std::string version2_mount(const std::string& root = "/", const std::string& point = "/sys/fs/cgroup") {
  return mount_line(root, point, "cgroup2", "rw,nsdelegate");
}

/// A host with 16 GiB, 10 GiB of it available, on which this process holds 100 MiB; no cgroups.
inline void add_host(FakeOs& os) {
  os.files["/proc/meminfo"] = lines({"MemTotal:       16777216 kB", "MemFree:         1048576 kB", "MemAvailable:   10485760 kB",
                                     "CommitLimit:     8388608 kB", "Committed_AS:    2097152 kB"});
  os.files["/proc/self/status"] =
      lines({"Name:\tplimsoll", "Pid:\t77", "VmSize:\t  512000 kB", "VmLck:\t       0 kB", "RssAnon:\t   81920 kB", "RssFile:\t    1024 kB",
             "RssShmem:\t   20480 kB", "VmData:\t  204800 kB"});
}

/// Charges a version 2 group with so many MiB of anonymous memory.
inline std::string version2_stat(int anonymous_mib, int file_mib = 0) {
  const std::string anonymous = std::to_string(std::int64_t{anonymous_mib} << 20);
  const std::string file = std::to_string(std::int64_t{file_mib} << 20);
  return lines({"anon " + anonymous, "file " + file, "kernel 0", "shmem 0", "inactive_anon " + anonymous, "active_anon 0",
                "inactive_file " + file, "active_file 0", "unevictable 0", "slab_reclaimable 0"});
}

/// The same for version 1: own figures are zero, those of the whole subtree count.
inline std::string version1_stat(int anonymous_mib, int file_mib = 0) {
  const std::string anonymous = std::to_string(std::int64_t{anonymous_mib} << 20);
  const std::string file = std::to_string(std::int64_t{file_mib} << 20);
  return lines({"cache 0", "rss 0", "shmem 0", "inactive_anon 0", "hierarchical_memory_limit 9223372036854771712", "total_cache " + file,
                "total_rss " + anonymous, "total_shmem 0", "total_inactive_anon " + anonymous, "total_active_anon 0",
                "total_inactive_file " + file, "total_unevictable 0"});
}

inline std::string mib_text(std::int64_t mib) { return std::to_string(mib << 20) + "\n"; }

}  // namespace plimsoll::probe::testing
