#include <algorithm>
#include <string_view>

#include "parts.hpp"

namespace bevel::operators {
namespace {

std::vector<Operator>& registered() {
  static std::vector<Operator> all;
  return all;
}

}  // namespace

Registration::Registration(const std::vector<Operator>& entry_points) {
  registered().insert(registered().end(), entry_points.begin(), entry_points.end());
}

const std::vector<Operator>& entry_points() {
  static const std::vector<Operator> sorted = [] {
    std::vector<Operator> all = registered();
    std::sort(all.begin(), all.end(), [](const Operator& a, const Operator& b) {
      return std::string_view(a.name) < std::string_view(b.name);
    });
    return all;
  }();
  return sorted;
}

}  // namespace bevel::operators
