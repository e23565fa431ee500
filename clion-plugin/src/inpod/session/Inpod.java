package inpod.session;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The program `inpod`: where it is, and the command lines that the plug-in uses. */
public record Inpod(Path program, Path directory, Map<String, String> environment) {

  /** `setting` if it is not empty, else the first on PATH, else where people put things. */
  public static Path find(String setting, Map<String, String> environment) throws InpodException {
    if (!setting.isBlank()) {
      Path path = Path.of(setting.strip());
      if (Files.isExecutable(path) && Files.isRegularFile(path)) return path;
      throw new InpodException(path + " is not a program", "Correct the path of inpod in Settings | Tools | inpod");
    }
    List<Path> candidates = new ArrayList<>();
    for (String directory : environment.getOrDefault("PATH", "").split(":")) {
      if (!directory.isEmpty()) candidates.add(Path.of(directory, "inpod"));
    }
    candidates.add(Path.of("/usr/local/bin/inpod"));
    String home = environment.get("HOME");
    if (home != null) candidates.add(Path.of(home, ".local/bin/inpod"));
    for (Path path : candidates) {
      if (Files.isRegularFile(path) && Files.isExecutable(path)) return path;
    }
    throw new InpodException("inpod is not installed, or not on PATH", "Install it, or give its path in Settings | Tools | inpod");
  }

  ProcessBuilder process(List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(program.toString());
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    if (Files.isDirectory(directory)) builder.directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    return builder;
  }

  Process start(List<String> arguments) throws InpodException {
    try {
      return process(arguments).start();
    } catch (IOException error) {
      throw new InpodException("cannot start " + program + ": " + error.getMessage(), "Correct the path of inpod in Settings | Tools | inpod");
    }
  }

  /** Ends a process within a bound: by itself (its stdin is closed), by SIGTERM, by SIGKILL. */
  static void end(Process process, long patienceMillis) {
    try {
      process.getOutputStream().close();
    } catch (IOException alreadyGone) {
      // It has ended or closed its stdin: the same to us.
    }
    try {
      if (process.waitFor(patienceMillis, java.util.concurrent.TimeUnit.MILLISECONDS)) return;
      process.destroy();
      if (process.waitFor(2, java.util.concurrent.TimeUnit.SECONDS)) return;
      process.destroyForcibly();
    } catch (InterruptedException interrupted) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
