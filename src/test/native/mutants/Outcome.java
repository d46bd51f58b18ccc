/** What became of a mutant. */
record Outcome(State state, String detail, double seconds) {
  enum State {
    KILLED,
    TIMED_OUT,
    SURVIVED,
    DOES_NOT_COMPILE;

    boolean killed() {
      return this == KILLED || this == TIMED_OUT;
    }

    boolean error() {
      return this == DOES_NOT_COMPILE;
    }
  }
}
