#include "top/top_screen.h"

#include <algorithm>

#include <fmt/format.h>

#include "process/end_process.h"
#include "terminal/keys.h"
#include "terminal/screen.h"
#include "top/device_lines.h"
#include "top/top_view.h"

namespace plimsoll::cli {
namespace {

constexpr double kPatience = 3;  // seconds, for a look

/// What is on the screen, and what keys do to it.
class TopScreen {
 public:
  TopScreen(Context& context, const FitTable& fits, double pause) : context_(context), fits_(fits) { look_.pause = pause; }

  void add(const TopSample& sample) {
    sample_ = sample;
    sample_.fits = fits_.at(sample_);
    histories_.add("cpu", busy_share(sample_.memory));
    for (const DeviceStatus& device : sample_.report.devices) histories_.add(device.name, busy_share(device));
    seen_ = true;
  }

  bool draw(Screen& screen, double looking) {
    look_.rows = screen.rows();
    look_.hanging = looking > kPatience ? looking : 0;
    look_.prompt = prompt();
    follow();
    const Terminal terminal = screen.terminal();
    if (!seen_ && !look_.help) {
      const bool late = looking > kPatience;
      return screen.draw({late ? "plimsoll top: the first look takes long: the driver may hang; q quits" : "plimsoll top: looking..."});
    }
    return screen.draw(draw_top(sample_, histories_, look_, terminal));
  }

  /// False to leave.
  bool press(int key) {
    message_.clear();
    if (victim_) return answer(key);
    if (typing_) return type(key);
    if (look_.help) {
      look_.help = false;
      return key != 'q' && key != key_f10;
    }
    return key != 'q' && key != key_f10 && act(key);
  }

 private:
  std::string prompt() const {
    if (victim_) return fmt::format("Send SIGTERM to {} ({})? y/N", victim_->pid, victim_->command);
    if (typing_) return "Show only: " + look_.filter + "_";
    return message_;
  }

  // The selection follows its process, not its place.
  void follow() {
    const auto rows = process_rows(sample_, look_);
    if (chosen_) {
      const auto found = std::ranges::find_if(
          rows, [&](const ProcessRow& row) { return row.device == chosen_->device && row.process->pid == chosen_->pid; });
      if (found != rows.end()) look_.selected = static_cast<std::size_t>(found - rows.begin());
    }
    look_.selected = rows.empty() ? 0 : std::min(look_.selected, rows.size() - 1);
  }

  void choose(std::ptrdiff_t step) {
    const auto rows = process_rows(sample_, look_);
    if (rows.empty()) return;
    const auto last = static_cast<std::ptrdiff_t>(rows.size()) - 1;
    look_.selected = static_cast<std::size_t>(std::clamp(static_cast<std::ptrdiff_t>(look_.selected) + step, std::ptrdiff_t{0}, last));
    chosen_ = Chosen{rows[look_.selected].device, rows[look_.selected].process->pid};
  }

  void sort(SortBy by) {
    look_.sort = by;
    if (!chosen_) look_.selected = 0;
  }

  bool act(int key) {
    static constexpr std::ptrdiff_t kAll = 1'000'000;
    const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(look_.rows / 2, 1));
    switch (key) {
      case key_up: choose(-1); break;
      case key_down: choose(1); break;
      case key_page_up: choose(-page); break;
      case key_page_down: choose(page); break;
      case key_home: choose(-kAll); break;
      case key_end: choose(kAll); break;
      case 's':
      case '>':
      case key_f6: sort(static_cast<SortBy>((static_cast<std::size_t>(look_.sort) + 1) % kSorts)); break;
      case 'M': sort(SortBy::memory); break;
      case 'P': sort(SortBy::utilisation); break;
      case 'N': sort(SortBy::pid); break;
      case 'U': sort(SortBy::user); break;
      case 'C': sort(SortBy::command); break;
      case 'h':
      case '?':
      case key_f1: look_.help = true; break;
      case '/':
      case '\\':
      case key_f3:
      case key_f4: typing_ = true; break;
      case 'k':
      case key_f9: ask(); break;
      default: break;
    }
    return true;
  }

  void ask() {
    const auto rows = process_rows(sample_, look_);
    if (look_.selected >= rows.size()) return;
    const ProcessStatus& process = *rows[look_.selected].process;
    if (process.start == 0) message_ = fmt::format("Nothing is known about process {} here", process.pid);
    else if (!process.own) message_ = fmt::format("Process {} belongs to {}, not to you", process.pid, process.user);
    else victim_ = process;
  }

  bool answer(int key) {
    if (key == 'y' || key == 'Y') {
      const Status done = end_process(context_.os, *victim_);
      message_ = done.ok() ? fmt::format("SIGTERM sent to {}", victim_->pid) : message(done.error());
    }
    victim_.reset();
    return true;
  }

  bool type(int key) {
    static constexpr int kDelete = 0x7f;
    static constexpr int kBackspace = 0x08;
    if (key == '\r' || key == '\n') {
      typing_ = false;
    } else if (key == key_escape) {
      typing_ = false;
      look_.filter.clear();
    } else if (key == kDelete || key == kBackspace) {
      if (!look_.filter.empty()) look_.filter.pop_back();
    } else if (key >= ' ' && key < kDelete) {
      look_.filter += static_cast<char>(key);
    }
    return true;
  }

  struct Chosen {
    std::string device;
    std::int64_t pid;
  };

  Context& context_;
  const FitTable& fits_;
  TopLook look_;
  TopSample sample_;
  Histories histories_;
  bool seen_ = false;
  bool typing_ = false;
  std::optional<Chosen> chosen_;
  std::optional<ProcessStatus> victim_;
  std::string message_;
};

}  // namespace

Result<int> show_top(Context& context, const FitTable& fits, double pause) {
  static constexpr int kTick = 100;  // milliseconds, within which a new look is shown
  PLIMSOLL_TRY(Screen screen, Screen::open(context.signals.token()));
  PLIMSOLL_TRY(const auto sampler, Sampler::start(context.os, std::chrono::milliseconds(static_cast<std::int64_t>(pause * 1e3)),
                                                  [probe = std::make_shared<TopProbe>()] { return probe->look(); }));
  TopScreen top(context, fits, pause);
  while (!context.signals.token().cancelled() && !screen.gone()) {
    if (const auto sample = sampler->take()) top.add(*sample);
    if (!top.draw(screen, sampler->looking_for())) break;
    const auto key = screen.wait_key(kTick);
    if (key && !top.press(*key)) return 0;
  }
  // Leaving by Ctrl-C is an ordinary way to leave; by another signal it is not.
  return context.signals.exit_status() == 130 ? Result<int>(0) : Result<int>(context.signals.error());
}

}  // namespace plimsoll::cli
