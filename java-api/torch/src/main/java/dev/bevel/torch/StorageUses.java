package dev.bevel.torch;

import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.StorageImpl;

/**
 * The storages whose memory is in use from Java at the moment. LibTorch must not resize them
 * meanwhile, which frees the memory that they had; so {@code resize_} is made to fail: "Trying to
 * resize storage that is not resizable". Several tensors, and several uses, may share a storage.
 */
final class StorageUses {
  /**
   * @param count of the uses that run
   * @param resizable what the storage was before the first
   */
  private record Use(int count, boolean resizable) {}

  /** By the address of the storage, which those who use it keep. */
  private static final ConcurrentHashMap<Long, Use> USES = new ConcurrentHashMap<>();

  private StorageUses() {}

  static void begin(StorageImpl storage) {
    USES.compute(
        storage.address(),
        (address, use) -> {
          if (use != null) {
            return new Use(use.count + 1, use.resizable);
          }
          boolean resizable = storage.resizable();
          if (resizable) {
            storage.set_resizable(false);
          }
          return new Use(1, resizable);
        });
  }

  static void end(StorageImpl storage) {
    USES.computeIfPresent(
        storage.address(),
        (address, use) -> {
          if (use.count > 1) {
            return new Use(use.count - 1, use.resizable);
          }
          if (use.resizable) {
            storage.set_resizable(true);
          }
          return null;
        });
  }
}
