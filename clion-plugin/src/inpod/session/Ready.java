package inpod.session;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a session gives a launcher: variables to set and to remove, the layer's path, and what to call it. */
public record Ready(Map<String, String> env, List<String> unset, String layer, String id, String target) {

  static Ready from(Map<String, Object> line) throws InpodException {
    Map<String, String> env = new LinkedHashMap<>();
    if (line.get("env") instanceof Map<?, ?> variables) {
      variables.forEach((name, value) -> env.put(String.valueOf(name), String.valueOf(value)));
    }
    String layer = Json.text(line, "layer");
    if (layer.isEmpty() || !env.getOrDefault(Overlay.PRELOAD, "").contains(layer) || env.getOrDefault(Overlay.SOCKET, "").isEmpty()) {
      throw new InpodException("inpod says that the session is ready, but not how to load its layer",
          "Use an inpod and a plug-in of the same version");
    }
    List<String> unset = line.get("unset") instanceof List<?> names ? names.stream().map(String::valueOf).toList() : List.of();
    return new Ready(Map.copyOf(env), unset, layer, Json.text(line, "id"), Json.text(line, "target"));
  }

  public String socket() {
    return env.get(Overlay.SOCKET);
  }
}
