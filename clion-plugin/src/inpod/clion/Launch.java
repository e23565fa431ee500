package inpod.clion;

import com.intellij.execution.CommonProgramRunConfigurationParameters;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.openapi.util.Key;
import com.intellij.openapi.util.UserDataHolder;
import inpod.session.Overlay;
import inpod.session.SessionClient;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One press of the button: a session, and the copy of the user's configuration that runs in it. The copy carries a mark, by which
 * CLion's extension point and the listeners know it again; it is in nobody's list of configurations and is never saved.
 */
final class Launch {
  private static final Key<Launch> MARK = Key.create("inpod.launch");
  private static final Set<Launch> OPEN = ConcurrentHashMap.newKeySet();

  /** What will be executed, and a moment before that. */
  record Program(Path path, Instant since) {}

  private final SessionClient session;
  /** Completed by the extension point when it has put the session's environment into the command line. */
  private final CompletableFuture<Program> program = new CompletableFuture<>();

  Launch(SessionClient session) {
    this.session = session;
    OPEN.add(this);
  }

  SessionClient session() {
    return session;
  }

  CompletableFuture<Program> program() {
    return program;
  }

  /** Ends the session; takes seconds at worst, so not on the UI thread. */
  void end() {
    OPEN.remove(this);
    session.close();
  }

  /**
   * A copy of `original` with the session's environment. The original stays as it is, even where a configuration class
   * shares its map of variables with its copies; then the extension point alone brings the environment.
   */
  RunConfiguration mark(RunConfiguration original, Map<String, String> parent) {
    RunConfiguration copy = original.clone();
    if (copy instanceof UserDataHolder holder) holder.putUserData(MARK, this);
    if (copy instanceof CommonProgramRunConfigurationParameters own && original instanceof CommonProgramRunConfigurationParameters source) {
      overlay(source, own, parent);
    }
    return copy;
  }

  private void overlay(CommonProgramRunConfigurationParameters source, CommonProgramRunConfigurationParameters copy, Map<String, String> parent) {
    Map<String, String> before = Map.copyOf(source.getEnvs());
    boolean passed = source.isPassParentEnvs();
    Overlay overlay = Overlay.of(session.ready(), before, parent, passed);
    copy.setEnvs(new LinkedHashMap<>(overlay.variables()));
    copy.setPassParentEnvs(overlay.passParent());
    if (!source.getEnvs().equals(before) || source.isPassParentEnvs() != passed) {
      source.setEnvs(new LinkedHashMap<>(before));
      source.setPassParentEnvs(passed);
    }
  }

  /** The launch that a configuration is the copy of, or null. */
  static Launch of(Object configuration) {
    if (configuration instanceof UserDataHolder holder && holder.getUserData(MARK) != null) return holder.getUserData(MARK);
    if (!(configuration instanceof CommonProgramRunConfigurationParameters parameters)) return null;
    // A copy of the copy has lost the mark, but not its environment.
    String socket = parameters.getEnvs().get(Overlay.SOCKET);
    if (socket == null) return null;
    return OPEN.stream().filter(launch -> socket.equals(launch.session.ready().socket())).findFirst().orElse(null);
  }
}
