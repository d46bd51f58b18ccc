// Pointers of emulated device code. They know the array they point into, and every element access through
// them is checked against its bounds and recorded in the shadow.
//
// An element of an array that may be written is a reference object, so that reads and writes can be told
// apart. It converts to the element type and can be assigned; `auto x = p[i]` keeps the reference object and
// then does not convert (by intent: it would read later than it seems), so name the type: `float x = p[i]`.
// Members of class elements are read through a copy, `float4 v = p[i]; v.x`. Elements of pointers to const
// come as plain values; their address is `p + i`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <utility>

#include "scheduler.hpp"

namespace bevel::emulation {

enum class Space { kShared, kGlobal };

/** Whatever an index can be, with the place in the source where it was used. */
struct Index {
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer> || std::is_enum_v<Integer>>>
  Index(Integer value, std::source_location place = std::source_location::current())
      : value(static_cast<int64_t>(value)), place(place) {}
  int64_t value;
  std::source_location place;
};

/** An array of device memory, as a pointer sees it. */
struct Region {
  const char* name = "null";
  std::byte* begin = nullptr;
  int64_t bytes = 0;
};

/** Checks an access of `size` bytes, `offset` from the region's begin, and records it; throws a Fault. */
void check_access(const Region& region, Space space, int64_t offset, size_t size, size_t alignment,
                  Access access, const std::source_location& place);

template <class T, Space space>
class Pointer;

/** An element that can be read and written; see the head of this file. */
template <class T, Space space>
class Reference {
 public:
  Reference(const Pointer<T, space>& pointer, std::source_location place)
      : pointer_(pointer), place_(place) {}
  Reference(const Reference&) = delete;

  operator T() && { return pointer_.read(place_); }
  // Assignments give the new value, as a copy.
  T operator=(const T& value) && {
    pointer_.write(value, place_);
    return value;
  }
  T operator=(Reference&& other) && { return std::move(*this) = static_cast<T>(std::move(other)); }
  T operator+=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old + value); });
  }
  T operator-=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old - value); });
  }
  T operator*=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old * value); });
  }
  T operator|=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old | value); });
  }
  T operator&=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old & value); });
  }
  T operator^=(const T& value) && {
    return update([&](T old) { return static_cast<T>(old ^ value); });
  }
  T operator++() && { return std::move(*this) += T(1); }
  T operator--() && { return std::move(*this) -= T(1); }
  T operator++(int) && {
    const T old = pointer_.read(place_);
    pointer_.write(static_cast<T>(old + T(1)), place_);
    return old;
  }
  Pointer<T, space> operator&() && { return pointer_; }

 private:
  template <class F>
  T update(F change) {
    const T value = change(pointer_.read(place_));
    pointer_.write(value, place_);
    return value;
  }
  Pointer<T, space> pointer_;
  std::source_location place_;
};

/** A pointer to T in shared or global memory; behaves as T* does, without conversion to it. */
template <class T, Space space>
class Pointer {
 public:
  using Value = std::remove_const_t<T>;
  static_assert(std::is_trivially_copyable_v<Value>);

  Pointer() = default;
  Pointer(std::nullptr_t) {}
  Pointer(const Region& region, int64_t offset) : region_(region), offset_(offset) {}
  /** Device memory as the host knows it. */
  Pointer(T* pointer, int64_t count, const char* name = "device memory") requires(space == Space::kGlobal)
      : region_{name, reinterpret_cast<std::byte*>(const_cast<Value*>(pointer)), count * size()} {}
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  Pointer(const Pointer<U, space>& other) : region_(other.region()), offset_(other.offset()) {}

  auto operator[](Index index) const {
    const Pointer element(region_, offset_ + index.value * size());
    if constexpr (std::is_const_v<T>) {
      return element.read(index.place);
    } else {
      return Reference<T, space>(element, index.place);
    }
  }
  /** Only where the element is const or assigned as a whole; p[0] tells the place. */
  auto operator*() const { return (*this)[0]; }

  Pointer operator+(int64_t count) const { return {region_, offset_ + count * size()}; }
  Pointer operator-(int64_t count) const { return {region_, offset_ - count * size()}; }
  int64_t operator-(const Pointer& other) const { return (offset_ - other.offset_) / size(); }
  Pointer& operator+=(int64_t count) { return *this = *this + count; }
  Pointer& operator-=(int64_t count) { return *this = *this - count; }
  Pointer& operator++() { return *this += 1; }
  friend Pointer operator+(int64_t count, const Pointer& pointer) { return pointer + count; }
  friend bool operator==(const Pointer& a, const Pointer& b) { return a.address() == b.address(); }
  friend bool operator<(const Pointer& a, const Pointer& b) { return a.address() < b.address(); }
  explicit operator bool() const { return region_.begin != nullptr; }

  Value read(const std::source_location& place) const {
    check<Value>(Access::kRead, place);
    return get<Value>();
  }
  void write(const Value& value, const std::source_location& place) const {
    check<Value>(Access::kWrite, place);
    put(value);
  }
  /** A read-modify-write that other threads see as one. */
  template <class F>
  Value atomic(F change, const std::source_location& place) const {
    check<Value>(Access::kAtomic, place);
    const Value old = get<Value>();
    put(static_cast<Value>(change(old)));
    return old;
  }
  /** A whole vector, which must be aligned to its size. */
  template <class V>
  V read_as(const std::source_location& place) const {
    check<V>(Access::kRead, place);
    return get<V>();
  }
  template <class V>
  void write_as(const V& value, const std::source_location& place) const {
    check<V>(Access::kWrite, place);
    put(value);
  }

  const Region& region() const { return region_; }
  int64_t offset() const { return offset_; }
  /** Where it points, unchecked. */
  std::byte* address() const { return region_.begin + offset_; }

 private:
  static constexpr int64_t size() { return static_cast<int64_t>(sizeof(T)); }
  template <class V>
  void check(Access access, const std::source_location& place) const {
    check_access(region_, space, offset_, sizeof(V), alignof(V), access, place);
  }
  template <class V>
  V get() const {
    V value;
    std::memcpy(&value, address(), sizeof(V));
    return value;
  }
  template <class V>
  void put(const V& value) const {
    std::memcpy(address(), &value, sizeof(V));
  }

  Region region_;
  int64_t offset_ = 0;
};

/** The shared array that the running block has under `key`. */
template <class T>
Pointer<T, Space::kShared> shared_pointer(const void* key, const char* name, int64_t count) {
  const SharedArray& array =
      Launch::current().shared_array(key, name, static_cast<size_t>(count) * sizeof(T));
  return {{array.name, array.data, static_cast<int64_t>(array.bytes)}, 0};
}

/** The dynamic shared memory of the running block. */
template <class T>
Pointer<T, Space::kShared> dynamic_shared_pointer() {
  const SharedArray& array = Launch::current().dynamic_shared();
  return {{array.name, array.data, static_cast<int64_t>(array.bytes)}, 0};
}

/** Starts a copy of a V that its thread does not wait for. Until finish_copies() its place in shared memory
 * holds nothing that may be read; a copy that another access of this epoch touches is a race when it starts
 * or when it ends. */
template <class V, class T>
void start_copy(const Pointer<T, Space::kShared>& to, const Pointer<const T, Space::kGlobal>& from,
                const std::source_location& place) {
  from.template read_as<V>(place);
  V poison;
  std::memset(static_cast<void*>(&poison), 0xFF, sizeof poison);
  to.write_as(poison, place);
  shadow().mark_uninitialized(reinterpret_cast<uintptr_t>(to.address()), sizeof(V));
  Launch::thread().copies.push_back([=] { to.write_as(from.template read_as<V>(place), place); });
}

/** Ends the copies of the running thread; the others need a barrier to see them. */
inline void finish_copies() {
  for (const std::function<void()>& finish : std::exchange(Launch::thread().copies, {})) finish();
}

/** A part of an array with bounds of its own. */
template <class T, Space space>
Pointer<T, space> checked_part(const Pointer<T, space>& pointer, int64_t count, const char* name) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  if (count < 0 || pointer.offset() < 0 || pointer.offset() + bytes > pointer.region().bytes) {
    Launch::current().fail(
        space == Space::kShared ? FaultKind::kSharedOutOfBounds : FaultKind::kGlobalOutOfBounds,
        std::string("'") + name + "' of " + std::to_string(count) + " elements does not fit in '" +
            pointer.region().name + "'",
        std::source_location::current());
  }
  return {{name, pointer.address(), bytes}, 0};
}

}  // namespace bevel::emulation
