package inpod.session;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * A session: one `inpod session start -o json`, alive as long as the session. It prints a JSON object a line: progress, then
 * "ready" or "error", then events; it ends with its stdin. A thread of its own reads it; listeners are called there.
 */
public final class SessionClient implements AutoCloseable {
  public interface Listener {
    default void progress(String text) {}

    /** severity: info, warning, error. */
    default void note(String severity, String text) {}

    /** The session has ended, and not by close(). */
    default void ended(String text, String remedy) {}

    /** A process has loaded the layer ("start") or followed from one ("fork", "exec", "exit"). */
    default void process(String what, long pid, String executable) {}
  }

  /** Far more than any environment: execve(2) takes 2 MiB of it. */
  private static final int LONGEST_LINE = 8 << 20;

  private static final long PATIENCE_MILLIS = 10_000;

  private final Process process;
  private final Listener listener;
  private final Tail messages;
  private final CompletableFuture<Ready> ready = new CompletableFuture<>();
  private final CompletableFuture<Long> handshake = new CompletableFuture<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile long lastLine = System.nanoTime();

  private SessionClient(Process process, Listener listener) {
    this.process = process;
    this.listener = listener;
    messages = new Tail(process.getErrorStream(), "inpod session: messages");
    Thread reader = new Thread(this::read, "inpod session");
    reader.setDaemon(true);
    reader.start();
  }

  /**
   * Returns when the session stands. Whatever else happens, no process is left.
   *
   * @param silence how long inpod may say nothing at all while it starts
   */
  public static SessionClient start(Inpod inpod, Target target, List<String> more, Duration silence, Listener listener,
      BooleanSupplier cancelled) throws InpodException {
    List<String> arguments = new ArrayList<>(List.of("session", "start", "-o", "json"));
    arguments.addAll(target.flags());
    arguments.addAll(more);
    SessionClient client = new SessionClient(inpod.start(arguments), listener);
    try {
      client.awaitReady(silence, cancelled);
      return client;
    } catch (InpodException failed) {
      client.close();
      throw failed;
    }
  }

  private void awaitReady(Duration silence, BooleanSupplier cancelled) throws InpodException {
    while (true) {
      if (cancelled.getAsBoolean()) throw new InpodException.Cancelled();
      if (System.nanoTime() - lastLine > silence.toNanos()) {
        throw new InpodException("inpod has said nothing for " + silence.toSeconds() + " s while it started the session",
            "Try `inpod check` in a terminal");
      }
      try {
        ready.get(100, TimeUnit.MILLISECONDS);
        return;
      } catch (TimeoutException notYet) {
        // Look whether the user has cancelled.
      } catch (ExecutionException failed) {
        if (failed.getCause() instanceof InpodException known) throw known;
        throw new InpodException(String.valueOf(failed.getCause().getMessage()), "");
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new InpodException.Cancelled();
      }
    }
  }

  public Ready ready() {
    return ready.getNow(null);
  }

  /** Completes with the pid of the first process that loaded the layer. */
  public CompletableFuture<Long> handshake() {
    return handshake;
  }

  public boolean isOpen() {
    return !closed.get() && process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** Ends the session: the pod gets its traffic back. May take some seconds; not for the UI thread. */
  @Override
  public void close() {
    if (closed.getAndSet(true)) return;
    Inpod.end(process, PATIENCE_MILLIS);
  }

  private void read() {
    InpodException end;
    try {
      LineReader lines = new LineReader(process.getInputStream(), LONGEST_LINE);
      for (String line = lines.read(); line != null; line = lines.read()) take(line);
      end = gone();
    } catch (IOException error) {
      end = new InpodException("inpod sent something that can't be read: " + error.getMessage(), "Use an inpod and a plug-in of the same version");
    }
    if (ready.completeExceptionally(end)) return;
    if (ready.isCompletedExceptionally() || closed.getAndSet(true)) return;
    listener.ended(end.getMessage(), end.remedy());
    Inpod.end(process, PATIENCE_MILLIS);
  }

  private InpodException gone() {
    String code;
    try {
      code = process.waitFor(2, TimeUnit.SECONDS) ? " (code " + process.exitValue() + ")" : "";
    } catch (InterruptedException interrupted) {
      code = "";
    }
    String said = messages.text();
    return new InpodException("inpod has ended" + code + (said.isEmpty() ? "" : ": " + said), "");
  }

  private void take(String line) {
    lastLine = System.nanoTime();
    if (line.isBlank()) return;
    Map<String, Object> object;
    try {
      object = Json.parseObject(line);
    } catch (Json.SyntaxException garbage) {
      // Before it is ready nobody can tell what this is. Afterwards the session does its work without us.
      ready.completeExceptionally(new InpodException("inpod sent something that is no JSON: " + shortened(line),
          "Use an inpod and a plug-in of the same version"));
      return;
    }
    switch (Json.text(object, "type")) {
      case "progress" -> listener.progress(Json.text(object, "text"));
      case "error" -> ready.completeExceptionally(new InpodException(Json.text(object, "text"), Json.text(object, "remedy")));
      case "ready" -> becomeReady(object);
      case "event" -> event(object);
      default -> { /* of a newer inpod */ }
    }
  }

  private void becomeReady(Map<String, Object> line) {
    try {
      ready.complete(Ready.from(line));
    } catch (InpodException unusable) {
      ready.completeExceptionally(unusable);
    }
  }

  private void event(Map<String, Object> event) {
    switch (Json.text(event, "event")) {
      case "process" -> {
        long pid = Json.number(event, "pid");
        if (Json.text(event, "what").equals("start")) handshake.complete(pid);
        listener.process(Json.text(event, "what"), pid, Json.text(event, "executable"));
      }
      case "note" -> listener.note(Json.text(event, "severity"), Json.text(event, "text"));
      case "closed" -> {
        if (!closed.getAndSet(true)) {
          listener.ended(Json.text(event, "error"), Json.text(event, "remedy"));
          Inpod.end(process, PATIENCE_MILLIS);
        }
      }
      default -> { /* nothing for an editor to do */ }
    }
  }

  private static String shortened(String line) {
    return line.length() <= 200 ? line : line.substring(0, 200) + "…";
  }
}
