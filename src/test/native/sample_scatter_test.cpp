// core/sample_scatter on the emulation, against plain loops in double that know no cells: each sample adds to
// every pixel nearer than 1 in both directions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "core/sample_scatter.cuh"

namespace bevel {
namespace {

using emulation::DeviceBuffer;
constexpr uint64_t kSeed = 20261123;

struct Level {
  int32_t height, width;
  int64_t start;
};

struct Sample {
  int64_t map;
  int level;
  float x, y, weight;
  uint32_t source;
};

ScatterLevels levels_of(const std::vector<Level>& list) {
  ScatterLevels levels;
  for (const Level& level : list) levels.add(level.height, level.width, level.start);
  return levels;
}

BEVEL_GLOBAL void place_kernel(ScatterSamples to, ScatterLevels levels, DeviceSpan<const Sample> samples,
                               int64_t count) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (i >= count) return;
  const Sample s = samples[i];
  if (s.map < 0) {
    to.drop(i);
  } else {
    to.put(i, levels, s.map, s.level, bilinear_point(s.x, s.y, levels.width[s.level], levels.height[s.level]),
           s.weight, s.source);
  }
}

/// A problem: maps of `rows` value rows; values and sources have their own element types.
struct Problem {
  std::vector<Level> list;
  int64_t maps, rows, channels, source_rows;
  std::vector<Sample> samples;
  std::vector<float> source;  ///< [source_rows][channels]

  Problem(std::vector<Level> levels, int64_t maps, int64_t channels, int64_t count, uint64_t seed = kSeed)
      : list(std::move(levels)), maps(maps), rows(0), channels(channels), source_rows(count / 3 + 1) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<float> unit(-1, 1);
    for (const Level& level : list) rows = std::max(rows, level.start + int64_t(level.height) * level.width);
    for (int64_t i = 0; i < count; ++i) {
      Sample s;
      s.map = static_cast<int64_t>(random() % static_cast<uint64_t>(maps));
      s.level = static_cast<int>(random() % list.size());
      const Level& level = list[static_cast<size_t>(s.level)];
      s.x = (unit(random) + 1) * static_cast<float>(level.width + 3) / 2 - 2;
      s.y = (unit(random) + 1) * static_cast<float>(level.height + 3) / 2 - 2;
      s.weight = unit(random);
      s.source = static_cast<uint32_t>(random() % static_cast<uint64_t>(source_rows));
      samples.push_back(s);
    }
    for (int64_t i = 0; i < source_rows * channels; ++i) source.push_back(unit(random));
  }

  /// [maps][rows][channels], NaN where no level has the row.
  std::vector<double> expected() const {
    std::vector<double> sums(static_cast<size_t>(maps * rows * channels), NAN);
    const auto row_at = [&](int64_t map, int64_t row) {
      return static_cast<size_t>((map * rows + row) * channels);
    };
    for (int64_t map = 0; map < maps; ++map) {
      for (const Level& level : list) {
        for (int64_t i = 0; i < int64_t(level.height) * level.width * channels; ++i)
          sums[row_at(map, level.start) + static_cast<size_t>(i)] = 0;
      }
    }
    for (const Sample& s : samples) {
      if (s.map < 0) continue;
      const Level& level = list[static_cast<size_t>(s.level)];
      for (int64_t row = 0; row < level.height; ++row) {
        for (int64_t column = 0; column < level.width; ++column) {
          const double wx = 1 - std::fabs(double(s.x) - static_cast<double>(column));
          const double wy = 1 - std::fabs(double(s.y) - static_cast<double>(row));
          if (!(wx > 0 && wy > 0)) continue;
          for (int64_t c = 0; c < channels; ++c) {
            sums[row_at(s.map, level.start + row * level.width + column) + static_cast<size_t>(c)] +=
                wx * wy * double(s.weight) *
                double(source[static_cast<size_t>(int64_t(s.source) * channels + c)]);
          }
        }
      }
    }
    return sums;
  }
};

template <class T>
ElementType type_of() {
  return std::is_same_v<T, float>    ? ElementType::kFloat32
         : std::is_same_v<T, __half> ? ElementType::kFloat16
                                     : ElementType::kBfloat16;
}

/// What both sides' memory looks like.
enum class Planes {
  kRows,           ///< channels of a row side by side
  kRowsOneOff,     ///< the same, one element after a 16-byte border
  kChannelsFirst,  ///< a plane for each channel
};

/// Runs in all orders and gives back [maps][rows][channels]; what was not written is NaN.
template <class Source, class Value>
std::vector<double> run(Problem& p, Planes planes = Planes::kRows) {
  const bool first = planes == Planes::kChannelsFirst;
  const int64_t off = planes == Planes::kRowsOneOff ? 1 : 0;
  // Channels first: source rows are cut in planes of `inner` each.
  const int64_t inner = first ? 4 : 1;
  const int64_t source_planes = (p.source_rows + inner - 1) / inner;
  std::vector<Source> rows(static_cast<size_t>(off + source_planes * inner * p.channels));
  for (int64_t r = 0; r < p.source_rows; ++r) {
    for (int64_t c = 0; c < p.channels; ++c) {
      float& value = p.source[static_cast<size_t>(r * p.channels + c)];
      const int64_t at = first ? r / inner * inner * p.channels + c * inner + r % inner : r * p.channels + c;
      rows[static_cast<size_t>(off + at)] = Source(value);
      value = float(rows[static_cast<size_t>(off + at)]);
    }
  }
  DeviceBuffer<Source> source(rows);
  DeviceBuffer<Sample> samples(p.samples);
  const int64_t elements = p.maps * p.rows * p.channels, count = static_cast<int64_t>(p.samples.size());
  const ScatterShape shape = {p.maps, count, p.channels, levels_of(p.list)};
  std::vector<Value> value(static_cast<size_t>(off + elements), Value(NAN));
  ScatterSource from(source.data() + off, static_cast<int64_t>(rows.size()) - off, type_of<Source>(),
                     p.channels);
  ScatterTarget to(value.data() + off, elements, type_of<Value>(), p.rows * p.channels, p.channels);
  if (first) {
    from.inner = inner;
    from.outer_stride = inner * p.channels;
    from.inner_stride = 1;
    from.channel_stride = inner;
    to.row_stride = 1;
    to.channel_stride = p.rows;
  }
  emulation::run_in_all_orders(
      [&] {
        void* memory = nullptr;
        const int64_t bytes = SampleScatter::workspace_bytes(shape);
        ASSERT_EQ(0, posix_memalign(&memory, 64, static_cast<size_t>(bytes)));
        emulation::shadow().mark_uninitialized(reinterpret_cast<uintptr_t>(memory),
                                               static_cast<size_t>(bytes));
        const SampleScatter scatter(shape, static_cast<char*>(memory));
        BEVEL_ENQUEUE(place_kernel, blocks_for(count), 0, nullptr, scatter.samples(), shape.levels,
                      DeviceSpan<const Sample>(samples.data(), count, "samples"), count);
        scatter.enqueue(from, to, nullptr);
        emulation::shadow().mark_initialized(reinterpret_cast<uintptr_t>(memory), static_cast<size_t>(bytes));
        std::free(memory);
      },
      {emulation::output("value", value)});
  std::vector<double> out(static_cast<size_t>(elements));
  for (int64_t i = 0; i < elements; ++i) {
    const int64_t c = i % p.channels, row = i / p.channels % p.rows, map = i / p.channels / p.rows;
    const int64_t at = first ? (map * p.channels + c) * p.rows + row : i;
    out[static_cast<size_t>(i)] = double(float(value[static_cast<size_t>(off + at)]));
  }
  return out;
}

void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
  double largest = 1e-30;
  for (const double e : expected) largest = std::isnan(e) ? largest : std::max(largest, std::fabs(e));
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(std::isnan(expected[i]), std::isnan(actual[i])) << i;
    if (!std::isnan(expected[i])) {
      ASSERT_NEAR(expected[i], actual[i], tolerance * largest) << i;
    }
  }
}

const std::vector<Level> kOne = {{5, 7, 0}};
const std::vector<Level> kThree = {{9, 13, 0}, {1, 1, 117}, {4, 3, 118}};

class SampleScatterChannels : public ::testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Channels, SampleScatterChannels, ::testing::Values(1, 10, 32, 33, 300));

TEST_P(SampleScatterChannels, MatchesPlainLoops) {
  Problem p(kThree, 3, GetParam(), 700);
  for (size_t i = 0; i < p.samples.size(); i += 9) p.samples[i].map = -1;  // dropped by the caller
  p.samples[1].x = NAN;
  p.samples[2].y = INFINITY;
  p.samples[3].y = -3e38f;
  const std::vector<double> expected = p.expected();
  expect_close(run<float, float>(p), expected, 1e-6);
  expect_close(run<float, float>(p, Planes::kRowsOneOff), expected, 1e-6);
  expect_close(run<float, float>(p, Planes::kChannelsFirst), expected, 1e-6);
}

TEST_P(SampleScatterChannels, SixteenBits) {
  Problem p(kOne, 2, GetParam(), 300);
  const std::vector<double> half = run<__half, float>(p);
  expect_close(half, p.expected(), 1e-6);
  expect_close(run<__half, __half>(p, Planes::kRowsOneOff), p.expected(), 1.1 / 2048);
  const std::vector<double> brain = run<__nv_bfloat16, __nv_bfloat16>(p);
  expect_close(brain, p.expected(), 1.1 / 256);
}

// A cell of many windows, with others that begin and end within windows.
TEST_P(SampleScatterChannels, CrowdedCells) {
  Problem p(kOne, 2, GetParam(), 1900);
  for (size_t i = 0; i < p.samples.size(); ++i) {
    if (i % 8 == 0) continue;
    p.samples[i].map = 1;
    p.samples[i].x = 3.25f + static_cast<float>(i % 5) / 8;
    p.samples[i].y = i % 3 ? 2.5f : -0.5f;
  }
  const std::vector<double> expected = p.expected();
  expect_close(run<float, float>(p), expected, 2e-6);
  const std::vector<double> half = run<__half, float>(p);
  expect_close(half, p.expected(), 2e-6);
}

TEST(SampleScatter, LevelsMayOverlapAndLeaveRowsOut) {
  Problem p({{3, 4, 5}, {2, 6, 9}, {2, 2, 30}, {3, 4, 5}}, 2, 8, 400);
  expect_close(run<float, float>(p), p.expected(), 1e-6);
  EXPECT_TRUE(levels_of(p.list).overlap());
  EXPECT_FALSE(levels_of(p.list).covers(34));
  EXPECT_FALSE(levels_of({{3, 4, 5}}).covers(17));
  EXPECT_FALSE(levels_of(kThree).overlap());
  EXPECT_TRUE(levels_of(kThree).covers(130));
  EXPECT_FALSE(levels_of(kThree).covers(131));
  EXPECT_TRUE(levels_of({{1, 4, 8}, {2, 4, 0}}).covers(12));
}

TEST(SampleScatter, NoSamplesGiveZeros) {
  Problem none(kThree, 2, 6, 0);
  expect_close(run<float, float>(none), none.expected(), 0);
  Problem dropped(kThree, 2, 6, 50);
  for (Sample& s : dropped.samples) s.map = -1;
  expect_close(run<float, float>(dropped), dropped.expected(), 0);
}

// More cells than one, two and three passes of the sort tell apart.
TEST(SampleScatter, ManyCells) {
  for (const int32_t side : {8, 60, 300}) {
    Problem p({{side, side, 0}}, 3, 4, 500);
    expect_close(run<float, float>(p), p.expected(), 1e-6);
  }
}

TEST(SampleScatter, TooLargeIsRefused) {
  const ScatterLevels small = levels_of(kOne), huge = levels_of({{46000, 46000, 0}, {46000, 46000, 0}});
  EXPECT_EQ(5, SampleScatter::maps_at_a_time(5, 100, small));
  EXPECT_EQ(8, SampleScatter::maps_at_a_time(100, 1 << 20, small));
  EXPECT_EQ(1, SampleScatter::maps_at_a_time(100, 1 << 30, small));
  EXPECT_EQ(1, SampleScatter::maps_at_a_time(0, 100, small));
  EXPECT_EQ(2, SampleScatter::maps_at_a_time(100, 1, levels_of({{40000, 40000, 0}})));
  EXPECT_EQ(2, SampleScatter::maps_at_a_time(100, 1, levels_of({{46000, 46000, 0}})));
  EXPECT_EQ(1, SampleScatter::maps_at_a_time(100, 1, levels_of({{50000, 50000, 0}})));
  EXPECT_THROW(SampleScatter::maps_at_a_time(1, int64_t(1) << 31, small), CudaFailure);
  EXPECT_THROW(SampleScatter::maps_at_a_time(1, 1, levels_of({{65535, 65535, 0}})), CudaFailure);
  EXPECT_NO_THROW(SampleScatter::maps_at_a_time(1, 1, huge));
  EXPECT_THROW(SampleScatter::workspace_bytes({2, 1, 1, huge}), CudaFailure);
  EXPECT_THROW(SampleScatter::workspace_bytes({2, int64_t(1) << 31, 1, small}), CudaFailure);
}

}  // namespace
}  // namespace bevel

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::kSeed));
  return RUN_ALL_TESTS();
}
