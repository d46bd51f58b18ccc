// The number of threads through the C ABI: of the process and of a call, workspaces made for other numbers,
// many callers, settings that change beside calls, threads that cannot be had.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "deform_attn_case.hpp"
#include "deform_conv_case.hpp"
#include "failing_threads.hpp"
#include "multi_view_sample_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261130;

/// Memory of exactly so many bytes, with guards behind it.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : memory_({bytes + kGuard}) {
    std::memset(memory_.data() + bytes, 0x5a, kGuard);
    shape_[0] = bytes;
    view_ = *memory_.view();
    view_.shape = shape_;
  }
  DLTensor* view() { return &view_; }
  bool overrun() const {
    for (int64_t i = shape_[0]; i < shape_[0] + kGuard; ++i) {
      if (memory_[i] != 0x5a) return true;
    }
    return false;
  }

 private:
  static constexpr int64_t kGuard = 1 << 20;
  Tensor<uint8_t> memory_;
  int64_t shape_[1];
  DLTensor view_;
};

/// An operator that has a workspace: its calls, and the bits that it wrote.
struct Operator {
  const char* name;
  std::function<int64_t(int64_t threads)> workspace_bytes;
  std::function<bevel_status(int64_t threads, DLTensor* workspace)> run;
  std::function<std::string()> result;
};

template <class T>
std::string bits(const Tensor<T>& tensor) {
  return std::string(reinterpret_cast<const char*>(tensor.data()),
                     static_cast<size_t>(tensor.size()) * sizeof(T));
}

/// `params` is a function that makes them.
template <class Params, class Query, class Run>
Operator operator_of(const char* name, std::function<Params()> params, Query query, Run run,
                     std::function<std::string()> result) {
  return {name,
          [=](int64_t threads) {
            Params p = params();
            p.threads = threads;
            int64_t bytes = -1;
            EXPECT_BEVEL_OK(query(&p, &bytes));
            return bytes;
          },
          [=](int64_t threads, DLTensor* workspace) {
            Params p = params();
            p.threads = threads;
            p.workspace = workspace;
            return run(&p, nullptr);
          },
          result};
}

/// One of each kind of workspace.
class Operators {
 public:
  Operators() {
    plan_.build();
    splat_.forward();
    interval_plan_.build();
    interval_splat_.forward();
    all_ = {
        operator_of<bevel_lift_splat_forward_params>(
            "lift_splat_forward", [this] { return splat_.forward_params(); },
            bevel_lift_splat_forward_workspace, bevel_lift_splat_forward,
            [this] { return bits(splat_.out); }),
        operator_of<bevel_lift_splat_backward_params>(
            "lift_splat_backward", [this] { return splat_.backward_params(); },
            bevel_lift_splat_backward_workspace, bevel_lift_splat_backward,
            [this] { return bits(splat_.grad_depth) + bits(splat_.grad_context); }),
        operator_of<bevel_lift_splat_backward_params>(
            "lift_splat_backward by intervals", [this] { return interval_splat_.backward_params(); },
            bevel_lift_splat_backward_workspace, bevel_lift_splat_backward,
            [this] { return bits(interval_splat_.grad_depth) + bits(interval_splat_.grad_context); }),
        operator_of<bevel_deform_conv_forward_params>(
            "deform_conv_forward", [this] { return convolution_.forward_params(); },
            bevel_deform_conv_forward_workspace, bevel_deform_conv_forward,
            [this] { return bits(convolution_.out); }),
        operator_of<bevel_deform_conv_backward_params>(
            "deform_conv_backward", [this] { return convolution_.backward_params(); },
            bevel_deform_conv_backward_workspace, bevel_deform_conv_backward,
            [this] {
              return bits(convolution_.grad_input) + bits(convolution_.grad_offset) +
                     bits(convolution_.grad_weight) + bits(convolution_.grad_bias);
            }),
        operator_of<bevel_msda_backward_params>(
            "msda_backward", [this] { return attention_.msda_backward(); }, bevel_msda_backward_workspace,
            bevel_msda_backward,
            [this] {
              return bits(attention_.grad_value) + bits(attention_.grad_locations) +
                     bits(attention_.grad_weights);
            }),
        operator_of<bevel_deform_attn_backward_params>(
            "deform_attn_backward", [this] { return cameras_.fused_backward(); },
            bevel_deform_attn_backward_workspace, bevel_deform_attn_backward,
            [this] {
              return bits(cameras_.grad_value) + bits(cameras_.grad_locations) + bits(cameras_.grad_weights) +
                     bits(cameras_.grad_reference);
            }),
        operator_of<bevel_multi_view_sample_backward_params>(
            "multi_view_sample_backward", [this] { return views_.backward(); },
            bevel_multi_view_sample_backward_workspace, bevel_multi_view_sample_backward,
            [this] {
              return bits(*views_.grad_features[0]) + bits(views_.grad_points) + bits(views_.grad_weights);
            }),
    };
  }

  const std::vector<Operator>& all() const { return all_; }

 private:
  static ConvSizes conv_sizes() {
    ConvSizes s = {};
    s.batch = 2;
    s.channels = 24;
    s.height = 13;
    s.width = 17;
    s.outputs = 40;
    s.kernel_height = s.kernel_width = 3;
    return s;
  }
  static ViewSizes view_sizes() {
    ViewSizes s = {};
    s.batch = 2;
    s.cameras = 3;
    s.queries = 50;
    s.points = 2;
    s.channels = 20;
    s.levels = {{24, 40}};
    return s;
  }

  PlanCase plan_{{1, 2, 20, 6, 40, 12, 24, 24, 1}, {}};
  Call<float, Bfloat16, Bfloat16> splat_{plan_, {true, false, false, false}, kSeed};
  PlanCase interval_plan_{{1, 2, 20, 6, 40, 12, 24, 24, 1}, {.method = BEVEL_LIFT_SPLAT_INTERVALS}};
  Call<float> interval_splat_{interval_plan_, {true, false, false, false}, kSeed};
  ConvCase<float, float> convolution_{conv_sizes(), kSeed};
  AttentionCase<float, Bfloat16> attention_{msda(3, 37, 8, 32, 4, kOne), kSeed};
  AttentionCase<float, Bfloat16> cameras_{fused(msda(1, 13, 8, 32, 8, kFour), 3, 4, false, false, true, true),
                                          kSeed};
  ViewCase<float, Bfloat16> views_{view_sizes(), kSeed};
  std::vector<Operator> all_;
};

TEST(WorkspacesOfOtherNumbersOfThreads, GiveTheSameBitsAndAreNotOverrun) {
  for_each_instruction_set([] {
    Operators operators;
    for (const Operator& op : operators.all()) {
      SCOPED_TRACE(op.name);
      Workspace first(op.workspace_bytes(1));
      ASSERT_BEVEL_OK(op.run(1, first.view()));
      const std::string expected = op.result();
      for (int64_t made_for : {1, 2, 3, 7, 24}) {
        for (int64_t threads : {1, 2, 3, 5, 24, 4096}) {
          Workspace workspace(op.workspace_bytes(made_for));
          ASSERT_BEVEL_OK(op.run(threads, workspace.view())) << made_for << ", run on " << threads;
          ASSERT_FALSE(workspace.overrun()) << "made for " << made_for << ", run on " << threads;
          ASSERT_TRUE(op.result() == expected) << "made for " << made_for << ", run on " << threads;
        }
      }
    }
  });
}

TEST(WorkspacesOfOtherNumbersOfThreads, AreRefusedWhereTheyAreTooSmallForOne) {
  Operators operators;
  for (const Operator& op : operators.all()) {
    const int64_t least = op.workspace_bytes(1);
    ASSERT_GT(least, 64) << op.name;
    Workspace workspace(least - 64);
    EXPECT_EQ(op.run(1, workspace.view()), BEVEL_INVALID_ARGUMENT) << op.name;
    EXPECT_EQ(op.run(8, workspace.view()), BEVEL_INVALID_ARGUMENT) << op.name;
    EXPECT_FALSE(workspace.overrun()) << op.name;
  }
}

TEST(ThreadsOfACall, MustBeANumberOfThem) {
  Operators operators;
  for (const Operator& op : operators.all()) {
    Workspace workspace(op.workspace_bytes(0));
    EXPECT_BEVEL_OK(op.run(0, workspace.view()));
    EXPECT_BEVEL_OK(op.run(4096, workspace.view()));
    for (int64_t threads : {int64_t{-1}, int64_t{4097}, INT64_MAX, INT64_MIN}) {
      EXPECT_EQ(op.run(threads, workspace.view()), BEVEL_INVALID_ARGUMENT) << op.name;
      EXPECT_NE(std::string(bevel_last_error()).find(": threads must be 1 to 4096, got "), std::string::npos)
          << bevel_last_error();
    }
  }
}

/// Names of the process's threads.
int workers() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* task = readdir(tasks)) {
    std::string name;
    std::getline(std::ifstream(std::string("/proc/self/task/") + task->d_name + "/comm"), name);
    count += name.substr(0, 6) == "bevel-";
  }
  closedir(tasks);
  return count;
}

/// A worker has its name once it runs.
bool becomes(int expected) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (workers() != expected && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return workers() == expected;
}

/// Runs in a child, which has no worker yet; true if it ends with status 0.
template <class Body>
bool in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

ConvSizes wide() {
  ConvSizes s = {};
  s.batch = 4;
  s.channels = 16;
  s.height = 40;
  s.width = 40;
  s.outputs = 16;
  s.kernel_height = s.kernel_width = 3;
  return s;
}

bool run_forward(ConvCase<float, float>& c, int64_t threads) {
  bevel_deform_conv_forward_params p = c.forward_params();
  p.threads = threads;
  int64_t bytes = 0;
  if (bevel_deform_conv_forward_workspace(&p, &bytes) != BEVEL_OK) return false;
  Workspace workspace(bytes);
  p.workspace = workspace.view();
  return bevel_deform_conv_forward(&p, nullptr) == BEVEL_OK && !workspace.overrun();
}

TEST(ThreadsOfACall, AreItsOwn) {
  EXPECT_TRUE(in_child([] {
    ConvCase<float, float> c(wide(), kSeed);
    bevel_set_num_threads(8);
    if (!run_forward(c, 1) || workers() != 0) return false;
    bevel_set_num_threads(1);
    if (!run_forward(c, 0) || workers() != 0) return false;
    return run_forward(c, 3) && becomes(2);
  }));
}

TEST(ThreadsOfACall, AreThoseOfTheProcessForACallerOfVersion010) {
  EXPECT_TRUE(in_child([] {
    bevel_set_num_threads(1);
    ConvCase<float, float> c(wide(), kSeed);
    bevel_deform_conv_forward_params p = c.forward_params();
    p.struct_size = offsetof(bevel_deform_conv_forward_params, threads);
    p.threads = 7;  // what happens to stand behind the caller's struct
    int64_t bytes = 0;
    if (bevel_deform_conv_forward_workspace(&p, &bytes) != BEVEL_OK) return false;
    Workspace workspace(bytes);
    p.workspace = workspace.view();
    if (bevel_deform_conv_forward(&p, nullptr) != BEVEL_OK || workers() != 0) return false;
    p.struct_size -= 1;
    return bevel_deform_conv_forward(&p, nullptr) == BEVEL_INVALID_ARGUMENT;
  }));
}

TEST(ManyCallers, ShareABoundedNumberOfThreads) {
  EXPECT_TRUE(in_child([] {
    bevel_set_num_threads(16);
    ConvCase<float, float> expected(wide(), kSeed);
    if (!run_forward(expected, 1)) return false;
    std::atomic<bool> right{true};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 16; ++caller) {
      callers.emplace_back([&] {
        ConvCase<float, float> own(wide(), kSeed);
        for (int again = 0; again < 10; ++again) {
          if (!run_forward(own, 0) || !same_bits(own.out, expected.out)) right = false;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    return right && workers() > 0 && workers() <= 15;
  }));
}

TEST(WithoutNewThreads, CallsRunOnFewerAndGiveTheSameBits) {
  ConvCase<float, float> expected(wide(), kSeed);
  ASSERT_TRUE(run_forward(expected, 1));
  for (int created : {0, 1, 5}) {
    EXPECT_TRUE(in_child([&] {
      threads_until_failure = created;
      ConvCase<float, float> c(wide(), kSeed);
      bool right = true;
      for (int again = 0; again < 3; ++again)
        right = right && run_forward(c, 16) && same_bits(c.out, expected.out);
      return right && becomes(created);
    })) << created
        << " threads can be created";
  }
}

/// Sets the number of threads, over and over, while it lives.
class Setter {
 public:
  Setter() : before_(bevel_get_num_threads()) {
    thread_ = std::thread([this] {
      for (int i = 0; !done_; ++i) {
        if (bevel_set_num_threads(i & 1 ? 24 : 1) != BEVEL_OK) std::abort();
      }
    });
  }
  ~Setter() {
    done_ = true;
    thread_.join();
    bevel_set_num_threads(before_);
  }

 private:
  const int32_t before_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST(SettingsBesideCalls, NeitherOverrunNorRefuse) {
  Operators operators;
  std::vector<std::string> expected;
  for (const Operator& op : operators.all()) {
    Workspace workspace(op.workspace_bytes(1));
    ASSERT_BEVEL_OK(op.run(1, workspace.view()));
    expected.push_back(op.result());
  }
  const Setter setter;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  int calls = 0;
  while (std::chrono::steady_clock::now() < end) {
    for (size_t i = 0; i < operators.all().size(); ++i, ++calls) {
      const Operator& op = operators.all()[i];
      Workspace workspace(op.workspace_bytes(0));
      ASSERT_BEVEL_OK(op.run(0, workspace.view())) << op.name;
      ASSERT_FALSE(workspace.overrun()) << op.name << ", call " << calls;
      ASSERT_TRUE(op.result() == expected[i]) << op.name << ", call " << calls;
    }
  }
  std::printf("%d calls\n", calls);
}

TEST(Settings, WhoSetTheNumberOfThreadsIsTold) {
  const auto told = [] {
    const std::string first = bevel_get_num_threads_reason();
    if (first.empty()) return false;
    // A default counts until the program has chosen; but it is the environment's where that has.
    const bool by_environment = std::getenv("BEVEL_NUM_THREADS") || std::getenv("OMP_NUM_THREADS");
    if (bevel_set_default_num_threads(3, "a guess") != BEVEL_OK) return false;
    if (bevel_get_num_threads_reason() != (by_environment ? first : "a guess")) return false;
    if (!by_environment && bevel_get_num_threads() != 3) return false;
    if (bevel_set_num_threads(5) != BEVEL_OK || bevel_get_num_threads() != 5) return false;
    if (bevel_set_default_num_threads(4, "a guess") != BEVEL_OK || bevel_get_num_threads() != 5) return false;
    if (bevel_get_num_threads_reason() != std::string("set by the program")) return false;
    return bevel_set_default_num_threads(0, "a guess") == BEVEL_INVALID_ARGUMENT &&
           bevel_set_default_num_threads(4097, "a guess") == BEVEL_INVALID_ARGUMENT &&
           bevel_set_default_num_threads(1, nullptr) == BEVEL_INVALID_ARGUMENT &&
           bevel_get_num_threads() == 5;
  };
  // In a process of its own, where no test has set the number.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(_exit(told() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

/// Run again by CTest with BEVEL_EXPECTED_THREADS and values of BEVEL_NUM_THREADS.
TEST(Settings, ThreadsComeFromTheEnvironment) {
  const char* expected = std::getenv("BEVEL_EXPECTED_THREADS");
  if (!expected) GTEST_SKIP() << "CTest runs this test with thread counts in the environment";
  EXPECT_EQ(std::atoi(expected), bevel_get_num_threads());
  const std::string reason = bevel_get_num_threads_reason();
  if (const char* refused = std::getenv("BEVEL_EXPECTED_REFUSAL"); refused && *refused) {
    EXPECT_EQ(reason.substr(0, 16), "OMP_NUM_THREADS=");
    EXPECT_EQ(bevel_check_environment(), BEVEL_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(bevel_last_error()),
              std::string("BEVEL_NUM_THREADS must be a number from 1 to 4096, got '") + refused + "'");
  } else {
    std::string own = std::getenv("BEVEL_NUM_THREADS");
    own.erase(0, own.find_first_not_of(' '));
    own.erase(own.find_last_not_of(' ') + 1);
    EXPECT_EQ(reason, "BEVEL_NUM_THREADS=" + own);
    EXPECT_BEVEL_OK(bevel_check_environment());
  }
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
