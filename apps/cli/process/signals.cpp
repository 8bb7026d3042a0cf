#include "process/signals.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

namespace plimsoll::cli {
namespace {

// A handler can only reach statics. All of these are lock-free or written before the handlers are installed.
CancelToken g_token;
volatile std::sig_atomic_t g_signal = 0;

struct Removable {
  volatile std::sig_atomic_t set = 0;
  std::array<char, 4096> path{};
};
// The results and the report.
std::array<Removable, 2> g_removable;

struct Restorable {
  volatile std::sig_atomic_t set = 0;
  termios settings{};
  std::string_view text;
};
Restorable g_restorable;

unsigned g_patience = 0;

[[noreturn]] void end_now(int signal) {
  for (const Removable& file : g_removable) {
    if (file.set != 0) ::unlink(file.path.data());
  }
  Signals::restore();
  ::_exit(128 + signal);
}

extern "C" void on_patience_end(int /*signal*/) { end_now(static_cast<int>(g_signal)); }

extern "C" void on_signal(int signal) {
  if (g_signal != 0) end_now(signal);
  g_signal = signal;
  g_token.cancel();
  if (g_patience == 0) return;
  struct sigaction action {};
  action.sa_handler = on_patience_end;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(g_patience);
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals(unsigned patience) {
  g_patience = patience;
  install(SIGPIPE, SIG_IGN);
  install(SIGXFSZ, SIG_IGN);
  install(SIGINT, on_signal);
  install(SIGTERM, on_signal);
  if (!is_ignored(SIGHUP)) install(SIGHUP, on_signal);
}

const CancelToken& Signals::token() const { return g_token; }

int Signals::exit_status() const { return 128 + (g_signal == 0 ? SIGINT : static_cast<int>(g_signal)); }

Error Signals::error(std::string_view advice) const {
  const char* name = g_signal == SIGTERM ? "SIGTERM" : g_signal == SIGHUP ? "SIGHUP" : "SIGINT";
  return Error{ErrorCode::cancelled, "stopped on request", name, std::string(advice)};
}

int Signals::remove_on_exit(const std::string& path) {
  for (std::size_t slot = 0; slot < g_removable.size(); ++slot) {
    Removable& file = g_removable[slot];
    if (file.set != 0 || path.size() >= file.path.size()) continue;
    std::memcpy(file.path.data(), path.c_str(), path.size() + 1);
    file.set = 1;
    return static_cast<int>(slot);
  }
  return -1;
}

void Signals::restore_on_exit(const termios& settings, std::string_view text) {
  g_restorable.set = 0;
  g_restorable.settings = settings;
  g_restorable.text = text;
  g_restorable.set = 1;
}

void Signals::restore() {
  if (g_restorable.set == 0) return;
  (void)!::write(STDOUT_FILENO, g_restorable.text.data(), g_restorable.text.size());
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_restorable.settings);
}

void Signals::nothing_to_restore() { g_restorable.set = 0; }

void Signals::keep(int slot) {
  if (slot >= 0) g_removable[static_cast<std::size_t>(slot)].set = 0;
}

}  // namespace plimsoll::cli
