// What holds for every entry point of the C ABI, from its lines in the table alone: it gives what its
// reference gives, each output alone is what it is among the others, references are differentiated rightly,
// and arguments that are wrong are refused with the reason.
#include <cstdio>
#include <sstream>

#include "generic.hpp"

namespace bevel::operators {
namespace {

class EveryOperator : public ::testing::TestWithParam<size_t> {
 protected:
  const Operator& op() const { return entry_points()[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(EntryPoints, EveryOperator, ::testing::Range(size_t{0}, entry_points().size()),
                         name_of_entry);

/// Those that have a reference. (What lift_splat makes is compared by its own tests: its params name a plan,
/// from which no reference could tell where the points lie.)
class EveryReference : public EveryOperator {};
INSTANTIATE_TEST_SUITE_P(EntryPoints, EveryReference, ::testing::ValuesIn(entries_with_reference()),
                         name_of_entry);

/// The backward pass of a forward pass; null: there is none.
const Operator* backward_of(const Operator& forward) {
  const std::string name = forward.name;
  const size_t end = name.rfind("_forward");
  if (end == std::string::npos || !forward.reference) return nullptr;
  for (const Operator& other : entry_points()) {
    if (other.name == name.substr(0, end) + "_backward") return &other;
  }
  return nullptr;
}

std::vector<size_t> forward_passes() {
  std::vector<size_t> all;
  for (size_t i = 0; i < entry_points().size(); ++i) {
    if (backward_of(entry_points()[i])) all.push_back(i);
  }
  return all;
}

bool has(const Draw& d, const std::string& name) {
  return std::any_of(d.tensors.begin(), d.tensors.end(),
                     [&](const DrawnTensor& t) { return t.given && t.line->name == name; });
}

std::vector<char*> places_of(const DLTensor& view) {
  std::vector<char*> places;
  references::for_each_element(view, [&](char* at) { places.push_back(at); });
  return places;
}

/// The forward pass over the tensors of a backward pass. "out" has the shape of "grad_out"; what it writes
/// belongs to expected_of().
Draw forward_of(const Operator& forward, Draw& backward) {
  Draw f;
  f.params.assign(forward.struct_size + 64, 0);
  std::memcpy(f.params.data(), &forward.struct_size, sizeof forward.struct_size);
  f.symbols = backward.symbols;
  for (const TensorLine& line : forward.tensors) {
    DrawnTensor t;
    t.line = &line;
    const std::string as = std::string(line.name) == "out" ? "grad_out" : line.name;
    if (has(backward, as)) {
      const DrawnTensor& from = backward.tensor(as.c_str());
      t.given = true;
      t.shape = from.shape;
      t.strides = from.strides;
      t.view = from.view;
    }
    f.tensors.push_back(std::move(t));
  }
  return f;
}

class EveryForwardPass : public EveryOperator {};
INSTANTIATE_TEST_SUITE_P(EntryPoints, EveryForwardPass, ::testing::ValuesIn(forward_passes()), name_of_entry);

// An operator without a file here would be tested by nothing of this. (lift_splat_plan_build goes by
// lift_splat_plan.)
TEST(EveryBody, HasAnEntryInTheTable) {
  const char* const bodies[] = {
#define BEVEL_BODY(name, Job, workspace) #name,
#include "bodies.def"
  };
  for (const std::string body : bodies) {
    EXPECT_TRUE(std::any_of(entry_points().begin(), entry_points().end(),
                            [&](const Operator& op) { return body.rfind(op.name, 0) == 0; }))
        << body << ": no Registration names it; write src/test/native/operators/OPERATOR.cpp";
  }
}

TEST_P(EveryReference, IsWhatTheOperatorGives) {
  const bevel_instruction_set best = bevel_get_instruction_set();
  for (int64_t set = 0; set < 60; ++set) {
    SCOPED_TRACE("set " + std::to_string(set));
    Draw d = sound_set(op(), set);
    // What the operator refuses no reference could read.
    ASSERT_EQ(BEVEL_OK, run_set(op(), d)) << bevel_last_error();
    const Numbers expected = expected_of(op(), d);
    for (int isa = BEVEL_ISA_PORTABLE; isa <= best; ++isa) {
      SCOPED_TRACE("instruction set " + std::to_string(isa));
      ASSERT_EQ(BEVEL_OK, bevel_set_instruction_set(static_cast<bevel_instruction_set>(isa)));
      ASSERT_EQ(BEVEL_OK, run_set(op(), d)) << bevel_last_error();
      expect_close(d, results(d), expected);
    }
    bevel_set_instruction_set(best);
    if (HasFailure()) return;
  }
}

TEST_P(EveryOperator, OutputsAreTheSameWithoutTheOthers) {
  int several = 0, compared = 0;
  for (int64_t set = 0; set < 20; ++set) {
    SCOPED_TRACE("set " + std::to_string(set));
    Draw d = sound_set(op(), set);
    ASSERT_EQ(BEVEL_OK, run_set(op(), d)) << bevel_last_error();
    const Numbers all = results(d);
    if (!op().writes_all) return;
    several += all.size() > 1;
    for (size_t one = 0; all.size() > 1 && one < d.tensors.size(); ++one) {
      if (!all.contains(d.tensors[one].line->name)) continue;
      for (const bool alone : {true, false}) {  // this one, or all but this one
        for (size_t i = 0; i < d.tensors.size(); ++i) {
          if (all.contains(d.tensors[i].line->name)) d.tensors[i].given = (i == one) == alone;
        }
        const bevel_status status = run_set(op(), d, 0x54);
        if (status == BEVEL_INVALID_ARGUMENT) continue;  // an output that must be given is not
        ASSERT_EQ(BEVEL_OK, status) << bevel_last_error();
        ++compared;
        for (const auto& [name, numbers] : results(d)) {
          EXPECT_EQ(0, std::memcmp(numbers.data(), all.at(name).data(), numbers.size() * 8))
              << name << (alone ? " alone" : " without ") << (alone ? "" : d.tensors[one].line->name);
        }
      }
    }
  }
  // Some outputs may not be left out, but not all of them.
  EXPECT_TRUE(several == 0 || compared > 0);
}

/// The gradients that backward's reference gives are the derivatives of forward's: by central differences of
/// the loss Σ out · grad_out, at a few elements of each input.
TEST_P(EveryForwardPass, HasTheGradientsThatBackwardGives) {
  const Operator& backward = *backward_of(op());
  int64_t compared = 0, off = 0;
  for (int64_t set = 0; set < 60; ++set) {
    Draw b = sound_set(backward, set);
    if (!b["is_double"]) continue;
    Draw f = forward_of(op(), b);
    for (Draw* d : {&b, &f}) {  // the same numbers
      d->random.seed(static_cast<uint64_t>(set));
      (d == &b ? backward : op()).write_numbers(*d);
      write_pointers(*d);
    }
    const std::vector<double> weights = references::values(&b.tensor("grad_out").view);
    const auto loss = [&] {
      const std::vector<double> out = expected_of(op(), f).at("out");
      double sum = 0;
      for (size_t i = 0; i < weights.size(); ++i) sum += out[i] * weights[i];
      return sum;
    };
    for (const auto& [gradient, numbers] : expected_of(backward, b)) {
      const std::string name = gradient.substr(std::string("grad_").size());
      if (!has(b, name)) continue;  // a bias, which backward need not read
      const std::vector<char*> places = places_of(b.tensor(name.c_str()).view);
      for (int64_t i = 0; i < std::min<int64_t>(8, static_cast<int64_t>(places.size())); ++i) {
        const size_t at = static_cast<size_t>(b.below(static_cast<int64_t>(places.size())));
        if (std::count(places.begin(), places.end(), places[at]) > 1) continue;  // elements that coincide
        double& x = *reinterpret_cast<double*>(places[at]);
        const double kept = x, step = 1e-6;
        x = kept + step;
        const double above = loss();
        x = kept - step;
        const double below = loss();
        x = kept;
        ++compared;
        const double slope = (above - below) / (2 * step);
        if (std::fabs(slope - numbers[at]) <= 1e-6 * (1 + std::fabs(numbers[at]))) continue;
        ++off;
        std::printf("set %lld: %s[%zu] is %g, by differences %g\n", static_cast<long long>(set),
                    gradient.c_str(), at, numbers[at], slope);
      }
    }
  }
  std::printf("%lld elements compared\n", static_cast<long long>(compared));
  EXPECT_GT(compared, 30);
  // A step across a pixel's border has no derivative; none is met with this seed.
  EXPECT_EQ(0, off);
}

// --- refusals
// -----------------------------------------------------------------------------------------------

class EveryRefusal : public EveryOperator {
 protected:
  // A workspace that is short of what two threads would like may do for one.
  void SetUp() override { ASSERT_EQ(BEVEL_OK, bevel_set_num_threads(1)); }
  void TearDown() override { ASSERT_EQ(BEVEL_OK, bevel_set_num_threads(threads_)); }

  /// A set that is taken, all of whose tensors hold something.
  Draw full_set() {
    for (int64_t set = 0; set < 200; ++set) {
      Draw d = sound_set(op(), set);
      bool full = true;
      for (const DrawnTensor& t : d.tensors)
        full = full && (!t.given || t.elements() > 0 || t.line->role == Role::kWorkspace);
      if (!full) continue;
      EXPECT_EQ(BEVEL_OK, run_set(op(), d)) << bevel_last_error();
      return d;
    }
    throw std::logic_error("no set without an empty tensor");
  }

  /// Expects a call to be refused with the operator's name and each of `texts`, and nothing to be written.
  void expect_refused(Draw& d, const std::vector<std::string>& texts, void* stream = nullptr) {
    write_pointers(d);
    for (DrawnTensor& t : d.tensors) {
      if (t.line->role == Role::kWritten)
        std::memset(t.memory.data(), 0x7f, static_cast<size_t>(t.memory.bytes()));
    }
    const bevel_status status = op().run(d.params.data(), stream);
    EXPECT_NE(BEVEL_OK, status) << ::testing::PrintToString(texts);
    if (status == BEVEL_OK) return;
    const std::string message = bevel_last_error();
    EXPECT_EQ(0, message.rfind(op().name, 0)) << message;
    for (const std::string& text : texts) EXPECT_NE(std::string::npos, message.find(text)) << message;
    for (const DrawnTensor& t : d.tensors) {
      for (int64_t i = 0; t.line->role == Role::kWritten && i < t.memory.bytes(); ++i)
        ASSERT_EQ(0x7f, t.memory.data()[i]) << t.line->name << " was written: " << message;
    }
  }

  /// With one more in a dimension of a tensor.
  void expect_refused_one_larger(Draw& d, DrawnTensor& t, size_t dimension,
                                 const std::vector<std::string>& texts) {
    const DLTensor kept = t.view;
    std::vector<int64_t> shape = t.shape;
    ++shape[dimension];
    t.view.shape = shape.data();
    t.view.strides = nullptr;
    expect_refused(d, texts);
    t.view = kept;
  }

 private:
  const int32_t threads_ = bevel_get_num_threads();
};
INSTANTIATE_TEST_SUITE_P(EntryPoints, EveryRefusal, ::testing::Range(size_t{0}, entry_points().size()),
                         name_of_entry);

TEST_P(EveryRefusal, OfATensorThatIsNotGiven) {
  Draw d = full_set();
  int refused = 0;
  for (DrawnTensor& t : d.tensors) {
    if (!t.given || (t.line->role == Role::kWorkspace && t.shape[0] == 0)) continue;
    t.given = false;
    write_pointers(d);
    if (t.line->left_out == 0 && op().run(d.params.data(), nullptr) != BEVEL_OK) {
      // The last gradient of those that are asked for.
      const bool gradient = std::string(bevel_last_error()).find("gradient is asked") != std::string::npos;
      expect_refused(d, gradient ? std::vector<std::string>{"no gradient is asked for"}
                                 : std::vector<std::string>{t.line->name, "given"});
      ++refused;
    }
    t.given = true;
  }
  EXPECT_GT(refused, 0);
}

TEST_P(EveryRefusal, OfAnotherDtypeRankOrDevice) {
  Draw d = full_set();
  for (DrawnTensor& t : d.tensors) {
    if (!t.given || (t.line->role == Role::kWorkspace && t.shape[0] == 0)) continue;
    SCOPED_TRACE(t.line->name);
    const DLTensor kept = t.view;
    t.view.dtype = {kDLInt, 64, 1};
    expect_refused(d, {t.line->name, "int64"});
    t.view = kept;
    t.view.device = {kDLROCM, 0};
    expect_refused(d, {"must be on"});
    t.view = kept;
    std::vector<int64_t> shape(9, 1);
    t.view.shape = shape.data();
    t.view.strides = nullptr;
    t.view.ndim = 9;
    expect_refused(d, {t.line->name});
    t.view = kept;
  }
}

/// The extents of a tensor as its line names them.
std::vector<std::string> extents_of(Draw& d, const DrawnTensor& t) {
  std::istringstream text(d["last"] && t.line->shape_last ? t.line->shape_last : t.line->shape);
  std::vector<std::string> extents;
  for (std::string extent; text >> extent;) extents.push_back(extent);
  return extents;
}

/// Whether an extent follows from this tensor alone.
bool decides(const DrawnTensor& t, const std::string& extent) {
  return (' ' + std::string(t.line->decides) + ' ').find(' ' + extent + ' ') != std::string::npos;
}

/// What is written is what has the wrong shape, not the inputs that its shape follows from.
TEST_P(EveryRefusal, OfAnotherShapeOfWhatIsWritten) {
  Draw d = full_set();
  for (DrawnTensor& t : d.tensors) {
    if (!is_written(t)) continue;
    const std::vector<std::string> extents = extents_of(d, t);
    for (size_t i = 0; i < t.shape.size(); ++i) {
      if (decides(t, extents[i])) continue;
      SCOPED_TRACE(std::string(t.line->name) + ", dimension " + std::to_string(i));
      expect_refused_one_larger(d, t, i, {t.line->name});
    }
  }
}

/// Whether an extent of a tensor is a number, or that of another tensor of the set too, so that no call can
/// have another one.
bool is_settled(Draw& d, const DrawnTensor& of, const std::string& extent) {
  if (decides(of, extent)) return false;
  if (std::all_of(extent.begin(), extent.end(), [](unsigned char c) { return std::isdigit(c); })) return true;
  for (const DrawnTensor& t : d.tensors) {
    if (&t == &of || !t.given || t.line->role == Role::kWorkspace) continue;
    const std::vector<std::string> extents = extents_of(d, t);
    if (std::count(extents.begin(), extents.end(), extent) > 0) return true;
  }
  return false;
}

// One more than an extent that follows from the rest. The memory is not there: who takes it reads beyond.
TEST_P(EveryRefusal, OfAnotherShapeOfWhatIsRead) {
  Draw d = full_set();
  for (DrawnTensor& t : d.tensors) {
    if (!t.given || t.line->role != Role::kRead) continue;
    const std::vector<std::string> extents = extents_of(d, t);
    for (size_t i = 0; i < t.shape.size(); ++i) {
      if (!is_settled(d, t, extents[i])) continue;
      SCOPED_TRACE(std::string(t.line->name) + ", dimension " + std::to_string(i));
      expect_refused_one_larger(d, t, i, {});
    }
  }
}

// Gaps in a dimension that must be compact.
TEST_P(EveryRefusal, OfGapsInWhatIsCompact) {
  Draw d = full_set();
  for (DrawnTensor& t : d.tensors) {
    if (!t.given || t.line->role == Role::kWorkspace) continue;
    const bool last = d["last"] && t.line->shape_last;
    const int free = last && t.line->free_last >= 0 ? t.line->free_last : t.line->free;
    for (size_t i = static_cast<size_t>(free); i < t.shape.size(); ++i) {
      if (t.shape[i] < 2) continue;
      // Pixels that are one after the other may lie further apart where channels come last.
      if (last && t.line->free_last >= 0 && i + 1 < t.shape.size()) continue;
      SCOPED_TRACE(std::string(t.line->name) + ", dimension " + std::to_string(i));
      const DLTensor kept = t.view;
      std::vector<int64_t> strides = t.strides;
      strides[i] *= 2;
      t.view.strides = strides.data();
      expect_refused(d, {t.line->name});
      t.view = kept;
    }
  }
}

TEST_P(EveryRefusal, OfMemoryThatIsShared) {
  Draw d = full_set();
  for (DrawnTensor& written : d.tensors) {
    for (DrawnTensor& other : d.tensors) {
      if (&written == &other || !is_written(written) || !other.given) continue;
      if (other.line->role == Role::kWorkspace && other.shape[0] == 0) continue;
      SCOPED_TRACE(std::string(written.line->name) + " in the memory of " + other.line->name);
      const DLTensor kept = written.view;
      written.view.data = other.view.data;
      const int64_t element = kept.dtype.bits / 8;
      // (That the memory which is claimed may be longer than the other's does not matter to a refusal.)
      if (reinterpret_cast<uintptr_t>(other.view.data) % static_cast<uintptr_t>(2 * element) == 0)
        expect_refused(d, {"is written, so it must not share memory with"});
      written.view = kept;
    }
  }
}

TEST_P(EveryRefusal, OfTooSmallAWorkspaceAStructOrAStream) {
  Draw d = full_set();
  for (DrawnTensor& t : d.tensors) {
    if (t.line->role != Role::kWorkspace || t.shape[0] == 0) continue;
    --t.shape[0];
    expect_refused(d, {"workspace must have at least"});
    ++t.shape[0];
  }
  if (op().has_stream) expect_refused(d, {"stream must be NULL for CPU tensors"}, &d);
  const bool has_size = std::any_of(op().numbers.begin(), op().numbers.end(), [](const NumberLine& number) {
    return number.kind == Number::kSize && number.offset == 0;
  });
  if (!has_size) return;
  const uint64_t size = 8;
  std::memcpy(d.params.data(), &size, sizeof size);
  expect_refused(d, {"struct_size must be at least"});
}

}  // namespace
}  // namespace bevel::operators

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::operators::kGenericSeed));
  return RUN_ALL_TESTS();
}
