#include "processors.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

namespace bevel {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

/// By that of the process, not of the calling thread.
int processors_by_affinity() {
  cpu_set_t processors;
  if (sched_getaffinity(getpid(), sizeof processors, &processors) == 0)
    return std::max(1, CPU_COUNT(&processors));
  // More processors than the mask holds.
  return static_cast<int>(std::max(1l, sysconf(_SC_NPROCESSORS_ONLN)));
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(by, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// None if it cannot be read.
std::vector<std::string> lines_of(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char some[4096];
    for (size_t read; (read = std::fread(some, 1, sizeof some, file)) > 0;) text.append(some, read);
    std::fclose(file);
  }
  return text.empty() ? std::vector<std::string>() : split(text, '\n');
}

bool contains(const std::vector<std::string>& parts, const char* wanted) {
  return std::find(parts.begin(), parts.end(), wanted) != parts.end();
}

/// Numbers of a file's first line; −1 for what is none, such as "max", or not there.
std::vector<double> numbers_of(const std::string& path) {
  std::vector<double> numbers(2, -1);
  const std::vector<std::string> lines = lines_of(path);
  if (lines.empty()) return numbers;
  const std::vector<std::string> words = split(lines[0], ' ');
  for (size_t i = 0; i < std::min(numbers.size(), words.size()); ++i) {
    char* end = nullptr;
    const double number = std::strtod(words[i].c_str(), &end);
    if (end != words[i].c_str() && *end == '\0') numbers[i] = number;
  }
  return numbers;
}

/// Processors by one cgroup's own quota.
double quota_of(const std::string& folder, bool version2) {
  double quota, period;
  if (version2) {
    const std::vector<double> numbers = numbers_of(folder + "/cpu.max");
    quota = numbers[0];
    period = numbers[1];
  } else {
    quota = numbers_of(folder + "/cpu.cfs_quota_us")[0];
    period = numbers_of(folder + "/cpu.cfs_period_us")[0];
  }
  return quota > 0 && period > 0 ? quota / period : kNoQuota;
}

/// Where a hierarchy of cgroups is mounted, and which of its groups stands there.
struct Mount {
  std::string point, group;
};

/// Of the hierarchy that holds the cpu controller; a line of mountinfo is
/// "36 35 98:0 /group /mount/point options … - type source options".
bool find_mount(const std::string& root, bool version2, Mount& mount) {
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const bool right =
        version2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && contains(split(dash[3], ','), "cpu");
    if (right) {
      mount = {fields[4], fields[3]};
      return true;
    }
  }
  return false;
}

/// The least quota of a cgroup and those that it stands in.
double quota_up_from(const std::string& root, const Mount& mount, std::string group, bool version2) {
  // In a container without a namespace of its own the group's path is the host's, and what is mounted is the
  // group itself.
  if (mount.group != "/" && group.compare(0, mount.group.size(), mount.group) == 0) {
    group.erase(0, mount.group.size());
  }
  if (group.find("..") != std::string::npos) group.clear();  // outside what can be seen here
  double least = kNoQuota;
  while (true) {
    least = std::min(least, quota_of(root + mount.point + (group == "/" ? "" : group), version2));
    if (group.empty() || group == "/") return least;
    group.erase(group.rfind('/'));
  }
}

double processors_by_quota(const std::string& root) {
  double least = kNoQuota;
  // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1; both may be mounted.
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version2 = controllers.empty();
    Mount mount;
    if ((version2 || contains(split(controllers, ','), "cpu")) && find_mount(root, version2, mount)) {
      least = std::min(least, quota_up_from(root, mount, line.substr(second + 1), version2));
    }
  }
  return least;
}

}  // namespace

Processors usable_processors(const std::string& root) {
  const int affinity = processors_by_affinity();
  const double quota = processors_by_quota(root);
  if (quota >= affinity) return {affinity, "the processors that this process may use"};
  char text[64];
  std::snprintf(text, sizeof text, "a cgroup quota of %.3g processors", quota);
  return {std::max(1, static_cast<int>(std::ceil(quota))), text};
}

}  // namespace bevel
