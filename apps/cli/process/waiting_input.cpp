#include "process/waiting_input.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::cli {

bool input_is_waiting(int fd, int patience_ms) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return false;
  if (S_ISREG(info.st_mode)) return ::lseek(fd, 0, SEEK_CUR) < info.st_size;
  if (!S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode)) return false;
  pollfd waiting{fd, POLLIN, 0};
  // An end without bytes is readable too, on a socket.
  int bytes = 0;
  return ::poll(&waiting, 1, patience_ms) > 0 && ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace plimsoll::cli
