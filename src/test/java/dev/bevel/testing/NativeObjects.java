package dev.bevel.testing;

import org.bytedeco.javacpp.Pointer;

/** Native objects that JavaCPP counts. */
public final class NativeObjects {
  private NativeObjects() {}

  /**
   * Their number. A hook whose native half moved to LibTorch stays in the count until its Java half
   * is collected, so the garbage collector runs until the count rests.
   */
  public static long count() throws InterruptedException {
    long count;
    int resting = 0;
    do {
      count = Pointer.totalCount();
      System.gc();
      Thread.sleep(20);
      resting = Pointer.totalCount() == count ? resting + 1 : 0;
    } while (resting < 3);
    return count;
  }
}
