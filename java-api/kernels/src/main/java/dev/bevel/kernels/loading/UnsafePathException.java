package dev.bevel.kernels.loading;

import java.io.IOException;

/** Another user of the machine could change what a path leads to. */
public final class UnsafePathException extends IOException {
  private static final long serialVersionUID = 1L;

  UnsafePathException(String message) {
    super(message);
  }
}
