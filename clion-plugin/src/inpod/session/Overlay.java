package inpod.session;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A program's environment with a session's laid over it. The rules are those of `inpod dap`: what the user's configuration
 * says wins over the pod, but the layer stays first in LD_PRELOAD and INPOD_* is the session's alone. Nothing that is handed
 * in is changed.
 *
 * @param variables what the launch sets
 * @param passParent whether it inherits the IDE's environment as well
 */
public record Overlay(Map<String, String> variables, boolean passParent) {
  public static final String PRELOAD = "LD_PRELOAD", SOCKET = "INPOD_SOCKET", PROGRAM = "INPOD_PROGRAM";

  /**
   * @param own the configuration's variables
   * @param parent the IDE's environment, which the program inherits if passParent
   */
  public static Overlay of(Ready session, Map<String, String> own, Map<String, String> parent, boolean passParent) {
    Map<String, String> variables = new LinkedHashMap<>();
    // A name can only be left out of what is inherited by inheriting nothing and giving the rest.
    boolean leaveOut = passParent && session.unset().stream().anyMatch(name -> parent.containsKey(name) && !own.containsKey(name));
    if (leaveOut) {
      variables.putAll(parent);
      session.unset().forEach(variables::remove);
    }
    apply(session, own, variables);
    return new Overlay(Map.copyOf(variables), passParent && !leaveOut);
  }

  /** The same for a command line that is there already: changes `variables`, which hold the configuration's own. */
  public static void patch(Ready session, String program, Map<String, String> variables) {
    Map<String, String> own = new LinkedHashMap<>(variables);
    variables.keySet().removeIf(name -> name.startsWith("INPOD_"));
    apply(session, own, variables);
    variables.put(PROGRAM, program);
  }

  private static void apply(Ready session, Map<String, String> own, Map<String, String> variables) {
    session.env().forEach((name, value) -> {
      if (isSessions(name) || !own.containsKey(name)) variables.put(name, value);
    });
    own.forEach((name, value) -> {
      if (!name.startsWith("INPOD_") && !name.equals(PRELOAD)) variables.put(name, value);
    });
    variables.put(PRELOAD, preload(session.env().get(PRELOAD), own.getOrDefault(PRELOAD, "")));
  }

  private static boolean isSessions(String name) {
    return name.equals(PRELOAD) || name.startsWith("INPOD_");
  }

  /** ld.so(8) splits at colons and spaces. */
  private static String preload(String sessions, String own) {
    StringBuilder result = new StringBuilder(sessions);
    for (String library : own.split("[: ]+")) {
      if (!library.isEmpty() && !(":" + result + ":").contains(":" + library + ":")) result.append(':').append(library);
    }
    return result.toString();
  }
}
