package inpod.endtoend;

import inpod.session.Inpod;
import inpod.session.Json;
import inpod.session.Target;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** `inpod demo` with folders of the test's own: a pod made of namespaces, and a client in it that asks the service every second. */
final class Demo implements AutoCloseable {
  final Path home;
  final Path bin = Path.of(System.getProperty("inpod.bin"));
  final Path web = bin.resolve("inpod-demo-web").toAbsolutePath();
  final Path source = Path.of(System.getProperty("inpod.web"));
  final Map<String, String> environment = new LinkedHashMap<>(System.getenv());
  final String port;
  private final Process keeper;
  private final String target;
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

  Demo() throws Exception {
    home = Files.createTempDirectory("inpod-clion-").toRealPath();
    Files.createDirectory(home.resolve("run"));
    for (String name : List.of("LD_PRELOAD", "INPOD_LAYER", "INPOD_AGENT", "INPOD_SOCKET", "INPOD_PROGRAM", "INPOD_ACTIVE", "INPOD_TARGET")) environment.remove(name);
    environment.put("XDG_RUNTIME_DIR", home.resolve("run").toString());
    environment.put("HOME", home.toString());
    environment.put("XDG_STATE_HOME", home.resolve("state").toString());
    environment.put("SHELL", "/bin/bash");
    ProcessBuilder builder = new ProcessBuilder(bin.resolve("inpod").toString(), "demo", "up", "--foreground", "-o", "json");
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true).directory(home.toFile());
    keeper = builder.start();
    BufferedReader lines = new BufferedReader(new InputStreamReader(keeper.getInputStream(), StandardCharsets.UTF_8));
    // stdout has the state, stderr the client's answers, which may come first.
    StringBuilder before = new StringBuilder();
    String first = lines.readLine();
    for (; first != null && !first.startsWith("{"); first = lines.readLine()) before.append(first).append('\n');
    if (first == null) throw new AssertionError("the demo did not start: " + before);
    Map<String, Object> state = Json.parseObject(first);
    target = Json.text(state, "target");
    port = String.valueOf(Json.number(state, "port"));
    Thread reader = new Thread(() -> lines.lines().forEach(answers::add), "demo: answers");
    reader.setDaemon(true);
    reader.start();
  }

  Inpod inpod() {
    return new Inpod(bin.resolve("inpod"), home, environment);
  }

  Target target() {
    return new Target(target, "", "");
  }

  String targetName() {
    return target;
  }

  /** The line of the source in which the service has read everything of a request. */
  int breakpointLine() throws Exception {
    List<String> lines = Files.readAllLines(source);
    for (int i = 0; i < lines.size(); ++i) {
      if (lines.get(i).contains("const int number")) return i + 1;
    }
    throw new AssertionError("no line for the breakpoint");
  }

  /** The next answer that the pod's client got and that fits. */
  String answer(Predicate<String> fits, long seconds) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (true) {
      String line = answers.poll(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
      if (line == null) throw new AssertionError("the pod's client got no such answer in " + seconds + " s");
      if (fits.test(line)) return line;
    }
  }

  void forgetAnswers() {
    answers.clear();
  }

  @Override
  public void close() throws java.io.IOException {
    keeper.destroy();
    Ends.bounded(keeper);
    try (var files = Files.walk(home)) {
      files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    }
  }
}
