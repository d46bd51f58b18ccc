// As much of GoogleTest's interface as the hardware tests use, for machines that have a GPU but neither
// GoogleTest nor a network. Written for this purpose; bench/gpu/CMakeLists.txt prefers the real one.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace testing {

class Test {
 public:
  virtual ~Test() = default;
  virtual void TestBody() = 0;
  /// Whether the test has failed so far; any failure counts.
  static bool HasFatalFailure();
};

template <class T>
struct TestParamInfo {
  T param;
  size_t index;
};

template <class T>
class TestWithParam : public Test {
 public:
  using ParamType = T;
  static const T& GetParam() { return *current(); }
  static const T*& current() {
    static const T* value = nullptr;
    return value;
  }
};

template <class T, size_t count>
std::vector<T> ValuesIn(const T (&values)[count]) {
  return {values, values + count};
}

template <class T>
std::vector<T> ValuesIn(const std::vector<T>& values) {
  return values;
}

inline std::vector<int> Range(int begin, int end) {
  std::vector<int> values;
  for (int value = begin; value < end; ++value) values.push_back(value);
  return values;
}

inline std::vector<bool> Bool() { return {false, true}; }

/// Every combination of the lists' values.
inline std::vector<std::tuple<>> Combine() { return {{}}; }
template <class First, class... Others>
auto Combine(const std::vector<First>& first, const Others&... others) {
  const auto ends = Combine(others...);
  std::vector<std::tuple<First, typename Others::value_type...>> all;
  for (const First value : first) {
    for (const auto& end : ends) all.push_back(std::tuple_cat(std::tuple<First>(value), end));
  }
  return all;
}

class Message {
 public:
  template <class T>
  Message& operator<<(const T& value) {
    text_ << value;
    return *this;
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

namespace minimal {

struct Runnable {
  std::string name;
  std::function<void()> run;
};

struct Registry {
  std::vector<Runnable> tests;
  std::vector<std::function<void()>> expanders;  // of parameterised suites, once all their tests are known
  std::atomic<int> failures_of_test{0};

  static Registry& instance() {
    static Registry registry;
    return registry;
  }
};

}  // namespace minimal

inline bool Test::HasFatalFailure() { return minimal::Registry::instance().failures_of_test > 0; }

namespace minimal {

template <class Fixture>
struct Suite {
  struct Body {
    const char* name;
    std::function<void()> run;
  };
  static std::vector<Body>& bodies() {
    static std::vector<Body> all;
    return all;
  }
};

template <class T>
int add_test(const char* suite, const char* name) {
  Registry::instance().tests.push_back({std::string(suite) + "." + name, [] { T().TestBody(); }});
  return 0;
}

template <class Fixture, class T>
int add_body(const char* name) {
  Suite<Fixture>::bodies().push_back({name, [] { T().TestBody(); }});
  return 0;
}

template <class Fixture, class Values, class Name>
int add_values(const char* prefix, const char* suite, Values values, Name name_of) {
  using Param = typename Fixture::ParamType;
  Registry::instance().expanders.push_back([=] {
    for (const auto& body : Suite<Fixture>::bodies()) {
      for (size_t i = 0; i < values.size(); ++i) {
        const Param param = values[i];
        const std::string name = name_of(TestParamInfo<Param>{param, i});
        Registry::instance().tests.push_back(
            {std::string(prefix) + "/" + suite + "." + body.name + "/" + name, [param, run = body.run] {
               Fixture::current() = &param;
               run();
             }});
      }
    }
  });
  return 0;
}

template <class Fixture, class Values>
int add_values(const char* prefix, const char* suite, Values values) {
  return add_values<Fixture>(prefix, suite, std::move(values),
                             [](const auto& info) { return std::to_string(info.index); });
}

inline const Message& message_of(const Message& message) { return message; }
template <class T>
Message message_of(const T& value) {
  Message message;
  message << value;
  return message;
}

/// What a failure in its scope says beside its own place.
class Trace {
 public:
  explicit Trace(const Message& message) { all().push_back(message.text()); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  ~Trace() { all().pop_back(); }

  static std::vector<std::string>& all() {
    static thread_local std::vector<std::string> traces;
    return traces;
  }
};

template <class T, class = void>
struct Printable : std::false_type {};
template <class T>
struct Printable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>>
    : std::true_type {};

template <class T>
std::string print(const T& value) {
  if constexpr (Printable<T>::value) {
    std::ostringstream text;
    text << value;
    return text.str();
  } else {
    return "(" + std::to_string(sizeof value) + " bytes)";
  }
}

/// What a comparison came to: an empty text if it holds.
struct Outcome {
  bool holds;
  std::string text;
};

template <class A, class B, class Relation>
Outcome compare(const A& a, const B& b, Relation relation, const char* expression) {
  if (relation(a, b)) return {true, ""};
  return {false, std::string(expression) + ", with " + print(a) + " and " + print(b)};
}

struct Failure {
  const char* file;
  int line;
  const std::string& text;
  void operator=(const Message& message) const {
    std::fprintf(stderr, "%s:%d: expected %s\n", file, line, text.c_str());
    if (!message.text().empty()) std::fprintf(stderr, "  %s\n", message.text().c_str());
    for (const std::string& trace : Trace::all()) std::fprintf(stderr, "  in %s\n", trace.c_str());
    ++Registry::instance().failures_of_test;
  }
};

}  // namespace minimal

inline void InitGoogleTest(int*, char**) {}

}  // namespace testing

inline int RUN_ALL_TESTS() {
  auto& registry = ::testing::minimal::Registry::instance();
  for (const auto& expand : registry.expanders) expand();
  int failed = 0;
  for (const auto& test : registry.tests) {
    registry.failures_of_test = 0;
    try {
      test.run();
    } catch (const std::exception& exception) {
      std::fprintf(stderr, "exception: %s\n", exception.what());
      ++registry.failures_of_test;
    }
    if (registry.failures_of_test == 0) continue;
    std::fprintf(stderr, "[  FAILED  ] %s\n", test.name.c_str());
    ++failed;
  }
  std::printf("%zu tests ran, %d failed\n", registry.tests.size(), failed);
  return failed > 0 || registry.tests.empty();
}

#define BEVEL_TEST_CLASS(suite, name, base, add)                  \
  class suite##_##name##_Test : public base {                     \
   public:                                                        \
    void TestBody() override;                                     \
  };                                                              \
  [[maybe_unused]] static const int suite##_##name##_added = add; \
  void suite##_##name##_Test::TestBody()
#define TEST(suite, name)                        \
  BEVEL_TEST_CLASS(suite, name, ::testing::Test, \
                   (::testing::minimal::add_test<class suite##_##name##_Test>(#suite, #name)))
#define TEST_P(suite, name)            \
  BEVEL_TEST_CLASS(suite, name, suite, \
                   (::testing::minimal::add_body<suite, class suite##_##name##_Test>(#name)))
#define INSTANTIATE_TEST_SUITE_P(prefix, suite, ...)           \
  [[maybe_unused]] static const int prefix##_##suite##_added = \
      ::testing::minimal::add_values<suite>(#prefix, #suite, __VA_ARGS__)
#define BEVEL_TEST_JOIN_TEXT(a, b) a##b
#define BEVEL_TEST_JOIN(a, b) BEVEL_TEST_JOIN_TEXT(a, b)
#define SCOPED_TRACE(message)                                   \
  const ::testing::minimal::Trace BEVEL_TEST_JOIN(bevel_trace_, \
                                                  __LINE__)(::testing::minimal::message_of(message))

#define BEVEL_TEST_CHECK(outcome, leave)                                                  \
  switch (0)                                                                              \
  case 0:                                                                                 \
  default:                                                                                \
    if (const ::testing::minimal::Outcome bevel_outcome = outcome; bevel_outcome.holds) { \
    } else /* NOLINT */                                                                   \
      leave ::testing::minimal::Failure{__FILE__, __LINE__, bevel_outcome.text} = ::testing::Message()
#define BEVEL_TEST_COMPARE(a, b, operation) \
  ::testing::minimal::compare(              \
      a, b, [](const auto& x, const auto& y) { return x operation y; }, #a " " #operation " " #b)
#define BEVEL_TEST_TRUE(condition) (::testing::minimal::Outcome{static_cast<bool>(condition), #condition})

#define EXPECT_EQ(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, ==), )
#define EXPECT_NE(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, !=), )
#define EXPECT_LE(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, <=), )
#define BEVEL_TEST_NEAR(a, b, tolerance) \
  ::testing::minimal::compare(           \
      a, b, [&](const auto& x, const auto& y) { return std::fabs(x - y) <= (tolerance); }, #a " near " #b)
#define EXPECT_NEAR(a, b, tolerance) BEVEL_TEST_CHECK(BEVEL_TEST_NEAR(a, b, tolerance), )
#define ASSERT_NEAR(a, b, tolerance) BEVEL_TEST_CHECK(BEVEL_TEST_NEAR(a, b, tolerance), return )
#define EXPECT_STREQ(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(std::string(a), std::string(b), ==), )
#define EXPECT_TRUE(condition) BEVEL_TEST_CHECK(BEVEL_TEST_TRUE(condition), )
#define ASSERT_EQ(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, ==), return )
#define ASSERT_GT(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, >), return )
#define ASSERT_NE(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, !=), return )
#define ASSERT_GE(a, b) BEVEL_TEST_CHECK(BEVEL_TEST_COMPARE(a, b, >=), return )
#define ASSERT_TRUE(condition) BEVEL_TEST_CHECK(BEVEL_TEST_TRUE(condition), return )
