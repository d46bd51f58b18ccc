// Draws sets of arguments for one entry point and holds the rules of bevel.h against what the call does.
#pragma once

#include "operators/draw.hpp"

namespace bevel::fuzz {

using namespace operators;

struct Tally {
  int64_t sets = 0, accepted = 0, refused = 0;
};

class Fuzzer {
 public:
  Fuzzer(const Operator& op, uint64_t seed) : op_(op), seed_(seed) {}

  /// One set; throws std::runtime_error with what is wrong. A crash, a fault of memory or a set that takes
  /// more than a second of processor time ends the process with a line that says how to replay it.
  void run(int64_t set);

  const Tally& tally() const { return tally_; }

 private:
  void draw(int64_t set);
  void harm();
  void harm_tensor(DrawnTensor& tensor);
  void ask_for_threads(int64_t threads);
  void poison(unsigned char byte);
  void check_inputs() const;
  void check_untouched(unsigned char byte) const;
  void check_written(unsigned char byte) const;
  void check_refusal(bevel_status status) const;
  bool query(int64_t& bytes);
  bevel_status call(unsigned char byte, void* stream);

  const Operator& op_;
  uint64_t seed_;
  Draw d_;
  bool sound_ = true;   ///< nothing was harmed
  bool honest_ = true;  ///< all memory that the tensors claim is there
  std::vector<std::vector<char>> inputs_;
  Tally tally_;
};

/// Prints where a set stands if the process dies in it; once a process.
void install_handlers();

}  // namespace bevel::fuzz
