#include "status.hpp"

#include <cstdio>
#include <exception>
#include <new>

namespace bevel {
namespace {

thread_local char last_error[1024] = "";

}  // namespace

void fail(bevel_status status, const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Failure(status, text);
}

bevel_status remember(bevel_status status, const std::string& message) noexcept {
  std::snprintf(last_error, sizeof last_error, "%s", message.c_str());
  return status;
}

bevel_status remember_current_exception(const char* operator_name) noexcept {
  try {
    throw;
  } catch (const Failure& failure) {
    return remember(failure.status(), failure.message());
  } catch (const std::bad_alloc&) {
    std::snprintf(last_error, sizeof last_error, "%s: out of memory", operator_name);
    return BEVEL_OUT_OF_MEMORY;
  } catch (const std::exception& exception) {
    std::snprintf(last_error, sizeof last_error, "%s: internal error: %s", operator_name, exception.what());
    return BEVEL_INTERNAL;
  } catch (...) {
    std::snprintf(last_error, sizeof last_error, "%s: internal error", operator_name);
    return BEVEL_INTERNAL;
  }
}

}  // namespace bevel

const char* bevel_last_error(void) { return bevel::last_error; }
