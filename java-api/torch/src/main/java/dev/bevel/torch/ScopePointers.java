package dev.bevel.torch;

import java.util.ArrayDeque;
import java.util.Deque;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * JavaCPP's scope, letting go of each object under its monitor, so that a {@link TensorHold} of
 * another thread either finds it freed or keeps it.
 */
final class ScopePointers extends PointerScope {
  private final Deque<Pointer> pointers = new ArrayDeque<>();

  @Override
  public PointerScope attach(Pointer pointer) {
    pointers.push(pointer);
    pointer.retainReference();
    return this;
  }

  @Override
  public PointerScope detach(Pointer pointer) {
    pointers.remove(pointer);
    letGo(pointer);
    return this;
  }

  @Override
  public void close() {
    while (!pointers.isEmpty()) {
      letGo(pointers.pop());
    }
    super.close();
  }

  @Override
  public void deallocate() {
    while (!pointers.isEmpty()) {
      pointers.pop().deallocate();
    }
  }

  private static void letGo(Pointer pointer) {
    synchronized (pointer) {
      pointer.releaseReference();
    }
  }
}
