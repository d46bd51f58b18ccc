package dev.bevel.kernels;

/** Instruction sets that the CPU bodies are compiled for. */
public enum InstructionSet {
  /** Baseline x86-64 (SSE2). */
  PORTABLE(0),
  /** x86-64-v3. */
  AVX2(1),
  /** x86-64-v4. */
  AVX512(2);

  private final int value;

  InstructionSet(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }

  /**
   * The instruction set with this value in the C ABI.
   *
   * @param value a {@code bevel_instruction_set}
   */
  public static InstructionSet of(int value) {
    for (InstructionSet set : values()) {
      if (set.value == value) {
        return set;
      }
    }
    throw new BevelException(Status.INTERNAL, "unknown instruction set " + value);
  }
}
