#include "orders.hpp"

#include <cstdlib>
#include <cstring>

namespace bevel::emulation {

namespace {

class SettingsScope {
 public:
  SettingsScope() : saved_(settings()) {}
  ~SettingsScope() { settings() = saved_; }
  SettingsScope(const SettingsScope&) = delete;
  SettingsScope& operator=(const SettingsScope&) = delete;

 private:
  const Settings saved_;
};

using Bytes = std::vector<std::byte>;

std::vector<Bytes> copy_of(const std::vector<Output>& outputs) {
  std::vector<Bytes> copies;
  for (const Output& output : outputs) {
    const auto* begin = static_cast<const std::byte*>(output.data);
    copies.emplace_back(begin, begin + output.bytes);
  }
  return copies;
}

void restore(const std::vector<Output>& outputs, const std::vector<Bytes>& copies) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].bytes > 0) std::memcpy(outputs[i].data, copies[i].data(), outputs[i].bytes);
  }
}

void compare(const std::vector<Output>& outputs, const std::vector<Bytes>& expected,
             const std::string& order) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto* actual = static_cast<const std::byte*>(outputs[i].data);
    size_t different = 0, first = 0;
    for (size_t at = outputs[i].bytes; at-- > 0;) {
      if (actual[at] == expected[i][at]) continue;
      ++different;
      first = at;
    }
    if (different > 0) {
      throw Fault(FaultKind::kOrderDependent,
                  std::string(to_string(FaultKind::kOrderDependent)) + ": '" + outputs[i].name +
                      "' differs in " + std::to_string(different) + " of " +
                      std::to_string(outputs[i].bytes) + " bytes, the first at " + std::to_string(first) +
                      ", between order forward and order " + order);
    }
  }
}

}  // namespace

uint64_t random_seed() {
  const char* text = std::getenv("BEVEL_EMULATION_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 20251;
}

void run_in_order(Order order, const std::function<void()>& run) {
  const SettingsScope scope;
  settings().order = order;
  settings().seed = random_seed();
  run();
}

void run_in_all_orders(const std::function<void()>& run, const std::vector<Output>& outputs) {
  const std::vector<Bytes> before = copy_of(outputs);
  run_in_order(Order::kForward, run);
  const std::vector<Bytes> expected = copy_of(outputs);
  for (Order order : {Order::kReverse, Order::kRandom}) {
    restore(outputs, before);
    run_in_order(order, run);
    compare(outputs, expected,
            order == Order::kRandom ? "random (seed " + std::to_string(random_seed()) + ")"
                                    : std::string("reverse"));
  }
}

}  // namespace bevel::emulation
