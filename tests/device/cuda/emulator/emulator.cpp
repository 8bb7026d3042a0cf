#include "emulator.h"

#include <csetjmp>
#include <memory>
#include <vector>

#include <ucontext.h>

namespace plimsoll::emulator {

Index block_index;
Index thread_index;

namespace {

constexpr std::size_t kStack = 64U << 10U;
constexpr unsigned kWarp = 32;

enum class State { ready, at_block, at_warp, done };

/// A thread of the block: a stack of its own, kept from block to block.
struct Fiber {
  std::unique_ptr<char[]> stack;
  ucontext_t context{};
  jmp_buf place{};
  bool begun = false;
  State state = State::done;
  Exchange exchange{};
};

std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<float> shared;
Fiber* current = nullptr;
jmp_buf scheduler;
ucontext_t scheduler_context;
void (*job)(const void*) = nullptr;
const void* job_argument = nullptr;

void leave(State state) {
  current->state = state;
  if (_setjmp(current->place) == 0) _longjmp(scheduler, 1);
}

void fiber_main() {
  for (;;) {
    job(job_argument);
    leave(State::done);
  }
}

void resume(Fiber& fiber, unsigned number) {
  current = &fiber;
  thread_index.x = number;
  if (_setjmp(scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  fiber.stack = std::make_unique<char[]>(kStack);
  ::getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  ::makecontext(&fiber.context, fiber_main, 0);
  ::swapcontext(&scheduler_context, &fiber.context);
}

/// Lets those of [begin, end) go on that wait at `where`, if all of them do that have not returned. Whether any went on.
bool release(unsigned begin, unsigned end, State where) {
  bool waits = false;
  for (unsigned i = begin; i < end; ++i) {
    if (fibers[i]->state != State::done && fibers[i]->state != where) return false;
    waits = waits || fibers[i]->state == where;
  }
  for (unsigned i = begin; waits && i < end; ++i) {
    if (fibers[i]->state == where) fibers[i]->state = State::ready;
  }
  return waits;
}

/// One warp as far as it comes without the others, which is what those must be ready for.
void run_warp(unsigned begin, unsigned end, bool backwards) {
  do {
    for (unsigned n = 0; n < end - begin; ++n) {
      const unsigned i = backwards ? end - 1 - n : begin + n;
      if (fibers[i]->state == State::ready) resume(*fibers[i], i);
    }
  } while (release(begin, end, State::at_warp));
}

bool run_block(unsigned threads, bool backwards) {
  for (unsigned i = 0; i < threads; ++i) fibers[i]->state = State::ready;
  do {
    for (unsigned n = 0; n < threads; n += kWarp) {
      const unsigned begin = backwards ? threads - kWarp - n : n;
      run_warp(begin, begin + kWarp, backwards);
    }
  } while (release(0, threads, State::at_block));
  for (unsigned i = 0; i < threads; ++i) {
    if (fibers[i]->state != State::done) return false;
  }
  return true;
}

}  // namespace

bool run_grid(unsigned grid_x, unsigned grid_y, unsigned threads, std::size_t shared_bytes, void (*body)(const void*),
              const void* argument) {
  while (fibers.size() < threads) fibers.push_back(std::make_unique<Fiber>());
  job = body;
  job_argument = argument;
  for (unsigned y = 0; y < grid_y; ++y) {
    for (unsigned x = 0; x < grid_x; ++x) {
      block_index = {x, y};
      shared.assign(shared_bytes / sizeof(float), 1e30F);  // what the block before left there is not to be relied on
      if (!run_block(threads, (x + y) % 2 != 0)) {
        fibers.clear();
        return false;
      }
    }
  }
  return true;
}

void synchronize_block() { leave(State::at_block); }
void synchronize_warp() { leave(State::at_warp); }
float* shared_memory() { return shared.data(); }
Exchange& exchange_of(unsigned thread) { return fibers[thread]->exchange; }

}  // namespace plimsoll::emulator
