package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The rule of closing: marked at once, refused from then on, freed by the last that runs. */
@Timeout(60)
class SharedResourceTest {
  @Test
  void theLastUseFrees() {
    AtomicInteger freed = new AtomicInteger();
    SharedResource resource = new SharedResource("the thing", freed::incrementAndGet);
    resource.use();
    resource.use();
    resource.close();
    resource.close();
    assertThat(resource.isClosed()).isTrue();
    assertThatThrownBy(resource::use)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the thing is closed");
    assertThatThrownBy(resource::requireOpen).isInstanceOf(IllegalStateException.class);
    resource.release();
    assertThat(freed).hasValue(0);
    resource.release();
    assertThat(freed).hasValue(1);
    resource.close();
    assertThat(freed).hasValue(1);
  }

  @Test
  void whatNobodyUsesIsFreedAtOnce() {
    AtomicInteger freed = new AtomicInteger();
    SharedResource resource = new SharedResource("the thing", freed::incrementAndGet);
    resource.use();
    resource.release();
    resource.close();
    assertThat(freed).hasValue(1);
  }

  @Test
  void manyThreadsUseWhileSeveralClose() throws Exception {
    int threads = 6;
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int round = 0; round < 500; round++) {
        AtomicBoolean gone = new AtomicBoolean();
        AtomicInteger freed = new AtomicInteger();
        SharedResource resource =
            new SharedResource(
                "the thing",
                () -> {
                  gone.set(true);
                  freed.incrementAndGet();
                });
        CyclicBarrier together = new CyclicBarrier(threads);
        List<Future<?>> done = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          boolean closes = i < 2;
          done.add(
              pool.submit(
                  () -> {
                    together.await();
                    while (resource.acquire()) {
                      assertThat(gone).isFalse();
                      resource.release();
                      if (closes) {
                        resource.close();
                      }
                    }
                    return null;
                  }));
        }
        for (Future<?> each : done) {
          each.get();
        }
        assertThat(freed).hasValue(1);
      }
    }
  }

  /** What a call is given belongs to several owners: it runs only while all have it. */
  @Test
  void aViewAsksAllItsOwners() {
    try (Arena arena = Arena.ofConfined()) {
      AtomicInteger freed = new AtomicInteger();
      SharedResource one = new SharedResource("one", freed::incrementAndGet);
      SharedResource two = new SharedResource("two", freed::incrementAndGet);
      TensorView view =
          TensorView.copyOf(arena, new float[] {1, 2}, 2).ownedBy(one).ownedBy(two).reshape(2, 1);
      assertThat(view.toFloatArray()).containsExactly(1, 2);
      two.close();
      assertThatThrownBy(view::toFloatArray)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is closed: two is closed");
      one.close();
      assertThat(freed).as("no use is left over").hasValue(2);
    }
  }
}
