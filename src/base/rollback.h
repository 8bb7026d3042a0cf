#pragma once

#include <utility>

namespace plimsoll {

/// Undoes what was done so far when its scope is left, by return or by exception, unless `keep` was called: for what is taken in steps,
/// all of them or none. `undo` does not throw.
template <typename Undo>
class Rollback {
 public:
  explicit Rollback(Undo undo) : undo_(std::move(undo)) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    if (!kept_) undo_();
  }
  void keep() { kept_ = true; }

 private:
  Undo undo_;
  bool kept_ = false;
};

}  // namespace plimsoll
