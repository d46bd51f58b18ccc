package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Every public method and constructor of the kernels' package that takes objects, found by
 * reflection, refuses null by a message that names its class and the argument.
 */
class NullArgumentsTest {
  /** The class, the argument, and what is wrong. */
  private static final String MESSAGE = "\\w+: \\w+ must (not be null|be given.*)";

  private PublicObjects objects = new PublicObjects();

  @BeforeEach
  void makeGoodArguments() {
    objects = new PublicObjects();
  }

  @AfterEach
  void close() throws Exception {
    objects.close();
  }

  @Test
  void nullIsNamed() throws Exception {
    int checked = 0;
    List<String> faults = new ArrayList<>();
    for (Class<?> type : PublicObjects.classes()) {
      for (Executable executable : executables(type)) {
        Parameter[] parameters = executable.getParameters();
        for (int i = 0; i < parameters.length; i++) {
          if (!parameters[i].getType().isPrimitive()
              && !parameters[i].getAnnotatedType().isAnnotationPresent(Nullable.class)) {
            fault(type, executable, i).ifPresent(faults::add);
            checked++;
          }
        }
      }
    }
    System.out.println("NullArgumentsTest: " + checked + " parameters");
    assertThat(faults).isEmpty();
    assertThat(checked).isGreaterThan(150);
  }

  private static List<Executable> executables(Class<?> type) {
    Stream<Constructor<?>> constructors =
        Modifier.isAbstract(type.getModifiers())
            ? Stream.empty()
            : Arrays.stream(type.getConstructors());
    return Stream.<Executable>concat(
            constructors,
            Arrays.stream(type.getDeclaredMethods())
                .filter(m -> Modifier.isPublic(m.getModifiers()) && !m.isSynthetic())
                .filter(m -> !Modifier.isAbstract(m.getModifiers()))
                .filter(m -> !m.getName().equals("equals")))
        .toList();
  }

  /** What is wrong with how null is refused, if anything. */
  private Optional<String> fault(Class<?> type, Executable executable, int index)
      throws ReflectiveOperationException {
    Parameter[] parameters = executable.getParameters();
    @Nullable Object[] arguments = new @Nullable Object[parameters.length];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == index ? null : argument(parameters[i].getType());
    }
    String call = executable + ", argument " + parameters[index].getName() + ": ";
    try {
      if (executable instanceof Constructor<?> constructor) {
        constructor.newInstance(arguments);
      } else {
        Object target = Modifier.isStatic(executable.getModifiers()) ? null : argument(type);
        ((Method) executable).invoke(target, arguments);
      }
      return Optional.of(call + "null was accepted");
    } catch (InvocationTargetException e) {
      Throwable cause = e.getCause();
      boolean good =
          (cause instanceof NullPointerException || cause instanceof BevelException)
              && cause.getMessage() != null
              && cause.getMessage().matches(MESSAGE);
      return good ? Optional.empty() : Optional.of(call + cause);
    }
  }

  private Object argument(Class<?> type) {
    if (type.isArray()) {
      Object array = Array.newInstance(type.getComponentType(), 1);
      Array.set(array, 0, argument(type.getComponentType()));
      return array;
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[0];
    }
    Map<Class<?>, Object> ones =
        Map.of(
            int.class, 1, long.class, 1L, double.class, 1.0, float.class, 1f, boolean.class, true);
    if (ones.containsKey(type)) {
      return ones.get(type);
    }
    return objects
        .find(type)
        .orElseGet(() -> fail("NullArgumentsTest needs an instance of " + type));
  }
}
