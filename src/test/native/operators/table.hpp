// What the generic tests know of an entry point of the C ABI: a line for each tensor and number of its params
// struct, and its reference. From these lines the fuzzer and the tests of every operator draw their
// arguments.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bevel/base.h"
#include "guarded_memory.hpp"

namespace bevel::operators {

enum class Role { kRead, kWritten, kWorkspace };

/// How a tensor's dtype follows from what was drawn for the set.
enum class Type {
  kValue,      ///< float32, bfloat16, float16 or float64
  kOther,      ///< another of them; float64 exactly where kValue is
  kThird,      ///< yet another one, likewise
  kExact,      ///< float32, or float64 where kValue is
  kPrecision,  ///< float32 or float64, whatever the rest is
  kInt32,
  kByte,
};

/// A tensor of a params struct.
struct TensorLine {
  const char* name;
  size_t offset;  ///< of the pointer in the struct
  Role role;
  Type type;
  /// Extents, parted by spaces: numbers, symbols, products (M*D), choices (1|N).
  const char* shape;
  /// The shape where the symbol "last" (channels last) is 1; null: the same.
  const char* shape_last = nullptr;
  int free = 0;               ///< leading dimensions whose strides are free
  int free_last = -1;         ///< the same where channels come last; −1: as above
  double left_out = 0;        ///< how often it is not given
  bool indices = false;       ///< its contents are checked, so it is read even by calls that are refused
  double low = -1, high = 1;  ///< of sound values
  const char* decides = "";   ///< extents that follow from this tensor alone, parted by spaces
};

enum class Number { kInt32, kInt64, kDouble, kSize };

/// A number of a params struct, for hostile values. What sound ones are is the operator's `numbers`.
struct NumberLine {
  size_t offset;
  Number kind;
};

/// An extent that the operator's tensors share.
struct Symbol {
  const char* name;
  int64_t low, high;     ///< of sound sets; 0 may be among them
  bool derived = false;  ///< worked out by `derive`
};

using Random = std::mt19937_64;

/// A tensor of a set.
struct DrawnTensor {
  const TensorLine* line = nullptr;
  bool given = false;
  DLTensor view = {};
  std::vector<int64_t> shape, strides;
  GuardedMemory memory;

  template <class T>
  T* data() {
    return reinterpret_cast<T*>(memory.data());
  }
  int64_t elements() const {
    int64_t count = 1;
    for (int64_t extent : shape) count *= extent;
    return count;
  }
};

/// One set of arguments.
struct Draw {
  Random random;
  std::map<std::string, int64_t> symbols;
  std::vector<DrawnTensor> tensors;
  std::vector<char> params;
  std::vector<GuardedMemory> extra;  ///< what params point to besides tensors
  bool sound = true;                 ///< to be taken, not refused

  int64_t& operator[](const std::string& name) { return symbols[name]; }
  int64_t below(int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random) < p; }
  DrawnTensor& tensor(const char* name) {
    for (DrawnTensor& t : tensors) {
      if (std::string(t.line->name) == name) return t;
    }
    throw std::logic_error(name);
  }
  template <class Params>
  Params& as() {
    return *reinterpret_cast<Params*>(params.data());
  }
};

struct Operator {
  const char* name;  ///< as messages begin
  size_t struct_size;
  std::vector<Symbol> symbols;
  std::vector<TensorLine> tensors;
  std::vector<NumberLine> numbers;
  /// Works out derived symbols.
  std::function<void(Draw&)> derive = [](Draw&) {};
  /// Which optional tensors go together: may change `given`.
  std::function<void(Draw&)> choose = [](Draw&) {};
  /// Contents of indices, plans and the like, when memory is there.
  std::function<void(Draw&)> fill = [](Draw&) {};
  /// Sound numbers of the params struct.
  std::function<void(Draw&)> write_numbers = [](Draw&) {};
  bevel_status (*run)(const void* params, void* stream) = nullptr;
  bevel_status (*workspace)(const void* params, int64_t* bytes) = nullptr;
  /// The same in double and in plain loops (../references); null: what it makes has no other definition.
  bevel_status (*reference)(const void* params, void* stream) = nullptr;
  size_t determinism = 0;  ///< offset of that field; 0: it has none
  bool has_stream = true;
  /// Whether the last field of the params struct is `threads`.
  bool has_threads = true;
  /// Whether an empty tensor makes all that is written zero.
  bool zero_when_empty = true;
  /// Whether what is written is written wholly.
  bool writes_all = true;
};

/// All that are registered, in the order of their names.
const std::vector<Operator>& entry_points();

}  // namespace bevel::operators
