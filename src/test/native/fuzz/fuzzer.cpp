#include "fuzzer.hpp"

#include <csignal>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <sys/time.h>

#include "core/sixteen_bit.hpp"

namespace bevel::fuzz {
namespace {

constexpr int64_t kHuge[] = {(int64_t{1} << 31) - 1, int64_t{1} << 31, (int64_t{1} << 31) + 1,
                             int64_t{1} << 32,       int64_t{1} << 40, int64_t{1} << 61,
                             int64_t{1} << 62,       INT64_MAX - 1,    INT64_MAX};
constexpr int64_t kSmall[] = {0, 1, 2, 3, 5, 16, 17};
/// Memory of one tensor at most.
constexpr int64_t kMostBytes = 1 << 20;

char where[256];

void report_and_die(int signal) {
  const char* what = signal == SIGPROF ? "took more than a second" : "crashed";
  char line[400];
  const int length = std::snprintf(line, sizeof line, "FUZZ: %s %s\n", what, where);
  static_cast<void>(!write(2, line, static_cast<size_t>(length)));
  std::signal(signal, SIG_DFL);
  raise(signal);
}

/// Of processor time, so that a machine that is busy with other things does not fail the test.
void limit_time(bool on) {
  itimerval timer = {};
  timer.it_value.tv_sec = on ? 1 : 0;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error(what + " (" + where + ")"); }

int64_t extent_of(const std::string& token, Draw& d) {
  const size_t choice = token.find('|');
  if (choice != std::string::npos) {
    return extent_of(d.chance(0.5) ? token.substr(0, choice) : token.substr(choice + 1), d);
  }
  uint64_t product = 1;  // may wrap: a hostile caller's does
  std::istringstream factors(token);
  for (std::string factor; std::getline(factors, factor, '*');) {
    product *= static_cast<uint64_t>(std::isdigit(factor[0]) ? std::stoll(factor) : d.symbols.at(factor));
  }
  return static_cast<int64_t>(product);
}

int64_t bits_of(DLDataType type) { return type.bits; }

template <class T, size_t N>
T any_of(const T (&values)[N], Draw& d) {
  return values[d.below(N)];
}

DLDataType dtype_of(Type type, Draw& d) {
  const bool is_double = d["is_double"];
  const DLDataType storages[] = {{kDLFloat, 32, 1}, {kDLBfloat, 16, 1}, {kDLFloat, 16, 1}};
  switch (type) {
    case Type::kValue:
    case Type::kOther:
    case Type::kThird:
      return is_double ? DLDataType{kDLFloat, 64, 1}
                       : storages[d["storage" + std::to_string(static_cast<int>(type))]];
    case Type::kExact:
      return is_double ? DLDataType{kDLFloat, 64, 1} : DLDataType{kDLFloat, 32, 1};
    case Type::kPrecision:
      return {kDLFloat, static_cast<uint8_t>(d["wide"] ? 64 : 32), 1};
    case Type::kInt32:
      return {kDLInt, 32, 1};
    case Type::kByte:
      return {kDLUInt, 8, 1};
  }
  return {};
}

/// A number in [−1, 1), or now and then, where `wild`, one that is none or has no end.
void put_number(char* at, DLDataType type, Draw& d, bool wild) {
  double value = std::uniform_real_distribution<double>(-1, 1)(d.random);
  if (wild && d.chance(1.0 / 12)) {
    const double odd[] = {__builtin_nan(""),
                          -__builtin_nan(""),
                          __builtin_inf(),
                          -__builtin_inf(),
                          1e30,
                          -1e30,
                          0.0,
                          -0.0,
                          1e-42};
    value = any_of(odd, d);
  }
  const float narrowed = static_cast<float>(value);
  if (type.bits == 64) {
    std::memcpy(at, &value, 8);
  } else if (type.bits == 32) {
    std::memcpy(at, &narrowed, 4);
  } else if (type.code == kDLBfloat) {
    const Bfloat16 bits = narrow<Bfloat16>(narrowed);
    std::memcpy(at, &bits, 2);
  } else {
    const Float16 bits = narrow<Float16>(narrowed);
    std::memcpy(at, &bits, 2);
  }
}

/// run(byte offset) of each element of a tensor as it was laid out.
template <class Run>
void for_each_element(const DrawnTensor& t, Run run) {
  if (t.elements() == 0) return;
  const int64_t bytes = bits_of(t.view.dtype) / 8;
  std::vector<int64_t> strides = t.strides;
  if (!t.view.strides) {
    int64_t stride = 1;
    for (size_t i = strides.size(); i-- > 0; stride *= t.shape[i]) strides[i] = stride;
  }
  std::vector<int64_t> index(t.shape.size(), 0);
  for (;;) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
    run(at * bytes);
    size_t i = index.size();
    while (i > 0 && ++index[i - 1] == t.shape[i - 1]) index[--i] = 0;
    if (i == 0) return;
  }
}

}  // namespace

void install_handlers() {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) std::signal(signal, report_and_die);
}

void Fuzzer::draw_symbols() {
  d_["is_double"] = d_.chance(0.15);
  d_["wide"] = d_.chance(0.3);
  d_["last"] = d_.chance(0.5);
  d_["wild"] = d_.chance(0.3);
  for (int i = 0; i < 3; ++i) d_["storage" + std::to_string(i)] = d_.below(3);
  std::vector<std::string> free;
  for (const Symbol& s : op_.symbols) {
    // The smallest are drawn often: they are where an extent of 1 or 0 hides.
    const int64_t top = d_.chance(0.4) ? std::min(s.high, s.low + 2) : s.high;
    d_[s.name] = s.low + d_.below(top - s.low + 1);
    if (!s.derived) free.push_back(s.name);
  }
  if (d_.chance(0.15) && !free.empty()) {
    sound_ = false;
    // A product that passes all bounds, and often a zero beside it that would hide it.
    d_[free[static_cast<size_t>(d_.below(static_cast<int64_t>(free.size())))]] = any_of(kHuge, d_);
    if (d_.chance(0.3))
      d_[free[static_cast<size_t>(d_.below(static_cast<int64_t>(free.size())))]] = any_of(kHuge, d_);
    if (d_.chance(0.8)) d_[free[static_cast<size_t>(d_.below(static_cast<int64_t>(free.size())))]] = 0;
  }
  op_.derive(d_);
}

void Fuzzer::lay_out(DrawnTensor& t) {
  const size_t rank = t.shape.size();
  const bool last = d_["last"] && t.line->shape_last;
  const int free = last && t.line->free_last >= 0 ? t.line->free_last : t.line->free;
  t.strides.assign(rank, 1);
  uint64_t stride = 1;
  // Free dimensions may stand in any order, with gaps; what is only read may even coincide.
  std::vector<size_t> order;
  for (size_t i = rank; i-- > 0;) order.push_back(i);
  if (free > 1 && d_.chance(0.3)) std::shuffle(order.end() - free, order.end(), d_.random);
  for (const size_t i : order) {
    const bool is_free = static_cast<int>(i) < free;
    if (is_free && d_.chance(0.2)) stride += static_cast<uint64_t>(d_.below(9));
    t.strides[i] = static_cast<int64_t>(stride);
    stride *= static_cast<uint64_t>(std::max<int64_t>(t.shape[i], 1));
    if (is_free && t.line->role == Role::kRead && d_.chance(0.1)) t.strides[i] = 0;
  }
}

void Fuzzer::draw_tensors() {
  for (const TensorLine& line : op_.tensors) {
    DrawnTensor t;
    t.line = &line;
    t.given = !d_.chance(line.left_out);
    std::istringstream tokens(d_["last"] && line.shape_last ? line.shape_last : line.shape);
    for (std::string token; tokens >> token;) t.shape.push_back(extent_of(token, d_));
    t.view.dtype = dtype_of(line.type, d_);
    t.view.device = {d_.chance(0.05) ? kDLCUDAHost : kDLCPU, 0};
    d_.tensors.push_back(std::move(t));
  }
  op_.choose(d_);
  for (DrawnTensor& t : d_.tensors) lay_out(t);
}

bool Fuzzer::lies(const DrawnTensor& t) const {
  if (!t.given) return false;
  if (t.view.ndim > static_cast<int64_t>(t.shape.size())) return true;
  __int128 low = 0, high = 0;
  for (int i = 0; i < t.view.ndim && t.view.shape; ++i) {
    const int64_t extent = t.view.shape[i];
    if (extent <= 0) return false;
    __int128 stride = t.view.strides ? t.view.strides[i] : 1;
    if (!t.view.strides) {
      for (int k = i + 1; k < t.view.ndim; ++k) {
        stride *= t.view.shape[k];
        if (stride > __int128{1} << 80) stride = __int128{1} << 80;
      }
    }
    (stride < 0 ? low : high) += stride * (extent - 1);
  }
  const int64_t bytes = std::max(t.view.dtype.bits / 8, 1);
  const char* at = static_cast<const char*>(t.view.data) + t.view.byte_offset;
  for (const DrawnTensor& owner : d_.tensors) {
    const __int128 before = at - owner.memory.data(), after = owner.memory.bytes() - before;
    if (owner.given && before + low * bytes >= 0 && (high + 1) * bytes <= after) return false;
  }
  return true;
}

void Fuzzer::allocate() {
  for (DrawnTensor& t : d_.tensors) {
    const int64_t element = bits_of(t.view.dtype) / 8;
    __int128 reach = 1;
    bool empty = false;
    for (size_t i = 0; i < t.shape.size(); ++i) {
      empty = empty || t.shape[i] <= 0;
      reach += static_cast<__int128>(t.shape[i] - 1) * t.strides[i];
      reach = std::min(reach, __int128{1} << 64);
    }
    const bool fits = reach > 0 && reach * element <= kMostBytes;
    const int64_t bytes = empty || !t.given ? 0 : fits ? static_cast<int64_t>(reach) * element : element;
    const int64_t alignment = std::string(t.line->name) == "reference" ? 2 * element
                              : t.line->role == Role::kWorkspace
                                  ? 64
                                  : std::max<int64_t>(element, std::string(t.line->name) == "plan" ? 8 : 1);
    t.memory = GuardedMemory(bytes, alignment, d_.chance(0.5));
    if (t.line->type == Type::kInt32 || t.line->type == Type::kByte) {
      for (int64_t i = 0; i < bytes; ++i)
        t.memory.data()[i] = t.line->type == Type::kByte ? static_cast<char>(d_.below(2)) : 0;
    } else {
      for (int64_t i = 0; i + element <= bytes; i += element) {
        put_number(t.memory.data() + i, t.view.dtype, d_, d_["wild"] != 0);
      }
    }
    t.view.data = bytes == 0 && d_.chance(0.5) ? nullptr : t.memory.data();
    t.view.ndim = static_cast<int32_t>(t.shape.size());
    t.view.shape = t.shape.data();
    bool compact = true;
    int64_t expected = 1;
    for (size_t i = t.shape.size(); i-- > 0;) {
      compact = compact && (t.shape[i] == 1 || t.strides[i] == expected);
      expected = static_cast<int64_t>(static_cast<uint64_t>(expected) * static_cast<uint64_t>(t.shape[i]));
    }
    t.view.strides = compact && d_.chance(0.5) ? nullptr : t.strides.data();
  }
}

void Fuzzer::write_pointers() {
  for (DrawnTensor& t : d_.tensors) {
    const DLTensor* pointer = t.given ? &t.view : nullptr;
    std::memcpy(d_.params.data() + t.line->offset, &pointer, sizeof pointer);
  }
}

void Fuzzer::harm_tensor(DrawnTensor& t) {
  const int64_t rank = static_cast<int64_t>(t.shape.size());
  const auto dimension = [&] { return static_cast<size_t>(d_.below(std::max<int64_t>(rank, 1))); };
  const auto extent = [&] { return d_.chance(0.5) ? any_of(kSmall, d_) : any_of(kHuge, d_); };
  switch (d_.below(14)) {
    case 0:
      t.given = !t.given;
      break;
    case 1:
      t.view.data = nullptr;
      break;
    case 2:
      t.view.shape = nullptr;
      break;
    case 3: {
      const int32_t ranks[] = {-1, 0, 1, 9, INT32_MAX, INT32_MIN, t.view.ndim - 1};
      t.view.ndim = any_of(ranks, d_);
      break;
    }
    case 4:
      if (rank) t.shape[dimension()] = extent();
      break;
    case 5:
      if (rank) t.shape[dimension()] = extent();
      if (rank) t.shape[dimension()] = 0;
      break;
    case 6:
      if (rank) t.shape[dimension()] = -extent();
      break;
    case 7: {
      const int64_t strides[] = {0, 1, -1, 7, INT64_MAX, INT64_MIN, int64_t{1} << 32, int64_t{1} << 61};
      t.view.strides = t.strides.data();
      if (rank) t.strides[dimension()] = any_of(strides, d_);
      break;
    }
    case 8: {
      const DLDataType types[] = {{kDLFloat, 32, 1},  {kDLFloat, 64, 1}, {kDLFloat, 16, 1},
                                  {kDLBfloat, 16, 1}, {kDLInt, 32, 1},   {kDLInt, 64, 1},
                                  {kDLUInt, 8, 1},    {kDLFloat, 32, 4}, {200, 255, 65535},
                                  {kDLComplex, 0, 0}, {kDLFloat, 8, 1}};
      t.view.dtype = any_of(types, d_);
      break;
    }
    case 9: {
      const DLDevice devices[] = {
          {kDLCUDA, 0}, {kDLCUDA, -1}, {kDLROCM, 0}, {static_cast<DLDeviceType>(99), 1}};
      t.view.device = any_of(devices, d_);
      break;
    }
    case 10: {
      const uint64_t offsets[] = {1, 2, 4, UINT64_MAX, UINT64_MAX - 63, uint64_t{1} << 63};
      t.view.byte_offset = any_of(offsets, d_);
      break;
    }
    case 11:
      t.view.data =
          d_.tensors[static_cast<size_t>(d_.below(static_cast<int64_t>(d_.tensors.size())))].view.data;
      break;
    case 12:
    case 13: {  // contents
      if (t.line->type != Type::kInt32 || t.memory.bytes() < 4) break;
      const int32_t words[] = {-1, 0, 1, INT32_MIN, INT32_MAX, 1 << 30, 255, 65536};
      for (int64_t times = d_.chance(0.2) ? t.memory.bytes() / 4 : 1; times > 0; --times) {
        int32_t& word = t.data<int32_t>()[d_.below(t.memory.bytes() / 4)];
        word = d_.chance(0.3)   ? word ^ (1 << d_.below(32))
               : d_.chance(0.5) ? any_of(words, d_)
                                : static_cast<int32_t>(d_.random());
      }
      break;
    }
  }
}

/// Of the call or, with 0, of the process.
void Fuzzer::ask_for_threads(int64_t threads) {
  if (op_.has_threads) std::memcpy(d_.params.data() + op_.struct_size - 8, &threads, sizeof threads);
}

void Fuzzer::harm() {
  if (d_.chance(0.03)) {
    sound_ = false;
    ask_for_threads(d_.chance(0.5) ? -d_.below(3) : any_of(kHuge, d_));
  }
  for (int64_t times = 1 + d_.below(2); times > 0; --times) {
    sound_ = false;
    if (!d_.tensors.empty() && d_.chance(0.8)) {
      harm_tensor(d_.tensors[static_cast<size_t>(d_.below(static_cast<int64_t>(d_.tensors.size())))]);
      continue;
    }
    if (op_.numbers.empty()) continue;
    const NumberLine& number =
        op_.numbers[static_cast<size_t>(d_.below(static_cast<int64_t>(op_.numbers.size())))];
    char* at = d_.params.data() + number.offset;
    const int32_t ints[] = {-1, 0, 1, 2, 3, 255, INT32_MIN, INT32_MAX, static_cast<int32_t>(d_.random())};
    const double doubles[] = {
        __builtin_nan(""), __builtin_inf(), -__builtin_inf(), 0, -1, 1e308, -1e308, 1e-320};
    const uint64_t sizes[] = {0, 1, 8, op_.struct_size - 8, op_.struct_size + 64, UINT64_MAX};
    if (number.kind == Number::kInt32) {
      const int32_t value = any_of(ints, d_);
      std::memcpy(at, &value, sizeof value);
    } else if (number.kind == Number::kInt64) {
      const int64_t value = d_.chance(0.5) ? any_of(kHuge, d_) : any_of(ints, d_);
      std::memcpy(at, &value, sizeof value);
    } else if (number.kind == Number::kDouble) {
      const double value = any_of(doubles, d_);
      std::memcpy(at, &value, sizeof value);
    } else {
      const uint64_t value = any_of(sizes, d_);
      std::memcpy(at, &value, sizeof value);
    }
  }
}

void Fuzzer::draw(int64_t set) {
  d_ = Draw();
  sound_ = honest_ = true;
  std::seed_seq seeds{static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32),
                      static_cast<uint32_t>(set), static_cast<uint32_t>(set >> 32)};
  d_.random.seed(seeds);
  d_.params.assign(op_.struct_size + 64, 0);  // a later caller's struct is larger
  const uint64_t size = op_.struct_size;
  std::memcpy(d_.params.data(), &size, sizeof size);
  draw_symbols();
  draw_tensors();
  allocate();
  bool whole = true;
  for (const DrawnTensor& t : d_.tensors) whole = whole && !lies(t);
  for (const auto& [name, value] : d_.symbols) whole = whole && value <= kMostBytes;
  op_.write_numbers(d_);
  write_pointers();
  if (whole) op_.fill(d_);
  if (d_.chance(0.5)) harm();
  write_pointers();
  for (const DrawnTensor& t : d_.tensors) {
    if (t.line->role != Role::kWorkspace && lies(t)) honest_ = false;
  }
  inputs_.clear();
  for (const DrawnTensor& t : d_.tensors) {
    inputs_.emplace_back(t.memory.data(), t.memory.data() + t.memory.bytes());
  }
}

void Fuzzer::poison(unsigned char byte) {
  for (DrawnTensor& t : d_.tensors) {
    if (t.line->role != Role::kRead)
      std::memset(t.memory.data(), byte, static_cast<size_t>(t.memory.bytes()));
  }
}

void Fuzzer::check_inputs() const {
  for (size_t i = 0; i < d_.tensors.size(); ++i) {
    const DrawnTensor& t = d_.tensors[i];
    if (!t.memory.slack_is_whole()) wrong(std::string("memory beside ") + t.line->name + " was written");
    if (t.line->role == Role::kRead &&
        std::memcmp(inputs_[i].data(), t.memory.data(), inputs_[i].size()) != 0) {
      wrong(std::string(t.line->name) + " was written, though it is only read");
    }
  }
}

void Fuzzer::check_untouched(unsigned char byte) const {
  for (const DrawnTensor& t : d_.tensors) {
    for (int64_t i = 0; t.line->role != Role::kRead && i < t.memory.bytes(); ++i) {
      if (static_cast<unsigned char>(t.memory.data()[i]) != byte) {
        wrong(std::string(t.line->name) + " was written by a call that was refused");
      }
    }
  }
}

void Fuzzer::check_written(unsigned char byte) const {
  bool empty = false;
  for (const DrawnTensor& t : d_.tensors) {
    empty = empty || (t.given && t.line->role != Role::kWorkspace && t.elements() == 0);
  }
  for (const DrawnTensor& t : d_.tensors) {
    if (t.line->role != Role::kWritten || !t.given) continue;
    const int64_t bytes = bits_of(t.view.dtype) / 8;
    std::vector<bool> element(static_cast<size_t>(t.memory.bytes()), false);
    for_each_element(t, [&](int64_t at) {
      for (int64_t i = 0; i < bytes; ++i) {
        element[static_cast<size_t>(at + i)] = true;
        if (empty && op_.zero_when_empty && t.memory.data()[at + i] != 0) {
          wrong(std::string(t.line->name) + " must be zero where another tensor is empty");
        }
      }
    });
    for (size_t i = 0; i < element.size(); ++i) {
      if (!element[i] && static_cast<unsigned char>(t.memory.data()[i]) != byte) {
        wrong(std::string("memory between the elements of ") + t.line->name + " was written");
      }
    }
  }
}

void Fuzzer::check_refusal(bevel_status status) const {
  const bool legal =
      status == BEVEL_INVALID_ARGUMENT || status == BEVEL_UNSUPPORTED || status == BEVEL_NO_CUDA;
  if (!legal) wrong("status " + std::to_string(status) + ": " + bevel_last_error());
  const std::string message = bevel_last_error();
  if (message.rfind(op_.name, 0) != 0 || message.find(": ") == std::string::npos)
    wrong("message without the operator's name: " + message);
}

/// False where the query is refused.
bool Fuzzer::query(int64_t& bytes) {
  bytes = 0;
  if (!op_.workspace) return true;
  bytes = -77;
  const bevel_status status = op_.workspace(d_.params.data(), &bytes);
  if (status == BEVEL_OK) {
    if (bytes < 0) wrong("the workspace query gave " + std::to_string(bytes));
    return true;
  }
  check_refusal(status);
  if (bytes != -77) wrong("the workspace query wrote bytes though it was refused");
  return false;
}

void Fuzzer::take_workspace(int64_t bytes) {
  for (DrawnTensor& t : d_.tensors) {
    if (t.line->role != Role::kWorkspace || !t.given) continue;
    if (t.shape.size() != 1 || t.view.shape == nullptr || t.view.byte_offset != 0) return;  // harmed
    t.memory = GuardedMemory(bytes, 64, d_.chance(0.5));
    t.view.data = t.memory.data();
    t.shape[0] = bytes;
  }
}

bevel_status Fuzzer::call(unsigned char byte, void* stream) {
  poison(byte);
  const bevel_status status = op_.run(d_.params.data(), stream);
  check_inputs();
  if (status == BEVEL_OK) {
    check_written(byte);
  } else {
    check_refusal(status);
    check_untouched(byte);
  }
  return status;
}

void Fuzzer::run(int64_t set) {
  std::snprintf(where, sizeof where,
                "in set %lld of %s; replay: BEVEL_FUZZ_SEED=%llu BEVEL_FUZZ_SET=%lld --gtest_filter='*%s*'",
                static_cast<long long>(set), op_.name, static_cast<unsigned long long>(seed_),
                static_cast<long long>(set), op_.name);
  limit_time(true);
  draw(set);
  ++tally_.sets;
  const bevel_instruction_set best = bevel_get_instruction_set();
  bevel_set_instruction_set(static_cast<bevel_instruction_set>(d_.below(best + 1)));
  bevel_set_num_threads(1);
  int64_t bytes = 0;
  for (const DrawnTensor& t : d_.tensors) {
    // What is read to be checked must be there; claims of more than an index can name are refused before.
    if (t.line->indices && lies(t)) {
      ++tally_.refused;
      bevel_set_instruction_set(best);
      limit_time(false);
      return;
    }
  }
  const bool queried = query(bytes);
  if (!honest_ || bytes > 64 * kMostBytes) {
    // The memory that is claimed is not there, so the call must not get further than its checks.
    if (op_.has_stream && op_.run(d_.params.data(), &bytes) == BEVEL_OK)
      wrong("a CPU call with a stream was taken");
    ++tally_.refused;
  } else {
    if (queried) take_workspace(bytes);
    const bevel_status status = call(0xab, nullptr);
    if (status != BEVEL_OK && sound_) wrong(std::string("a sound set was refused: ") + bevel_last_error());
    if (status == BEVEL_OK) {
      ++tally_.accepted;
      std::vector<std::vector<char>> first;
      for (const DrawnTensor& t : d_.tensors)
        first.emplace_back(t.memory.data(), t.memory.data() + t.memory.bytes());
      // Again from another state of all that is written, and by other threads: the same bits.
      const int64_t threads = 2 + d_.below(6);
      if (op_.has_threads && d_.chance(0.5)) {
        ask_for_threads(threads);
      } else {
        bevel_set_num_threads(static_cast<int32_t>(threads));
      }
      if (!query(bytes)) wrong("refused with another number of threads");
      take_workspace(bytes);
      if (call(0x54, nullptr) != BEVEL_OK) wrong(std::string("refused when repeated: ") + bevel_last_error());
      for (size_t i = 0; op_.writes_all && i < first.size(); ++i) {
        const DrawnTensor& t = d_.tensors[i];
        if (t.line->role != Role::kWritten || !t.given) continue;
        for_each_element(t, [&](int64_t at) {
          if (std::memcmp(first[i].data() + at, t.memory.data() + at, bits_of(t.view.dtype) / 8) != 0) {
            wrong(std::string(t.line->name) + " differs from run to run at byte " + std::to_string(at) +
                  ": not written, or by number of threads");
          }
        });
      }
      // What one thread needs is the least that is taken.
      ask_for_threads(1);
      bevel_set_num_threads(1);
      if (query(bytes) && bytes > 0 && d_.chance(0.3)) {
        take_workspace(bytes - 1);
        if (call(0xab, nullptr) == BEVEL_OK) wrong("a workspace that is too small was taken");
      }
    } else {
      ++tally_.refused;
    }
  }
  bevel_set_instruction_set(best);
  limit_time(false);
}

}  // namespace bevel::fuzz
