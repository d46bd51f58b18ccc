#include "fuzzer.hpp"

#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <sys/time.h>

namespace bevel::fuzz {
namespace {

constexpr int64_t kSmall[] = {0, 1, 2, 3, 5, 16, 17};

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

}  // namespace

void install_handlers() {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) std::signal(signal, report_and_die);
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
  d_ = draw_set(op_, seed_, set, {.huge = true, .wild = true, .empty = true});
  sound_ = d_.sound;
  honest_ = true;
  if (d_.chance(0.5)) harm();
  write_pointers(d_);
  for (const DrawnTensor& t : d_.tensors) {
    if (t.line->role != Role::kWorkspace && lies(d_, t)) honest_ = false;
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
    const int64_t bytes = t.view.dtype.bits / 8;
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
    if (t.line->indices && lies(d_, t)) {
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
    if (queried) take_workspace(d_, bytes);
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
      take_workspace(d_, bytes);
      if (call(0x54, nullptr) != BEVEL_OK) wrong(std::string("refused when repeated: ") + bevel_last_error());
      for (size_t i = 0; op_.writes_all && i < first.size(); ++i) {
        const DrawnTensor& t = d_.tensors[i];
        if (t.line->role != Role::kWritten || !t.given) continue;
        for_each_element(t, [&](int64_t at) {
          if (std::memcmp(first[i].data() + at, t.memory.data() + at, t.view.dtype.bits / 8) != 0) {
            wrong(std::string(t.line->name) + " differs from run to run at byte " + std::to_string(at) +
                  ": not written, or by number of threads");
          }
        });
      }
      // What one thread needs is the least that is taken.
      ask_for_threads(1);
      bevel_set_num_threads(1);
      if (query(bytes) && bytes > 0 && d_.chance(0.3)) {
        take_workspace(d_, bytes - 1);
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
