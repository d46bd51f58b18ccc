/** What ends the run with a message and status 2. */
final class Refusal extends RuntimeException {
  Refusal(String message) {
    super(message);
  }
}
