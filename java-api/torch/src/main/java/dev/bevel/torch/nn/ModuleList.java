package dev.bevel.torch.nn;

import java.util.ArrayList;
import java.util.List;

/** Modules named by index: {@code 0}, {@code 1}, ... */
public final class ModuleList<M extends Module> extends Module {
  private final List<M> items = new ArrayList<>();

  /** An empty list. */
  public ModuleList() {}

  /** Appends a module and takes ownership of it. */
  public M add(M module) {
    items.add(child(Integer.toString(items.size()), module));
    return module;
  }

  /** The module at {@code index}. */
  public M get(int index) {
    return items.get(index);
  }

  /** Number of modules. */
  public int size() {
    return items.size();
  }

  /** The modules in order. */
  public List<M> items() {
    return List.copyOf(items);
  }
}
