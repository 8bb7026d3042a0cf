#pragma once

#include <optional>
#include <utility>
#include <variant>

#include <plimsoll/error.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// A value or the Error that kept it from being made. Expected failures travel this way; nothing is thrown.
/// `value()` of a failed result and `error()` of a good one are programming errors and throw std::bad_variant_access.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  Error& error() & { return error_.value(); }
  const Error& error() const& { return error_.value(); }
  Error&& error() && { return std::move(error_).value(); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace plimsoll

#pragma GCC visibility pop

#define PLIMSOLL_JOIN_(a, b) a##b
#define PLIMSOLL_JOIN(a, b) PLIMSOLL_JOIN_(a, b)

/// Evaluates a Status or Result and returns its error from the enclosing function if it failed.
#define PLIMSOLL_CHECK(expression)                                                                             \
  do {                                                                                                         \
    if (auto plimsoll_status = (expression); !plimsoll_status.ok()) return std::move(plimsoll_status).error(); \
  } while (false)

/// `PLIMSOLL_TRY(auto x, make_x())`: x is the value, or the enclosing function returns the error.
#define PLIMSOLL_TRY(declaration, expression)                                                                               \
  auto PLIMSOLL_JOIN(plimsoll_result_, __LINE__) = (expression);                                                            \
  if (!PLIMSOLL_JOIN(plimsoll_result_, __LINE__).ok()) return std::move(PLIMSOLL_JOIN(plimsoll_result_, __LINE__)).error(); \
  declaration = std::move(PLIMSOLL_JOIN(plimsoll_result_, __LINE__)).value()
