package inpod.endtoend;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** gdb in MI mode, driven as CLion does: numbered commands on stdin, records on stdout, nothing else. */
final class Mi implements AutoCloseable {
  final Process process;
  private final Writer commands;
  private final BlockingQueue<String> records = new LinkedBlockingQueue<>();
  private final List<String> all = Collections.synchronizedList(new ArrayList<>());
  private int number = 0;

  Mi(List<String> command, Map<String, String> environment, Path directory) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectError(directory.resolve("gdb.log").toFile()).directory(directory.toFile());
    process = builder.start();
    commands = process.outputWriter(StandardCharsets.UTF_8);
    BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    Thread reader = new Thread(() -> lines.lines().forEach(line -> {
      all.add(line);
      records.add(line);
    }), "gdb");
    reader.setDaemon(true);
    reader.start();
  }

  /** Sends a command; its result record must be "done" or "running". */
  String must(String command) throws Exception {
    String token = String.valueOf(++number);
    commands.write(token + command + "\n");
    commands.flush();
    String result = record(line -> line.startsWith(token + "^"), 60);
    if (!result.startsWith(token + "^done") && !result.startsWith(token + "^running")) throw new AssertionError(command + ": " + result + "\n" + all);
    return result;
  }

  /** The next record that fits; earlier ones are dropped. */
  String record(Predicate<String> fits, long seconds) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (true) {
      String line = records.poll(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
      if (line == null) throw new AssertionError("gdb did not say it in " + seconds + " s: " + String.join("\n", all));
      if (fits.test(line)) return line;
    }
  }

  /** Stops a program that runs, as CLion does: SIGINT to the process that it started. */
  void interrupt() throws Exception {
    if (new ProcessBuilder("kill", "-INT", String.valueOf(process.pid())).start().waitFor() != 0) throw new AssertionError("no gdb to interrupt");
    record(line -> line.startsWith("*stopped") && line.contains("SIGINT"), 60);
  }

  /** The debuggee's pid; gdb tells it before it says that the program runs. */
  long debuggee() {
    String started = List.copyOf(all).stream().filter(line -> line.startsWith("=thread-group-started")).reduce((first, last) -> last).orElseThrow();
    return Long.parseLong(started.replaceAll(".*pid=\"([0-9]+)\".*", "$1"));
  }

  @Override
  public void close() {
    try {
      commands.write("-gdb-exit\n");
      commands.close();
    } catch (IOException gone) {
      // It has ended already.
    }
    Ends.bounded(process);
  }
}
