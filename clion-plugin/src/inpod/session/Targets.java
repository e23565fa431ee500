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
import java.util.function.BooleanSupplier;

/** `inpod targets -o json`: what there is to run in. Bounded in time and size; leaves no process behind. */
public final class Targets {
  private static final int LONGEST_LINE = 1 << 20, MOST = 10_000;

  private Targets() {}

  /** @param namespace only this one; empty: the kubeconfig's */
  public static List<Target> list(Inpod inpod, String namespace, Duration bound, BooleanSupplier cancelled) throws InpodException {
    List<String> arguments = new ArrayList<>(List.of("targets", "-o", "json"));
    if (!namespace.isBlank()) arguments.addAll(List.of("-n", namespace.strip()));
    Process process = inpod.start(arguments);
    try {
      process.getOutputStream().close();
    } catch (IOException gone) {
      // It reads no input.
    }
    Tail errors = new Tail(process.getErrorStream(), "inpod targets: messages");
    CompletableFuture<List<Target>> answer = new CompletableFuture<>();
    Thread reader = new Thread(() -> read(process, answer), "inpod targets");
    reader.setDaemon(true);
    reader.start();
    try {
      List<Target> targets = await(answer, bound, cancelled);
      if (!process.waitFor(2, TimeUnit.SECONDS)) return targets;
      if (process.exitValue() == 0) return targets;
      throw new InpodException(firstOf(errors.text(), "inpod targets ended with code " + process.exitValue()), "");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InpodException.Cancelled();
    } finally {
      Inpod.end(process, 0);
    }
  }

  private static String firstOf(String text, String otherwise) {
    return text.isEmpty() ? otherwise : text.replaceFirst("^inpod: ", "");
  }

  private static List<Target> await(CompletableFuture<List<Target>> answer, Duration bound, BooleanSupplier cancelled)
      throws InpodException, InterruptedException {
    long end = System.nanoTime() + bound.toNanos();
    while (true) {
      if (cancelled.getAsBoolean()) throw new InpodException.Cancelled();
      if (System.nanoTime() > end) {
        throw new InpodException("the cluster did not list its targets in " + bound.toSeconds() + " s", "Try `inpod targets` in a terminal");
      }
      try {
        return answer.get(100, TimeUnit.MILLISECONDS);
      } catch (TimeoutException notYet) {
        // Look whether the user has cancelled.
      } catch (ExecutionException failed) {
        throw failed.getCause() instanceof InpodException known ? known
            : new InpodException("inpod targets: " + failed.getCause().getMessage(), "");
      }
    }
  }

  private static void read(Process process, CompletableFuture<List<Target>> answer) {
    List<Target> targets = new ArrayList<>();
    try {
      LineReader lines = new LineReader(process.getInputStream(), LONGEST_LINE);
      for (String line = lines.read(); line != null && targets.size() < MOST; line = lines.read()) {
        if (!line.isBlank()) targets.add(target(Json.parseObject(line)));
      }
      answer.complete(targets);
    } catch (IOException | Json.SyntaxException | InpodException error) {
      answer.completeExceptionally(new InpodException("inpod targets gave something that is no list of targets: " + error.getMessage(),
          "Use an inpod and a plug-in of the same version"));
    }
  }

  private static Target target(Map<String, Object> line) throws InpodException {
    String name = Json.text(line, "target");
    if (name.isEmpty()) throw new InpodException("a line without a target", "");
    boolean demo = Boolean.TRUE.equals(line.get("demo"));
    return new Target(name, Json.text(line, "namespace"),
        demo ? "the demo's pod on this machine" : Json.number(line, "ready") + "/" + Json.number(line, "wanted") + " ready");
  }
}
