package inpod.session;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Something a program can run in. Written "namespace/kind/name", or "kind/name" in the kubeconfig's own namespace. */
public record Target(String name, String namespace, String note) {

  /** As settings and recent choices keep it: "NAME" or "NAME in NAMESPACE". */
  public String key() {
    return namespace.isEmpty() ? name : name + " in " + namespace;
  }

  public static Target ofKey(String key) {
    int in = key.indexOf(" in ");
    return in < 0 ? new Target(key.strip(), "", "") : new Target(key.substring(0, in).strip(), key.substring(in + 4).strip(), "");
  }

  /** What the project's own config file says, if there is one: no name, so that inpod takes the file's. Null: there is none. */
  public static Target ofConfig(Path directory) {
    for (String name : List.of("config.yaml", "config.yml", "config.json")) {
      if (Files.isRegularFile(directory.resolve(".inpod").resolve(name))) return new Target("", "", "as .inpod/" + name + " says");
    }
    return null;
  }

  public boolean isWellFormed() {
    return name.equals("targetless") || name.matches("local:[0-9]+|label:[^ ]+=[^ ]*|[a-z]+/[^ /]+(/container/[^ /]+)?");
  }

  public List<String> flags() {
    if (name.isEmpty()) return List.of();
    return namespace.isEmpty() ? List.of("-t", name) : List.of("-t", name, "-n", namespace);
  }

  /** For a list: those chosen lately first (newest on top), then the others as they came. */
  public static List<Target> recentFirst(List<Target> all, List<String> recent) {
    Set<Target> ordered = new LinkedHashSet<>();
    for (String key : recent) {
      for (Target target : all) {
        if (target.key().equals(key)) ordered.add(target);
      }
    }
    ordered.addAll(all);
    return new ArrayList<>(ordered);
  }

  /** `recent` with `key` on top and at most ten entries. */
  public static List<String> remember(List<String> recent, String key) {
    Set<String> keys = new LinkedHashSet<>();
    keys.add(key);
    keys.addAll(recent);
    return keys.stream().limit(10).toList();
  }

  @Override
  public String toString() {
    if (name.isEmpty()) return note;
    return key() + (note.isEmpty() ? "" : "  (" + note + ")");
  }
}
