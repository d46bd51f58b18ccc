#include "draw.hpp"

#include <algorithm>
#include <sstream>

#include "core/sixteen_bit.hpp"

namespace bevel::operators {
namespace {

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

/// A number in [low, high), or now and then, where `wild`, one that is none or has no end.
void put_number(char* at, const TensorLine& line, DLDataType type, Draw& d, bool wild) {
  double value = std::uniform_real_distribution<double>(line.low, line.high)(d.random);
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

/// False where an extent is huge.
bool draw_symbols(const Operator& op, Draw& d, const DrawOptions& options) {
  bool sound = true;
  d["is_double"] = d.chance(0.15);
  d["wide"] = d.chance(0.3);
  d["last"] = d.chance(0.5);
  d["wild"] = options.wild && d.chance(0.3);
  for (int i = 0; i < 3; ++i) d["storage" + std::to_string(i)] = d.below(3);
  std::vector<std::string> free;
  for (const Symbol& s : op.symbols) {
    // The smallest are drawn often: they are where an extent of 1 or 0 hides.
    const int64_t top = d.chance(0.4) ? std::min(s.high, s.low + 2) : s.high;
    const int64_t low = options.empty ? s.low : std::max<int64_t>(s.low, s.derived ? 0 : 1);
    d[s.name] = low + d.below(std::max(top, low) - low + 1);
    if (!s.derived) free.push_back(s.name);
  }
  if (options.huge && d.chance(0.15) && !free.empty()) {
    sound = false;
    // A product that passes all bounds, and often a zero beside it that would hide it.
    d[free[static_cast<size_t>(d.below(static_cast<int64_t>(free.size())))]] = any_of(kHuge, d);
    if (d.chance(0.3))
      d[free[static_cast<size_t>(d.below(static_cast<int64_t>(free.size())))]] = any_of(kHuge, d);
    if (d.chance(0.8)) d[free[static_cast<size_t>(d.below(static_cast<int64_t>(free.size())))]] = 0;
  }
  op.derive(d);
  return sound;
}

void lay_out(Draw& d, DrawnTensor& t) {
  const size_t rank = t.shape.size();
  const bool last = d["last"] && t.line->shape_last;
  const int free = last && t.line->free_last >= 0 ? t.line->free_last : t.line->free;
  t.strides.assign(rank, 1);
  uint64_t stride = 1;
  // Free dimensions may stand in any order, with gaps; what is only read may even coincide.
  std::vector<size_t> order;
  for (size_t i = rank; i-- > 0;) order.push_back(i);
  if (free > 1 && d.chance(0.3)) std::shuffle(order.end() - free, order.end(), d.random);
  for (const size_t i : order) {
    const bool is_free = static_cast<int>(i) < free;
    if (is_free && d.chance(0.2)) stride += static_cast<uint64_t>(d.below(9));
    t.strides[i] = static_cast<int64_t>(stride);
    stride *= static_cast<uint64_t>(std::max<int64_t>(t.shape[i], 1));
    if (is_free && t.line->role == Role::kRead && d.chance(0.1)) t.strides[i] = 0;
  }
}

void draw_tensors(const Operator& op, Draw& d) {
  for (const TensorLine& line : op.tensors) {
    DrawnTensor t;
    t.line = &line;
    t.given = !d.chance(line.left_out);
    std::istringstream tokens(d["last"] && line.shape_last ? line.shape_last : line.shape);
    for (std::string token; tokens >> token;) t.shape.push_back(extent_of(token, d));
    t.view.dtype = dtype_of(line.type, d);
    t.view.device = {d.chance(0.05) ? kDLCUDAHost : kDLCPU, 0};
    d.tensors.push_back(std::move(t));
  }
  op.choose(d);
  for (DrawnTensor& t : d.tensors) lay_out(d, t);
}

void allocate(Draw& d) {
  for (DrawnTensor& t : d.tensors) {
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
    t.memory = GuardedMemory(bytes, alignment, d.chance(0.5));
    if (t.line->type == Type::kInt32 || t.line->type == Type::kByte) {
      for (int64_t i = 0; i < bytes; ++i)
        t.memory.data()[i] = t.line->type == Type::kByte ? static_cast<char>(d.below(2)) : 0;
    } else {
      for (int64_t i = 0; i + element <= bytes; i += element) {
        put_number(t.memory.data() + i, *t.line, t.view.dtype, d, d["wild"] != 0);
      }
    }
    t.view.data = bytes == 0 && d.chance(0.5) ? nullptr : t.memory.data();
    t.view.ndim = static_cast<int32_t>(t.shape.size());
    t.view.shape = t.shape.data();
    bool compact = true;
    int64_t expected = 1;
    for (size_t i = t.shape.size(); i-- > 0;) {
      compact = compact && (t.shape[i] == 1 || t.strides[i] == expected);
      expected = static_cast<int64_t>(static_cast<uint64_t>(expected) * static_cast<uint64_t>(t.shape[i]));
    }
    t.view.strides = compact && d.chance(0.5) ? nullptr : t.strides.data();
  }
}

}  // namespace

void write_pointers(Draw& d) {
  for (DrawnTensor& t : d.tensors) {
    const DLTensor* pointer = t.given ? &t.view : nullptr;
    std::memcpy(d.params.data() + t.line->offset, &pointer, sizeof pointer);
  }
}

bool lies(const Draw& d, const DrawnTensor& t) {
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
  for (const DrawnTensor& owner : d.tensors) {
    const __int128 before = at - owner.memory.data(), after = owner.memory.bytes() - before;
    if (owner.given && before + low * bytes >= 0 && (high + 1) * bytes <= after) return false;
  }
  return true;
}

void take_workspace(Draw& d, int64_t bytes) {
  for (DrawnTensor& t : d.tensors) {
    if (t.line->role != Role::kWorkspace || !t.given) continue;
    if (t.shape.size() != 1 || t.view.shape == nullptr || t.view.byte_offset != 0) return;  // harmed
    t.memory = GuardedMemory(bytes, 64, d.chance(0.5));
    t.view.data = t.memory.data();
    t.shape[0] = bytes;
  }
}

Draw draw_set(const Operator& op, uint64_t seed, int64_t set, const DrawOptions& options) {
  Draw d;
  std::seed_seq seeds{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                      static_cast<uint32_t>(set), static_cast<uint32_t>(set >> 32)};
  d.random.seed(seeds);
  d.params.assign(op.struct_size + 64, 0);  // a later caller's struct is larger
  const uint64_t size = op.struct_size;
  std::memcpy(d.params.data(), &size, sizeof size);
  d.sound = draw_symbols(op, d, options);
  draw_tensors(op, d);
  allocate(d);
  bool whole = true;
  for (const DrawnTensor& t : d.tensors) whole = whole && !lies(d, t);
  for (const auto& [name, value] : d.symbols) whole = whole && value <= kMostBytes;
  op.write_numbers(d);
  const int32_t determinism = static_cast<int32_t>(d["fast"] = d.below(2));
  if (op.determinism) std::memcpy(d.params.data() + op.determinism, &determinism, sizeof determinism);
  write_pointers(d);
  if (whole) op.fill(d);
  return d;
}

}  // namespace bevel::operators
