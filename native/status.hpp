// Failures inside the library: thrown as Failure, turned into a status and a message at the ABI.
#pragma once

#include <cstdarg>
#include <string>

#include "bevel/base.h"

namespace bevel {

/// Carries a status and its message to the ABI function that was called.
class Failure {
 public:
  Failure(bevel_status status, std::string message) : status_(status), message_(std::move(message)) {}
  bevel_status status() const { return status_; }
  const std::string& message() const { return message_; }

 private:
  bevel_status status_;
  std::string message_;
};

/// printf into a Failure.
[[noreturn]] void fail(bevel_status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// Keeps the message for bevel_last_error() and returns the status.
bevel_status remember(bevel_status status, const std::string& message) noexcept;
/// Status of the exception in flight; called from a catch block.
bevel_status remember_current_exception(const char* operator_name) noexcept;

/// Runs the body of an ABI function: nothing thrown leaves it.
template <class Body>
bevel_status guarded(const char* operator_name, Body&& body) noexcept {
  try {
    body();
    return BEVEL_OK;
  } catch (...) {
    return remember_current_exception(operator_name);
  }
}

}  // namespace bevel
